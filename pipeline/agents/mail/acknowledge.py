"""Tells senders that their message has come, within the limits that keep us from troubling anyone."""

from datetime import datetime, timedelta

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.dedupe import VARIANT
from pipeline.agents.mail.storms import is_newcomer
from pipeline.agents.rules import Rules
from pipeline.domain.acknowledging import MOST_FROM_FORMS, Hindrance, too_many_strangers, too_often
from pipeline.domain.letter_texts import acknowledgement, storm_of_forms, storm_of_strangers
from pipeline.domain.storms import DAY, MOST_NEWCOMERS
from pipeline.store.outbound_ports import NewMail
from pipeline.store.ports import Transaction

TEMPLATE = "acknowledgement"
_HOUR = timedelta(hours=1)


class Acknowledge:
    """Answers what opened a case, once; whatever hinders it is kept as the reason."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Decide in the order of arrival, on the times that were read under the claim of each recipient."""
        sent: dict[str, list[datetime]] = {who: [*times] for who, times in batch.facts.mail.acknowledged.items()}
        strangers = [*batch.facts.mail.newcomers]
        for message in batch.messages:
            if message.kind == "web" and is_newcomer(message):
                strangers.append(message.received)
            if message.is_folded and is_newcomer(message):
                self._tell_manager(message, batch, storm_of_strangers(MOST_NEWCOMERS))
            if self._is_to_be(message):
                self._acknowledge(message, batch, sent.setdefault(message.sender or "", []), strangers)

    @staticmethod
    def _is_to_be(message: Incoming) -> bool:
        return (
            message.acknowledge
            and message.sender is not None
            and message.case is not None
            and message.outcome is not None
            and message.outcome.name == "opened"
            and message.standing != "refuted"
            and message.agent is None
            and message.correlated is None
            and not message.from_us
        )

    def _acknowledge(self, message: Incoming, batch: Batch, sent: list[datetime], strangers: list[datetime]) -> None:
        case, to = message.case, message.sender
        if case is None or to is None:
            raise AssertionError(f"{message.source_id} opened no case")
        if (hindrance := self._hindrance(message, batch, sent, strangers)) is not None:
            batch.why(case, "acknowledgement", f"none was sent to {to}: {hindrance.reason}", message.received)
            return
        surely_theirs = message.kind == "email" and message.standing == "proven"
        about = message.subject if surely_theirs else None
        subject, text = acknowledgement(self._rules.language, self._rules.desk, about)
        answers = message.source_id if message.kind == "email" and message.source_id.startswith("<") else None
        batch.outbound.append(
            NewMail(to=to, template=TEMPLATE, subject=subject, body=text, at=message.received, case=case,
                    in_reply_to=answers, values={"about": about} if about else {})
        )  # fmt: skip
        sent.append(message.received)

    def _hindrance(
        self, message: Incoming, batch: Batch, sent: list[datetime], strangers: list[datetime]
    ) -> Hindrance | None:
        if VARIANT in message.flags:
            return Hindrance("another text of the same mail came before")
        if message.sender in batch.facts.mail.bounced:
            return Hindrance("mail to that address came back")
        if message.kind == "web" and (many := too_many_strangers(strangers, message.received)) is not None:
            self._tell_manager(message, batch, storm_of_forms(MOST_FROM_FORMS))
            return many
        if _has_likes(message, batch):
            return Hindrance("it is like a mail of the same sender that came within a day")
        return too_often(sent, message.received)

    def _tell_manager(self, message: Incoming, batch: Batch, says: tuple[str, str]) -> None:
        """Once an hour: a mail of the same hour and words is the same mail."""
        subject, text = says
        hour = message.received.replace(minute=0, second=0, microsecond=0)
        mail = NewMail(to=f"queue:{message.queue}", template="storm", subject=subject, body=text, at=hour)
        if mail not in batch.outbound:
            batch.outbound.append(mail)


def _has_likes(message: Incoming, batch: Batch) -> bool:
    """Whether its sender sent the same but for digits before, so that two programs do not answer each other."""
    if message.mail is None:
        return False
    key, but_digits = message.mail.like
    return any(
        one.but_digits == but_digits and one.case_id != (message.case and message.case.id)
        and timedelta() <= message.received - one.at < DAY
        for one in batch.mail.likes.get(key, ())
    )  # fmt: skip
