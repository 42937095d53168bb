"""What a subject is about, whatever stands around it."""

from time import perf_counter

import pytest

from pipeline.parse.subject import base_subject


@pytest.mark.parametrize("subject", ["Printer jams", "Re: Printer  jams", "Fwd: RE[2]: [desk] Printer jams (fwd)"])
def test_marks_of_answers_and_forwards_are_not_the_subject(subject: str) -> None:
    assert base_subject(subject) == "printer jams"


@pytest.mark.parametrize(
    "subject", [f"x{' ' * 60_000}y", f"re{' ' * 60_000}y", "[" * 60_000, f"{'x' + ' ' * 300}" * 200]
)
def test_a_crafted_subject_costs_no_time(subject: str) -> None:
    started = perf_counter()
    base_subject(subject)
    assert perf_counter() - started < 1
