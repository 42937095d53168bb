"""What is fuzzed: every channel's reader as the command builds it, and the parsers within the mail's alone."""

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict

import orjson

from pipeline.commands.parsers import CHANNELS
from pipeline.commands.parsers.channel import Asked
from pipeline.config.channels import DeviceFeed, Form
from pipeline.parse.email import parse_email
from pipeline.parse.html import html_to_text
from pipeline.parse.invitation import read_invitation
from pipeline.parse.iot import read_readings
from pipeline.parse.reply import split_reply
from pipeline.parse.sanitise import is_heavy, sanitise
from pipeline.parse.tnef import read_tnef
from pipeline.parse.web import parse_form

_NUL = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u0000"
)  # as JSON writes it; a backslash that stands in the text is written twice

Target = Callable[[bytes], None]

IOT_TOPICS = (
    "te/device/main///m/temperature",
    "te/device/main///a/hot",
    "te/device/main///e/opened",
    "te/device/main/service/agent/status/health",
    "tedge/alarms/critical/hot/pump-7",
    "plant/pump-7",
    "spBv1.0/g/DBIRTH/e/pump-7",
    "spBv1.0/g/NDATA/e",
)
FORM_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/plain; charset=utf-7",
)
FORM = Form(name="contact", required=("email", "serial"), fields={"anliegen": "text"})
FEEDS = [DeviceFeed(name="feed", topics=("#",), format=name) for name in ("thin-edge", "json", "sparkplug")]
PHONE_FORMATS = (None, *CHANNELS["phone"].formats)


def holds(value: object) -> None:
    """Every text in it can be stored by PostgreSQL and written as JSON."""
    written = orjson.dumps(value, default=str)
    assert not _NUL.search(written), "NUL"


def words_of(text: str) -> list[str]:
    """The text without the blanks that layout may change."""
    return text.split()


def email(raw: bytes) -> None:
    """A mail in both forms: what they share is the same, and the reply is what stands in the text."""
    whole = parse_email(raw, our_domain="cases.example")
    lean = parse_email(raw, our_domain="cases.example", with_html=False, with_reply=False)
    assert (whole.text, whole.subject, whole.from_, whole.auto) == (lean.text, lean.subject, lean.from_, lean.auto)
    holds(asdict(whole))
    parts(whole.text)


def parts(text: str) -> None:
    """Reply, quoted and signature hold every word of the text once, and none besides."""
    separated = split_reply(text)
    assert sorted(words_of(" ".join(separated))) == sorted(words_of(text)), "words lost or made up"


def reply(raw: bytes) -> None:
    """The separation alone."""
    parts(raw.decode("utf-8", "replace"))


def html(raw: bytes) -> None:
    """HTML to text, and cleaned."""
    source = raw.decode("utf-8", "replace").replace("\0", "")
    holds(html_to_text(source))
    if not is_heavy(source):
        holds(sanitise(source))


def tnef(raw: bytes) -> None:
    """A stream behind its signature."""
    read = read_tnef(b"\x78\x9f\x3e\x22\1\0" + raw)
    assert read is not None
    holds([read.text, read.html, *([file.name, file.content_type, file.content_id] for file in read.files)])


def invitation(raw: bytes) -> None:
    """A calendar."""
    found, description = read_invitation(raw, "utf-8", "")
    holds([found and asdict(found), description])


def readings(raw: bytes) -> None:
    """A record of many messages, of each format; what is none says so."""
    for feed in FEEDS:
        try:
            found = read_readings(raw, feed)
        except ValueError:
            continue
        for delivery in found:
            holds(tuple(delivery.told._replace(readings=())))
            holds([tuple(one._replace(value=str(one.value))) for one in delivery.told.readings])


def web(raw: bytes) -> None:
    """A form, of each type that a site may send."""
    for content_type in FORM_TYPES:
        holds(asdict(parse_form(raw, content_type, FORM)))


def _channel(name: str, options: Iterable[Asked]) -> Target:
    readers = [CHANNELS[name].reader(asked) for asked in options]

    def target(raw: bytes) -> None:
        for read in readers:
            for found in read(raw):
                holds(found)

    return target


TARGETS: dict[str, Target] = {
    "email": email,
    "reply": reply,
    "html": html,
    "tnef": tnef,
    "invitation": invitation,
    "phone": _channel("phone", (Asked(format=name) for name in PHONE_FORMATS)),
    "social": _channel("social", [Asked()]),
    "web": web,
    "iot": _channel("iot", (Asked(topic=topic) for topic in IOT_TOPICS)),
    "readings": readings,
}
