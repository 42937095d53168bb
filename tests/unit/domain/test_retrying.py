"""What cannot be delivered is tried again after growing pauses, for three days."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.retrying import KEEP_TRYING, LONGEST_PAUSE, next_try

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CHANCE = st.floats(0, 1, exclude_max=True)


def test_the_pauses_double_up_to_an_hour() -> None:
    pauses = []
    for attempt in range(1, 13):
        at = next_try(attempt, MONDAY, MONDAY, 0.999999)
        assert at is not None
        pauses.append(round((at - MONDAY).total_seconds()))
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


@given(random=CHANCE)
def test_half_of_a_pause_is_chance(random: float) -> None:
    at = next_try(3, MONDAY, MONDAY, random)
    assert at is not None
    assert timedelta(seconds=10) <= at - MONDAY <= timedelta(seconds=20)


@given(st.data())
def test_it_is_tried_until_three_days_are_over_and_a_last_time_then(data: st.DataObject) -> None:
    now, tries = MONDAY, 1
    while (following := next_try(tries, MONDAY, now, data.draw(CHANCE))) is not None:
        assert now < following <= now + LONGEST_PAUSE
        now, tries = following, tries + 1
    assert now == MONDAY + KEEP_TRYING
    assert 72 < tries < 170


def test_what_was_put_off_beyond_the_end_is_given_up() -> None:
    assert next_try(2, MONDAY, MONDAY + timedelta(days=5), 0.5) is None


def test_a_great_many_tries_are_no_trouble() -> None:
    assert next_try(10**9, MONDAY, MONDAY, 0.0) == MONDAY + timedelta(minutes=30)
