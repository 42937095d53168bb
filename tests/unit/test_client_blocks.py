"""A stream of server-sent events is the same however it is cut into pieces and whatever ends its lines."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.errors import Away
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


def test_a_block_that_does_not_end_is_given_up() -> None:
    blocks = Blocks()
    for _ in range(4):
        assert blocks.feed(b"x" * 2**20) == []
    with pytest.raises(Away, match="4 MiB"):
        blocks.feed(b"x")


def test_a_long_block_in_small_pieces_is_not_copied_for_each() -> None:
    blocks, began = Blocks(), time.process_time()
    for _ in range(2**15):
        assert blocks.feed(b"x" * 100) == []
    assert blocks.feed(b"\n\n") == [b"x" * 100 * 2**15]
    assert time.process_time() - began < 2, "which took ten times as long when each piece copied all before it"
