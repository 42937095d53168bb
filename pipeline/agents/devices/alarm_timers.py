"""The timers of alarms: of those that must last before they are raised, of devices that must be heard in time."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.devices.alarm_cases import AlarmCases
from pipeline.agents.devices.watch_state import Teller
from pipeline.agents.devices.watching import Watching, device_claim
from pipeline.agents.rules import Rules
from pipeline.domain.timers import Timer
from pipeline.store.ports import Transaction


class AlarmTimers:
    """Handles the timers of all rules on what devices tell; one transaction fires at a time."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._watching: Watching | None = None

    def claims(self, timer: Timer) -> Iterable[str]:
        """The device, as intake claims it."""
        yield device_claim(timer.data["device"])

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:
        """Those of all alarms that may move; read what is known of the devices, lock the groups of their alarms."""
        names = [(timer.data["device"], timer.data["rule"]) for timer in timers]
        first = min(timer.at for timer in timers)
        watching = await Watching.of(self._rules.alarms, {device for device, _ in names}, first, batch, tx)
        await watching.foresee(names, first, tx)
        self._watching = watching
        return batch.watch.named

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Nothing is left to be asked."""

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """Judge what time did, and tell the case."""
        if self._watching is None:
            raise AssertionError("the timer was not prepared")
        moves = batch.watch.moves
        before = len(moves)
        teller = Teller("", cause.at, cause=cause)
        self._watching.comes(timer.data["device"], timer.data["rule"], teller)
        follow = AlarmCases(self._rules, batch, set())
        for moved in moves[before:]:
            follow.tell(moved)
        follow.end()
