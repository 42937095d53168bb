"""Sends the desk's mail: each row of it once, as far as anybody can know."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import stamina
import structlog

from pipeline.agents.deliveries import Became, Deliveries
from pipeline.crash import crash_point
from pipeline.departures import Departures
from pipeline.dispatch.mail.compose import Composed, Composer
from pipeline.dispatch.mail.door import Answer, Away, Later, Mail, MailDoor, Refused, Taken, Unknown, in_words
from pipeline.dispatch.mail.headers import NoAddressError
from pipeline.domain.acknowledging import DAY, HOUR, PER_DAY, PER_HOUR, too_often
from pipeline.domain.letters import BY_A_PERSON, MAY_BE_LEFT, is_stale
from pipeline.domain.retrying import next_try
from pipeline.errors import Retry
from pipeline.store.letters import Held, Known, LetterBecame, MailStore, MailTransaction, Suppressed, Turns
from pipeline.store.outbound_ports import ANSWER

QUEUE = "mail"
AT_ONCE = 200
"""Mails whose turn it is in one look."""

STOP_S = 3.0

FIRST_REST, LONGEST_REST = timedelta(seconds=2), timedelta(minutes=1)
"""How long nobody is sent to a door that is away; longer each time, up to the longest."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lane:
    """What one mail at a time goes by: who holds it, who takes it, where it is told."""

    held: Held
    door: MailDoor
    store: MailStore
    deliveries: Deliveries[MailTransaction]

    async def close(self) -> None:
        """Let go of connections."""
        await self.door.close()
        await self.held.close()
        await self.store.close()


class MailWay:
    """The way out for mail, a lane for each that may be under way at once."""

    name = QUEUE

    def __init__(
        self, turns: Turns, lanes: Sequence[Lane], composer: Composer, chance: Callable[[], float] = random.random
    ) -> None:
        self.concurrency = len(lanes)
        self.departures = Departures()
        self._turns = turns
        self._lanes = lanes
        self._free = asyncio.Queue[Lane]()
        for lane in lanes:
            self._free.put_nowait(lane)
        self._composer = composer
        self._chance = chance
        self._away_until: datetime | None = None
        self._rest = FIRST_REST

    async def look(self, now: datetime) -> bool:
        """Queue jobs for mail that is due, unless nobody takes any now."""
        if self._away_until is not None and now < self._away_until:
            return False
        return await self._turns.hand_over(now, AT_ONCE) == AT_ONCE

    async def work(self, args: Mapping[str, Any], now: datetime) -> None:
        """Send one mail, if that is still to be done."""
        lane = await self._free.get()
        try:
            known = await lane.held.begin(UUID(args["id"]), now)
            if known is not None:
                try:
                    await _to_its_end(self._send(known, lane, now))
                finally:
                    await lane.held.let_go()
        finally:
            self._free.put_nowait(lane)

    async def close(self) -> None:
        """Let go of connections."""
        for lane in self._lanes:
            await lane.close()

    async def _send(self, known: Known, lane: Lane, now: datetime) -> None:
        if (instead := _hindrance(known, now)) is not None:
            await self._record(known, lane, instead)
            return
        if self._away_until is not None and now < self._away_until:
            await self._record(known, lane, self._came_to_nothing(known, Away(self.departures.state), now))
            return
        try:
            composed = await asyncio.to_thread(self._composer.compose, known)
        except NoAddressError as error:
            await self._record(known, lane, _failed(known, str(error), now))
            return
        except Exception as error:  # noqa: BLE001  # mails after it must not wait for it
            _log.exception("a mail cannot be made", mail=known.mail.message_id, template=known.mail.template)
            self.departures.failed["unexpected"] += 1
            not_now = self._came_to_nothing(known, Later(f"it cannot be made: {error!r}"[:500]), now)
            await self._record(known, lane, not_now)
            return
        if composed.failed:
            self.departures.failed["template"] += 1
        try:
            answer = await lane.door.send(composed.mail)
        except Exception as error:  # noqa: BLE001  # else this mail would be tried without end, before all others
            _log.exception("a mail cannot be handed over", mail=known.mail.message_id, to=known.mail.recipient)
            self.departures.failed["unexpected"] += 1
            unsure = self._came_to_nothing(known, Unknown(f"handing it over failed: {error!r}"), now)
            await self._record(known, lane, unsure)
            return
        crash_point("mail_sent")
        await self._record(known, lane, self._judged(known, composed, answer, now), answer)

    def _judged(self, known: Known, composed: Composed, answer: Answer, now: datetime) -> LetterBecame:
        self._tell(known, composed.mail, answer, now)
        match answer:
            case Taken():
                return LetterBecame(id=known.mail.id, state="sent", at=now)
            case Refused(reason=reason):
                return _failed(known, reason, now)
        return self._came_to_nothing(known, answer, now)

    def _came_to_nothing(self, known: Known, answer: Later | Away | Unknown, now: datetime) -> LetterBecame:
        """It is tried again; who is away altogether is not held against the mail.

        What waited for them comes in an order of chance, so that it is not always the same mail that finds out.
        """
        mail = known.mail
        if isinstance(answer, Away):
            due = (self._away_until or now) + FIRST_REST * self._chance()
            return LetterBecame(id=mail.id, state="queued", at=now, reason=answer.reason, due_at=due, untried=True)
        due_at = next_try(mail.attempts, mail.first_at, now, self._chance())
        if due_at is None:
            return _failed(known, f"given up after {mail.attempts} tries: {answer.reason}", now)
        unsure = isinstance(answer, Unknown)
        return LetterBecame(id=mail.id, state="queued", at=now, reason=answer.reason, due_at=due_at, unsure=unsure)

    def _tell(self, known: Known, mail: Mail, answer: Answer, now: datetime) -> None:
        """Log what became of it, and count."""
        where = {"mail": mail.message_id, "to": mail.recipient, "template": known.mail.template}
        kind = type(answer).__name__.lower()
        if isinstance(answer, Away):
            self._away_until = now + self._rest
            self._rest = min(self._rest * 2, LONGEST_REST)
            self.departures.state = answer.reason
            self.departures.failed["away"] += 1
            _log.warning(
                "mail waits, nobody takes it", until=self._away_until.isoformat(), reason=answer.reason, **where
            )
            return
        self._away_until, self._rest, self.departures.state = None, FIRST_REST, ""
        if isinstance(answer, Taken):
            self.departures.sent += 1
            self.departures.last_success = now
            _log.info("mail sent", says=answer.says, tries=known.mail.attempts, **where)
        else:
            self.departures.failed[kind] += 1
            _log.warning("mail not sent", became=kind, reason=answer.reason, tries=known.mail.attempts, **where)

    @staticmethod
    async def _record(known: Known, lane: Lane, became: LetterBecame, answer: Answer | None = None) -> None:
        """Keep what became of it, however long PostgreSQL is away: what is not known is sent again."""
        if became.reason is not None:
            became = replace(became, reason=in_words(became.reason))
        async for attempt in stamina.retry_context(
            on=Retry, attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0
        ):
            with attempt:
                await _note(known, lane, became, unreachable=isinstance(answer, Refused) and answer.unreachable)


