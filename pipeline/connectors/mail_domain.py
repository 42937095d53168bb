"""Whether mail could be sent to an address at all, as far as DNS tells.

Sources: RFC 5321, 5.1 (without MX the host itself takes mail), RFC 7505 (an MX of `.` takes none).
"""

import asyncio
import time

from pipeline.connectors.dns_names import DnsAwayError, Names

SECONDS = 3.0


class MailDomains:
    """Asks for the hosts that take mail; a DNS that is away accuses nobody."""

    def __init__(self, names: Names | None = None) -> None:
        self._names = names or Names()

    async def is_unreachable(self, address: str) -> bool:
        """Whether it is certain that no mail can be sent to the address."""
        return await asyncio.to_thread(self._is_unreachable, address.rpartition("@")[2])

    def _is_unreachable(self, domain: str) -> bool:
        deadline = time.monotonic() + SECONDS
        try:
            name = domain.encode("idna").decode() if not domain.isascii() else domain
            if hosts := self._names.ask(name, "MX", deadline):
                return all(str(host.exchange) == "." for host in hosts)
            return not (self._names.ask(name, "A", deadline) or self._names.ask(name, "AAAA", deadline))
        except (DnsAwayError, UnicodeError):
            return False
