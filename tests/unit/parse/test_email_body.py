# ruff: noqa: RUF001 - the letters of other scripts are meant
"""What a reader of the mail sees: its text, its HTML, its attachments."""

import base64
import hashlib

import pytest

from pipeline.parse.email import parse_email
from pipeline.parse.message import Email

PNG = base64.b64encode(b"not really a png").decode()


def part(content_type: str, body: str, *headers: str) -> str:
    return "\r\n".join([f"Content-Type: {content_type}", *headers, "", body])


def multipart(kind: str, *parts: str, boundary: str = "b1") -> str:
    inner = "".join(f"--{boundary}\r\n{one}\r\n" for one in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{inner}--{boundary}--\r\n'


def parse(text: str) -> Email:
    return parse_email(text.encode("utf-8"))


def test_plain_wins_over_html_and_both_are_kept() -> None:
    parsed = parse(multipart("alternative", part("text/plain", "plain"), part("text/html", "<p>rich</p>")))
    assert parsed.text == "plain"
    assert parsed.html == "<p>rich</p>"
    assert parsed.attachments == ()


def test_html_stands_in_for_a_blank_plain_part() -> None:
    parsed = parse(multipart("alternative", part("text/plain", " \r\n"), part("text/html", "<p>rich</p>")))
    assert parsed.text == "rich"


def test_several_text_parts_are_joined_in_order() -> None:
    parsed = parse(
        multipart("mixed", part("text/plain", "one"), part("text/html", "<b>two</b>"), part("text/plain", "3"))
    )
    assert parsed.text.split() == ["one", "two", "3"]


def test_html_becomes_text_without_title_scripts_and_hidden_parts() -> None:
    html = (
        "<html><head><title>T</title><style>p{}</style></head><body><script>x()</script>"
        '<div style="display:none">preheader</div><p>Hello&nbsp;<b>Ana</b>,</p><ul><li>one<li>two</ul>'
        "<blockquote>old<br>words</blockquote></body></html>"
    )
    assert parse(part("text/html", html)).text == "Hello Ana,\n\n- one\n- two\n\n> old\n> words"


def test_html_that_holds_no_text_is_none() -> None:
    parsed = parse(multipart("alternative", part("text/plain", "t"), part("text/html", "<p> </p>")))
    assert parsed.html is None


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '<a href="javascript:x()">', '<img onerror="x()">'])
def test_html_is_sanitised(evil: str) -> None:
    html = parse(part("text/html", f"<p>hi</p>{evil}")).html or ""
    assert "script" not in html
    assert "onerror" not in html


def test_intake_can_leave_the_html_out() -> None:
    assert parse_email(part("text/html", "<p>hi</p>").encode(), with_html=False).html is None


def test_an_attachment_is_told_with_the_digest_of_its_decoded_bytes() -> None:
    parsed = parse(
        multipart(
            "mixed",
            part("text/plain", "see file"),
            part(
                "application/pdf",
                base64.b64encode(b"%PDF").decode(),
                "Content-Transfer-Encoding: base64",
                'Content-Disposition: attachment; filename="a.pdf"',
            ),
        )
    )
    [pdf] = parsed.attachments
    assert (pdf.filename, pdf.size, pdf.inline) == ("a.pdf", 4, False)
    assert pdf.sha256 == hashlib.sha256(b"%PDF").hexdigest()


def test_an_image_the_html_refers_to_is_inline_and_a_pdf_never_is() -> None:
    image = part("image/png", PNG, "Content-Transfer-Encoding: base64", "Content-ID: <i1@x>")
    pdf = part("application/pdf", "x", "Content-Disposition: inline; filename=a.pdf")
    html = part("text/html", '<p>see <img src="cid:i1@x"></p>')
    parsed = parse(multipart("related", html, image, pdf))
    assert [(a.filename, a.inline) for a in parsed.attachments] == [("image.png", True), ("a.pdf", False)]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="C:\\dir\\a.txt"', "a.txt"),
        ("filename*=utf-8''%E2%82%AC.txt", "€.txt"),
        ('filename*0="long "; filename*1="name.txt"', "long name.txt"),
        ('filename="=?utf-8?q?=C3=84.txt?="', "Ä.txt"),
        ("filename=two words.txt", "two words.txt"),
        ('filename="invoice\u202efdp.exe"', "invoicefdp.exe"),
        ('filename="\u200b.htaccess"', ".htaccess"),
        ('filename=".."', "image.jpg"),
        ("", "image.jpg"),
    ],
)
def test_file_names_are_safe_and_never_missing(disposition: str, name: str) -> None:
    parsed = parse(part("image/jpeg", "x", f"Content-Disposition: attachment; {disposition}"))
    assert [a.filename for a in parsed.attachments] == [name]


def test_a_name_of_4_kb_is_cut_and_keeps_its_extension() -> None:
    [attachment] = parse(
        part("image/jpeg", "x", f'Content-Disposition: attachment; filename="{"x" * 4000}.jpg"')
    ).attachments
    assert len(attachment.filename) <= 200
    assert attachment.filename.endswith(".jpg")


