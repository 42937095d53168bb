"""The newest events in memory: everybody gets all they want, once, in order, and it holds no more than it may."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.api.ring import Frame, Ring
from pipeline.store.feed import Wanted

TYPES = ("dev.casestream.case.opened.v1", "dev.casestream.case.updated.v1")
WANTED = st.builds(
    Wanted,
    types=st.none() | st.frozensets(st.sampled_from(TYPES)),
    key=st.none() | st.sampled_from(["a", "b"]),
    subject=st.none() | st.sampled_from(["1", "2"]),
)
FRAMES = st.lists(
    st.tuples(
        st.sampled_from(TYPES), st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", None]), st.integers(1, 60)
    ),
    max_size=60,
)


def frames(drawn: list[tuple[str, str, str | None, int]], after: int = 0) -> list[Frame]:
    return [
        Frame(after + place + 1, kind, key, subject, b"x" * size)
        for place, (kind, key, subject, size) in enumerate(drawn)
    ]


@given(drawn=FRAMES, wanted=WANTED, cursor=st.integers(0, 70), limit=st.integers(1, 200))
def test_piece_by_piece_one_gets_all_that_one_wants(
    drawn: list[tuple[str, str, str | None, int]], wanted: Wanted, cursor: int, limit: int
) -> None:
    ring = Ring(0, frames=1000, size=10_000)
    told = frames(drawn)
    ring.push(told, len(told))
    got: list[Frame] = []
    at = cursor
    while (piece := ring.after(at, wanted, limit)) is not None and piece.upto > at:
        assert len(piece.body) <= max(limit, len(piece.frames[0].body) if piece.frames else 0)
        got += piece.frames
        at = piece.upto
    assert got == [one for one in told if one.pos > cursor and wanted.admits(one.type, one.key, one.subject)]
    assert at == max(cursor, len(told))


@given(batches=st.lists(FRAMES, max_size=8), most=st.integers(4, 40), size=st.integers(60, 800))
def test_it_holds_no_more_than_it_may_and_knows_what_it_does_not_hold(
    batches: list[list[tuple[str, str, str | None, int]]], most: int, size: int
) -> None:
    ring = Ring(0, frames=most, size=size)
    told: list[Frame] = []
    for drawn in batches:
        new = frames(drawn, len(told))
        told += new
        ring.push(new, len(told))
        assert len(ring) <= most
        assert ring.size <= size
    for cursor in range(len(told) + 1):
        piece = ring.after(cursor, Wanted(), 10**6)
        assert piece is None or list(piece.frames) == told[cursor:]
    assert ring.after(len(told), Wanted(), 1) is not None


def test_those_who_want_the_same_get_the_same_bytes() -> None:
    ring = Ring(0, frames=10, size=1000)
    ring.push(frames([(TYPES[0], "a", "1", 10)] * 3), 3)
    one, other = ring.after(0, Wanted(key="a"), 100), ring.after(0, Wanted(key="a"), 100)
    assert one is not None
    assert one is other
