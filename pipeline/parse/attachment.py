"""What is attached to a mail: a part of it, or a file that Outlook packed into one."""

import hashlib
from collections.abc import Callable

from pipeline.parse.filename import name_by_type, safe_name
from pipeline.parse.headers import read_headers
from pipeline.parse.ids import MAX_ID
from pipeline.parse.message import Attachment
from pipeline.parse.mime import MEDIA_TYPE, Part
from pipeline.parse.tnef import TnefFile
from pipeline.parse.words import decode_words, one_line

_MAX_WORDS = 2_000


def attached(part: Part, data: bytes, shown_ids: Callable[[], frozenset[str]]) -> Attachment:
    """The part as an attachment; `shown_ids` tells which Content-IDs the HTML shows, when asked."""
    content_id = one_line(part.headers.raw("content-id"))[:MAX_ID] or None
    return Attachment(
        filename=_filename(part, data),
        content_type=part.content_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        inline=part.content_type.startswith("image/") and _is_shown(part, content_id, shown_ids),
        content_id=content_id,
    )


def unpacked(file: TnefFile) -> Attachment:
    """A file of a winmail.dat, as if it were attached itself."""
    kind = file.content_type.lower() if MEDIA_TYPE.fullmatch(file.content_type.lower()) else "application/octet-stream"
    return Attachment(
        filename=safe_name(file.name) or name_by_type(kind),
        content_type=kind,
        size=len(file.data),
        sha256=hashlib.sha256(file.data).hexdigest(),
        inline=kind.startswith("image/") and bool(file.content_id),
        content_id=f"<{one_line(file.content_id)[: MAX_ID - 2]}>" if file.content_id else None,
    )


def _is_shown(part: Part, content_id: str | None, shown_ids: Callable[[], frozenset[str]]) -> bool:
    if part.disposition == "inline":
        return True
    return bool(content_id) and str(content_id).strip("<>") in shown_ids()


def _filename(part: Part, data: bytes) -> str:
    if name := safe_name(part.named):
        return name
    if part.content_type in {"message/rfc822", "message/global"}:
        inner, _ = read_headers(data, len(data) - len(data.lstrip(b"\r\n")), len(data), [])
        written = decode_words(inner.raw("subject")[:_MAX_WORDS]).replace("/", "_").replace("\\", "_")
        if subject := safe_name(written[:190]):
            return f"{subject}.eml"
    if description := safe_name(part.headers.raw("content-description")[:_MAX_WORDS]):
        return description
    return name_by_type(part.content_type)
