"""What the reader of a channel is made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.config import Config

Reader = Callable[[bytes], Iterable[dict[str, Any]]]
"""The objects that one file's bytes yield."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was told beside the files; without a configuration, `config` is None."""

    config: Config | None = None
    format: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """How the files of a channel are read; `formats` are those that --format may name, `topics` admits --topic."""

    reader: Callable[[Asked], Reader]
    formats: tuple[str, ...] = ()
    topics: bool = False
