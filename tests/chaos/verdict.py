"""Judges what was found against what was acknowledged."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from .evidence import Evidence, PublishedEvent, poison_id
from .oracle import Acked

OUTCOMES = ("case.opened", "case.appended", "message.suppressed", "message.quarantined")
_TOLD = frozenset(f"dev.casestream.{name}.v1" for name in OUTCOMES)


@dataclass(slots=True)
class Verdict:
    """What is wrong; each list holds what a person would look for."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def breaches(self) -> list[str]:
        """All of it."""
        return [
            *self.lost, *self.doubled, *self.disordered, *self.gaps, *self.ledger, *self.split, *self.states,
            *self.dead,
        ]  # fmt: skip


def judge(acked: Sequence[Acked], tried_poison: AbstractSet[str], found: Evidence) -> Verdict:
    """Hold the evidence against the invariants."""
    messages = [one for one in acked if one.kind != "poison"]
    verdict = Verdict()
    _lost_or_doubled(messages, found, verdict)
    _conversations(messages, found, verdict)
    verdict.gaps += _event_gaps(found)
    verdict.ledger += _ledger(found)
    verdict.states += _states(found)
    _dead({one.id for one in acked if one.kind == "poison"}, tried_poison, found, verdict)
    return verdict


def _lost_or_doubled(acked: Iterable[Acked], found: Evidence, verdict: Verdict) -> None:
    """I1 and I2: one outcome each, told by one event each, and one outcome for each record of the log."""
    told = Counter(event.data["message"]["id"] for event in found.events if event.type in _TOLD)
    verdict.doubled += [f"message {one} is told of {count} times" for one, count in told.items() if count > 1]
    first = Counter(message.id for message in found.messages if message.outcome != "duplicate")
    verdict.doubled += [f"{one} has {count} outcomes" for one, count in first.items() if count > 1]
    named = Counter(event.data["message"]["source_id"] for event in found.events if event.type in _TOLD)
    verdict.doubled += [f"{one} is told of {count} times" for one, count in named.items() if count > 1]
    known = {one.id for one in acked}
    verdict.lost += [f"{one} has no outcome" for one in known - first.keys()]
    verdict.lost += [f"{one.id} has no event" for one in acked if one.kind == "mail" and named[one.id] == 0]
    if sum(told.values()) != sum(first.values()):
        verdict.lost.append(
            f"{sum(first.values())} messages have an outcome, but {sum(told.values())} events tell of it"
        )
    settled = Counter((one.place, one.offset) for one in (*found.messages, *found.dead))
    verdict.doubled += [f"record {where} was settled {count} times" for where, count in settled.items() if count > 1]
    for place, (start, end) in found.bounds.items():
        without = [offset for offset in range(start, end) if not settled[place, offset]]
        verdict.lost += [f"record {place}, {offset} has no outcome" for offset in without]


def _conversations(acked: Iterable[Acked], found: Evidence, verdict: Verdict) -> None:
    """I2 and I3: one case a conversation, and its messages in the order of their arrival."""
    cases = {one.id: one.case for one in found.messages if one.outcome != "duplicate"}
    members: dict[str, dict[str, int | None]] = defaultdict(dict)
    for one in acked:
        if one.conversation is not None:
            members[one.conversation][one.id] = one.place
    appearance = _appearance(found)
    for conversation, places in members.items():
        of = {cases[one] for one in places if one in cases}
        if len(of) > 1:
            verdict.split.append(f"conversation {conversation} is in {len(of)} cases")
            continue
        ordered = [one for one in places if places[one] is not None and one in appearance]
        told = [places[one] or 0 for one in sorted(ordered, key=appearance.__getitem__)]
        if told != sorted(told):
            verdict.disordered.append(f"conversation {conversation} is told in the order {told}")


def _appearance(found: Evidence) -> dict[str, int]:
    """The sequence in which each message's outcome is told within its case."""
    return {event.data["message"]["source_id"]: event.seq for event in found.events if event.type in _TOLD}


def _event_gaps(found: Evidence) -> list[str]:
    """I4: what is on Kafka, each id once, is what the table holds, without a hole and in order."""
    wrong: list[str] = []
    first: dict[str, PublishedEvent] = {}
    order: dict[str, list[int]] = defaultdict(list)
    for event in found.published:
        if event.id in first:
            if event != first[event.id]:
                wrong.append(f"event {event.id} was published again as another")
            continue
        first[event.id] = event
        order[event.key].append(event.seq)
    wrong += [
        f"events of {key} are in the order {sequences}"
        for key, sequences in order.items()
        if sequences != list(range(1, len(sequences) + 1))
    ]
    stored = {event.id: event for event in found.events}
    wrong += [f"event {one} was never published" for one in stored.keys() - first.keys()]
    wrong += [f"event {one} was published but is not stored" for one in first.keys() - stored.keys()]
    for one in stored.keys() & first.keys():
        table, topic = stored[one], first[one]
        if (table.key, table.seq, table.type, table.data) != (topic.key, topic.seq, topic.type, topic.data):
            wrong.append(f"event {one} differs between table and topic")
        if topic.position != found.positions.get(one):
            wrong.append(f"event {one} was published with position {topic.position}, not {found.positions.get(one)}")
    if sorted(found.positions.values()) != list(range(1, found.last_position + 1)):
        wrong.append(f"{len(found.positions)} positions are not dense up to {found.last_position}")
    if found.positions.keys() != stored.keys():
        wrong.append(f"{len(stored)} events, but {len(found.positions)} positions")
    if found.outbox:
        wrong.append(f"{found.outbox} events wait in the outbox")
    return wrong


def _ledger(found: Evidence) -> list[str]:
    """I6: the ledger stands at the end of the log, and its sums hold."""
    wrong: list[str] = []
    rows = {row.place: row for row in found.ledger}
    for place, (start, end) in found.bounds.items():
        row = rows.get(place)
        if row is None:
            wrong += [f"{place} has no row in the ledger, but {end - start} records"] if end > start else []
        elif (row.next, row.gaps, row.settled, row.stopped_reason) != (end, 0, end - row.first, None):
            wrong.append(f"{row} of a log that ends at {end}")
    return wrong


def _states(found: Evidence) -> list[str]:
    """The last state of each case on its topic is the case as the database has it."""
    return [
        f"case {key} is {found.states.get(key)} on its topic, but {found.cases.get(key)}"
        for key in found.states.keys() | found.cases.keys()
        if found.states.get(key) != found.cases.get(key)
    ]


def _dead(planted: AbstractSet[str], tried: AbstractSet[str], found: Evidence, verdict: Verdict) -> None:
    """I8: planted poison is dead, and nothing else is."""
    dead = {poison_id(row.raw): row.reason for row in found.dead}
    verdict.lost += [f"poison {one} is nowhere" for one in planted - dead.keys()]
    verdict.dead += [f"dead letter that nobody planted: {dead[one]}" for one in dead.keys() - tried]
