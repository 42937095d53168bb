"""What is written in the files of a mail, as far as they are text."""

from collections.abc import Iterator

from pipeline.parse.body import read_body
from pipeline.parse.charset import decode
from pipeline.parse.content import decoded
from pipeline.parse.headers import read_headers
from pipeline.parse.html import html_to_text
from pipeline.parse.mime import read_parts

MAX_FILES = 10
MAX_FILE = 262_144


def attached_texts(raw: bytes) -> Iterator[str]:
    """The texts attached, attached mails with their subjects; HTML as its reader sees it."""
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    headers, body_start = read_headers(raw, start, len(raw), [])
    files = read_body(read_parts(raw, headers, body_start, [])).attachments
    for part in files[:MAX_FILES]:
        if part.content_type not in {"message/rfc822", "text/html"} and not part.content_type.startswith("text/"):
            continue
        data = decoded(raw, part)[:MAX_FILE]
        text, _ = decode(data, part.parameters.get("charset", ""), detect=False)
        yield html_to_text(text) if part.content_type == "text/html" else text
