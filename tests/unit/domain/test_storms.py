"""Storms: what mails are like each other by."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.storms import but_digits, but_numbers, likeness

TEXTS = st.text(st.sampled_from("a Z0199#\x00é٣\n"), max_size=30)
WORDS = TEXTS.map(lambda text: " ".join(text.split()))


@given(TEXTS)
def test_each_row_of_digits_counts_as_one(text: str) -> None:
    assert but_digits(text) == re.sub(r"\d+", "#", text)


@given(WORDS)
def test_each_word_with_a_number_counts_as_one(text: str) -> None:
    assert but_numbers(text) == " ".join("#" if "#" in word else word for word in text.split(" "))


def test_mails_are_alike_whatever_numbers_stand_in_them() -> None:
    one, other = likeness("Job 17 failed", "at 12:30 on db1\n"), likeness("job 8  FAILED", "at 9:05 on db22")
    assert one == other
    assert one.text == likeness("Job x3 failed", "at 12:30 on db1").text
    assert one != likeness("Job x3 failed", "at 12:30 on db1")
