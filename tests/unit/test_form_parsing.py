"""Web forms are read whichever way they are sent, and broken ones say why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.channels import Form
from pipeline.parse.web import WebForm, is_email, parse_form

FORM = Form(name="contact", required=("name", "email", "subject", "text"), max_files=1, max_file_size=10)
LOOSE = Form(name="loose", required=())
GOOD = {"name": "Bob", "email": "Bob@x.example", "subject": "test", "text": "hello"}
MULTIPART = "multipart/form-data; boundary=XX"


def of_json(value: object, form: Form = LOOSE) -> WebForm:
    return parse_form(json.dumps(value).encode(), "application/json", form)


def multipart(*parts: str) -> bytes:
    return "".join(f"--XX\r\nContent-Disposition: form-data; {part}\r\n" for part in parts).encode() + b"--XX--\r\n"


def test_every_way_of_sending_says_the_same() -> None:
    urlencoded = b"name=Bob&email=Bob%40x.example&subject=test&text=hello"
    parts = multipart(*(f'name="{name}"\r\n\r\n{value}' for name, value in GOOD.items()))
    sent = [
        of_json(GOOD, FORM),
        parse_form(urlencoded, "application/x-www-form-urlencoded; charset=UTF-8", FORM),
        parse_form(parts, MULTIPART, FORM),
    ]
    assert sent[0] == sent[1] == sent[2]
    assert not sent[0].errors
    assert (sent[0].name, sent[0].email, sent[0].text) == ("Bob", "Bob@x.example", "hello")


def test_what_is_missing_or_wrong_is_said_by_field() -> None:
    assert of_json({}, FORM).errors == dict.fromkeys(("name", "email", "subject", "text"), "required")
    assert of_json({**GOOD, "email": "some"}, FORM).errors == {"email": "invalid"}
    assert of_json({**GOOD, "name": "  "}, FORM).errors == {"name": "required"}
    assert of_json({**GOOD, "text": "x" * 100_001}, FORM).errors == {"text": "too_long"}
    assert of_json({**GOOD, "text": {"a": 1}}, FORM).errors["text"] in {"invalid", "required"}
    assert of_json({**GOOD, "phone": "call me"}, FORM).errors == {"phone": "invalid"}


def test_names_of_other_makers_are_known() -> None:
    seen = of_json(
        {"Full-Name": "Bob", "e-mail": "b@x.example", "title": "T", "message": "M", "tel": "+1 2", "Order": 7.10}
    )
    assert (seen.name, seen.email, seen.subject, seen.text, seen.phone) == ("Bob", "b@x.example", "T", "M", "+1 2")
    assert of_json({"n": 12345678901234567890}).fields == {"n": "12345678901234567890"}


def test_a_filled_honeypot_is_seen_and_is_no_field() -> None:
    seen = of_json({**GOOD, "website": "http://x"}, FORM)
    assert (seen.trap, seen.fields, dict(seen.errors)) == (True, {}, {})


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b'{"\\ud800":"a"}',
        b'{"a":' + b"9" * 10_000_000 + b"}", b"[" * 100_000, b'{"a":' * 100_000, b"\xff",
    ],
    ids=lambda raw: repr(raw[:12]),
)  # fmt: skip
def test_broken_json_is_malformed(raw: bytes) -> None:
    assert parse_form(raw, "application/json", LOOSE).malformed


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"--XX\r\n", MULTIPART),
        (b"", MULTIPART),
        (b"--XX--", "multipart/form-data"),
        (b"--XX\r\nno header end\r\n--XX--", MULTIPART),
        (b"--XX\r\n\r\nno name\r\n--XX--", MULTIPART),
        (b"--XX\r\n" * 5000 + b"--XX--", MULTIPART),
        (b"a=%00", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(2000)), "application/x-www-form-urlencoded"),
        (b"x", "text/plain"),
    ],
)
def test_other_broken_bodies_are_malformed(raw: bytes, content_type: str) -> None:
    assert parse_form(raw, content_type, LOOSE).malformed


def test_files_are_described_and_bounded() -> None:
    file = 'name="{}"; filename="{}"\r\nContent-Type: text/plain\r\n\r\n{}'
    seen = parse_form(multipart(file.format("f", "../../etc/pass%22wd", "hello")), MULTIPART, LOOSE)
    (attachment,) = seen.attachments
    assert (attachment.filename, attachment.size, attachment.content_type) == ('pass"wd', 5, "text/plain")
    assert not parse_form(multipart(file.format("f", "", "")), MULTIPART, LOOSE).attachments
    two = multipart(file.format("f", "a", "1"), file.format("g", "b", "x" * 11))
    errors = parse_form(two, MULTIPART, FORM).errors
    assert (errors["attachments"], errors["g"]) == ("too_many", "too_large")


@pytest.mark.parametrize("text", ["a@b.example", "a.b+c@x-y.example", "ü@bücher.example", "o'neil@x.example"])
def test_an_address(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text", ["a", "a@b", "@b.example", "a@", "a b@c.example", "a@b..example", "a\n@b.example", "a@-b.example"]
)
def test_no_address(text: str) -> None:
    assert not is_email(text)


@given(st.binary(), st.sampled_from(["application/json", "application/x-www-form-urlencoded", MULTIPART, "", "\0"]))
def test_any_bytes_are_read_or_malformed(raw: bytes, content_type: str) -> None:
    assert parse_form(raw, content_type, FORM).form == "contact"


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text()))))
def test_any_object_is_read_or_malformed(value: dict[str, object]) -> None:
    seen = of_json(value)
    assert seen.malformed or "\0" not in "".join(seen.fields.values())


@pytest.mark.parametrize("type_", ["text/pl*=utf\x01\0\0t", "text", "a/" + "b" * 5000, "text/html\0", "<script>/x"])
def test_a_file_whose_type_is_none_is_any_file(type_: str) -> None:
    part = f'name="f"; filename="a.txt"\r\nContent-Type: {type_}\r\n\r\nhello'
    (attachment,) = parse_form(multipart(part), MULTIPART, LOOSE).attachments
    assert attachment.content_type in {"application/octet-stream", "a/" + "b" * 253}


def test_nul_in_the_name_of_a_files_field_is_malformed() -> None:
    part = 'name="f\0"; filename="a.txt"\r\n\r\nhello'
    assert parse_form(multipart(part), MULTIPART, LOOSE).malformed == "a field holds NUL or half a character"
