"""The syntax of conditions: a CEL text as a tree whose parts know where they stand.

Source: the grammar of the Common Expression Language (github.com/google/cel-spec, doc/langdef.md, "Syntax"), without
messages, which conditions do not build.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

MAX_LENGTH = 4000
"""Characters of one condition; what is longer is a program, and belongs elsewhere."""

MAX_DEPTH = 32
"""How deep brackets and operators may stand in one another."""

WORDS = frozenset({"true", "false", "null", "in"})
"""What reads like a name and is none."""


class BadConditionError(Exception):
    """A condition that cannot be used; the text says what would be right, `at` where (counted from 0)."""

    def __init__(self, says: str, at: int = 0) -> None:
        super().__init__(says)
        self.says = says
        self.at = at


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands there itself; `text` as it is written."""

    at: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A record, a bare value, or what a macro calls each element."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """A field of something; `at` is where the field is named."""

    at: int
    of: "Node"
    field: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, of a receiver if there is one; `at` is where it is named."""

    at: int
    function: str
    receiver: "Node | None"
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An element of a list, or the value of a key."""

    at: int
    of: "Node"
    index: "Node"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator and what it stands before, between, or (`?`) around."""

    at: int
    operator: str
    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    at: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A map: keys, values."""

    at: int
    pairs: tuple[tuple["Node", "Node"], ...]


Node = Literal | Name | Select | Call | Index | Operation | Items | Pairs

_Element = TypeVar("_Element")

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*)+)
    |(?P<bytes>[bB](?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    |(?P<text>[rR](?:'''(?:.|\n)*?'''|\"\"\"(?:.|\n)*?\"\"\"|'[^'\n]*'|"[^"\n]*")
        |'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<number>0[xX][0-9a-fA-F]+|\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<int>\d+)(?P<unsigned>[uU])?
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|[<>!?:+\-*/%.,()\[\]{}])""",
    re.VERBOSE | re.ASCII,
)
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_MEANT = {"=": '"=="', "&": '"&&"', "|": '"||"', "and": '"&&"', "or": '"||"', "not": '"!"', "is": '"=="'}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def read(text: str) -> Node:
    """The tree of a condition. Raises BadConditionError."""
    if len(text) > MAX_LENGTH:
        raise BadConditionError(f"a condition has at most {MAX_LENGTH} characters; split it into several rules")
    reader = _Reader(_tokens(text), len(text))
    tree = reader.expression()
    reader.end()
    return tree


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadConditionError(_strange(text[at]), at)
        kind = "unsigned" if match["unsigned"] else str(match.lastgroup)
        if kind != "space":
            found.append(_Token("int" if match[0][:2] in {"0x", "0X"} else kind, match[0], at))
        at = match.end()
    return found


def _strange(character: str) -> str:
    if character in _MEANT:
        return f'"{character}" means nothing here; write {_MEANT[character]}'
    if character in "\"'":
        return "this text has no end, or a \\ that begins no known escape; close the quotes, write \\\\ for \\"
    return f'"{character}" means nothing in a condition; texts stand in quotes'


class _Reader:
    """Reads tokens by the levels of precedence."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._place = 0
        self._end = end
        self._depth = 0

    def _next(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "", self._end)

    def _take(self, *texts: str) -> _Token | None:
        token = self._next()
        if token.text in texts and token.kind in {"sign", "name"}:
            self._place += 1
            return token
        return None

    def _expect(self, text: str, why: str) -> None:
        if self._take(text) is None:
            raise BadConditionError(f'{why} needs "{text}" here, not {_shown(self._next())}', self._next().at)

    def end(self) -> None:
        """Nothing may follow."""
        token = self._next()
        if token.kind != "end":
            meant = f"; write {_MEANT[token.text]}" if token.text in _MEANT else ""
            raise BadConditionError(f"the condition should end before {_shown(token)}{meant}", token.at)

    def expression(self) -> Node:
        """All of a condition, or what stands in brackets."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadConditionError(f"brackets stand more than {MAX_DEPTH} deep; split it", self._next().at)
        node = self._binary(0)
        if token := self._take("?"):
            then = self._binary(0)
            self._expect(":", '"?"')
            node = Operation(token.at, "?", (node, then, self.expression()))
        self._depth -= 1
        return node

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._binary(level + 1)
        while token := self._take(*_LEVELS[level]):
            node = Operation(token.at, token.text, (node, self._binary(level + 1)))
        return node

    def _unary(self) -> Node:
        signs = []
        while token := self._take("!", "-"):
            signs.append(token)
            if len(signs) > MAX_DEPTH:
                raise BadConditionError(f'"{token.text}" stands here too often', token.at)
        node = self._member()
        for token in reversed(signs):
            node = Operation(token.at, token.text + "_", (node,))
        return node

    def _member(self) -> Node:
        node = self._primary()
        for _ in range(MAX_DEPTH):
            if self._take("."):
                field = self._next()
                if field.kind != "name" or field.text in WORDS:
                    raise BadConditionError(f'after "." comes the name of a field, not {_shown(field)}', field.at)
                self._place += 1
                if self._take("("):
                    node = Call(field.at, field.text, node, self._list(")", self.expression))
                else:
                    node = Select(field.at, node, field.text)
            elif token := self._take("["):
                node = Index(token.at, node, self.expression())
                self._expect("]", '"["')
            else:
                return node
        raise BadConditionError(f"more than {MAX_DEPTH} fields of fields", self._next().at)

    def _primary(self) -> Node:  # noqa: PLR0911  # one for each kind of value
        token = self._next()
        self._place += 1
        if token.text in {"true", "false", "null"}:
            return Literal(token.at, "null" if token.text == "null" else "bool", token.text)
        if token.kind in {"text", "bytes", "number", "int", "unsigned"}:
            return Literal(token.at, token.kind, token.text)
        if token.kind == "name" and token.text not in WORDS:
            if self._take("("):
                return Call(token.at, token.text, None, self._list(")", self.expression))
            return Name(token.at, token.text)
        match token.text:
            case "(":
                node = self.expression()
                self._expect(")", '"("')
                return node
            case "[":
                return Items(token.at, self._list("]", self.expression))
            case "{":
                return Pairs(token.at, self._list("}", self._pair))
        raise BadConditionError(f"here should stand a value, not {_shown(token)}", token.at)

    def _pair(self) -> tuple[Node, Node]:
        key = self.expression()
        self._expect(":", "a key")
        return key, self.expression()

    def _list(self, close: str, element: Callable[[], _Element]) -> tuple[_Element, ...]:
        found: list[_Element] = []
        while not self._take(close):
            found.append(element())
            if self._take(","):
                continue
            self._expect(close, "what was opened")
            break
        return tuple(found)


def _shown(token: _Token) -> str:
    return "the end" if token.kind == "end" else token.text if token.kind in {"text", "bytes"} else f'"{token.text}"'
