"""The name an attachment is kept under: one line, no path, nothing that disguises it."""

import re
import unicodedata

from pipeline.parse.words import decode_words

MAX_NAME = 200

_EXTENSIONS = {
    "text/plain": "txt", "text/html": "html", "text/csv": "csv", "text/calendar": "ics", "text/xml": "xml",
    "text/vcard": "vcf", "text/x-vcard": "vcf", "text/rtf": "rtf", "application/rtf": "rtf",
    "application/pdf": "pdf", "application/zip": "zip", "application/json": "json", "application/xml": "xml",
    "application/msword": "doc", "application/vnd.ms-excel": "xls", "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "image/jpeg": "jpg", "image/pjpeg": "jpg", "image/svg+xml": "svg", "image/tiff": "tif", "image/x-icon": "ico",
    "audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wav": "wav", "audio/mp4": "m4a",
    "video/mp4": "mp4", "video/quicktime": "mov", "video/mpeg": "mpg",
}  # fmt: skip
_WHOLE = {
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt", "text/rfc822-headers": "headers.txt",
    "message/rfc822": "message.eml", "message/global": "message.eml", "message/partial": "message-part.eml",
    "message/external-body": "external-body.txt", "application/ms-tnef": "winmail.dat",
    "application/pgp-signature": "signature.asc", "application/pgp-encrypted": "version.asc",
    "application/pkcs7-signature": "smime.p7s", "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m", "application/x-pkcs7-mime": "smime.p7m",
}  # fmt: skip
_KINDS = {"image": "image", "audio": "audio", "video": "video", "text": "document", "application": "document"}
_SUBTYPE = re.compile(r"[a-z0-9]{1,8}")


def safe_name(given: str) -> str:
    """The name without path, line breaks, invisible and direction-changing characters; empty when nothing is left."""
    name = decode_words(given)
    name = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    if not name.isascii():
        name = "".join(c for c in name if unicodedata.category(c) not in {"Cf", "Cc", "Cs", "Zl", "Zp"})
    name = name.strip().lstrip("\u200b")
    if not name.strip(". "):
        return ""
    if len(name) > MAX_NAME:
        stem, dot, extension = name.rpartition(".")
        short = dot and len(extension) <= 10  # noqa: PLR2004 - longer is no extension
        name = f"{stem[: MAX_NAME - 11]}.{extension}" if short else name[:MAX_NAME]
    return name


def name_by_type(content_type: str) -> str:
    """A name for what has none, such as `image.jpg`, or `file` where the type says nothing."""
    if content_type in _WHOLE:
        return _WHOLE[content_type]
    kind, _, subtype = content_type.partition("/")
    extension = _EXTENSIONS.get(content_type)
    if extension is None and kind in {"image", "audio", "video"} and _SUBTYPE.fullmatch(subtype):
        extension = subtype
    return f"{_KINDS[kind]}.{extension}" if extension and kind in _KINDS else "file"
