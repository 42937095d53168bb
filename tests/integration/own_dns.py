"""A small DNS server that knows what a test tells it, and a resolver that asks nobody else."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

from pipeline.connectors.dns_names import Names


@dataclass
class Zone:
    """Records by name and kind; names in `silent` get no answer, and no name does when `away`."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    away: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def txt(self, name: str, *values: str) -> None:
        """Publish text, in strings of 255 characters as DNS wants them."""
        self.records[name, "TXT"] = [
            " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255)) for value in values
        ]

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        self.asked.append((name, kind))
        if self.away or name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if values := self.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif not any(known == name for known, _ in self.records) and name != ".":
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


@contextmanager
def own_dns(zone: Zone) -> Iterator[Names]:
    """Questions that this zone answers."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            if reply := zone.answer(wire):
                sock.sendto(reply, self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        serving.start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.server_address[1]
        try:
            yield Names(resolver)
        finally:
            server.shutdown()
            serving.join()
