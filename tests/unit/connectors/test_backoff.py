"""Who failed waits longer each time, and no two wait alike."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.connectors.backoff import Backoff


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20))
def test_each_failure_doubles_the_wait_of_which_chance_takes_up_to_half(chances: list[float]) -> None:
    left = iter(chances)
    backoff = Backoff(1.0, 60.0, chance=lambda: next(left))
    for number, chance in enumerate(chances):
        longest = min(2.0**number, 60.0)
        wait = backoff.failed()
        assert wait == longest * (1 - chance / 2)
        assert longest / 2 <= wait <= longest


def test_many_that_fail_together_come_back_one_by_one() -> None:
    assert len({Backoff(1.0, 60.0).failed() for _ in range(1000)}) > 900


def test_success_forgets_the_failures() -> None:
    backoff = Backoff(1.0, 60.0, chance=lambda: 0.0)
    assert [backoff.failed() for _ in range(3)] == [1.0, 2.0, 4.0]
    backoff.succeeded()
    assert backoff.failed() == 1.0
