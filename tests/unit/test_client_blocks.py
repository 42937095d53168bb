"""A stream of server-sent events is the same however it is cut into pieces and whatever ends its lines."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.over_http import Blocks

STREAM = "retry: 2000\nid: 7\n\n:\n\nid: 8\nevent: a\ndata: {}\n\nid: 9\ndata: ü\n\n"
WHOLE = [block.encode() for block in STREAM.split("\n\n")[:-1]]


@given(ending=st.sampled_from(["\n", "\r\n", "\r"]), cuts=st.lists(st.integers(0, 80), max_size=20))
def test_its_blocks_are_the_same(ending: str, cuts: list[int]) -> None:
    raw = STREAM.replace("\n", ending).encode() + b":"
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    blocks = Blocks()
    found = [block for start, end in pairwise(places) for block in blocks.feed(raw[start:end])]
    assert found == WHOLE
