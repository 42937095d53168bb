"""The line on which each key of a TOML text stands."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from pipeline.config import Location


class Lines:
    """Finds the line of a place like ("mailbox", 1, "queue"), counted from 1."""

    def __init__(self, text: str) -> None:
        self._rows = text.split("\n")
        self._found: dict[Location, int] = {}
        self._sizes: Counter[Location] = Counter()
        self._texts: dict[Location, Node] = {}
        for node in Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node.named_children:
            self._read(node)

    def of(self, location: Location) -> int | None:
        """The line of the place, or of the nearest thing around it that the text has."""
        for length in range(len(location), 0, -1):
            if location[:length] in self._found:
                return self._found[location[:length]]
        return None

    def within(self, location: Location, at: int) -> tuple[int, int] | None:
        """The line and column of a character of the text at a place, all but `at` counted from 1."""
        node = self._texts.get(location)
        if node is None or node.text is None:
            return None
        written = node.text.decode()
        before = written[: _written(written, at)]
        column = len(before) - (before.rfind("\n") + 1)
        if "\n" not in before:
            line = node.start_point.row
            column += len(self._rows[line].encode()[: node.start_point.column].decode())
        return node.start_point.row + before.count("\n") + 1, column + 1

    def _read(self, node: Node) -> None:
        if node.type == "pair":
            self._pair((), node)
        elif node.type in ("table", "table_array_element"):
            key, *pairs = (child for child in node.named_children if child.type != "comment")
            parts = _parts(key)
            *outer, name = self._numbered(parts[:-1]) + parts[-1:]
            place: Location = (*outer, name)
            for length in range(len(place)):
                self._mark(place[: length + 1], node)
            if node.type == "table_array_element":
                place = (*place, self._sizes[place])
                self._sizes[place[:-1]] += 1
                self._mark(place, node)
            for pair in pairs:
                self._pair(place, pair)

    def _numbered(self, parts: Location) -> Location:
        """The place a header's outer keys mean: of an array of tables, its latest table."""
        place: Location = ()
        for part in parts:
            place = (*place, part)
            if self._sizes[place]:
                place = (*place, self._sizes[place] - 1)
        return place

    def _pair(self, outer: Location, node: Node) -> None:
        if node.type != "pair" or len(node.named_children) < 2:  # noqa: PLR2004 - a key and its value
            return
        key, value = _solid(node)[:2]
        place = outer
        for part in _parts(key):
            place = (*place, part)
            self._mark(place, node)
        self._value(place, value)

    def _value(self, place: Location, value: Node) -> None:
        if value.type == "string":
            self._texts.setdefault(place, value)
        elif value.type == "array":
            for index, element in enumerate(_solid(value)):
                self._mark((*place, index), element)
                self._value((*place, index), element)
        elif value.type == "inline_table":
            for pair in _solid(value):
                self._pair(place, pair)

    def _mark(self, place: Location, node: Node) -> None:
        self._found.setdefault(place, node.start_point.row + 1)


_ESCAPE = re.compile(r"\\(?:\s*\n\s*|u.{4}|U.{8}|.)", re.DOTALL)


def _written(text: str, at: int) -> int:
    """Where a character of a TOML string stands in the string as it is written, with its quotes."""
    place = quotes = 3 if text.startswith(('"""', "'''")) else 1
    if quotes > 1 and (opening := re.match(r"\r?\n", text[quotes:])):
        place += len(opening[0])
    while place < len(text) - quotes:
        escape = _ESCAPE.match(text, place) if text[0] == '"' else None
        continued = escape is not None and escape[0][1:].isspace()  # such a line end is no character
        if at == 0 and not continued:
            break
        at -= not continued
        place += len(escape[0]) if escape else 2 if text.startswith("\r\n", place) else 1
    return place


def _solid(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type != "comment"]


def _parts(key: Node) -> Location:
    text = (key.text or b"").decode()
    return tuple(_nested(tomllib.loads(f"{text} = 0")))


def _nested(value: object) -> Iterator[str]:
    while isinstance(value, dict):
        (key, value), *_ = value.items()
        yield key
