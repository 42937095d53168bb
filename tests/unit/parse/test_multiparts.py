"""Whose a boundary is: the innermost open multipart's that it fits (RFC 2046, 5.1)."""

import time

import pytest

from pipeline.parse.email import parse_email
from pipeline.parse.message import Email


def opening(boundary: str) -> str:
    return f'Content-Type: multipart/mixed; boundary="{boundary}"\n'


def parse(*lines: str) -> Email:
    return parse_email("\n".join(lines).encode())


def text(body: str, kind: str = "plain") -> str:
    return f"Content-Type: text/{kind}\n\n{body}"


def test_a_boundary_that_looks_like_the_closing_one_around_it_is_the_inner_ones() -> None:
    inner = (opening("a----"), "--a----", text("inner"), "--a----", text("second"), "--a------")
    parsed = parse(opening("a--"), "--a--", *inner, "--a--", text("outer"), "--a----", "epilogue")
    assert parsed.text.split() == ["inner", "second", "outer"]
    assert not any("boundary" in defect for defect in parsed.defects)


def test_a_closing_boundary_that_looks_like_one_around_it_closes_the_inner_multipart() -> None:
    inner = (opening("a"), "--a", text("inner"), "--a--", "epilogue of the inner")
    parsed = parse(opening("a--"), "--a--", *inner, "--a--", text("outer"), "--a----")
    assert parsed.text.split() == ["inner", "outer"]


def test_one_boundary_used_twice_nests() -> None:
    alternative = opening("b").replace("mixed", "alternative")
    inner = (alternative, "--b", text("plain"), "--b", text("<p>html</p>", "html"), "--b--")
    parsed = parse(
        opening("b"), "--b", *inner, "--b", "Content-Disposition: attachment; filename=a.txt\n", "file", "--b--"
    )
    assert parsed.text.strip() == "plain"
    assert [attachment.filename for attachment in parsed.attachments] == ["a.txt"]


def test_the_boundary_of_a_multipart_left_open_is_still_no_text() -> None:
    left_open = (opening("inner"), "--inner", text("one"))
    parsed = parse(
        opening("outer"), "--outer", *left_open, "--outer", text("two"), "--inner", text("three"), "--outer--"
    )
    assert parsed.text.split() == ["one", "two", "three"]
    assert "multipart without closing boundary" in parsed.defects


def test_the_boundary_of_a_multipart_that_was_closed_is_text() -> None:
    closed = (opening("inner"), "--inner", text("one"), "--inner--")
    parsed = parse(opening("outer"), "--outer", *closed, "--outer", text("--inner\ntwo"), "--outer--")
    assert parsed.text.split() == ["one", "--inner", "two"]


def test_an_inner_multipart_whose_boundary_is_another_is_found_within_its_own_extent() -> None:
    wrong = (opening("said"), "--used", text("one"), "--used", text("two"), "--used--")
    parsed = parse(opening("outer"), "--outer", *wrong, "--outer", text("three"), "--outer--")
    assert parsed.text.split() == ["one", "two", "three"]
    assert "multipart boundary missing or wrong" in parsed.defects


@pytest.mark.parametrize("line", ["-- a comment of SQL", "--outer-but-not-quite", "--"])
def test_lines_that_begin_like_a_boundary_stay_in_the_file(line: str) -> None:
    lines = 200_000
    dump = "Content-Disposition: attachment; filename=dump.sql\n\n" + f"{line}\n" * lines
    started = time.monotonic()
    parsed = parse(opening("outer"), "--outer", dump, "--outer", text("below"), "--outer--")
    assert time.monotonic() - started < 2
    assert parsed.attachments[0].size == lines * (len(line) + 1)
    assert parsed.text.strip() == "below"


def test_a_large_file_deep_within_is_searched_in_time() -> None:
    depth = 45
    opened = [line for n in range(depth) for line in (opening(f"b{n}"), f"--b{n}")]
    started = time.monotonic()
    parsed = parse(*opened, "Content-Type: image/png\n", "A" * 25_000_000)
    assert time.monotonic() - started < 2
    assert [attachment.size for attachment in parsed.attachments] == [25_000_000]
