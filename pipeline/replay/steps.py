"""The steps of a journal: a message arrives, or an agent does something, or time passes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.domain.agents import BePresent, Pick
from pipeline.domain.contacts import ContactOrder
from pipeline.domain.orders import Log, Note, OnRecord, Order, Plan, Reply, Resolve
from pipeline.domain.quarantine import Verdict
from pipeline.wire import Envelope

AnyOrder = Order | OnRecord | ContactOrder | Verdict | BePresent | Pick
"""What may be ordered: done to cases, other records or contacts, decided about a message, said by an agent."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message arrives, under the name the journal gives it.

    What came `before` is there for what comes after; `was` is what became of it when it happened.
    """

    id: str
    envelope: Envelope
    before: bool = False
    was: Mapping[str, Any] | None = None

    @property
    def at(self) -> datetime:
        """When the connector received it."""
        return self.envelope.time


@dataclass(frozen=True, slots=True)
class Deed:
    """What an agent (`by`, an external id) does to a case, or to contacts; without an order the clock runs to `at`.

    The case is that of the message `case_of`; with `where_it_came`, the one to which that message came in the first
    place, wherever it lies now. Of another case, message or activity, `other` is the name in the journal. What was done
    `before` is there for what comes after; `verb` is how the journal calls it.
    """

    at: datetime
    order: AnyOrder | None = None
    case_of: str | None = None
    by: str | None = None
    id: str | None = None
    other: str | None = None
    where_it_came: bool = False
    other_where_it_came: bool = False
    before: bool = False
    verb: str = "tick"


def makes_activity(order: AnyOrder | None) -> bool:
    """Whether an order makes an activity, which later lines may name by the id of its line."""
    return isinstance(order.what if isinstance(order, OnRecord) else order, Reply | Note | Plan | Log | Resolve)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a file, and in which of its lines."""

    file: str
    line: int | None
    says: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.says}"
