"""What holds for every mail: what is written is read, in whatever encoding it travels, and nothing is made up."""

from dataclasses import asdict
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.parse.email import parse_email
from pipeline.parse.html import html_to_text
from pipeline.parse.reply import split_reply

WRITTEN = st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp"))
LINES = st.lists(st.text(WRITTEN, max_size=80), max_size=12).map("\n".join)
NAMES = st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=30)
WORDS = st.sampled_from([
    "On Mon, 2 Mar 2026 at 10:00, Rui <rui@acme.example> wrote:", "> quoted", ">> twice", "", "yes", "-- ", "Ana",
    "From: Rui", "Sent: Monday 10:00", "-----Original Message-----", "Sent from my iPhone", "______________________",
    "| bar",
    "Am 02.03.2026 um 10:00 schrieb Rui:", "Begin forwarded message:", "----", "2026-03-02 10:00 Rui <r@x.example>:",
    ":", "a:",
])  # fmt: skip
MAIL_TEXTS = st.lists(WORDS | st.text(WRITTEN, max_size=40), max_size=30).map("\n".join)
TAGS = st.sampled_from([
    "<p>", "</p>", "<br>", "<div style='display:none'>", "</div>", "<blockquote>", "</blockquote>", "<pre>", "</pre>",
    "<li>", "<!--", "-->", "<script>", "</script>", "<td a='>'>", "<", ">", "&amp;", "&nbsp;", "&#0;", "&#55296;",
    "\n", "  ", "<hr>", "<title>", "<svg/>", "</", '<a href="', "'", "\1", "\7",
])  # fmt: skip


def squashed(text: str) -> str:
    return " ".join(text.split())


@given(LINES, st.sampled_from(["quoted-printable", "base64", "8bit"]))
@settings(deadline=None)
def test_text_is_read_as_it_was_written(text: str, encoding: str) -> None:
    message = EmailMessage(policy=SMTP)
    message.set_content(text, charset="utf-8", cte=encoding)
    assert squashed(parse_email(bytes(message)).text) == squashed(text)


@given(NAMES, NAMES)
@settings(deadline=None)
def test_names_and_subjects_are_read_as_they_were_written(name: str, subject: str) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = Mailbox(name, "ana", "acme.example")
    message["Subject"] = subject
    parsed = parse_email(bytes(message))
    assert parsed.from_ is not None
    assert (parsed.from_.name, parsed.from_.address, parsed.subject) == (name, "ana@acme.example", subject)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=200)), max_size=5))
@settings(deadline=None)
def test_files_are_attached_byte_by_byte(files: list[tuple[str, bytes]]) -> None:
    message = EmailMessage(policy=SMTP)
    message.set_content("see files")
    for name, data in files:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"{name}.bin")
    attached = [(a.filename, a.size, a.sha256) for a in parse_email(bytes(message)).attachments]
    assert attached == [(f"{name}.bin", len(data), sha256(data).hexdigest()) for name, data in files]


@given(MAIL_TEXTS)
@settings(deadline=None, max_examples=300)
def test_reply_quoted_and_signature_are_the_text_and_no_more(text: str) -> None:
    parts = split_reply(text)
    assert sorted(" ".join(parts).split()) == sorted(text.split())
    assert all(line in text for part in parts for line in part.split("\n"))


@given(MAIL_TEXTS)
@settings(deadline=None)
def test_the_reply_separated_again_is_itself_or_less(text: str) -> None:
    reply = split_reply(text)[0]
    assert len(split_reply(reply)[0]) <= len(reply)


@given(st.lists(TAGS | st.text(WRITTEN, max_size=20), max_size=40).map("".join))
@settings(deadline=None, max_examples=300)
def test_html_gives_text_without_controls_or_trailing_blanks(source: str) -> None:
    text = html_to_text(source)
    assert not set(text) & set("\0\1\2\3\4\5\6\7\x08\r\t")
    assert not any(line.endswith(" ") for line in text.split("\n"))
    assert "\n\n\n" not in text


@given(
    st.binary(max_size=500),
    st.sampled_from(["text/html", "text/plain", "application/ms-tnef", "text/calendar", "message/rfc822"]),
)
@settings(deadline=None, max_examples=200)
def test_the_lean_form_differs_only_in_what_it_leaves_out(data: bytes, kind: str) -> None:
    raw = f"From: a@b.example\r\nContent-Type: {kind}\r\n\r\n".encode() + data
    left_out = {"html", "reply", "quoted", "signature", "defects"}
    whole, lean = asdict(parse_email(raw)), asdict(parse_email(raw, with_html=False, with_reply=False))
    assert {k: v for k, v in whole.items() if k not in left_out} == {k: v for k, v in lean.items() if k not in left_out}
