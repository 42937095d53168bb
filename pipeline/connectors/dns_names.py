"""Asks DNS in bounded time, with a memory for the answers."""

import threading
import time
from typing import Any

import dns.exception
import dns.name
import dns.resolver

LOOKUP_SECONDS = 2.0
"""How long one question may take."""

REMEMBERED = 20_000
"""Answers that are kept, each for as long as its owner allows."""

PAUSE_SECONDS = 10.0
"""How long nothing is asked once it is sure that DNS itself is away."""

_PROBE_SECONDS = 1.0


class DnsAwayError(Exception):
    """DNS gave no answer in time, or one that it could not give; asking later may help."""


class Names:
    """Answers of DNS as lists, empty for what there is not.

    A name that gets no answer says nothing about others: whoever sends mail can choose one. Only when the root of all
    names is silent as well is DNS taken to be away, and for some seconds nothing is asked.
    """

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        self._resolver = resolver
        self._lock = threading.Lock()
        self._away_until = 0.0

    def ask(self, name: str, kind: str, deadline: float) -> list[Any]:
        """The records of that kind. Raises DnsAwayError at `deadline` (of time.monotonic) at the latest."""
        now = time.monotonic()
        if now < self._away_until:
            raise DnsAwayError("DNS is away")
        if now >= deadline:
            raise DnsAwayError("no time is left to ask DNS")
        lifetime = min(LOOKUP_SECONDS, deadline - now)
        try:
            answer = self._ready().resolve(name, kind, lifetime=lifetime, search=False, raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, dns.name.NameTooLong, dns.name.LabelTooLong, dns.name.EmptyLabel):
            return []
        except dns.resolver.LifetimeTimeout as error:
            self._probe()
            raise DnsAwayError(f"DNS did not answer about {name}") from error
        except dns.resolver.NoResolverConfiguration as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            raise DnsAwayError("this machine has no DNS") from error
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise DnsAwayError(f"DNS has no answer about {name}") from error
        return list(answer.rrset or ())

    def text(self, name: str, deadline: float) -> list[bytes]:
        """The TXT records, each in one piece. Raises DnsAwayError."""
        return [b"".join(record.strings) for record in self.ask(name, "TXT", deadline)]

    def _ready(self) -> dns.resolver.Resolver:
        with self._lock:
            if self._resolver is None:
                self._resolver = dns.resolver.Resolver()
            if self._resolver.cache is None:
                self._resolver.cache = dns.resolver.LRUCache(REMEMBERED)
        return self._resolver

    def _probe(self) -> None:
        """Find out whether DNS is away, or only the servers of one name."""
        resolver = self._ready()
        probe = dns.resolver.Resolver(configure=False)
        probe.nameservers, probe.port = resolver.nameservers, resolver.port
        try:
            probe.resolve(".", "NS", lifetime=_PROBE_SECONDS, search=False, raise_on_no_answer=False)
        except dns.resolver.LifetimeTimeout:
            self._away_until = time.monotonic() + PAUSE_SECONDS
        except dns.exception.DNSException:
            pass  # whatever it says, it speaks
