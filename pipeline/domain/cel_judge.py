"""Judges a condition before it runs: which fields it reads, whether it says yes or no, and what absent values do to it.

An absent value makes a comparison false rather than an error: `case.until < x` becomes
`case.until != null && case.until < x`. So a missing record can be an empty one everywhere.
"""

from collections.abc import Mapping

from pipeline.domain.cel_checks import (
    Judged,
    called,
    check_choice,
    check_constant,
    check_pattern,
    check_zone,
    instead,
)
from pipeline.domain.cel_kinds import (
    ANY,
    BOOL,
    BYTES,
    DURATION,
    FUNCTIONS,
    INT,
    MACROS,
    MAP,
    MAYBE_NULL,
    METHODS,
    NULL,
    NUMBER,
    NUMERIC,
    READING,
    TEXT,
    TEXTS,
    TIME,
    TYPE,
    TYPES,
    UNKNOWN,
    Kind,
    Record,
    Shape,
    accepts,
    can_equal,
    comparable,
)
from pipeline.domain.cel_library import cel
from pipeline.domain.cel_syntax import (
    BadConditionError,
    Call,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Operation,
    Pairs,
    Select,
)

Names = Mapping[str, Kind | Record]
"""What a condition may name: records by their fields, or bare values."""

MATCHES = "_matches"
"""What `matches` is computed by: the one of the CEL package would come first by its own name, and compile each time."""

THERE = "_there"
"""The field of every record that says whether it is there."""

_LITERALS = {"text": TEXT, "int": INT, "unsigned": INT, "number": NUMBER, "bytes": BYTES, "bool": BOOL, "null": NULL}
_CEL_TYPE: Mapping[str, str] = {TEXT.name: "string", INT.name: "double", NUMBER.name: "double"}
_FROM_TEXT = frozenset({"int", "uint", "double", "timestamp", "duration"})
"""Functions that cannot take an empty text."""


