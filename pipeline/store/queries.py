"""Reads named SQL statements out of the files beside it."""

import re
from collections.abc import Mapping
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(name: str) -> Mapping[str, bytes]:
    """The statements of a file by name; a statement begins at its line `-- name: …` and ends at the next."""
    text = (files("pipeline.store") / name).read_text("utf-8")
    pieces = _NAME.split(text)
    return {key: body.strip().rstrip(";").encode() for key, body in zip(pieces[1::2], pieces[2::2], strict=True)}
