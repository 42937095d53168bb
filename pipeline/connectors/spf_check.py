"""Judges by SPF (RFC 7208) whether a machine may send for a domain."""

from typing import Any

import spf

from pipeline.connectors.dns_names import DnsAwayError, Names

LONGEST_RECORD = 4096
"""Bytes of a record that are evaluated; RFC 7208, 3.4, asks for some 450. Macros take the square of theirs in time."""

_LABEL = 63
"""Characters of one label of a name (RFC 1035, 2.3.4)."""


def check_spf(ip: str, mail_from: str, helo: str, names: Names, deadline: float) -> str:
    """The result in SPF's words: pass, fail, softfail, neutral, none, temperror, permerror."""
    try:
        return str(_Query(ip, mail_from, helo, names, deadline).check()[0])
    except Exception:  # noqa: BLE001  # whatever a domain publishes, or a peer is called: its mail is taken
        return "permerror"


class _Query(spf.query):  # type: ignore[misc]  # pyspf ships no types
    """pyspf's evaluation over our own questions to DNS, which are bounded in time and follow aliases by themselves."""

    def __init__(self, ip: str, mail_from: str, helo: str, names: Names, deadline: float) -> None:
        super().__init__(i=ip, s=mail_from, h=helo)
        self._names = names
        self._deadline = deadline

    def dns(self, name: object, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:  # noqa: ARG002, FBT001, FBT002  # pyspf's signature
        """The records of a name, as pyspf reckons with them."""
        host = str(name).rstrip(".").lower()
        if not all(0 < len(label) <= _LABEL for label in host.split(".")):
            return []
        try:
            found = self._names.ask(host, qtype, self._deadline)
        except DnsAwayError as error:
            raise spf.TempError(str(error)) from error
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} questions without an answer")
        if qtype == "TXT":
            return [record.strings for record in found if sum(map(len, record.strings)) <= LONGEST_RECORD]
        return [_plain(record, qtype) for record in found]


def _plain(record: Any, qtype: str) -> object:  # noqa: ANN401  # each kind of record has attributes of its own
    match qtype:
        case "A" | "AAAA":
            return record.address
        case "MX":
            return record.preference, record.exchange.to_text(omit_final_dot=True)
        case _:
            return record.target.to_text(omit_final_dot=True)
