"""What calls, social items and devices ask of the store, beside what every message does."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from pipeline.domain.alarms import Alarm
from pipeline.domain.callbacks import Caller
from pipeline.domain.calls import CallTold
from pipeline.domain.matching import Party
from pipeline.domain.posts import PostTold
from pipeline.store.reply_ports import AwaitedEcho

Told = CallTold | PostTold
"""What one message says of the call or item it is about."""

Value = int | float | Decimal | str | bool | None
"""What a device may tell of itself."""

DeviceName = tuple[str, str]
"""A device, and the name of what it tells: of an alarm, or of a reading."""


MOST_ACTIVE = 3
"""Active cases of one contact that are answered; more than one is as good as many."""


@dataclass(frozen=True, slots=True)
class ChannelWanted:
    """What a batch of such messages asks before it decides; all of it empty when there are none.

    `about` are keys of calls and items that messages tell of, `conversations` of what a case is kept open for,
    `callers` the numbers at the customers' end; those of the calls that are found are known too. `echoes` are keys
    under which an item of our own stands, which may be an answer that left from here.
    """

    about: Collection[str] = ()
    callers: Collection[str] = ()
    conversations: Collection[str] = ()
    alarms: Collection[DeviceName] = ()
    states: Collection[DeviceName] = ()
    echoes: Collection[str] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return any(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class StoredActivity:
    """An activity as far as later messages about the same call or item are judged by it.

    `message_id` is the first message that told of it, `told` what all of them said; `ours` when it left from here.
    """

    id: UUID
    message_id: UUID
    case_id: UUID | None
    party: Party | None
    told: Sequence[Told]
    ours: bool = False


class DeviceState(NamedTuple):
    """The last value a device told under a name; `received_at` when it came, `at` when it was so."""

    device: str
    name: str
    value: Value
    at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What the store knows about what was wanted; the case that a conversation had last, by its key."""

    activities: Mapping[str, StoredActivity] = field(default_factory=dict)
    callers: Mapping[str, Caller] = field(default_factory=dict)
    conversations: Mapping[str, UUID] = field(default_factory=dict)
    alarms: Mapping[DeviceName, Alarm] = field(default_factory=dict)
    states: Mapping[DeviceName, DeviceState] = field(default_factory=dict)
    awaited: Sequence[AwaitedEcho] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldActivity:
    """A call or item as it stands after a batch, new or not; `earlier` are texts it had before.

    What has no case, and is something to do, waits in its `queue`.
    """

    id: UUID
    case_id: UUID | None
    kind: str
    direction: str
    state: str
    result: str | None
    subject: str
    body: str
    sender: str | None
    recipient: str | None
    agent: str | None
    contact_id: UUID | None
    at: datetime
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    billable_s: int | None = None
    earlier: Sequence[str] = ()
    hidden: bool = False
    told: Sequence[Told] = ()
    defects: Sequence[str] = ()
    queue: str | None = None


def numbers_of(activities: Iterable[StoredActivity]) -> set[str]:
    """The numbers that calls were told to be between."""
    told = (one for activity in activities for one in activity.told if isinstance(one, CallTold))
    return {number for one in told for number in (one.caller, one.called) if number}


@dataclass(frozen=True, slots=True)
class About:
    """A key under which an activity is known, and the first message that told of it."""

    key: str
    activity_id: UUID
    message_id: UUID


@dataclass(slots=True)
class ChannelChanges:
    """What a batch of such messages writes; whatever is there already under the same key is replaced.

    `closed` are activities of which nothing else changes, those that the batch itself writes included.
    """

    activities: list[ToldActivity] = field(default_factory=list)
    about: list[About] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    closed: list[UUID] = field(default_factory=list)
    conversations: list[tuple[str, UUID]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    states: list[DeviceState] = field(default_factory=list)
    receipts: dict[str, datetime] = field(default_factory=dict)
