"""Reads a record into a typed message, before any transaction begins."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.agents.batch import Incoming
from pipeline.agents.reading.call import read_call
from pipeline.agents.reading.form import read_form
from pipeline.agents.reading.mail import read_mail
from pipeline.agents.reading.post import read_post
from pipeline.agents.reading.readings import read_record
from pipeline.agents.rules import Rules, compile_rules
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.domain.outcomes import Dead
from pipeline.parse.sparkplug import Births, BoundedBirths
from pipeline.wire import Envelope, Record


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be made a message, and why; `envelope` is None when even that is unreadable.

    `item` is its place when it came in a record of several.
    """

    record: Record
    envelope: Envelope | None
    raw: bytes
    dead: Dead
    item: int = 0


def unread(record: Record, dead: Dead) -> Unread:
    """The record as dead, without looking into its message."""
    try:
        envelope = Envelope.of_record(record.key, record.value, record.headers)
    except ValueError:
        envelope = None
    return Unread(record, envelope, record.value or b"", dead)


class Reader:
    """Parses by channel; what Python raises becomes a value of that one record."""

    def __init__(self, rules: Rules, blobs: BlobStore) -> None:
        self._rules = rules
        self._blobs = blobs
        self._births: defaultdict[str, Births] = defaultdict(BoundedBirths)

    @classmethod
    def of(cls, config: Config) -> Self:
        """The reader of a desk. Raises LookupError when a secret is not there."""
        return cls(compile_rules(config), BlobStore(Path(config.blobs.url)))

    def read(self, record: Record) -> Incoming | Unread:
        """The typed message of a record. Never raises: a record that cannot be read is dead, alone."""
        try:
            envelope = Envelope.of_record(record.key, record.value, record.headers)
        except ValueError as error:
            return Unread(record, None, record.value or b"", Dead(str(error), "unreadable", "envelope"))
        raw = envelope.raw
        try:
            if envelope.dataref is not None:
                raw = self._blobs.get(envelope.dataref)
            return self._parsed(record, envelope, raw)
        except LookupError as error:
            return Unread(record, envelope, raw, Dead(str(error), "unreadable", "read"))
        except Exception as error:  # noqa: BLE001  # one message's surprise must not stop the others
            return Unread(record, envelope, raw, Dead(repr(error)[:500], "unexpected", f"parse {envelope.channel}"))

    def _parsed(self, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
        match envelope.channel:
            case "email":
                return read_mail(self._rules, record, envelope, raw)
            case "web":
                return read_form(self._rules, record, envelope, raw)
            case "phone":
                return read_call(self._rules, record, envelope, raw)
            case "social":
                return read_post(self._rules, record, envelope, raw)
            case "iot":
                return read_record(self._rules, record, envelope, raw, self._births[envelope.source])
        raise LookupError(f"no reader for channel {envelope.channel}")
