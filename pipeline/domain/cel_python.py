"""Computes simple conditions in Python, where the compiled library would take longer to carry the values across.

What is simple cannot fail and means the same in both: texts that are compared with texts or searched for them, marks,
whether something is there, and these joined by `&&`, `||` and `!`. Everything else is left to the library.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from pipeline.domain.cel_judge import THERE, Names
from pipeline.domain.cel_kinds import BOOL, MAYBE_NULL, TEXT, TEXTS, Kind, Record
from pipeline.domain.cel_library import cel
from pipeline.domain.cel_syntax import Call, Index, Items, Literal, Name, Node, Operation, Select

Shown = Mapping[str, Any]
"""Records and values by their names, as a view shows them."""

Test = Callable[[Shown], bool]
Value = Callable[[Shown], Any]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple condition; a `pattern` is all that it is, where it is one of texts on a path alone."""

    holds: Test
    pattern: tuple[Path, str] | None = None


def simple(node: Node, names: Names) -> Simple | None:
    """What a condition that was judged is in Python; None where it is not simple."""
    test = _truth(node, names)
    return Simple(test, _pattern_of(node, names)) if test is not None else None


def any_of(conditions: Iterable[Simple]) -> Test:
    """Whether any of them holds; all patterns on one text are searched for at once."""
    patterns: dict[Path, list[str]] = defaultdict(list)
    tests: list[Test] = []
    for one in conditions:
        if one.pattern is None:
            tests.append(one.holds)
        else:
            patterns[one.pattern[0]].append(one.pattern[1])
    for path, several in patterns.items():
        tests += _searches(path, several)
    together = tuple(tests)

    def holds(shown: Shown) -> bool:
        for test in together:  # noqa: SIM110  # a generator within any() costs as much as the tests
            if test(shown):
                return True
        return False

    return holds


def _searches(path: Path, patterns: Sequence[str]) -> list[Test]:
    one_by_one = [_search(_at(path), pattern) for pattern in patterns]
    if len(patterns) == 1 or any(r"\Q" in pattern for pattern in patterns):
        return one_by_one  # an open quotation would go on behind it
    try:
        return [_search(_at(path), "|".join(f"(?:{pattern})" for pattern in patterns))]
    except re2.error:  # together they are too large
        return one_by_one


# --- what is true or false


def _truth(node: Node, names: Names) -> Test | None:  # noqa: PLR0911  # one for each kind of node
    match node:
        case Operation(operator="&&" | "||"):
            return _joined(node, names)
        case Operation(operator="!_"):
            inner = _truth(node.operands[0], names)
            return None if inner is None else lambda shown: not inner(shown)
        case Operation(operator="==" | "!=", operands=operands):
            return _equality(node.operator, operands, names)
        case Operation(operator="in", operands=(one, within)):
            return _membership(one, within, names)
        case Call():
            return _call(node, names)
        case Literal(kind="bool"):
            value = node.text == "true"
            return lambda _: value
        case Select() | Index() | Name():
            found = _field(node, names)
            return _at(found[0]) if found is not None and found[1] == BOOL else None
    return None


def _joined(node: Operation, names: Names) -> Test | None:
    first, second = (_truth(part, names) for part in node.operands)
    if first is None or second is None:
        return None
    if node.operator == "&&":
        return lambda shown: first(shown) and second(shown)
    return lambda shown: first(shown) or second(shown)


def _equality(operator: str, operands: tuple[Node, ...], names: Names) -> Test | None:
    for side, other in (operands, operands[::-1]):
        if isinstance(other, Literal) and other.kind == "null":
            there = _there(side, names)
            if there is None or operator == "!=":
                return there
            return lambda shown: not there(shown)
    one, other_one = (_text(part, names) for part in operands)
    if one is None or other_one is None:
        return None
    if operator == "==":
        return lambda shown: bool(one(shown) == other_one(shown))
    return lambda shown: bool(one(shown) != other_one(shown))