class Judge:
    """Judges one condition; `reads` are the paths of the fields that it reads."""

    def __init__(self, names: Names) -> None:
        self._names: dict[str, Kind | Record] = dict(names)
        self._bound: list[str] = []
        self.reads: set[tuple[str, ...]] = set()

    def judge(self, node: Node) -> Judged:  # noqa: PLR0911  # one for each kind of node
        """The kind of a part, with the text that computes it. Raises BadConditionError."""
        match node:
            case Literal():
                return self._literal(node)
            case Name():
                return self._name(node)
            case Select():
                return self._select(node)
            case Index():
                return self._index(node)
            case Call():
                return self._call(node)
            case Operation():
                return self._operation(node)
            case Items():
                return self._items(node)
            case Pairs():
                return self._pairs(node)

    # --- values

    @staticmethod
    def _literal(node: Literal) -> Judged:
        try:
            cel.compile(node.text)
        except ValueError as error:
            says = rf"""{node.text} is no value; \ begins \\, \', \", \n, \t, \u0000 only, unless r stands before"""
            raise BadConditionError(says, node.at) from error
        return Judged(_LITERALS[node.kind], node.text)

    def _name(self, node: Name) -> Judged:
        if node.name in self._bound:
            return Judged(self._names[node.name], node.name)
        if node.name not in self._names:
            if node.name in TYPES:
                return Judged(TYPE, node.name)
            raise BadConditionError(f'there is no "{node.name}" here{instead(node.name, self._names)}', node.at)
        return self._read((node.name,), self._names[node.name], node.name)

    def _read(self, path: tuple[str, ...], kind: Kind | Record, text: str) -> Judged:
        if isinstance(kind, Record):
            return Judged(kind, text, path=path)
        self.reads.add(path)
        absent = f"{text} != null" if kind.name in MAYBE_NULL else None
        return Judged(kind, text, absent=absent, path=path)

    def _select(self, node: Select) -> Judged:
        of = self.judge(node.of)
        if isinstance(of.kind, Record):
            if node.field not in of.kind.fields:
                says = f'{".".join(of.path)} has no field "{node.field}"{instead(node.field, of.kind.fields)}'
                raise BadConditionError(says, node.at)
            return self._read((*of.path, node.field), of.kind.fields[node.field], f"{of.text}.{node.field}")
        if of.kind.name in {MAP.name, ANY.name}:
            there = (f"'{node.field}' in {of.text}",) if of.kind.name == MAP.name else ()
            return Judged(of.kind.of or ANY, f"{of.text}.{node.field}", (*of.used, *there))
        raise BadConditionError(f'{of.kind.name} has no field "{node.field}"', node.at)

    def _index(self, node: Index) -> Judged:
        of = self.judge(node.of)
        if isinstance(of.kind, Record):
            if isinstance(node.index, Literal) and node.index.kind == "text":
                field = str(cel.evaluate(node.index.text))
                return self._select(Select(node.index.at, node.of, field))
            raise BadConditionError("a field is named in quotes here, or behind a point", node.at)
        index = self.judge(node.index)
        if of.kind.name not in {TEXTS.name, MAP.name, ANY.name}:
            raise BadConditionError(f"{of.kind.name} has no elements; only lists and maps have", node.at)
        there = (f"{index.text} in {of.text}",) if of.kind.name == MAP.name else ()
        return Judged(of.kind.of or ANY, f"{of.text}[{index.text}]", (*of.used, *index.used, *there))

    def _items(self, node: Items) -> Judged:
        items = [self.judge(item) for item in node.items]
        kinds = {item.kind for item in items if isinstance(item.kind, Kind)}
        of = kinds.pop() if len(kinds) == 1 else ANY
        text = ", ".join(item.text for item in items)
        return Judged(Kind(TEXTS.name, of=of), f"[{text}]", tuple(need for item in items for need in item.needs))

    def _pairs(self, node: Pairs) -> Judged:
        parts = [(self.judge(key), self.judge(value)) for key, value in node.pairs]
        text = ", ".join(f"{key.text}: {value.text}" for key, value in parts)
        needs = (need for pair in parts for part in pair for need in part.needs)
        return Judged(MAP, f"{{{text}}}", tuple(needs))

    # --- functions

    def _call(self, node: Call) -> Judged:
        if node.function == "has" and node.receiver is None:
            return self._has(node)
        if node.receiver is not None and node.function in MACROS:
            return self._macro(node, node.receiver)
        shapes = METHODS if node.receiver is not None else FUNCTIONS
        if node.function not in shapes:
            raise BadConditionError(self._no_function(node), node.at)
        given = ((node.receiver,) if node.receiver is not None else ()) + node.arguments
        return self._applied(node, shapes[node.function], [self.judge(part) for part in given], given)

    @staticmethod
    def _no_function(node: Call) -> str:
        other = FUNCTIONS if node.receiver is not None else METHODS
        if node.function in other:
            how = f"{node.function}(…)" if node.receiver is not None else f"….{node.function}(…)"
            return f'"{node.function}" is written {how}'
        known = sorted({*METHODS, *FUNCTIONS, *MACROS, "has"})
        return f'there is no function "{node.function}"{instead(node.function, known)}'

    def _applied(self, node: Call, shape: Shape, given: list[Judged], parts: tuple[Node, ...]) -> Judged:
        takes, makes = shape
        zone = node.function.startswith("get") and len(given) == 2  # noqa: PLR2004  # a time and its zone
        if len(given) != len(takes) and not zone:
            many = len(takes) - (node.receiver is not None)
            raise BadConditionError(f'"{node.function}" takes {many} {"value" if many == 1 else "values"}', node.at)
        for word, one, part in zip(takes, given, parts, strict=False):
            if not accepts(word, one.kind):
                takes_it = f"; it takes {word}" if word == TEXT.name or " " in word else ""
                says = f'"{node.function}" cannot take {called(one)}{takes_it}'
                raise BadConditionError(says, part.at)
        if node.function == "matches":
            check_pattern(parts[1])
        if zone:
            check_zone(parts[1])
        if all(isinstance(part, Literal) for part in parts):
            check_constant(node, given)
        if node.function == "matches":
            text = f"{MATCHES}({given[0].text}, {given[1].text})"
        elif node.receiver is not None:
            text = f"{given[0].text}.{node.function}({', '.join(one.text for one in given[1:])})"
        else:
            text = f"{node.function}({', '.join(one.text for one in given)})"
        needs = [need for one in given for need in one.used]
        if node.function in _FROM_TEXT and given[0].path and given[0].kind.name == TEXT.name:
            needs.append(f"size({given[0].text}) > 0")
        return self._yielded(makes, text, tuple(needs))

    def _has(self, node: Call) -> Judged:
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Select):
            raise BadConditionError('"has" takes a field: has(case.until)', node.at)
        of = self.judge(node.arguments[0])
        if not of.path:
            return Judged(BOOL, f"has({of.text})")
        return Judged(BOOL, self._there(of))

    def _macro(self, node: Call, receiver: Node) -> Judged:
        of = self.judge(receiver)
        if isinstance(of.kind, Record) or of.kind.name not in {TEXTS.name, MAP.name, ANY.name}:
            raise BadConditionError(f'"{node.function}" goes through a list, not {called(of)}', node.at)
        if self._bound:
            raise BadConditionError(f'"{node.function}" cannot stand within another; that could take for ever', node.at)
        if len(node.arguments) != 2 or not isinstance(node.arguments[0], Name):  # noqa: PLR2004  # name, condition
            says = f"\"{node.function}\" takes a name and what is asked of it: message.to.{node.function}(a, a == '…')"
            raise BadConditionError(says, node.at)
        name = node.arguments[0].name
        if name in self._names or name in TYPES:
            raise BadConditionError(f'"{name}" is something already; call the element otherwise', node.arguments[0].at)
        self._bound.append(name)
        self._names[name] = (of.kind.of or ANY) if of.kind.name == TEXTS.name else ANY
        body = self.judge(node.arguments[1])
        self._bound.remove(name)
        del self._names[name]
        if node.function != "map" and body.kind not in (BOOL, ANY):
            raise BadConditionError(f"{called(body)} is neither true nor false", node.arguments[1].at)
        text = f"{of.text}.{node.function}({name}, {body.text})"
        if node.function in {"filter", "map"}:
            made = body.kind if node.function == "map" and isinstance(body.kind, Kind) else of.kind.of
            return Judged(Kind(TEXTS.name, of=made), text, of.used)
        return self._yielded(BOOL, text, of.used)

    # --- operators

    def _operation(self, node: Operation) -> Judged:
        judged = {
            "&&": self._both,
            "||": self._both,
            "!_": self._not,
            "-_": self._negative,
            "?": self._choice,
            "==": self._equality,
            "!=": self._equality,
            "in": self._membership,
            **dict.fromkeys(("<", "<=", ">", ">="), self._order),
        }
        return judged.get(node.operator, self._arithmetic)(node)

    def _both(self, node: Operation) -> Judged:
        sides = [self._truth(part) for part in node.operands]
        return Judged(BOOL, f"({sides[0]} {node.operator} {sides[1]})")

    def _not(self, node: Operation) -> Judged:
        return Judged(BOOL, f"!({self._truth(node.operands[0])})")

    def _truth(self, node: Node) -> str:
        judged = self.judge(node)
        if judged.kind not in (BOOL, ANY):
            raise BadConditionError(f"{called(judged)} is neither true nor false; compare it with something", node.at)
        return judged.text

    def _negative(self, node: Operation) -> Judged:
        of = self.judge(node.operands[0])
        if isinstance(of.kind, Record) or of.kind.name not in {*NUMERIC, *UNKNOWN}:
            raise BadConditionError(f"{called(of)} has no negative", node.at)
        return Judged(of.kind, f"-({of.text})", of.used)

    def _choice(self, node: Operation) -> Judged:
        asked = self._truth(node.operands[0])
        then, other = (self.judge(part) for part in node.operands[1:])
        if isinstance(then.kind, Record) or isinstance(other.kind, Record):
            raise BadConditionError("a record cannot be chosen; choose one of its fields", node.at)
        kind = then.kind if then.kind.name == other.kind.name else ANY
        text = f"({asked} ? {then.text} : {other.text})"
        absent = f"{text} != null" if then.absent or other.absent else None
        return Judged(kind, text, (*then.needs, *other.needs), absent)

    def _equality(self, node: Operation) -> Judged:
        one, other = (self.judge(part) for part in node.operands)
        for side, null in ((one, other), (other, one)):
            if null.kind == NULL and side.path and (isinstance(side.kind, Record) or side.absent is None):
                there = self._there(side)
                return Judged(BOOL, there if node.operator == "!=" else f"!{there}")
        if not can_equal(one.kind, other.kind):
            raise BadConditionError(f"{called(one)} never equals {called(other)}", node.at)
        for side, value in ((one, node.operands[1]), (other, node.operands[0])):
            check_choice(side, value)
        return self._yielded(BOOL, f"({one.text} {node.operator} {other.text})", (*one.needs, *other.needs))

    def _membership(self, node: Operation) -> Judged:
        one, within = (self.judge(part) for part in node.operands)
        if isinstance(within.kind, Record) or within.kind.name not in {TEXTS.name, MAP.name, ANY.name}:
            text = isinstance(within.kind, Kind) and within.kind.name == TEXT.name
            hint = "; write ….contains(…)" if text else ""
            raise BadConditionError(f'"in" needs a list, not {called(within)}{hint}', node.at)
        if isinstance(node.operands[1], Items):
            for item in node.operands[1].items:
                check_choice(one, item)
        of = within.kind.of
        if of is not None and not can_equal(one.kind, of):
            raise BadConditionError(f"{called(one)} is never in a list of {of.name}", node.at)
        return self._yielded(BOOL, f"({one.text} in {within.text})", (*one.needs, *within.used))

    def _order(self, node: Operation) -> Judged:
        one, other = (self.judge(part) for part in node.operands)
        if not comparable(one.kind, other.kind):
            raise BadConditionError(f"{called(one)} cannot be less or more than {called(other)}", node.at)
        needs = [*one.used, *other.used]
        for side, against in ((one, other), (other, one)):
            if side.kind == READING and isinstance(against.kind, Kind) and against.kind.name in _CEL_TYPE:
                needs.append(f"type({side.text}) == {_CEL_TYPE[against.kind.name]}")
        return self._yielded(BOOL, f"({one.text} {node.operator} {other.text})", tuple(needs))

    def _arithmetic(self, node: Operation) -> Judged:
        one, other = (self.judge(part) for part in node.operands)
        one, other = _as_number(one, other, node.operands[0]), _as_number(other, one, node.operands[1])
        kind = _made(node.operator, one.kind, other.kind)
        if kind is None:
            hint = "; write double(…) around the whole one" if {one.kind, other.kind} == {INT, NUMBER} else ""
            raise BadConditionError(
                f'"{node.operator}" cannot stand between {called(one)} and {called(other)}{hint}', node.at
            )
        needs = [*one.used, *other.used]
        needs += [f"type({side.text}) == double" for side in (one, other) if side.kind == READING]
        return Judged(kind, f"({one.text} {node.operator} {other.text})", tuple(needs))

    def _there(self, of: Judged) -> str:
        """Whether a field has a value, or a record is there."""
        if isinstance(of.kind, Record):
            self.reads.add((*of.path, THERE))
            return f"{of.text}.{THERE}"
        if of.absent:
            return f"({of.absent})"
        if of.kind == BOOL:
            return of.text
        return f"(size({of.text}) > 0)"

    @staticmethod
    def _yielded(kind: Kind, text: str, needs: tuple[str, ...]) -> Judged:
        """What is true or false is false where something it needs is absent; other kinds hand their needs on."""
        if kind != BOOL:
            return Judged(kind, text, needs)
        return Judged(BOOL, f"({' && '.join(dict.fromkeys((*needs, text)))})") if needs else Judged(BOOL, text)


