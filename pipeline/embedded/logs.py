"""Keeps what the parts print, in files of bounded size."""

import re
import shutil
from pathlib import Path

LIMIT = 10 * 1024 * 1024
"""Bytes a log may hold before it is moved aside; one older file is kept."""


def rotate(log: Path) -> None:
    """Move a log that grew too large to `NAME.log.1` while its writers, which append, go on writing to it."""
    if log.exists() and log.stat().st_size > LIMIT:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as file:
            file.truncate(0)


def last_line(log: Path) -> str:
    """The last line of a log that says something: no blank one, no drawn frame, no frame of a Java stack trace."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16384))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    said = (line.strip(" │") for line in reversed(lines) if re.search(r"\w", line) and not line.startswith("\t"))
    return next(said, "it said nothing")