def _there(node: Node, names: Names) -> Test | None:
    """Whether a record or a field has a value: an empty text has none."""
    found = _field(node, names)
    if found is None:
        return None
    path, kind = found
    if isinstance(kind, Record):
        return _at((*path, THERE))
    value = _at(path)
    if kind.name in MAYBE_NULL:
        return lambda shown: value(shown) is not None
    if kind == BOOL:
        return value
    return (lambda shown: len(value(shown)) > 0) if kind.name in {TEXT.name, TEXTS.name} else None


def _membership(one: Node, within: Node, names: Names) -> Test | None:
    text = _text(one, names)
    if text is None or not isinstance(within, Items):
        return None
    listed = [_literal(item) for item in within.items]
    if any(item is None for item in listed):
        return None
    known = frozenset(listed)
    return lambda shown: text(shown) in known


def _call(node: Call, names: Names) -> Test | None:
    if node.function == "has" and node.receiver is None:
        return _there(node.arguments[0], names)
    made = _OF_TEXTS.get(node.function)
    if made is None:
        return None
    given = ((node.receiver,) if node.receiver is not None else ()) + node.arguments
    one, other = (_text(part, names) for part in given)
    return made(one, other) if one is not None and other is not None else None


_OF_TEXTS: Mapping[str, Callable[[Value, Value], Test]] = {
    "contains": lambda one, other: lambda shown: other(shown) in one(shown),
    "startsWith": lambda one, other: lambda shown: bool(one(shown).startswith(other(shown))),
    "endsWith": lambda one, other: lambda shown: bool(one(shown).endswith(other(shown))),
    "matches": lambda one, pattern: _search(one, pattern({})),  # a pattern stands there itself
}


def _pattern_of(node: Node, names: Names) -> tuple[Path, str] | None:
    if not isinstance(node, Call) or node.function != "matches":
        return None
    text, pattern = ((node.receiver,) if node.receiver is not None else ()) + node.arguments
    found, said = _field(text, names), _literal(pattern)
    return (found[0], said) if found is not None and said is not None else None


# --- texts


def _text(node: Node, names: Names) -> Value | None:
    if (said := _literal(node)) is not None:
        return lambda _: said
    found = _field(node, names)
    is_text = found is not None and isinstance(found[1], Kind) and found[1].name == TEXT.name
    return _at(found[0]) if found is not None and is_text else None


def _literal(node: Node) -> str | None:
    return str(cel.evaluate(node.text)) if isinstance(node, Literal) and node.kind == "text" else None


def _field(node: Node, names: Names) -> tuple[Path, Kind | Record] | None:
    """The path and the kind of what a condition names by fields alone."""
    if isinstance(node, Name):
        known = names.get(node.name)
        return ((node.name,), known) if known is not None else None
    if isinstance(node, Select):
        of, field = _field(node.of, names), node.field
    elif isinstance(node, Index) and (said := _literal(node.index)) is not None:
        of, field = _field(node.of, names), said
    else:
        return None
    if of is None or not isinstance(of[1], Record) or field not in of[1].fields:
        return None
    return (*of[0], field), of[1].fields[field]


def _at(path: Path) -> Value:
    match path:
        case (only,):
            return lambda shown: shown[only]
        case (record, field):
            return lambda shown: shown[record][field]
        case (record, middle, field):
            return lambda shown: shown[record][middle][field]

    def value(shown: Shown) -> Any:  # noqa: ANN401  # whatever is there
        for part in path:
            shown = shown[part]
        return shown

    return value


def _search(text: Value, pattern: str) -> Test:
    search = compiled(pattern).search
    return lambda shown: search(text(shown)) is not None


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:  # noqa: ANN401  # RE2 ships no types
    """A pattern of RE2, compiled once."""
    return re2.compile(pattern, _QUIET)


_QUIET = re2.Options()
_QUIET.log_errors = False
