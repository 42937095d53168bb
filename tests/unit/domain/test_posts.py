"""A social item is what all that was told of it amounts to, in any order and however often."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.posts import MAX_TOLD, PostTold, is_kept, post_view

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


WRITTEN = PostTold(at=at(0), text="It burns.")
EDITED = PostTold(at=at(5), text="It smokes.", edited=True)
AGAIN = PostTold(at=at(9), text="It is off.", edited=True)
REMOVED = PostTold(at=at(10), removed=True)

tellings = st.builds(
    PostTold,
    at=st.integers(0, 9).map(at),
    text=st.sampled_from(["a", "b", "c", None]),
    edited=st.booleans(),
    removed=st.booleans(),
    hidden=st.sampled_from([None, None, True, False]),
)


@given(st.lists(tellings, min_size=1, max_size=6).flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_))))
def test_neither_order_nor_repetition_matters(orders: tuple[list[PostTold], list[PostTold]]) -> None:
    first, other = orders
    assert post_view(first) == post_view([*other, *first])


@given(st.lists(tellings, min_size=1, max_size=6))
def test_no_text_is_lost(told: list[PostTold]) -> None:
    post = post_view(told)
    assert {post.text, *post.earlier} - {""} == {one.text for one in told if one.text is not None}


def test_an_edit_keeps_what_was_said_before() -> None:
    post = post_view([AGAIN, WRITTEN, EDITED])
    assert (post.text, post.earlier, post.edited) == ("It is off.", ("It burns.", "It smokes."), True)


def test_what_was_written_is_older_than_any_edit_whatever_its_clock_says() -> None:
    late = PostTold(at=at(30), text="It burns.")
    assert post_view([EDITED, late]).text == "It smokes."


def test_a_removal_hides_for_good() -> None:
    post = post_view([WRITTEN, REMOVED, PostTold(at=at(11), hidden=False)])
    assert (post.removed, post.hidden, post.text) == (True, True, "It burns.")


def test_what_our_page_hid_it_may_show_again() -> None:
    hid = PostTold(at=at(1), hidden=True)
    assert post_view([WRITTEN, hid]).hidden
    assert not post_view([PostTold(at=at(2), hidden=False), WRITTEN, hid]).hidden


def test_who_edits_a_hundred_times_may_still_remove_it() -> None:
    many = [PostTold(at=at(number), text=str(number), edited=True) for number in range(MAX_TOLD)]
    assert not is_kept(EDITED, many)
    assert is_kept(REMOVED, many)
    assert not is_kept(REMOVED, [*many, REMOVED])
    assert post_view([*many, REMOVED]).removed
