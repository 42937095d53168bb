"""The steps of a journal: a message arrives, or an agent does something, or time passes."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.wire import Envelope


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message arrives, under the name the journal gives it."""

    id: str
    envelope: Envelope

    @property
    def at(self) -> datetime:
        """When the connector received it."""
        return self.envelope.time


@dataclass(frozen=True, slots=True)
class Deed:
    """What an agent does to the case of a message; `tick` and `advance` let the clock run to `at`."""

    do: str
    at: datetime
    case_of: str | None = None
    text: str = ""
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a file, and in which of its lines."""

    file: str
    line: int | None
    says: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.says}"
