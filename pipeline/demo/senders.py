"""Delivers the traffic at a steady rate, and again later what was not acknowledged."""

import asyncio
from collections.abc import Callable

import httpx

from pipeline.demo.smtp import SmtpSession
from pipeline.demo.tally import Tally
from pipeline.demo.traffic import Delivery
from pipeline.errors import Reject, Retry

SESSIONS = 8
SPOOL = 2000
"""How much may wait here while the desk does not answer; then nothing more is written until it does."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
TRIES = 100
"""After so many a sender gives up, as a mail server does after some days."""

_ACCEPTED, _TOO_MANY, _SERVER_ERROR = 202, 429, 500


class Senders:
    """Mail servers and browsers that come again until they were told that the desk has it."""

    def __init__(self, smtp: str, http: str, tally: Tally) -> None:
        self._smtp = smtp
        self._http = f"http://{http}"
        self._tally = tally
        self._spool: asyncio.Queue[Delivery | None] = asyncio.Queue(SPOOL)

    async def run(self, rate: float, write: Callable[[], list[Delivery]], stop: asyncio.Event) -> None:
        """Write `rate` deliveries a second until `stop`; return when all that was written is delivered."""
        async with httpx.AsyncClient(base_url=self._http, timeout=30) as client, asyncio.TaskGroup() as group:
            for number in range(SESSIONS):
                group.create_task(self._session(number, client))
            await self._write(rate, write, stop)
            for _ in range(SESSIONS):
                await self._spool.put(None)

    async def _write(self, rate: float, write: Callable[[], list[Delivery]], stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            for delivery in write():
                await self._spool.put(delivery)
                self._tally.written += 1
                due = max(due + 1 / rate, loop.time() - 1)  # an outage is not made good by a flood
            try:
                async with asyncio.timeout_at(due):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _session(self, number: int, client: httpx.AsyncClient) -> None:
        host, _, port = self._smtp.rpartition(":")
        session = SmtpSession(host, int(port), f"mx{number}.senders.example")
        try:
            while (delivery := await self._spool.get()) is not None:
                await self._until_settled(delivery, session, client)
            await session.quit()
        finally:
            session.close()

    async def _until_settled(self, delivery: Delivery, session: SmtpSession, client: httpx.AsyncClient) -> None:
        pause = FIRST_PAUSE
        for _ in range(TRIES):
            try:
                if delivery.channel == "email":
                    await session.deliver(delivery.sender, delivery.to, delivery.body)
                    self._tally.settled("email", delivery.id)
                else:
                    self._tally.settled("web", await _post(client, delivery))
            except Retry:
                self._tally.again[delivery.channel] += 1
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Reject as refusal:
                self._tally.refused[f"{refusal.status} {refusal.message}"] += 1
                return
            else:
                return
        self._tally.given_up += 1


async def _post(client: httpx.AsyncClient, form: Delivery) -> str:
    """The id on the receipt. Raises Retry when the desk asks for it or does not answer, Reject when it says no."""
    headers = {"Content-Type": form.content_type, "Idempotency-Key": form.id}
    try:
        answer = await client.post(f"/form/{form.to}", content=form.body, headers=headers)
    except httpx.TransportError as error:
        raise Retry(f"no answer: {error!r}") from error
    if answer.status_code >= _SERVER_ERROR or answer.status_code == _TOO_MANY:
        raise Retry(answer.text)
    if answer.status_code != _ACCEPTED:
        raise Reject(answer.status_code, answer.text)
    receipt: str = answer.json()["receipt"]
    return receipt
