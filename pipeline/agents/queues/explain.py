"""Tells how a message would be routed if it opened a case now: each rule, whether it holds, the values it sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.facts import Known, MessageRecord
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case, case_title
from pipeline.domain.matching import account_domain
from pipeline.domain.routing import Routed, Tried
from pipeline.parse.freemail import FREEMAIL
from pipeline.store.ports import Transaction, Wanted


@dataclass(frozen=True, slots=True)
class Explained:
    """The case that a message would open, the rules that were tried, and those that were not reached."""

    case: Case
    routed: Routed
    beyond: Sequence[Tried]
    queue: str
    correlated: str | None


async def explain_route(message: Incoming, rules: Rules, tx: Transaction) -> Explained:
    """How it would be routed; nothing is written."""
    case = await _case(message, tx)
    known = await Known.of(rules.routes_read, [case], tx)
    record = MessageRecord(message)
    routed = rules.routes.decide(lambda changed: known.facts(case, record, changed))
    beyond = rules.routes.rest(known.facts(case, record, routed.sets), routed)
    wanted = routed.sets.get("queue", case.queue)
    queue = wanted if wanted in rules.queues else rules.default_queue
    return Explained(case, routed, beyond, queue, str(message.correlated) if message.correlated else None)


async def _case(message: Incoming, tx: Transaction) -> Case:
    identity = message.identity
    domain = account_domain(message.sender or "", FREEMAIL) if message.sender_kind == "email" else None
    facts = await tx.read(Wanted((), (), {identity} if identity else (), {domain} if domain else (), ()))
    party = facts.parties.get(identity) if identity else None
    account = party.account if party else facts.accounts.get(domain or "")
    return Case(
        id=uuid7(),
        title=case_title(message.subject, message.text),
        state="active",
        status="in progress",
        priority="normal",
        origin=message.origin or message.kind,
        queue=message.queue,
        opened_at=message.received,
        contact=party.contact if party else None,
        account=account,
        device=message.alarm.device if message.alarm else None,
        flags=message.flags,
    )
