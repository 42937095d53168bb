"""Finds out how far the senders of mail can be believed, beside the work of taking it."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import structlog

from pipeline.config.channels import Smtp
from pipeline.connectors.dns_names import Names
from pipeline.domain.speaker import Verdict
from pipeline.errors import Retry
from pipeline.parse.authentication_results import Results, authentication_results

if TYPE_CHECKING:
    from pipeline.connectors.dmarc import Delivery

JUDGES = 16
"""Mails that are judged at the same time."""

JUDGES_PER_ADDRESS = 4
"""Of these, how many of one address: who sends from domains that answer slowly delays their own mail alone."""

SECONDS = 5.0
"""How long DNS may be asked about one mail."""

WAIT_SECONDS = 20.0
"""How long a mail may wait for its turn."""


class SenderCheck:
    """Judges what comes from addresses that are not trusted; `dns` answers the questions.

    A trusted relay has judged already, and may have written down what it found.
    """

    def __init__(self, smtp: Smtp, dns: Names | None = None) -> None:
        self._judges_strangers = smtp.authenticate
        self._trusted = tuple(map(ip_network, smtp.trusted))
        self.trusts = lru_cache(4096)(self._trusts)
        self._names = dns or Names()
        self._pool = ThreadPoolExecutor(JUDGES, "sender-check")
        self._judges = asyncio.Semaphore(JUDGES)
        self._of_address: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def _trusts(self, ip: str) -> bool:
        """Whether mail from there needs no verdict: it comes from our own relay, which judged it."""
        try:
            address = ip_address(ip)
        except ValueError:
            return True  # a socket of this machine
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._trusted)

    async def found_out(
        self, raw: bytes, *, ip: str, helo: str, mail_from: str, authserv: str | None
    ) -> Verdict | Results | None:
        """The verdict on a mail: our own, or of a trusted relay that goes by the name `authserv` the one it wrote."""
        if self.trusts(ip):
            return authentication_results(raw, authserv) if authserv else None
        if not self._judges_strangers:
            return None
        return await self.verdict(raw, ip=ip, helo=helo, mail_from=mail_from)

    async def verdict(self, raw: bytes, *, ip: str, helo: str, mail_from: str) -> Verdict:
        """What was found out. Raises Retry when one address sends more than can be judged."""
        from pipeline.connectors.dmarc import Delivery  # noqa: PLC0415  # 25 MB that a desk behind its relay is spared

        turn = self._of_address.get(ip)
        if turn is None:
            turn = self._of_address[ip] = asyncio.Semaphore(JUDGES_PER_ADDRESS)
        try:
            await asyncio.wait_for(turn.acquire(), WAIT_SECONDS)
        except TimeoutError as error:
            raise Retry("you send more mail at once than we can check") from error
        try:
            return await self._judged(Delivery(raw, ip, helo, mail_from))
        finally:
            turn.release()

    async def _judged(self, delivery: "Delivery") -> Verdict:
        try:
            await asyncio.wait_for(self._judges.acquire(), WAIT_SECONDS)
        except TimeoutError:
            return Verdict(why="too much mail came at once to check it")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._judge, delivery)
        finally:
            self._judges.release()

    def _judge(self, delivery: "Delivery") -> Verdict:
        from pipeline.connectors.dmarc import judge  # noqa: PLC0415  # the same

        try:
            return judge(delivery, self._names, time.monotonic() + SECONDS)
        except Exception:  # noqa: BLE001  # no verdict is no reason to refuse a mail
            structlog.get_logger().exception("smtp.sender_check_failed", peer=delivery.ip)
            return Verdict(why="the check failed")

    def close(self) -> None:
        """Begin no further judgement."""
        self._pool.shutdown(wait=False, cancel_futures=True)
