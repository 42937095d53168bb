"""What Outlook packs into winmail.dat: the files and the text of a TNEF stream (MS-OXTNEF), bounded in every count."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from pipeline.parse.charset import decode
from pipeline.parse.mime import Part

MAX_ATTRIBUTES = 5_000
MAX_FILES = 200
MAX_PROPERTIES = 2_000

_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SIGNATURE = 0x223E9F78
_HEAD = struct.Struct("<BII")  # level, attribute, length
_TITLE, _DATA, _BEGIN, _FILE = 0x00018010, 0x0006800F, 0x00069002, 0x00069005
_BODY, _MESSAGE, _CODEPAGE = 0x0002800C, 0x00069003, 0x00069007

_PLAIN, _HTML, _INTERNET_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_FILE_NAME, _LONG_NAME, _MIME_TYPE, _CONTENT_ID, _OBJECT = 0x3704, 0x3707, 0x370E, 0x3712, 0x3701
_FIXED = {0x02: 4, 0x0B: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = frozenset({0x0D, 0x1E, 0x1F, 0x102})
_STRING, _UNICODE, _LONG = 0x1E, 0x1F, 0x03
_SEVERAL, _NAMED = 0x1000, 0x8000
_IS_MESSAGE = UUID("00020307-0000-0000-c000-000000000046").bytes_le


@dataclass(slots=True)
class TnefFile:
    """A file in a TNEF stream; what is not said is empty."""

    name: str = ""
    content_type: str = ""
    content_id: str = ""
    data: bytes = b""


@dataclass(slots=True)
class Tnef:
    """The files and the body, as text or as HTML; `is_whole` when nothing was cut off or out of bounds."""

    files: list[TnefFile] = field(default_factory=list)
    text: str = ""
    html: str = ""
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class _Property:
    id: int
    kind: int
    value: bytes


def is_tnef(part: Part) -> bool:
    """Whether a part says that it is such a stream, by its type or its name."""
    return part.content_type in _TYPES or part.named.lower() == "winmail.dat"


def read_tnef(data: bytes) -> Tnef | None:
    """What the stream holds as far as it can be read; None when it is none."""
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:  # noqa: PLR2004 - signature and key
        return None
    tnef = Tnef()
    charset = "windows-1252"
    try:
        for attribute, value in _attributes(data):
            if attribute == _CODEPAGE:
                charset = f"cp{_number(value)}"
            elif attribute == _BEGIN:
                _begin_file(tnef)
            elif attribute == _BODY:
                tnef.text = _string(value, charset)
            elif attribute == _MESSAGE:
                _read_message(tnef, value, charset)
            elif tnef.files:
                _read_file(tnef.files[-1], attribute, value, charset)
    except (struct.error, _OutOfBoundsError):
        tnef.is_whole = False
    return tnef


class _OutOfBoundsError(Exception):
    """More than a mail has, or a length beyond the end."""


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each attribute of the stream; its checksum is not looked at, as Outlook does not either."""
    position = 6
    for _ in range(MAX_ATTRIBUTES):
        if position + _HEAD.size > len(data):
            return
        _, attribute, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        if position + length > len(data):
            raise _OutOfBoundsError
        yield attribute, data[position : position + length]
        position += length + 2
    raise _OutOfBoundsError


def _begin_file(tnef: Tnef) -> None:
    if len(tnef.files) >= MAX_FILES:
        raise _OutOfBoundsError
    tnef.files.append(TnefFile())


def _read_message(tnef: Tnef, value: bytes, charset: str) -> None:
    """The body among the properties of the message."""
    found = {prop.id: prop for prop in _properties(value) if prop.id in {_PLAIN, _HTML, _INTERNET_CODEPAGE}}
    if (page := found.get(_INTERNET_CODEPAGE)) and page.kind == _LONG:
        charset = f"cp{_number(page.value)}"
    if _PLAIN in found:
        tnef.text = _text(found[_PLAIN], charset)
    if _HTML in found:
        tnef.html = _text(found[_HTML], charset)


def _read_file(file: TnefFile, attribute: int, value: bytes, charset: str) -> None:
    """What the attribute says about the file: its data, its short name, or its properties."""
    if attribute == _DATA:
        file.data = value
    elif attribute == _TITLE:
        file.name = file.name or _string(value, charset)
    elif attribute == _FILE:
        for prop in _properties(value):
            if prop.id == _LONG_NAME or (prop.id == _FILE_NAME and not file.name):
                file.name = _text(prop, charset)
            elif prop.id == _MIME_TYPE:
                file.content_type = _text(prop, charset)
            elif prop.id == _CONTENT_ID:
                file.content_id = _text(prop, charset)
            elif prop.id == _OBJECT:
                _read_object(file, prop.value)


def _read_object(file: TnefFile, value: bytes) -> None:
    """An object behind the id of its interface; a message within the message is a TNEF stream again, left as it is."""
    if value.startswith(_IS_MESSAGE):
        file.data, file.content_type = value[len(_IS_MESSAGE) :], "application/ms-tnef"
    elif not file.data:
        file.data = value[len(_IS_MESSAGE) :]


def _properties(data: bytes) -> Iterator[_Property]:
    """The properties with a value of their own; of those with several values, none is read."""
    count = _number(data)
    position = 4
    for _ in range(min(count, MAX_PROPERTIES)):
        kind, id_ = struct.unpack_from("<HH", data, position)
        position += 4
        if id_ >= _NAMED:
            position = _behind_name(data, position)
        several = kind & _SEVERAL
        kind &= ~_SEVERAL
        values, position = _values(data, position, kind, several=bool(several))
        if len(values) == 1 and not several:
            yield _Property(id_, kind, values[0])
    if count > MAX_PROPERTIES:
        raise _OutOfBoundsError


def _behind_name(data: bytes, position: int) -> int:
    """Where the value of a named property starts, behind its set, and its number or its name."""
    (by_name,) = struct.unpack_from("<I", data, position + 16)
    position += 20
    return position + 4 + _padded(_number(data, position)) if by_name else position + 4


def _values(data: bytes, position: int, kind: int, *, several: bool) -> tuple[list[bytes], int]:
    if kind not in _FIXED and kind not in _VARIABLE:
        raise _OutOfBoundsError
    count = 1
    if several or kind in _VARIABLE:
        count = _number(data, position)
        position += 4
    if count > MAX_PROPERTIES:
        raise _OutOfBoundsError
    values: list[bytes] = []
    for _ in range(count):
        length = _FIXED.get(kind, 0)
        if kind in _VARIABLE:
            length = _number(data, position)
            position += 4
        if position + length > len(data):
            raise _OutOfBoundsError
        values.append(data[position : position + length])
        position += _padded(length)
    return values, position


def _padded(length: int) -> int:
    return length + -length % 4


def _number(data: bytes, position: int = 0) -> int:
    number: int = struct.unpack_from("<I", data, position)[0]
    return number


def _text(prop: _Property, charset: str) -> str:
    if prop.kind == _UNICODE:
        return decode(prop.value, "utf-16-le")[0]
    return _string(prop.value, charset)


def _string(value: bytes, charset: str) -> str:
    return decode(value.rstrip(b"\0"), charset)[0].replace("\r\n", "\n")
