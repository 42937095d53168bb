"""Shows conditions what a batch knows: messages, cases, customers, devices."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from pipeline.agents.batch import Incoming
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.domain.conditions import Facts, View
from pipeline.domain.correlating import correlate
from pipeline.domain.customers import CustomerFacts
from pipeline.domain.vocabulary import CaseRecord
from pipeline.store.ports import Transaction


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of the customers and devices of some cases, as far as anybody asks for it."""

    view: View
    customers: CustomerFacts

    @classmethod
    async def of(cls, view: View, cases: Iterable[Case], tx: Transaction) -> "Known":
        """Asks one question for each kind of record that a condition reads."""
        contacts: set[UUID] = set()
        accounts: set[UUID] = set()
        devices: set[str] = set()
        for case in cases:
            if case.contact is not None and view.reads("contact"):
                contacts.add(case.contact.id)
            if case.account is not None and view.reads("account"):
                accounts.add(case.account.id)
            if case.device is not None and view.reads("device"):
                devices.add(case.device)
        if not (contacts or accounts or devices):
            return cls(view, CustomerFacts())
        return cls(view, await tx.customers(contacts=contacts, accounts=accounts, devices=devices))

    def facts(
        self, case: Case, message: "MessageRecord | None" = None, changed: Mapping[str, object] | None = None
    ) -> Facts:
        """The facts about a case, as it is with these fields `changed`, and the message at hand if there is one."""
        customers = self.customers
        contact = customers.contacts.get(case.contact.id) if case.contact else None
        account = customers.accounts.get(case.account.id) if case.account else None
        device = customers.devices.get(case.device) if case.device else None
        return self.view.facts(
            {
                "case": CaseRecord(case, changed or {}),
                "message": message,
                "fields": message.get("fields") if message else None,
                "contact": contact.record() if contact else None,
                "account": account.record() if account else None,
                "device": device.record() if device else None,
            }
        )


def correlated(rules: Rules, message: Incoming) -> Incoming:
    """The mail with what it tells of, where a rule says that it is another system's."""
    if rules.correlations:
        told, notes = correlate(rules.correlations, MessageRecord(message), message.subject, message.text)
        message.defects += tuple(notes)
        if told is not None:
            message.correlated = told
            message.shown = {**message.shown, "fields": told.fields}
            message.queue = told.queue or message.queue
    return message


class MessageRecord:
    """A message as conditions see it."""

    __slots__ = ("_message",)

    def __init__(self, message: Incoming) -> None:
        self._message = message

    def get(self, name: str, /) -> object:
        """A field of it; what only its channel has is shown with it."""
        known = _OF_MESSAGE.get(name)
        return known(self._message) if known is not None else self._message.shown.get(name)


_OF_MESSAGE: Mapping[str, Callable[[Incoming], object]] = {
    "channel": attrgetter("kind"),
    "subject": attrgetter("subject"),
    "text": attrgetter("text"),
    "from": lambda message: {"address": message.sender, "name": message.sender_name},
    "origin": lambda message: message.origin or message.kind,
    "direction": attrgetter("direction"),
    "auto": attrgetter("auto"),
    "automatic": attrgetter("automatic"),
    "proven": lambda message: message.standing == "proven",
    "received_at": attrgetter("received"),
}
