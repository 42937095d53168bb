"""Bytes of a named charset as text that PostgreSQL and JSON can hold, however wrong the name is."""

import re
from functools import lru_cache

# What mail calls a charset → the codec that reads it best, often a superset as browsers take it (WHATWG Encoding).
# Only these are ever looked up, so that no name reaches Python's byte-to-byte codecs (zlib, rot13, base64 …).
_CODECS = {
    "ascii": "utf-8", "usascii": "utf-8", "ansix341968": "utf-8", "iso646us": "utf-8", "utf8": "utf-8",
    "unicode11utf8": "utf-8", "utf8mb4": "utf-8", "cp65001": "utf-8",
    "utf7": "utf-7", "unicode11utf7": "utf-7", "utf16": "utf-16", "ucs2": "utf-16", "unicode": "utf-16",
    "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf32": "utf-32", "utf32le": "utf-32-le", "utf32be": "utf-32-be",
    "iso88591": "cp1252", "latin1": "cp1252", "l1": "cp1252", "iso885911": "cp874", "tis620": "cp874",
    "windows874": "cp874", "iso88599": "cp1254", "latin5": "cp1254", "iso885915": "iso8859-15", "latin9": "iso8859-15",
    "iso88598i": "iso8859-8", "iso88598e": "iso8859-8", "iso88596i": "iso8859-6", "iso88596e": "iso8859-6",
    "latin2": "iso8859-2", "latin3": "iso8859-3", "latin4": "iso8859-4", "cyrillic": "iso8859-5", "greek": "iso8859-7",
    "koi8r": "koi8-r", "koi8": "koi8-r", "koi8u": "koi8-u", "koi8ru": "koi8-u",
    "macintosh": "mac-roman", "mac": "mac-roman", "macroman": "mac-roman", "xmacroman": "mac-roman",
    "xmaccyrillic": "mac-cyrillic", "maccyrillic": "mac-cyrillic", "xmacgreek": "mac-greek",
    "xmacturkish": "mac-turkish", "xmacce": "mac-latin2",
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "xgbk": "gb18030", "cp936": "gb18030",
    "euccn": "gb18030", "gb231280": "gb18030", "chinese": "gb18030", "windows936": "gb18030", "hzgb2312": "hz",
    "big5": "big5hkscs", "big5hkscs": "big5hkscs", "cp950": "cp950", "xbig5": "big5hkscs", "big5eten": "cp950",
    "eucjp": "euc_jis_2004", "xeucjp": "euc_jis_2004", "ujis": "euc_jis_2004",
    "shiftjis": "cp932", "sjis": "cp932", "xsjis": "cp932", "mskanji": "cp932", "windows31j": "cp932",
    "cp932": "cp932", "shiftjis2004": "shift_jis_2004",
    "iso2022jp": "iso2022_jp_ext", "iso2022jp1": "iso2022_jp_1", "iso2022jp2": "iso2022_jp_2",
    "iso2022jp3": "iso2022_jp_3", "iso2022jp2004": "iso2022_jp_2004", "iso2022jpms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext", "iso2022kr": "iso2022_kr",
    "euckr": "cp949", "ksc56011987": "cp949", "ksc5601": "cp949", "ksc56011989": "cp949", "korean": "cp949",
    "cp949": "cp949", "windows949": "cp949", "uhc": "cp949", "johab": "johab", "cp1361": "johab",
    "viscii": "cp1258", "ibm850": "cp850", "ibm437": "cp437", "ibm852": "cp852", "ibm866": "cp866", "ibm855": "cp855",
    "ptcp154": "ptcp154", "kz1048": "kz1048",
}  # fmt: skip
_CODECS |= {f"iso8859{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 16)}
_CODECS |= {f"{prefix}{n}": f"cp{n}" for n in range(1250, 1259) for prefix in ("windows", "cp", "win", "xcp", "mswin")}
_CODECS |= {f"{prefix}{n}": f"cp{n}" for n in (437, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 865, 866, 869)
            for prefix in ("cp", "ibm")}  # fmt: skip
_STATEFUL = frozenset(c for c in _CODECS.values() if c.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz")))
_SEVERAL_BYTES = _STATEFUL | {
    "gb18030", "big5hkscs", "cp950", "euc_jis_2004", "cp932", "shift_jis_2004", "cp949", "johab",
}  # fmt: skip

_OFTEN_UNSAID = [
    "gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "koi8_r", "cp1251", "cp866", "cp1253", "cp1255", "cp1256",
    "cp874", "cp1252", "cp1250", "cp1254",
]  # fmt: skip
_ASCII = bytes(range(128))
_MANY = 3  # one byte in so many
MIN_SAMPLE = 12
MIN_UTF8 = 8  # bytes beyond ASCII; of 10,000 texts in another charset with so many, less than one is valid UTF-8
MAX_SAMPLE = 4096
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=512)
def codec_of(charset: str) -> str | None:
    """The codec that reads what mail calls this charset; None when there is no safe one."""
    return _CODECS.get(_NOT_A_NAME.sub("", charset[:60].lower()))


def decode(data: bytes, charset: str = "", *, detect: bool = False) -> tuple[str, bool]:
    """The text, and whether it was read without a guess. Never raises, never returns NUL or a lone surrogate.

    With `detect`, a guess may take some milliseconds and reads other than western text too.
    """
    codec = codec_of(charset) if charset else "utf-8"
    if data.isascii() and codec not in _STATEFUL and b"\x1b" not in data:
        text, sure = data.decode("ascii"), codec is not None
    elif codec is None:
        text, sure = _guess(data, detect=detect), False
    elif codec == "utf-8":
        text, sure = _utf8(data, detect=detect)
    else:
        text, sure = _declared(data, codec)
    return clean(text), sure


def clean(text: str) -> str:
    """The text without NUL (PostgreSQL refuses it) and with U+FFFD for lone surrogates (UTF-8 has none)."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _utf8(data: bytes, *, detect: bool) -> tuple[str, bool]:
    if b"\x1b" in data and data.isascii():
        return _declared(data, "iso2022_jp_ext")
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError:
        return _guess(data, detect=detect), False


def _guess(data: bytes, *, detect: bool) -> str:
    """UTF-8 with a few broken characters is still UTF-8; anything else is most often Windows' western charset.

    Western text has few letters beyond ASCII: where there are many, the charset is told by what the text would be.
    """
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if not broken or broken * 4 <= len(data) - len(text):
        return text
    sample = data[:MAX_SAMPLE]
    if detect and len(sample) >= MIN_SAMPLE and len(sample.translate(None, _ASCII)) * _MANY >= len(sample):
        return data.decode(_detected(sample), "replace")
    return _western(data)


@lru_cache(maxsize=256)
def _detected(sample: bytes) -> str:
    """The codec of a text that is likely not western."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - few mails need it, and it costs start-up time

    best = from_bytes(sample, cp_isolation=_OFTEN_UNSAID).best()
    return best.encoding if best else "latin-1"


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _japanese(data: bytes) -> tuple[str, bool]:
    """ISO-2022-JP as Windows writes it, with the circled digits of NEC's row 13, which JIS X 0213 has too."""
    out = bytearray()
    double = False
    for piece in re.split(rb"(\x1b[$(][@A-Z])", data):
        if piece.startswith(b"\x1b"):
            double = piece[1:2] == b"$"
        else:
            out += bytes(byte | 0x80 for byte in piece) if double else piece
    text = out.decode("euc_jis_2004", "replace")
    return text, "\ufffd" not in text


def _declared(data: bytes, codec: str) -> tuple[str, bool]:
    if codec in {"utf-16", "utf-32"} and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        codec += "-be" if data[0::2].count(0) >= data[1::2].count(0) else "-le"  # RFC 2781: big-endian without a mark
    # One byte a character reads anything, so valid UTF-8 there means that the name lies. Of several bytes a character,
    # a short text can be valid in both.
    is_short = len(data[:MAX_SAMPLE].translate(None, _ASCII)) < MIN_UTF8
    order = (codec, "utf-8") if codec in _SEVERAL_BYTES and is_short else ("utf-8", codec)
    for tried in order if codec not in _STATEFUL else (codec,):
        try:
            return data.decode(tried), tried == codec or (tried == "utf-8" and codec not in _SEVERAL_BYTES)
        except UnicodeError:
            continue
    if codec == "cp1252":
        return data.decode("latin-1"), True
    if codec == "iso2022_jp_ext":
        return _japanese(data)
    return data.decode(codec, "replace"), False
