"""A desk in memory: mails go through the very intake, and what became of them can be asked."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID, uuid4

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.rules import compile_rules
from pipeline.config import parse_config
from pipeline.domain.cases import Case
from pipeline.domain.matching import Identity, Ref
from pipeline.domain.orders import Cancel, Done, Merge, Order, Reactivate, Refused, Resolve, SetField
from pipeline.parse.keys import header_ids
from pipeline.store.mail_ports import Reach
from pipeline.store.memory import LedgerRow, Memory, MemoryStore
from pipeline.store.ports import NewMessage, Store
from pipeline.wire import Envelope, Partition, Record

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SUPPORT = "support@desk.example"
ANA = "ana@acme.example"
RUI = "rui@acme.example"
EVA = "eva@other.example"

PARTITION = Partition("inbound.email", 0)

_DESK = """
[desk]
domain = "cases.desk.example"
secret = ["the newer secret of this desk", "the older secret of this desk"]
[[mailbox]]
address = "support@desk.example"
[[mailbox]]
address = "sales@desk.example"
"""


def mail(  # noqa: PLR0913  # a mail has as many headers
    name: str,
    *,
    sender: str | None = ANA,
    to: str = SUPPORT,
    cc: str = "",
    subject: str = "Printer",
    text: str = "It does not print.",
    answers: str = "",
    references: Sequence[str] = (),
    message_id: str | None = None,
    dated: datetime | None = START,
    headers: str = "",
) -> bytes:
    """A mail whose Message-ID is `<name@x>` unless it has another, or "" for none."""
    own = f"<{name}@x>" if message_id is None else message_id
    lines = [
        f"From: {sender}" if sender else "",
        f"To: {to}" if to else "",
        f"Cc: {cc}" if cc else "",
        f"Subject: {subject}",
        f"Message-ID: {own}" if own else "",
        f"In-Reply-To: {answers}" if answers else "",
        f"References: {' '.join(references)}" if references else "",
        f"Date: {format_datetime(dated)}" if dated else "",
        headers,
    ]
    return ("\n".join(line for line in lines if line) + f"\n\n{text}\n").encode()


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a mail."""

    outcome: str
    reason: str
    case: int | None
    matched_by: str | None
    flags: tuple[str, ...]


class Desk:
    """One desk; time goes on a minute a mail unless `at` says otherwise."""

    def __init__(self, config: str = "", *, store: Callable[[Memory], Store] = MemoryStore) -> None:
        self.config = parse_config(_DESK + config)
        self.tokens = compile_rules(self.config).tokens
        self.memory = Memory()
        self.store = store(self.memory)
        self.now = START
        self.auth = ""
        self._settle = app.build_settler(self.config, self.store)
        self._casework = app.build_casework(compile_rules(self.config), self.store)
        self._offset = 0
        self.memory.tables.ledger[PARTITION] = LedgerRow("cluster", 0)

    def receive(self, *mails: bytes, at: datetime | None = None, mailbox: str = SUPPORT) -> list[Became]:
        """Settle these mails as one batch."""
        records = [self._record(raw, at, mailbox) for raw in mails]
        asyncio.run(self._settle(records))
        stored = {message.log_offset: message for message in self.memory.tables.messages.values()}
        return [self._became(stored[record.offset]) for record in records]

    def one(self, raw: bytes, *, at: datetime | None = None, mailbox: str = SUPPORT) -> Became:
        """Settle one mail."""
        return self.receive(raw, at=at, mailbox=mailbox)[0]

    def case(self, became: Became) -> Case:
        """The case that a mail belongs to."""
        return next(case for case in self.memory.tables.cases.values() if case.number == became.case)

    def case_with(self, *mails: bytes) -> Case:
        """A new case, opened by the first of these mails; the others are expected to join it."""
        became = [self.one(raw) for raw in mails]
        assert {one.case for one in became} == {became[0].case}
        return self.case(became[0])

    def do(self, case: Case, order: Order, at: datetime | None = None, by: str | None = None) -> Done | Refused:
        """Carry out what an agent orders."""
        return asyncio.run(self._casework.do(case.id, order, Deed(at or self.now, actor_id=by)))

    def resolve(self, case: Case, at: datetime | None = None) -> None:
        self.do(case, Resolve(text="done"), at)

    def cancel(self, case: Case) -> None:
        self.do(case, Cancel())

    def reactivate(self, case: Case) -> None:
        self.do(case, Reactivate())

    def set_field(self, case: Case, field: str, value: str) -> None:
        self.do(case, SetField(field, value))

    def merge(self, case: Case, into: Case) -> None:
        """Merge a case into another."""
        assert self.do(case, Merge(into.id, confirmed=True)) == Done(changed=True)

    def account(self, name: str, *domains: str) -> Ref:
        """An account that owns mail domains."""
        account = Ref(uuid4(), name, name)
        self.memory.tables.accounts[account.id] = account
        self.memory.tables.domains.update(dict.fromkeys(domains, account.id))
        return account

    def contact(self, name: str, *emails: str, account: Ref | None = None) -> UUID:
        """A contact with addresses."""
        contact = Ref(uuid4(), name, name)
        self.memory.tables.contacts[contact.id] = (contact, account.id if account else None)
        self.memory.tables.identities.update({Identity("email", email): (contact.id, None) for email in emails})
        return contact.id

    def agent(self, name: str, *emails: str) -> Ref:
        """An agent with addresses, who gets mail at the first."""
        agent = Ref(uuid4(), name, name)
        self.memory.tables.agents.update({Identity("email", email): agent for email in emails})
        self.memory.tables.reach[agent.id] = Reach(name, emails[0], None, None)
        return agent

    def events(self, case: Case) -> list[str]:
        """What happened to a case, in order."""
        of_case = [event for event in self.memory.tables.events.values() if event.key == str(case.id)]
        assert [event.seq for event in of_case] == list(range(1, len(of_case) + 1))
        return [event.type.removeprefix("dev.casestream.").removesuffix(".v1") for event in of_case]

    def _record(self, raw: bytes, at: datetime | None, mailbox: str) -> Record:
        self.now = at or self.now + timedelta(minutes=1)
        ids = header_ids(raw)
        own = ids.message_id or f"delivery-{self._offset}"
        envelope = Envelope(
            id=own,
            channel="email",
            source=f"/email/{mailbox}",
            key=ids.conversation(own),
            time=self.now,
            content_type="message/rfc822",
            raw=raw,
            facts={"envelopeto": mailbox, "authresults": self.auth},
        )
        self._offset += 1
        return Record(*PARTITION, self._offset - 1, envelope.key.encode(), raw, tuple(envelope.headers()))

    def _became(self, message: NewMessage) -> Became:
        case = self.memory.tables.cases[message.case_id].number if message.case_id else None
        return Became(message.outcome, message.reason, case, message.matched_by, tuple(message.flags))
