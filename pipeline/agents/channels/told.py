"""What calls, social items and devices tell, on its way through intake."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pipeline.domain.alarms import Alarm, AlarmTold
from pipeline.domain.callbacks import Caller
from pipeline.domain.calls import CallTold
from pipeline.domain.matching import Party
from pipeline.domain.posts import PostTold
from pipeline.store.channel_ports import About, DeviceName, DeviceState, Told, ToldActivity
from pipeline.store.reply_ports import AwaitedEcho


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMessage:
    """Which call a message tells of, and what it says of it.

    `key` names the call as the exchange does. It is `known_as` the other keys too, under which the other kind of
    account of it (events, or a record) is `alike`: they begin together, with the same number.
    """

    key: str
    told: CallTold
    known_as: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostMessage:
    """Which social item a message tells of, what it says of it, and where the item stands.

    `talk` is what its author's case is kept open for: the pair of a direct message, the author under a post; `place`
    the post that several authors share. `answers` is the item it answers; `own` when our page wrote it. A receipt says
    up to when all that we said has come to the other end.
    """

    key: str | None
    told: PostTold
    talk: str | None = None
    place: str | None = None
    answers: str | None = None
    own: bool = False
    opens: bool = False
    reason: str = ""
    id: str | None = None
    received_until: datetime | None = None


class Observed(NamedTuple):
    """One plain reading of a device; `dated` by its own clock, which tells a repetition.

    Readings come by the ten thousand a second from another process, and named tuples travel at half the cost.
    """

    state: DeviceState
    dated: bool
    unit: str = ""


class PlainItem(NamedTuple):
    """A message of a device that told only readings, and its place in the record.

    It was `kept` by the broker since an unknown time, or says that its device is `gone`; else the device is there.
    """

    place: int
    device: str
    readings: tuple[Observed, ...]
    kept: bool = False
    gone: bool = False
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmItem:
    """An alarm that a device raised or cleared; `raw` is a record of it alone."""

    told: AlarmTold
    raw: bytes
    dedupe_key: str
    defects: tuple[str, ...] = ()
    place: int = 0
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that cannot be read: its place in the record, a record of it alone, why, maybe whose it is."""

    item: int
    raw: bytes
    reason: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A record of many messages of devices: each of `plain` told only readings, maybe none.

    What is told of `devices` is judged by rules.
    """

    plain: tuple[PlainItem, ...] = ()
    alarms: tuple[AlarmItem, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    devices: frozenset[str] = frozenset()


@dataclass(slots=True)
class Ongoing:
    """A call or item that messages of this batch tell of, as it stands so far; `first` told of it first.

    It is `ours` when it is an answer that left from here.
    """

    id: UUID
    first: UUID
    case_id: UUID | None = None
    party: Party | None = None
    told: tuple[Told, ...] = ()
    ours: bool = False


@dataclass(slots=True)
class ChannelState:
    """What a batch knows of calls, items and devices, and what of it is new.

    By their keys: the `ongoing` activities and the cases of `conversations`; by number the `callers`, by contact its
    `active` cases; by device and name the `alarms` and `states`; the answers of ours that are `awaited` to come back.
    `about`, `activities`, `called`, `closed`, `conversed`, `judged`, `observed` and `receipts` are to be written.
    """

    ongoing: dict[str, Ongoing] = field(default_factory=dict)
    about: dict[str, About] = field(default_factory=dict)
    activities: dict[UUID, ToldActivity] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    closed: list[UUID] = field(default_factory=list)
    conversations: dict[str, UUID] = field(default_factory=dict)
    conversed: dict[str, UUID] = field(default_factory=dict)
    active: dict[UUID, list[UUID]] = field(default_factory=dict)
    alarms: dict[DeviceName, Alarm] = field(default_factory=dict)
    judged: set[DeviceName] = field(default_factory=set)
    states: dict[DeviceName, DeviceState] = field(default_factory=dict)
    observed: set[DeviceName] = field(default_factory=set)
    awaited: list[AwaitedEcho] = field(default_factory=list)
    receipts: dict[str, datetime] = field(default_factory=dict)
