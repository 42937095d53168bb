"""Every key of a TOML text is found on its line."""

from collections.abc import Iterator

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Location
from pipeline.config.lines import Lines

TEXT = """# a comment
top.level = 1

[desk]
name = "A"
[ "b c" . d ]
e = { f = 1, g.h = [ 1, { i = 2 } ] }
[[queue]]
name = "A"
  [[queue.step]]
  name = "A1"
  [[queue.step]]
  name = "A2"
  [queue.waiting]
  remind = '''
  one'''
[[queue]]
name = "B"
[[queue.step]]
names = [
  # first
  "x",
  "y", "z",
]
"""


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("top",), 2),
        (("top", "level"), 2),
        (("desk",), 4),
        (("desk", "name"), 5),
        (("b c", "d"), 6),
        (("b c", "d", "e", "f"), 7),
        (("b c", "d", "e", "g", "h", 1, "i"), 7),
        (("queue",), 8),
        (("queue", 0, "name"), 9),
        (("queue", 0, "step", 1, "name"), 13),
        (("queue", 0, "waiting", "remind"), 15),
        (("queue", 1), 17),
        (("queue", 1, "step", 0), 19),
        (("queue", 1, "step", 0, "names", 2), 23),
        (("desk", "missing"), 4),
        (("queue", 1, "missing", "deeper"), 17),
        (("missing",), None),
    ],
)
def test_the_line_of_a_place(location: Location, line: int | None) -> None:
    assert Lines(TEXT).of(location) == line


KEYS = st.text(st.sampled_from('ab-_ ."é#[]='), min_size=1, max_size=6)
LEAVES = st.integers(0, 9) | st.booleans() | st.text(st.sampled_from("a\n#]\"'é"), max_size=5)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(DOCUMENTS)
def test_whatever_can_be_written_is_found(document: dict[str, object]) -> None:
    text = tomlkit.dumps(document)
    lines, last = Lines(text), text.count("\n") + 1
    for location in _places(tomlkit.loads(text).unwrap(), ()):
        line = lines.of(location)
        assert line is not None
        assert 1 <= line <= last


def _places(value: object, outer: Location) -> Iterator[Location]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*outer, key)
        yield from _places(below, (*outer, key))
