"""Remembers what was acknowledged, on disk before anything else is done."""

import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

Kind = Literal["mail", "form", "poison"]


@dataclass(frozen=True, slots=True)
class Acked:
    """One acknowledged message.

    `id` is what makes it one message however often it was sent: the Message-ID of a mail, the Idempotency-Key of a
    form, the bytes of a poisoned record. All of one `conversation` belong in one case; those with a `place` were sent
    one after the other's acknowledgement, so their places rise in the order of arrival.
    """

    kind: Kind
    id: str
    conversation: str | None = None
    place: int | None = None


class Oracle:
    """Appends to a file that survives whatever happens to the desk."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab")
        self._lock = threading.Lock()
        self.acked: list[Acked] = []

    def note(self, acked: Acked) -> None:
        """Return when the acknowledgement is on disk."""
        with self._lock:
            self._file.write(orjson.dumps(asdict(acked)) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self.acked.append(acked)

    def close(self) -> None:
        """Nothing more is acknowledged."""
        self._file.close()
