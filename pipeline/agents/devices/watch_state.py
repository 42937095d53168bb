"""What a batch knows of watched devices, and what of it is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.agents.channels.told import PlainItem
from pipeline.domain.alarm_rules import AlarmRule, Move, RuleAlarm
from pipeline.domain.customers import AccountFacts, DeviceFacts
from pipeline.domain.maintenance import Place, Window, window_of
from pipeline.store.watch_ports import AlarmGroup, AlarmName, GroupName, NewCommand, Retold, WatchChanges, Watched

if TYPE_CHECKING:
    from pipeline.agents.batch import Deed, Incoming


@dataclass(slots=True, eq=False)
class Teller:
    """What moves alarms: a message, the clock, or one of many messages in a `record`.

    That one becomes a message by itself only when it moves an alarm.
    """

    source: str
    at: datetime
    cause: "Incoming | Deed | None" = None
    record: "Incoming | None" = None
    item: PlainItem | None = None
    repeated: bool = False
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """An alarm that moved, by its rule, and what moved it."""

    rule: AlarmRule
    move: Move
    teller: Teller


@dataclass(slots=True)
class WatchState:
    """Devices and alarms as they stand so far; `heard` and `moved` are to be written, `moves` to be told.

    `retold` are the activities that stand for many moves of an alarm, with what they say now. `later` is when devices
    were heard about which that is all there is to say.

    `named` are the cases that the moves may be about; `alone` how many messages of a record moved alarms (by the
    record's id), `repeated` those of them that were told before.
    """

    devices: dict[str, Watched] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    later: dict[str, datetime] = field(default_factory=dict)
    alarms: dict[AlarmName, RuleAlarm | None] = field(default_factory=dict)
    moved: set[AlarmName] = field(default_factory=set)
    windows: Sequence[Window] = ()
    known: Mapping[str, DeviceFacts] = field(default_factory=dict)
    accounts: Mapping[UUID, AccountFacts] = field(default_factory=dict)
    moves: list[Moved] = field(default_factory=list)
    groups: dict[GroupName, AlarmGroup] = field(default_factory=dict)
    grouped: set[GroupName] = field(default_factory=set)
    touched: set[UUID] = field(default_factory=set)
    named: set[UUID] = field(default_factory=set)
    commands: list[NewCommand] = field(default_factory=list)
    retold: dict[UUID, Retold] = field(default_factory=dict)
    counts: dict[UUID, tuple[int, int]] = field(default_factory=dict)

    def maintained(self, device: str, at: datetime) -> bool:
        """Whether the device is under maintenance then."""
        return bool(self.windows) and window_of(self.place(device), self.windows, at) is not None

    def place(self, device: str) -> Place:
        """Where the device stands, for maintenance."""
        facts = self.known.get(device)
        if facts is None:
            return Place(device=device)
        account = facts.account
        return Place(
            device=device,
            products=facts.product.lineage if facts.product else (),
            gateway=facts.gateway,
            account=(account.external_id or str(account.id)) if account else None,
        )

    def changes(self) -> WatchChanges:
        """What is to be written, in the order in which rows are locked."""
        heard = {device: self.devices[device] for device in self.heard}
        heard |= {device: replace(self.devices[device], heard_at=at) for device, at in self.later.items()}
        return WatchChanges(
            devices=[heard[device] for device in sorted(heard)],
            alarms={name: self.alarms[name] for name in sorted(self.moved)},
            groups=[self.groups[name] for name in sorted(self.grouped)],
            commands=self.commands,
            retold=[self.retold[one] for one in sorted(self.retold)],
        )