def _made(operator: str, one: Kind | Record, other: Kind | Record) -> Kind | None:
    """The kind that an operator makes of two, if it can."""
    if isinstance(one, Record) or isinstance(other, Record):
        return None
    if {one.name, other.name} & set(UNKNOWN):
        return NUMBER if READING in (one, other) else ANY
    if one == other and one in (INT, NUMBER) and (operator != "%" or one == INT):
        return one
    if operator == "+" and one.name == other.name == TEXTS.name:
        return one if one == other else Kind(TEXTS.name, of=ANY)
    return _MADE.get((operator, one.name, other.name))


_MADE: Mapping[tuple[str, str, str], Kind] = {
    ("+", TEXT.name, TEXT.name): TEXT,
    ("+", TIME.name, DURATION.name): TIME,
    ("-", TIME.name, DURATION.name): TIME,
    ("+", DURATION.name, TIME.name): TIME,
    ("-", TIME.name, TIME.name): DURATION,
    ("+", DURATION.name, DURATION.name): DURATION,
    ("-", DURATION.name, DURATION.name): DURATION,
}
"""What an operator makes of two kinds, beside numbers and lists."""


def _as_number(one: Judged, beside: Judged, node: Node) -> Judged:
    """A whole number that is written beside one that need not be whole is taken as such."""
    if isinstance(node, Literal) and node.kind == "int" and node.text.isdecimal() and beside.kind in (NUMBER, READING):
        return Judged(NUMBER, f"{node.text}.0")
    return one
