"""Text of strangers, made fit to be stored."""

import re

MAX_TEXT = 1_000_000
"""Characters of a body that are kept as text; the raw message keeps the rest."""

_CONTROL = re.compile(r"[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that PostgreSQL and JSON can hold, of bounded length."""
    return _CONTROL.sub("\ufffd", text[:MAX_TEXT])
