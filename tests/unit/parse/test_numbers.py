"""Telephone numbers: E.164 where that is no guess, else the digits as they came."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parse.numbers import e164, is_extension, read_number

CORPUS = Path(__file__).parents[4] / "shared" / "corpora" / "phone_numbers" / "libphonenumber_vectors.json"


@pytest.mark.parametrize(
    ("written", "country", "means"),
    [
        ("+49 (0) 30 12 34 56", "DE", "+4930123456"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("030/123456", "DE", "+4930123456"),
        ("tel:+49-30-123456", None, "+4930123456"),
        ("011 44 7911 123456", "US", "+447911123456"),
        ("+49 30 123456 ext. 42", "DE", "+4930123456"),
        ("650-253-0000", "US", "+16502530000"),
        ("912 345 678", "PT", "+351912345678"),
    ],
)
def test_a_whole_number_is_told_by_its_prefix_or_its_country(written: str, country: str | None, means: str) -> None:
    assert read_number(written, country).text == means


@pytest.mark.parametrize("written", ["492111234567", "442071234567"])
@pytest.mark.parametrize("country", ["DE", "FR", None])
def test_an_international_number_may_lack_its_plus(written: str, country: str | None) -> None:
    assert read_number(written, country).text == f"+{written}"


@pytest.mark.parametrize("written", ["5754321", "622 32281", "100", "*97"])
def test_where_a_number_may_be_a_neighbours_it_stays_as_it_came(written: str) -> None:
    assert read_number(written, "DE").text == written.replace(" ", "")


def test_without_a_country_a_national_number_stays_as_it_came() -> None:
    assert read_number("030 123456", None).text == "030123456"


@pytest.mark.parametrize("written", ["+52 1 449 978 0001", "5214499780001", "01 (449) 978-0001", "044 449 978 0001"])
def test_the_prefixes_that_mexico_gave_up_are_left_out(written: str) -> None:
    assert read_number(written, "MX").text == "+524499780001"
    assert read_number("+52 449 978 0001", "DE").text == "+524499780001"


@pytest.mark.parametrize("written", ["anonymous", "Anonymous", "sip:anonymous@anonymous.invalid", "unbekannt", "CLIR"])
def test_a_withheld_number_is_none(written: str) -> None:
    found = read_number(written, "DE")
    assert (found.text, found.defect) == (None, "withheld")


def test_nothing_is_no_number_without_a_fault() -> None:
    found = read_number(" ", "DE")
    assert (found.text, found.defect) == (None, None)


def test_a_number_is_taken_out_of_a_sip_address() -> None:
    found = read_number('"Ana" <sip:+4930123456@pbx.example;user=phone>', "DE")
    assert found.text == "+4930123456"
    assert found.defect


def test_a_sip_address_without_a_number_is_kept() -> None:
    found = read_number("sip:ana@acme.example", "DE")
    assert found.text == "sip:ana@acme.example"
    assert found.defect


def test_forty_digits_are_a_defect() -> None:
    found = read_number("1" * 40, "DE")
    assert found.text == "1" * 40
    assert found.defect
    assert "40 digits" in found.defect


def test_a_short_number_is_an_extension() -> None:
    assert is_extension("100")
    assert not is_extension("+4930123456")
    assert not is_extension(None)


@given(st.text(max_size=300), st.sampled_from(["DE", "US", "NZ", "AR", None]))
def test_whatever_is_written_something_bounded_is_read(written: str, country: str | None) -> None:
    found = read_number(written, country)
    assert found.text is None or len(found.text) <= 300
    assert found.text is None or not re.search(r"[\x00-\x1f\ud800-\udfff]", found.text)
    if found.text and found.text.startswith("+"):
        assert re.fullmatch(r"\+\d{4,17}", found.text)


@given(st.from_regex(r"\+49(30|40|89)[1-9][0-9]{6}", fullmatch=True), st.sampled_from(["DE", "US", "FR", None]))
def test_a_number_in_its_full_form_means_the_same_everywhere(written: str, country: str | None) -> None:
    assert read_number(written, country).text == written


@pytest.mark.skipif(not CORPUS.is_file() and "CI" not in os.environ, reason="the shared corpora are not here")
def test_numbers_written_by_people_are_read_as_libphonenumber_reads_them() -> None:
    vectors = json.loads(CORPUS.read_text("utf-8"))
    real = [v for v in vectors if v["op"] == "parse" and v["ok_real_metadata"]]
    assert len(real) > 100
    assert {v["input"]: (v["region"], e164(v["input"], v["region"])) for v in real} == {
        v["input"]: (v["region"], v["e164"]) for v in real
    }
    assert not [v["input"] for v in vectors if v["op"] == "parse_error" and e164(v["input"], v["region"])]
