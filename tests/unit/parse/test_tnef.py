"""Outlook's winmail.dat: what is in it is attached, and read when the mail itself says nothing."""

import struct
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parse.email import parse_email
from pipeline.parse.message import Email
from pipeline.parse.tnef import MAX_ATTRIBUTES, MAX_FILES, read_tnef


def attribute(id_: int, value: bytes, level: int = 1) -> bytes:
    return struct.pack("<BII", level, id_, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def prop(kind: int, id_: int, value: bytes) -> bytes:
    head = struct.pack("<HH", kind, id_)
    if kind in {0x1E, 0x1F, 0x102, 0x0D}:
        head += struct.pack("<II", 1, len(value))
    return head + value + b"\0" * (-len(value) % 4)


def properties(*props: bytes) -> bytes:
    return struct.pack("<I", len(props)) + b"".join(props)


def stream(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


BEGIN = attribute(0x00069002, b"\0" * 14, 2)
NAMED = struct.pack("<HH16sII", 0x03, 0x8005, b"g" * 16, 0, 7) + b"\1\0\0\0"
NAMED_BY_TEXT = struct.pack("<HH16sII", 0x03, 0x8006, b"g" * 16, 1, 6) + "abc".encode("utf-16-le") + b"\0\0\1\0\0\0"
WHOLE = stream(
    attribute(0x00069007, struct.pack("<II", 1252, 0)),
    attribute(
        0x00069003,
        properties(
            NAMED,
            NAMED_BY_TEXT,
            prop(0x03, 0x3FDE, struct.pack("<I", 65001)),
            prop(0x102, 0x1013, "<p>Grüße</p>".encode()),
        ),
    ),
    BEGIN,
    attribute(0x00018010, b"REPORT~1.PDF\0", 2),
    attribute(0x0006800F, b"%PDF-1", 2),
    attribute(0x00069005, properties(prop(0x1F, 0x3707, "Überblick.pdf\0".encode("utf-16-le"))), 2),
    BEGIN,
    attribute(0x0006800F, b"png", 2),
    attribute(
        0x00069005, properties(prop(0x1E, 0x370E, b"image/png\0"), prop(0x1E, 0x3712, b"i1@x\0")), 2
    ),
)  # fmt: skip


def mail(data: bytes, text: str = "", kind: str = "application/ms-tnef; name=winmail.dat") -> Email:
    head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
    head += f"{text}\r\n--b\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return parse_email(head.encode() + data + b"\r\n--b--\r\n")


def test_the_files_in_it_are_attached() -> None:
    parsed = mail(WHOLE)
    assert [(a.filename, a.content_type, a.inline, a.content_id) for a in parsed.attachments] == [
        ("Überblick.pdf", "application/octet-stream", False, None),
        ("image.png", "image/png", True, "<i1@x>"),
    ]
    assert parsed.attachments[0].sha256 == sha256(b"%PDF-1").hexdigest()
    assert "winmail.dat unpacked" in parsed.defects


def test_its_text_stands_in_when_the_mail_has_none() -> None:
    assert mail(WHOLE).text == "Grüße"
    assert mail(WHOLE, "hello").text == "hello"


def test_it_is_known_by_its_name_too() -> None:
    assert len(mail(WHOLE, kind="application/octet-stream; name=WINMAIL.DAT").attachments) == 2


def test_of_a_cut_off_one_the_rest_stays_attached() -> None:
    parsed = mail(WHOLE[:-40])
    assert parsed.attachments[0].filename == "Überblick.pdf"
    assert parsed.attachments[-1].filename == "winmail.dat"
    assert "winmail.dat unpacked as far as it goes" in parsed.defects


@pytest.mark.parametrize("data", [b"", b"hello", b"x" * 100])
def test_what_is_none_stays_attached(data: bytes) -> None:
    assert [a.filename for a in mail(data).attachments] == ["winmail.dat"]


@pytest.mark.parametrize(
    "data",
    [
        stream(attribute(0x00069003, struct.pack("<I", 0xFFFFFFFF))),
        stream(attribute(0x00069003, struct.pack("<IHHI", 1, 0x1003, 1, 0xFFFFFFFF))),
        stream(attribute(0x00069003, struct.pack("<IHHII", 1, 0x1E, 1, 1, 0xFFFFFFFF))),
        stream(struct.pack("<BII", 1, 0x00069003, 0xFFFFFFFF)),
        stream(*[BEGIN] * (MAX_FILES + 1)),
        stream(*[attribute(0x00060000, b"")] * (MAX_ATTRIBUTES + 1)),
    ],
)
def test_counts_that_lie_are_bounded(data: bytes) -> None:
    read = read_tnef(data)
    assert read is not None
    assert not read.is_whole
    assert len(read.files) <= MAX_FILES


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=8), st.integers(0, 8))
def test_whatever_is_broken_it_is_read_as_far_as_it_goes(place: int, put: bytes, taken: int) -> None:
    read_tnef(WHOLE[:place] + put + WHOLE[place + taken :])
