"""A batch of messages on its way through intake, and what the steps have decided so far."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.agents.channels.told import CallMessage, ChannelState, PostMessage, Telemetry
from pipeline.agents.devices.watch_state import WatchState
from pipeline.agents.mail.told import MailMessage, MailState
from pipeline.agents.queues.state import QueueState
from pipeline.domain.alarms import Alarm, AlarmTold
from pipeline.domain.cases import Case
from pipeline.domain.correlating import Correlated
from pipeline.domain.duplicates import FORM_WINDOW_S
from pipeline.domain.entitlement_use import Drawn
from pipeline.domain.matching import Identity, Party, Ref, number_ranges
from pipeline.domain.outcomes import Outcome, Quarantined, Suppressed
from pipeline.domain.sla import Promises
from pipeline.domain.speaker import Standing
from pipeline.domain.threading import ThreadLink
from pipeline.domain.timers import Timer
from pipeline.store.casework_ports import Family, WorkChanges, WorkFacts
from pipeline.store.contact_ports import ContactChanges
from pipeline.store.delivery_ports import NewDelivery
from pipeline.store.entitlement_ports import EntitlementChanges
from pipeline.store.outbound_ports import NewMail, OutboundMail
from pipeline.store.ports import Facts, NewActivity, Why
from pipeline.wire import Envelope, Record

MAX_WHY = 2000


@dataclass(slots=True, kw_only=True)
class Incoming:
    """One message: what it says, then, from step to step, what was decided.

    `own` and `mentioned` are its conversation's ids as they are stored, `mentioned` In-Reply-To first, then
    References from the newest; `tokens` and `references` are the numbers of cases that a signature of ours proves, in
    an id or address and in the subject; `dedupe_near` are the keys of the windows beside that of `dedupe_key`, for
    what counts as the same only for some time; `automatic` holds when it counts as automatic under the desk's policy,
    `may_append` when it may join a case, `may_open` when it may open one; `standing` says how far its sender is
    believed, `dedupe_genuine` is, of a mail whose sender is not, the key that the genuine one has. Its sender is known
    by an identity of `sender_kind` (on a platform by a `handle` as well), and becomes a contact only where
    `may_be_new`, by its first message (`is_new`); whom the queue does not take is `refused` once a case is to be
    opened. `from_us` holds when an agent wrote it (`agent`), or someone as a mailbox of ours; `behalf` is the customer
    they wrote it for, if it opens a case. `activity_kind` is what it is kept as, if not as its kind; `acknowledge`
    holds when its sender is to be told that it came, `is_folded` when it is one of a storm, `asks` unless it only tells
    more of an item that is known, or of a call that was answered before. At most one of `call`, `post`, `alarm` and
    `telemetry` is there; with the last, it stands for all messages of its record. `shown` is what else conditions may
    ask of it, `correlated` what it tells of as another system's mail.
    `released` holds when it was put aside before, and a person wants it settled all the same.
    """

    record: Record
    envelope: Envelope
    id: UUID
    source_id: str
    kind: str
    subject: str
    text: str
    queue: str
    dedupe_key: str
    sender: str | None = None
    sender_kind: str = "email"
    handle: str | None = None
    may_be_new: bool = True
    direction: str = "in"
    origin: str | None = None
    recipient: str | None = None
    sender_name: str = ""
    own: str | None = None
    mentioned: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
    references: tuple[int, ...] = ()
    copied: frozenset[str] = frozenset()
    auto: str | None = None
    automatic: bool = False
    may_append: bool = True
    may_open: bool = True
    standing: Standing = "unproven"
    dedupe_near: tuple[str, ...] = ()
    dedupe_window_s: int = FORM_WINDOW_S
    call: CallMessage | None = None
    post: PostMessage | None = None
    alarm: AlarmTold | None = None
    telemetry: Telemetry | None = None
    mail: MailMessage | None = None
    agent: Ref | None = None
    from_us: bool = False
    behalf: Identity | None = None
    activity_kind: str | None = None
    acknowledge: bool = False
    is_folded: bool = False
    asks: bool = True
    is_new: bool = False
    refused: Quarantined | Suppressed | None = None
    released: bool = False
    dedupe_genuine: str | None = None
    quarantine: str | None = None
    flags: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    party: Party | None = None
    outcome: Outcome | None = None
    case: Case | None = None
    original: "Incoming | None" = None
    original_case_id: UUID | None = None
    activity_id: UUID | None = None
    shown: Mapping[str, object] = field(default_factory=dict)
    correlated: Correlated | None = None

    @property
    def received(self) -> datetime:
        """When the connector received it."""
        return self.envelope.time

    @property
    def at(self) -> datetime:
        """When it happened, as of a deed: when it was received."""
        return self.envelope.time

    @property
    def identity(self) -> Identity | None:
        """What its sender is known by; of what one of us sent, the customer they sent it for."""
        if self.from_us:
            return self.behalf
        return Identity(self.sender_kind, self.sender) if self.sender else None

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Everything its sender may be known by, the most certain first."""
        if self.identity is None:
            return ()
        if self.sender_kind == "phone":
            return self.identity, *number_ranges(self.identity.value)
        return (self.identity, Identity("social", self.handle)) if self.handle else (self.identity,)

    @property
    def about(self) -> str | None:
        """The key of the call or item that it tells of, as others may."""
        return self.call.key if self.call else self.post.key if self.post else None


