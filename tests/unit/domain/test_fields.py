"""Fields of the desk's own take what was declared, and say what they would take."""

import pytest

from pipeline.domain.fields import wrong_fields

DECLARED = {"tier": ("gold", "silver"), "note": "text", "seats": "number", "vip": "boolean", "since": "date"}


def test_what_was_declared_is_taken() -> None:
    values = {"tier": "gold", "note": "", "seats": 2.5, "vip": False, "since": "2027-01-31"}
    assert wrong_fields(values, DECLARED) == []
    assert wrong_fields(dict.fromkeys(DECLARED), DECLARED) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("tier", "brass", '"tier" should be one of: gold, silver'),
        ("tier", ["gold"], '"tier" should be one of: gold, silver'),
        ("note", 7, '"note" should be text in quotes'),
        ("seats", True, '"seats" should be a number'),
        ("seats", "7", '"seats" should be a number'),
        ("vip", 1, '"vip" should be true or false'),
        ("since", "31.1.2027", '"since" should be a day like "2027-01-31"'),
        ("since", "20270131", '"since" should be a day like "2027-01-31"'),
        ("teir", "gold", 'there is no field "teir" of its own; declared are: tier, note, seats, vip, since'),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(name: str, value: object, says: str) -> None:
    assert wrong_fields({name: value}, DECLARED) == [says]
