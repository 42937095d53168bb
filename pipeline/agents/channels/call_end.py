"""Closes calls whose end nobody told: someone forgot to hang up, or the exchange to say so."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from pipeline.agents.batch import Batch, Deed
from pipeline.agents.channels.call_activity import calls_of, keep_call
from pipeline.agents.channels.told import Ongoing
from pipeline.agents.channels.wanted import caller_claim, channels_of
from pipeline.domain.calls import LOST, CallTold, call_view
from pipeline.domain.timers import Timer
from pipeline.store.channel_ports import ChannelWanted
from pipeline.store.ports import Transaction, Wanted


class CallEnd:
    """What the timers of calls in progress do."""

    def claims(self, timer: Timer) -> Iterable[str]:
        """The call by all its keys, and its caller, as messages about it claim them."""
        caller = timer.data["caller"]
        return (*timer.data["keys"], *((caller_claim(caller),) if caller else ()))

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:
        """Those of the calls; what was told of them is read under their claims, as intake does."""
        about = {key for timer in timers for key in timer.data["keys"]}
        found = channels_of((await tx.read(Wanted((), (), (), (), (), ChannelWanted(about=about)))).channels)
        batch.channels.ongoing.update(found.ongoing)
        batch.channels.callers.update(found.callers)
        return {one.case_id for one in found.ongoing.values() if one.case_id}

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Nothing is left to be asked."""

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        """The call is over, at a time that nobody knows; talk time that nobody told is not billed."""
        ongoing = _of(timer, batch)
        if ongoing is None or call_view(calls_of(ongoing)).over:
            return
        ongoing.told += (CallTold(state=LOST),)
        view = call_view(calls_of(ongoing))
        keep_call(ongoing, view, timer.at, batch, timer.data["queue"])
        if case := batch.cases.get(ongoing.case_id) if ongoing.case_id else None:
            batch.why(case, "phone", f"nobody told the end of {view.caller or 'a withheld number'}'s call", cause.at)


def _of(timer: Timer, batch: Batch) -> Ongoing | None:
    """The call itself: a key may have come to mean a later one."""
    found = (batch.channels.ongoing.get(key) for key in timer.data["keys"])
    return next((ongoing for ongoing in found if ongoing is not None and str(ongoing.id) == timer.key), None)