async def _note(known: Known, lane: Lane, became: LetterBecame, *, unreachable: bool) -> None:
    mail = known.mail

    async def row(tx: MailTransaction) -> bool:
        if not await tx.note(became):
            return False
        if unreachable:
            await tx.mark_unreachable(mail.recipient, became.reason or "refused", became.at)
        return True

    told = Became(
        kind="mail",
        state="failed" if became.state == "dropped" else became.state,
        target=mail.recipient,
        at=became.at,
        attempts=mail.attempts,
        reason=became.reason,
        activity=mail.activity_id,
        case=mail.case_id,
        key=f"mail {mail.sender}",
        answer=mail.data.get(ANSWER),
    )
    await lane.deliveries.tell(told, row)


async def _to_its_end(sending: Coroutine[None, None, None]) -> None:
    """Whoever stops us waits a moment for the mail that is under way: half sent, nobody would know what came of it."""
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=STOP_S)
        task.cancel()
        raise


def _failed(known: Known, reason: str, now: datetime) -> LetterBecame:
    return LetterBecame(id=known.mail.id, state="failed", at=now, reason=reason)


def _hindrance(known: Known, now: datetime) -> LetterBecame | None:
    """Why it is not sent, or not now, whoever would take it."""
    mail = known.mail
    if is_stale(mail.template, mail.created_at, now):
        return LetterBecame(id=mail.id, state="dropped", at=now, reason="it waited too long to be worth sending")
    if reasons := [reason for one in known.suppressed if (reason := _keeps_from(known, one)) is not None]:
        return LetterBecame(id=mail.id, state="dropped", at=now, reason=reasons[0])
    if mail.template == "acknowledgement" and (often := too_often(known.acknowledged, now)) is not None:
        return LetterBecame(
            id=mail.id,
            state="queued",
            at=now,
            reason=often.reason,
            due_at=_room_at(known.acknowledged, now),
            untried=True,
        )
    return None


def _keeps_from(known: Known, suppressed: Suppressed) -> str | None:
    """Why an address gets no mail; a person's answer goes to who wrote after their mail bounced."""
    by_a_person = known.mail.template in BY_A_PERSON
    if suppressed.source == "unsubscribed" and known.mail.template not in MAY_BE_LEFT:
        return None
    answered = known.answered
    came_back = suppressed.source == "bounce" and by_a_person
    if came_back and answered and answered.is_it and answered.received_at > suppressed.at:
        return None
    return f"{known.mail.recipient} gets no mail ({suppressed.source}): {suppressed.reason}"[:500]


def _room_at(sent: Sequence[datetime], now: datetime) -> datetime:
    """When one more is not too many."""
    within_day = sorted(one for one in sent if now - one < DAY)
    room = [now]
    if len(within_day) >= PER_DAY:
        room.append(within_day[-PER_DAY] + DAY)
    if len(within_day) >= PER_HOUR:
        room.append(within_day[-PER_HOUR] + HOUR)
    return max(room)
