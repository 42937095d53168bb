"""Delivers the traffic at a steady rate, and again later what was not acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from pipeline.demo.gateway import Gateway
from pipeline.demo.posting import Poster
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

Deliver = Callable[[Delivery], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the desk listens, and what exchanges and platforms prove to it who they are by."""

    smtp: str
    http: str
    mqtt: str
    secret: str


class Senders:
    """Mail servers, sites, exchanges, platforms, devices: each comes again until it was told that the desk has it."""

    def __init__(self, doors: Doors, tally: Tally) -> None:
        self._doors = doors
        self._tally = tally
        self._spool: asyncio.Queue[Delivery | None] = asyncio.Queue(SPOOL)

    async def run(self, rate: float, write: Callable[[], list[Delivery]], stop: asyncio.Event) -> None:
        """Write `rate` deliveries a second until `stop`; return when all that was written is delivered."""
        gateway = Gateway(self._doors.mqtt)
        try:
            async with (
                httpx.AsyncClient(base_url=f"http://{self._doors.http}", timeout=30) as client,
                asyncio.TaskGroup() as group,
            ):
                for number in range(SESSIONS):
                    group.create_task(self._session(number, Poster(client, self._doors.secret), gateway))
                await self._write(rate, write, stop)
                for _ in range(SESSIONS):
                    await self._spool.put(None)
        finally:
            await gateway.close()

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

    async def _session(self, number: int, poster: Poster, gateway: Gateway) -> None:
        host, _, port = self._doors.smtp.rpartition(":")
        session = SmtpSession(host, int(port), f"mx{number}.senders.example")

        async def deliver(one: Delivery) -> str:
            match one.channel:
                case "email":
                    await session.deliver(one.sender, one.to, one.body)
                case "iot":
                    await gateway.publish(one.to, one.body)
                case _:
                    return await poster.deliver(one)
            return one.id

        try:
            while (delivery := await self._spool.get()) is not None:
                await self._until_settled(delivery, deliver)
            await session.quit()
        finally:
            session.close()

    async def _until_settled(self, delivery: Delivery, deliver: Deliver) -> None:
        pause = FIRST_PAUSE
        for _ in range(TRIES):
            try:
                self._tally.settled(delivery.channel, await deliver(delivery))
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
