"""Which of our mailboxes an envelope address means."""

from collections.abc import Iterable

from pipeline.config.channels import Mailbox


class Recipients:
    """Knows every address that mail of ours may be sent to.

    An address of a mailbox, its aliases and via addresses; each of them with a `+tag`; and postmaster of our domains
    (RFC 5321, 4.5.1), which the first mailbox of the domain takes.
    """

    def __init__(self, mailboxes: Iterable[Mailbox]) -> None:
        self._known: dict[str, Mailbox] = {}
        postmasters: dict[str, Mailbox] = {}
        for mailbox in mailboxes:
            for address in (*mailbox.addresses, *mailbox.via):
                self._known.setdefault(address.lower(), mailbox)
            postmasters.setdefault(mailbox.address.rpartition("@")[2], mailbox)
        for domain, mailbox in postmasters.items():
            self._known.setdefault(f"postmaster@{domain}", mailbox)
        for mailbox in list(postmasters.values())[:1]:
            self._known.setdefault("postmaster", mailbox)
        self._domains = frozenset(address.rpartition("@")[2] for address in self._known)

    def find(self, address: str) -> Mailbox | None:
        """The mailbox that takes mail to the address, in whatever case it is written."""
        address = address.lower()
        if found := self._known.get(address):
            return found
        local, _, domain = address.rpartition("@")
        base, plus, _ = local.partition("+")
        return self._known.get(f"{base}@{domain}") if plus else None

    def is_ours(self, address: str) -> bool:
        """Whether the address is of a domain of ours, so that refusing it is no matter of relaying."""
        return address.rpartition("@")[2].lower() in self._domains
