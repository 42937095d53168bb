"""Opens a case for each message, or appends it to the one it belongs to."""

from collections.abc import Iterable, Iterator
from typing import Protocol
from uuid import UUID

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.casework.by_rule import lock_to_resolve
from pipeline.agents.channels.calls import Calls
from pipeline.agents.channels.posts import Posts
from pipeline.agents.devices.alarm_cases import closing
from pipeline.agents.devices.alarms import Alarms
from pipeline.agents.mail.correlate import Correlations
from pipeline.agents.mail.threads import Threads
from pipeline.agents.rules import Rules
from pipeline.store.ports import Transaction


class Decider(Protocol):
    """Decides for messages of one kind."""

    def named(self, message: Incoming, batch: Batch) -> Iterable[UUID]:
        """The cases that the decision may be about."""

    def decide(self, message: Incoming, book: Casebook) -> None:
        """Give the message its outcome; the cases named are locked."""


class OpenOrAppend:
    """Decides in the order of arrival, so that a message sees what an earlier one of its batch did."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        threads = Threads(rules)
        self._correlations = Correlations(rules)
        self._deciders: dict[str, Decider] = {
            "email": threads,
            "web": threads,
            "phone": Calls(rules),
            "social": Posts(rules),
            "iot": Alarms(rules),
        }

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Lock every case that a message may concern, in the order of ids, then decide on each message."""
        batch.links = {key: list(links) for key, links in batch.facts.links.items()}
        if callers := {message.party.contact.id for message in batch.undecided()
                       if message.call and message.party and message.party.contact}:  # fmt: skip
            batch.channels.active = {who: [*cases] for who, cases in (await tx.active_cases(callers)).items()}
        named = {case for message in batch.undecided() for case in self._named(message, batch)}
        over = {case for message in batch.undecided() for case in self._correlations.closing(message, batch)}
        await lock_to_resolve(named | batch.watch.named, over | set(closing(batch)), batch, tx)
        book = Casebook(self._rules, batch)
        for message in batch.undecided():
            if not self._correlations.decide(message, book):
                self._deciders[message.kind].decide(message, book)
        for message in batch.messages:
            book.watch_original(message)

    def _named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        yield from self._correlations.named(message, batch)
        yield from self._deciders[message.kind].named(message, batch)