@dataclass(frozen=True, slots=True)
class Deed:
    """What an agent, or anyone else who is no message, did to a case: who, and when; `late_s` after its time."""

    at: datetime
    actor: str = "agent"
    actor_id: str | None = None
    late_s: float | None = None


@dataclass(frozen=True, slots=True)
class ContactTold:
    """A contact that was merged into another one or taken out of it, and what it was known by."""

    contact: Ref
    other: Ref
    identities: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class DeliveryTold:
    """What left, by what, for whom, and why it did not arrive; `key` is what it is ordered by where it has no case."""

    kind: str
    target: str
    activity: UUID | None
    reason: str | None
    attempts: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to a case, or (without one) to a message; `changed` by field: (old, new).

    `linked` is the other case that it is about, `activity` the one that an agent made, moved or ended.
    What a `rule` of the desk did is not told as done by whoever wrote the message.
    """

    type: str
    cause: Incoming | Deed
    case: Case | None = None
    changed: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    linked: Case | None = None
    alarm: Alarm | None = None
    activity: UUID | None = None
    kpi: Mapping[str, object] | None = None
    entitlement: Drawn | None = None
    contact: ContactTold | None = None
    rule: str | None = None
    delivery: DeliveryTold | None = None


@dataclass(slots=True)
class Batch:
    """What one transaction is about: messages in the order they are settled in, or a deed, or timers.

    `cases` are those that are locked, `opened` and `changed` those to be written; what a case needs to be `timed` for
    and why it is as it is (`whys`) is written with it. Of the cases that a rule may resolve, `family` and `standing`
    tell what lies below them and what they have still to do.

    `telemetry` are records of many messages of devices; of each, `plain` counts those that told only readings: how
    many were new, how many repeated. `outbound` are mails that someone wants sent, `posted` those made ready to be.
    `fired_at` is the time at which its timers fire, `fired` those that do.
    """

    messages: list[Incoming] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    links: dict[str, list[ThreadLink]] = field(default_factory=dict)
    new_links: list[ThreadLink] = field(default_factory=list)
    cases: dict[UUID, Case] = field(default_factory=dict)
    family: Family = field(default_factory=Family)
    standing: WorkFacts = field(default_factory=WorkFacts)
    opened: dict[UUID, Case] = field(default_factory=dict)
    changed: dict[UUID, Case] = field(default_factory=dict)
    participants: list[tuple[UUID, str]] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)
    telemetry: list[Incoming] = field(default_factory=list)
    plain: list[tuple[Incoming, int, int]] = field(default_factory=list)
    channels: ChannelState = field(default_factory=ChannelState)
    mail: MailState = field(default_factory=MailState)
    queues: QueueState = field(default_factory=QueueState)
    fired_at: datetime | None = None
    fired: list[Timer] = field(default_factory=list)
    outbound: list[NewMail] = field(default_factory=list)
    posted: list[OutboundMail] = field(default_factory=list)
    delivered: list[NewDelivery] = field(default_factory=list)
    activities: list[NewActivity] = field(default_factory=list)
    timed: dict[tuple[str, str], Timer | None] = field(default_factory=dict)
    work: WorkChanges = field(default_factory=WorkChanges)
    whys: list[Why] = field(default_factory=list)
    watch: WatchState = field(default_factory=WatchState)
    promises: dict[UUID, Promises] = field(default_factory=dict)
    entitlements: EntitlementChanges = field(default_factory=EntitlementChanges)
    contacts: ContactChanges = field(default_factory=ContactChanges)

    def touch(self, case: Case) -> None:
        """Note that the case changed."""
        case.revision += 1
        if case.id not in self.opened:
            self.changed[case.id] = case

    def arm(self, timer: Timer) -> None:
        """Let the timer fire at its time, in the stead of the one of its place."""
        self.timed[timer.place] = timer

    def disarm(self, kind: str, key: str) -> None:
        """Let no such timer fire."""
        self.timed[kind, key] = None

    def why(self, case: Case, part: str, says: str, at: datetime) -> None:
        """Keep why a part decided so on the case, with the values it saw."""
        self.whys.append(Why(case.id, at, part, says[:MAX_WHY]))

    def undecided(self) -> Iterator[Incoming]:
        """The messages that no step has decided on yet."""
        return (message for message in self.messages if message.outcome is None)
