"""The body of a form post → its fields and files, whichever of the three ways it was sent."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qsl

from pipeline.parse.filename import safe_name
from pipeline.parse.message import Attachment
from pipeline.parse.mime import MEDIA_TYPE
from pipeline.parse.strict_json import Malformed, read_json

MAX_PARTS = 1000
_MAX_PART_HEADER = 16_384
_MAX_TYPE = 255

_PARAMETER = re.compile(r';\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,200}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FORM_ESCAPES = {"%22": '"', "%0D": " ", "%0A": " ", "%0d": " ", "%0a": " "}


class Unsupported(Malformed):
    """The content type is none that a form is sent with."""


@dataclass(frozen=True, slots=True)
class SubmittedFile:
    """A file and the field it came in."""

    field: str
    attachment: Attachment


@dataclass(frozen=True, slots=True)
class Submitted:
    """Fields in the order they came; `nested` names those that held an object where text belongs."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[SubmittedFile] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)


def media_type(content_type: str) -> str:
    """The type alone, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def read_body(raw: bytes, content_type: str) -> Submitted:
    """What the body says. Raises Malformed, or Unsupported when it is no form at all."""
    reader = _READERS.get(media_type(content_type))
    if reader is None:
        raise Unsupported("a form is sent as JSON, urlencoded or multipart")
    submitted = reader(raw, content_type)
    for text in (*submitted.fields, *submitted.fields.values(), *(file.field for file in submitted.files)):
        if "\0" in text or _SURROGATE.search(text):
            raise Malformed("a field holds NUL or half a character")
    return submitted


def _read_json(raw: bytes, _: str) -> Submitted:
    values = read_json(raw)
    if not isinstance(values, dict):
        raise Malformed("the JSON is not an object")
    submitted = Submitted()
    for name, value in values.items():
        text = _text(value)
        if text is None:
            submitted.nested.append(name)
        else:
            submitted.fields[name] = text
    return submitted


def _text(value: object) -> str | None:
    """A field's value as text; of a list of texts, all of them. None when it is no text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return None


def _read_urlencoded(raw: bytes, _: str) -> Submitted:
    try:
        text = raw.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS)
    except UnicodeDecodeError:
        pairs = _legacy_pairs(raw)
    except ValueError as error:
        raise Malformed("there are too many fields") from error
    submitted = Submitted()
    for name, value in pairs:
        _add(submitted, name, value)
    return submitted


def _legacy_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Pairs of a site that is not in UTF-8, or that did not escape its letters."""
    try:
        return parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS)
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    except ValueError as error:
        raise Malformed("there are too many fields") from error
    try:
        return parse_qsl(text, keep_blank_values=True, encoding="cp1252", errors="replace", max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise Malformed("there are too many fields") from error


def _read_multipart(raw: bytes, content_type: str) -> Submitted:
    boundary = parameters(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Malformed("the multipart body names no usable boundary")
    delimiter = b"\r\n--" + boundary.encode()
    parts = (b"\r\n" + raw).split(delimiter, MAX_PARTS + 1)
    if len(parts) > MAX_PARTS:
        raise Malformed("there are too many parts")
    if len(parts) == 1 or not parts[-1].startswith(b"--"):
        raise Malformed("the multipart body does not end with its boundary")
    submitted = Submitted()
    for part in parts[1:-1]:
        _add_part(submitted, part)
    return submitted


def _add_part(submitted: Submitted, part: bytes) -> None:
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator or len(head) > _MAX_PART_HEADER:
        raise Malformed("a part has no end of its header")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
    }
    given = parameters(headers.get("content-disposition", ""))
    if "name" not in given:
        raise Malformed("a part has no name")
    if "filename" not in given:
        _add(submitted, given["name"], _decoded(content))
    elif given["filename"] or content:
        type_ = media_type(headers.get("content-type", "")[:_MAX_TYPE])
        type_ = type_ if MEDIA_TYPE.fullmatch(type_) else "application/octet-stream"
        name = safe_name(given["filename"]) or "file"
        attachment = Attachment(name, type_, len(content), sha256(content).hexdigest(), inline=False, content_id=None)
        submitted.files.append(SubmittedFile(given["name"], attachment))


def parameters(value: str) -> dict[str, str]:
    """The parameters of a header, names in small letters, of two with one name the first."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value[:_MAX_PART_HEADER]):
        text = re.sub(r'\\(["\\])', r"\1", quoted) or plain
        for escape, meant in _FORM_ESCAPES.items():
            text = text.replace(escape, meant)
        found.setdefault(name.lower(), text)
    return found


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _add(submitted: Submitted, name: str, value: str) -> None:
    """Add a field; several boxes ticked under one name are one value."""
    before = submitted.fields.get(name)
    submitted.fields[name] = f"{before}, {value}" if before else value


_READERS: dict[str, Callable[[bytes, str], Submitted]] = {
    "application/json": _read_json,
    "application/x-www-form-urlencoded": _read_urlencoded,
    "multipart/form-data": _read_multipart,
}
