"""A header with parameters, like Content-Type (RFC 2045), continued and encoded as RFC 2231 says."""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from pipeline.parse.charset import decode
from pipeline.parse.words import decode_words

MAX_PARAMETERS = 8192

_PARAMETER = re.compile(r""";\s*([^\s=;"]{1,100})\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_SECTION = re.compile(r"^(.+?)\*(?:(\d{1,3})(\*?))?$")
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")


def read_parameters(value: str) -> tuple[str, dict[str, str]]:
    """The value before the first semicolon in lower case, and the parameters by lower-case name."""
    return _read(value[:MAX_PARAMETERS])


@lru_cache(maxsize=512)
def _read(value: str) -> tuple[str, dict[str, str]]:
    main, semicolon, _ = value.partition(";")
    if "=" in main and len(words := main.split(None, 1)) > 1:  # a mailer forgot the first semicolon
        main, semicolon = words[0], ";"
        value = f"{main};{words[1]}{value[value.find(';') :] if ';' in value else ''}"
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    if semicolon:
        for match in _PARAMETER.finditer(value, len(main)):
            name, text = match[1].lower(), _unquote(match[2])
            if "*" in name and (section := _SECTION.match(name)):
                number = int(section[2] or 0)
                encoded = section[2] is None or bool(section[3])
                sections.setdefault(section[1], {}).setdefault(number, (encoded, text))
            else:
                plain.setdefault(name, text)
    for name, found in sections.items():
        plain[name] = _join(found)
    return _COMMENT.sub("", main).strip().lower(), plain


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == '"' and text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return _COMMENT.sub("", text) if text.endswith(")") and " (" in text else text.strip('"')


def _join(found: dict[int, tuple[bool, str]]) -> str:
    """RFC 2231: sections in the order of their numbers, charset and language in the first."""
    charset, data = "", b""
    for position, number in enumerate(sorted(found)):
        encoded, text = found[number]
        if encoded and position == 0 and text.count("'") >= 2:  # noqa: PLR2004 - charset'language'text
            charset, _, text = text.split("'", 2)
        if not encoded and "=?" in text:
            text = decode_words(text)
        data += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return decode(data, charset or "utf-8")[0]
