"""Where a signature starts: the delimiter of RFC 3676, or what a device adds by itself."""

import re

from pipeline.parse import phrases

MAX_LINES_AFTER = 4

_DELIMITER = re.compile("^(?:- )?(?:--|\u2014|\u2013\u2013)\\s?$|^-----BEGIN PGP SIGNATURE-----")
_FOOTER = re.compile(r"^_{20,}\s*$")
_DEVICE = re.compile(rf"[\s*_[(<]{{0,4}}(?:{phrases.SENT_FROM})", re.IGNORECASE)
_MAX_DEVICE = 100
_SENTENCE = re.compile(r"[.,;!?] +\w+ \w+ \w+|\b(?:is|are|was|but|because|which|ist|weil|aber)\b", re.IGNORECASE)


def is_delimiter(line: str) -> bool:
    """Whether the signature follows: `-- ` (RFC 3676, 4.3), also with its blank lost or PGP's dash before it."""
    return _DELIMITER.match(line) is not None


def is_footer(line: str) -> bool:
    """Whether a mailing list's footer follows, which starts with a long underline."""
    return _FOOTER.match(line) is not None


def is_device_line(line: str) -> bool:
    """Whether a device or program says that it sent this, and not the author in a sentence."""
    if len(line) > _MAX_DEVICE or line.lstrip(" \t*_[(<")[:3].lower() not in phrases.SENT_FROM_FIRST_LETTERS:
        return False
    return _DEVICE.match(line) is not None and not _SENTENCE.search(line)
