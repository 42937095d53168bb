"""Orders: what an agent may want done to a case, each a value that a journal can hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal
from uuid import UUID

from pipeline.domain.activities import RecordName

Children = Literal["close", "keep"]
"""What becomes of a parent's open children when it is resolved."""


@dataclass(frozen=True, slots=True)
class Done:
    """An order was carried out; without `changed` everything was so already. It may have made an activity."""

    changed: bool
    activity: UUID | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An order was not carried out; the reason says what would be right."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answer the case's customer; with `waits` the case then waits for details, maybe `until` some time only.

    On a platform it answers what they wrote last, unless `answers` names another activity of theirs.
    """

    text: str
    subject: str = ""
    to: str | None = None
    waits: bool = False
    until: datetime | None = None
    answers: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Tell a device what to do: the case's, unless another one is named. That is no answer to anybody."""

    name: str
    arguments: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Write down what only the desk reads."""

    text: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Give the case to an agent, by external id; to nobody with none."""

    owner: str | None


@dataclass(frozen=True, slots=True)
class SetField:
    """Give a field of the case another value; `fields.NAME` is one of the desk's own, `parent` another case."""

    field: str
    value: str | bool | float | UUID | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Let the case rest, maybe `until` some time only."""

    until: datetime | None = None
    status: Literal["on hold", "waiting for details"] = "on hold"


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a case that rested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """Solve the case; `cancel_open` and `children` answer what is asked of open activities and children.

    Another billable time than that of its activities needs a reason, `why`.
    """

    text: str = ""
    status: str = "problem solved"
    billable_s: int | None = None
    why: str = ""
    cancel_open: bool = False
    children: Children | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop the case."""


@dataclass(frozen=True, slots=True)
class Reactivate:
    """Work on a closed case again."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Put all that the case has into another one; of different customers only when `confirmed`."""

    into: UUID
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Unmerge:
    """Take the case out again of the one it was merged into."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Move an activity, a message's or another, to this case."""

    activity: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Put down what is to be done: a task, or an appointment, or any other activity that is still `open`."""

    kind: str = "task"
    subject: str = ""
    text: str = ""
    owner: str | None = None
    due_at: datetime | None = None
    remind_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Put down what was done: an activity that is closed, with the time it took."""

    kind: str = "task"
    direction: Literal["in", "out", "internal"] = "internal"
    subject: str = ""
    text: str = ""
    duration_s: int | None = None
    billable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Close an open activity of the case, with the time it took; `cancelled` when it was not done."""

    activity: UUID
    duration_s: int | None = None
    billable: bool = False
    cancelled: bool = False


RecordOrder = Note | Plan | Log | Finish
"""What may be done to a record that is no case."""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """Do it to a contact, an account, a device, an article or an entitlement."""

    record: RecordName
    what: RecordOrder


Order = (
    Reply | Note | Assign | SetField | Hold | Resume | Resolve | Cancel | Reactivate | Merge | Unmerge | Attach
    | Plan | Log | Finish | Command
)  # fmt: skip

LONGEST_S = 10 * 366 * 86_400
"""Nobody works longer on anything."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")

YEARS = range(1970, 3000)
"""The years in which something may be due."""


def unbelievable(order: Order | RecordOrder) -> Refused | None:
    """Why an order cannot be meant: a length or a time in it is beyond all that agents deal with, a text is none."""
    for one in fields(order):
        value = getattr(order, one.name)
        if isinstance(value, str) and _NO_TEXT.search(value):
            return Refused(f'"{one.name}" holds the character NUL, or half a character; leave it out')
        if isinstance(value, datetime) and value.year not in YEARS:
            return Refused(f'"{one.name}" is in the year {value.year}; write one from {YEARS[0]} to {YEARS[-1]}')
        if one.name.endswith("_s") and isinstance(value, int) and not 0 <= value <= LONGEST_S:
            return Refused(f'"{one.name}" is {value}; write seconds from 0 to {LONGEST_S}')
    return None
