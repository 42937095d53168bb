"""Conditions: what the rules of a desk ask of a case, a message, a customer, a device.

They are written in CEL (github.com/google/cel-spec) with its standard functions; patterns are those of RE2, which take
time in proportion to the text alone. A condition is compiled once, against the names that its place knows. A missing
record is an empty one: text is "", a list is empty, a mark is false, and no comparison with an absent number or time
holds. So a condition fails at run time only where it computes: `int(fields.count)` of a text that is no number.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from pipeline.domain.cel_checks import Judged
from pipeline.domain.cel_judge import MATCHES, THERE, Judge, Names
from pipeline.domain.cel_kinds import ANY, BOOL, MAP, NUMBER, READING, TEXT, TEXTS, TIME, Kind, Record
from pipeline.domain.cel_library import Context, Program, cel
from pipeline.domain.cel_python import Simple, compiled, simple
from pipeline.domain.cel_syntax import BadConditionError, read

MAX_TEXT = 65_536
"""Characters of a text that conditions see; who writes more says it above."""

MAX_ITEMS = 200
"""Elements of a list that conditions see."""

_Plan = dict[str, "Kind | _Plan"]


class Given(Protocol):
    """A record, or all of them, which are asked for what some condition reads, and no more."""

    def get(self, name: str, /) -> object:
        """A field or a record; None when it is missing."""


@dataclass(slots=True)
class Facts:
    """What conditions are asked about; `failures` tells which of them could not be computed, and why."""

    shown: Mapping[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _context: Context | None = None
    _is_carried: bool = False

    @property
    def context(self) -> Context:
        """The same for the library, carried across once somebody asks what is not simple."""
        if not self._is_carried:
            try:
                self._carry(self.shown)
            except ValueError:  # half a character, which UTF-8 has not
                self._carry(_speakable(self.shown))
            self._is_carried = True
        return self._context

    def _carry(self, shown: Mapping[str, Any]) -> None:
        if self._context is None:
            self._context = Context(shown, _FUNCTIONS)
        else:
            self._context.update(shown)

    def now(self, shown: Mapping[str, Any]) -> None:
        """Be about something else; what is carried across lies where the old one did."""
        self.shown, self._is_carried = shown, False
        self.failures.clear()

    def seen(self, expression: "Expression") -> dict[str, object]:
        """The values that an expression reads of them, by the names of the fields."""
        found: dict[str, object] = {}
        for path in sorted(expression.reads):
            value: Any = self.shown
            for part in path:
                value = value[part]
            if path[-1] == THERE:
                found[".".join(path[:-1])] = "there" if value else None
            else:
                found[".".join(path)] = value
        return found


@dataclass(frozen=True, slots=True)
class Expression:
    """Something that is computed from facts; `reads` are the paths of the fields that it reads.

    It is `simple` where Python computes it sooner.
    """

    text: str
    name: str
    reads: frozenset[tuple[str, ...]]
    program: Program
    simple: Simple | None = None

    @classmethod
    def compile(cls, text: str, names: Names, name: str = "") -> "Expression":
        """An expression in these names, called `name` where it fails. Raises BadConditionError."""
        return cls(text, name, *_compiled(text, names)[1:])

    def value(self, facts: Facts) -> object:
        """What it computes; None where it fails, which the facts note."""
        if self.simple is not None:
            return self.simple.holds(facts.shown)
        try:
            return self.program.execute(facts.context)
        except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
            facts.failures.append(f"{self.name or self.text} failed: {_reason(error)}")
            return None


@dataclass(frozen=True, slots=True)
class Condition(Expression):
    """An expression that is true or false."""

    @classmethod
    def compile(cls, text: str, names: Names, name: str = "") -> "Condition":
        """A condition in these names, called `name` where it fails. Raises BadConditionError."""
        judged, *compiled = _compiled(text, names)
        if judged.kind not in (BOOL, ANY):
            shown = "a record" if isinstance(judged.kind, Record) else judged.kind.name
            raise BadConditionError(f"it yields {shown}, and must be true or false; compare it with something")
        return cls(text, name, *compiled)

    def holds(self, facts: Facts) -> bool:
        """Whether it holds; False where it fails, which the facts note."""
        if self.simple is not None:
            return self.simple.holds(facts.shown)
        return self.value(facts) is True


@dataclass(frozen=True, slots=True)
class View:
    """What some conditions read, so that they are shown that and no more."""

    plan: _Plan
    _show: Callable[[Given], dict[str, Any]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make what shows by the plan, once."""
        object.__setattr__(self, "_show", _shower(self.plan))

    @classmethod
    def of(cls, names: Names, expressions: Iterable[Expression]) -> "View":
        """What these read of the records and values that they may name."""
        plan: _Plan = {}
        for path in sorted({path for expression in expressions for path in expression.reads}):
            known: Any = names
            inner = plan
            for part in path[:-1]:
                known = known[part].fields if isinstance(known, Mapping) else known.fields[part].fields
                inner = cast(_Plan, inner.setdefault(part, {}))
            inner[path[-1]] = BOOL if path[-1] == THERE else known[path[-1]]
        return cls(plan)

    def reads(self, *path: str) -> bool:
        """Whether any condition reads this record or field, so that who must ask for it need not ask in vain."""
        inner: Any = self.plan
        for part in path:
            if not isinstance(inner, dict) or part not in inner:
                return False
            inner = inner[part]
        return True

    def fields(self, record: str) -> Collection[str]:
        """The fields that are read of a record."""
        inner = self.plan.get(record, {})
        return [name for name in inner if name != THERE] if isinstance(inner, dict) else ()

    def facts(self, given: Given) -> Facts:
        """The facts for these conditions, from records and values by their names; what is not given is missing."""
        return Facts(self._show(given))

    def again(self, facts: Facts, given: Given) -> Facts:
        """The same facts, now about something else: cheaper than new ones, for who asks very often."""
        facts.now(self._show(given))
        return facts