def test_an_attached_mail_is_named_by_its_subject() -> None:
    parsed = parse(multipart("mixed", part("text/plain", "fwd"), part("message/rfc822", "Subject: Old\r\n\r\nhi")))
    assert [a.filename for a in parsed.attachments] == ["Old.eml"]
    assert parsed.text == "fwd"


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("utf-8", "Grüße".encode()),
        ("iso-8859-1", "Grüße".encode("latin-1")),
        ("iso-8859-1", "Grüße".encode()),
        ("us-ascii", "Grüße".encode("cp1252")),
        ("utf-8", "Grüße".encode("cp1252")),
        ("utf-16", "Grüße".encode("utf-16")),
        ("utf-7", "Grüße".encode("utf-7")),
        ("x-unknown", "Grüße".encode()),
        ("zlib", "Grüße".encode()),
        ("rot13", "Grüße".encode()),
        ("base64", "Grüße".encode()),
        ("../../etc/passwd", "Grüße".encode()),
        ("a\0b", "Grüße".encode()),
        ("", "Grüße".encode("cp1252")),
    ],
)
def test_text_is_read_whatever_the_charset_claims(charset: str, data: bytes) -> None:
    raw = f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode() + data
    assert parse_email(raw).text == "Grüße"


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Добрый день! У меня не работает принтер."),
        ("cp932", "プリンタが動きません。助けてください。"),
        ("cp949", "프린터가 고장났습니다. 도와주세요."),
        ("cp1253", "Ο εκτυπωτής δεν λειτουργεί, βοήθεια"),
        ("cp874", "เครื่องพิมพ์ไม่ทำงาน"),
        ("gb18030", "我们的打印机坏了，已经两天不能打印，请尽快派人来看一下。谢谢！"),
        ("cp1252", "Grüße aus Köln"),
    ],
)
@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=us-ascii", "; charset=unknown-8bit"])
def test_text_in_a_charset_that_nobody_says_is_read(codec: str, text: str, charset: str) -> None:
    parsed = parse_email(f"Content-Type: text/plain{charset}\r\n\r\n".encode() + text.encode(codec))
    assert parsed.text == text
    assert "charset unknown or wrong" in parsed.defects


@pytest.mark.parametrize("charset", ["gb2312", "big5", "shift_jis", "euc-kr", "windows-1251", "iso-8859-1"])
def test_utf8_under_another_name_is_read(charset: str) -> None:
    text = "打印机坏了, принтер, プリンタ"
    assert parse_email(f"Content-Type: text/plain; charset={charset}\r\n\r\n{text}".encode()).text == text


@pytest.mark.parametrize(
    ("codec", "subject"), [("gb18030", "打印机"), ("koi8-r", "Принтер"), ("cp932", "プリンタ"), ("cp1252", "Größe")]
)
def test_raw_headers_are_in_the_charset_of_the_text(codec: str, subject: str) -> None:
    head = f"Content-Type: text/plain; charset={codec}\r\nSubject: ".encode() + subject.encode(codec)
    parsed = parse_email(head + b"\r\n\r\n" + subject.encode(codec))
    assert (parsed.subject, parsed.text) == (subject, subject)
    assert "8-bit characters in the headers that are no UTF-8" in parsed.defects


def test_nul_is_dropped_with_a_defect() -> None:
    parsed = parse_email(b"Subject: a\0b\r\n\r\nc\0d")
    assert (parsed.subject, parsed.text) == ("ab", "cd")
    assert "NUL bytes" in parsed.defects


def test_text_that_is_no_base64_is_shown_as_it_stands() -> None:
    parsed = parse(part("text/plain", "Hello, Ana!\r\nbye", "Content-Transfer-Encoding: base64"))
    assert parsed.text == "Hello, Ana!\nbye"
    assert "text that is not in Base64 as it says" in parsed.defects


def test_a_file_of_an_unreadable_type_is_attached() -> None:
    parsed = parse(part("application-x-gzip; name=a.gz", "x"))
    assert [(a.filename, a.content_type) for a in parsed.attachments] == [("a.gz", "application/octet-stream")]
    assert parsed.text == ""
    assert parse(part("gibberish", "x")).text == "x"


def test_an_unknown_encoding_is_taken_as_none() -> None:
    parsed = parse(part("text/plain", "Hello", "Content-Transfer-Encoding: x-zip"))
    assert parsed.text == "Hello"
    assert "Content-Transfer-Encoding unknown" in parsed.defects


def test_a_closing_boundary_without_a_line_break_ahead_of_it_is_no_text() -> None:
    assert parse("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello--b--\r\n").text == "hello"


def test_quoted_printable_and_base64_are_decoded_even_when_broken() -> None:
    broken = part("text/plain", "SGVs\r\nbG8", "Content-Transfer-Encoding: base64")
    assert parse(broken).text == "Hello"
    assert parse(part("text/plain", "a=3D=\r\nb =ZZ", "Content-Transfer-Encoding: quoted-printable")).text == "a=b =ZZ"