def _compiled(text: str, names: Names) -> tuple[Judged, frozenset[tuple[str, ...]], Program, Simple | None]:
    judge = Judge(names)
    node = read(text)
    judged = judge.judge(node)
    try:
        program = cel.compile(judged.text)
    except ValueError as error:
        raise BadConditionError(f"this is not CEL: {str(error).partition('Syntax error: ')[2][:200]}") from error
    return judged, frozenset(judge.reads), program, simple(node, names)


def _shower(plan: _Plan) -> Callable[[Any], dict[str, Any]]:
    """What shows records and their fields by a plan: each of the kind that was promised, or empty."""
    fields: list[tuple[str, Callable[[Any], Any] | None, Any]] = []
    for name, part in plan.items():
        if isinstance(part, dict):
            inner = _shower(part)
            fields.append((name, inner, inner(_MISSING) | ({THERE: False} if THERE in part else {})))
        else:
            fields.append((name, _SHOWN.get(part.name), True if name == THERE else _EMPTY.get(part.name)))

    def show(given: Given) -> dict[str, Any]:
        shown = {}
        for name, as_promised, empty in fields:
            value = given.get(name)
            shown[name] = empty if value is None else as_promised(value) if as_promised is not None else value
        return shown

    return show


_MISSING: Mapping[str, Any] = {}


def _text(value: object) -> str:
    text = value[:MAX_TEXT] if isinstance(value, str) else str(value)
    return text if text.isascii() else _speakable(text)


def _list(value: Any) -> list[Any]:  # noqa: ANN401  # whatever the list holds
    return list(value)[:MAX_ITEMS]


def _time(value: object) -> object:
    """A time, or the day (in UTC) that a field of the desk's own holds as text."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            return None
    return value


def _number(value: object) -> object:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


_EMPTY: Mapping[str, Any] = {TEXT.name: "", TEXTS.name: [], BOOL.name: False, MAP.name: {}}
_SHOWN: Mapping[str, Callable[[Any], object]] = {
    TEXT.name: _text,
    TEXTS.name: _list,
    BOOL.name: bool,
    MAP.name: dict,
    TIME.name: _time,
    NUMBER.name: _number,
    READING.name: _number,
}


def _speakable(value: object) -> Any:  # noqa: ANN401  # what CEL can take is of many kinds
    """Without the halves of characters that are none."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "replace").decode()
        return value
    if isinstance(value, dict):
        return {name: _speakable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_speakable(part) for part in value]
    return value


def _reason(error: Exception) -> str:
    return str(error).partition(". Check ")[0].partition(": the operation")[0].strip()[:200]


def _matches(text: str, pattern: str) -> bool:
    return compiled(pattern).search(text) is not None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _local(time: datetime, zone: str | None) -> datetime:
    return time.astimezone(_zone(zone or "UTC"))


_FUNCTIONS: dict[str, Any] = {
    MATCHES: _matches,
    "getFullYear": lambda time, zone=None: _local(time, zone).year,
    "getMonth": lambda time, zone=None: _local(time, zone).month - 1,
    "getDate": lambda time, zone=None: _local(time, zone).day,
    "getDayOfMonth": lambda time, zone=None: _local(time, zone).day - 1,
    "getDayOfWeek": lambda time, zone=None: _local(time, zone).isoweekday() % 7,
    "getDayOfYear": lambda time, zone=None: _local(time, zone).timetuple().tm_yday - 1,
    "getHours": lambda time, zone=None: _local(time, zone).hour,
    "getMinutes": lambda time, zone=None: _local(time, zone).minute,
    "getSeconds": lambda time, zone=None: _local(time, zone).second,
    "getMilliseconds": lambda time, zone=None: _local(time, zone).microsecond // 1000,
}
