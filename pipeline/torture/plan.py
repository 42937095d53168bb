"""What a consumer is put through: cases, each with a trouble of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson

from pipeline.events.cloudevents import structured
from pipeline.events.examples import SOURCE, story
from pipeline.events.ids import event_id, queue_id
from pipeline.events.schemas import full_type

_TRIALS = UUID("8a3bb9a1-8f0e-4a53-9a0c-6f6f2f3a7c11")
_BEGINS = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Telling:
    """An event of a trial; a `strange` one has what no consumer knows yet."""

    id: UUID
    type: str
    key: str
    seq: int
    subject: str | None
    at: datetime
    position: int
    data: Mapping[str, Any]
    strange: bool = False

    def data_json(self) -> bytes:
        """Its data alone."""
        return orjson.dumps(self.data)

    def json(self) -> bytes:
        """As CloudEvents in JSON."""
        body = structured(
            event_id=self.id, source=SOURCE, kind=self.type, subject=self.subject, at=self.at, key=self.key,
            seq=self.seq, pos=self.position, data=self.data_json(),
        )  # fmt: skip
        return body if not self.strange else b'{"weather":"fair",' + body[1:]

    def __str__(self) -> str:
        return f"#{self.seq} {self.type.removeprefix('dev.casestream.').removesuffix('.v1')}"


@dataclass(frozen=True, slots=True)
class Tell:
    """Send an event: the first time, `again`, or `late`, after one that came later."""

    telling: Telling
    again: bool = False
    late: bool = False

    def __str__(self) -> str:
        return f"{self.telling}{' again' if self.again else ' late' if self.late else ''}"


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection in the middle of an event; what follows happens before the consumer is back."""

    def __str__(self) -> str:
        return "connection lost"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for a while."""

    def __str__(self) -> str:
        return "a pause"


Step = Tell | Cut | Pause


@dataclass(frozen=True, slots=True)
class Trial:
    """One trouble: what is done, and by what mistake one fails."""

    trouble: str
    mistake: str
    steps: Sequence[Step]


@dataclass(slots=True)
class _Teller:
    """Makes the events of a round; each has a position of its own."""

    turn: int
    position: int
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)

    def opens(self) -> str:
        """Another case, by its key."""
        number = 2001 + 100 * self.turn + len(self.cases)
        key = str(uuid5(_TRIALS, f"case {number}"))
        self.cases[key] = {
            "id": key, "number": number, "title": f"Pump {number} leaks", "status": "in progress", "state": "active",
            "priority": "normal", "queue": {"id": str(queue_id("Support")), "external_id": None, "name": "Support"},
            "owner": None, "contact": None, "account": None,
        }  # fmt: skip
        return key

    def tell(
        self, name: str, key: str, changes: Mapping[str, Any] | None = None, other: str | None = None,
        *, strange: bool = False,
    ) -> Telling:  # fmt: skip
        """The next event of a case; a strange one has fields that nobody knows."""
        case = self.cases[key]
        changed = {field: [case[field], value] for field, value in (changes or {}).items()}
        case |= changes or {}
        seq = self.sequences[key] = self.sequences.get(key, 0) + 1
        self.position += 1
        data: dict[str, Any] = {
            "case": dict(case), "changed": changed, "actor": {"kind": "agent", "id": "rui"}, "cause": None,
        }  # fmt: skip
        if other is not None:
            data["linked"] = {"id": other, "number": self.cases[other]["number"]}
        if strange:
            data |= {"case": {**case, "mood": "sunny"}, "barometer": {"hpa": 1013}}
        return Telling(
            event_id(key, seq), full_type(name), key, seq, str(case["number"]),
            _BEGINS + timedelta(seconds=self.position), self.position, data, strange,
        )  # fmt: skip


RESOLVED = {"state": "resolved", "status": "problem solved"}
ACTIVE = {"state": "active", "status": "in progress"}
MERGED = {"state": "cancelled", "status": "merged"}


def plan(rounds: int, *, disorder: bool) -> list[Trial]:
    """All trials, so many times with other cases; with `disorder` some events come after later ones, as webhooks do."""
    trials: list[Trial] = []
    position = 0
    for turn in range(rounds):
        teller = _Teller(turn, position)
        trials += _round(teller, disorder=disorder)
        position = teller.position
    return [*trials, _every_type(position)]


def _round(teller: _Teller, *, disorder: bool) -> Iterator[Trial]:
    yield _told_twice(teller)
    if disorder:
        yield _out_of_order(teller)
    yield _unknown_fields(teller)
    yield _reopened(teller)
    yield _merged(teller)
    yield _pause(teller)
    yield _connection_lost(teller)


def _told_twice(teller: _Teller) -> Trial:
    tell, one, two = teller.tell, teller.opens(), teller.opens()
    first, solved = tell("case.opened", one), tell("case.resolved", one, RESOLVED)
    opened, urgent = tell("case.opened", two), tell("case.updated", two, {"priority": "urgent"})
    steps = (Tell(first), Tell(solved), Tell(first, again=True), Tell(opened), Tell(urgent), Tell(opened, again=True))
    return Trial("told twice", "an event that came again was taken for news; remember what you heard", steps)


def _out_of_order(teller: _Teller) -> Trial:
    tell, one, two = teller.tell, teller.opens(), teller.opens()
    first, solved = tell("case.opened", one), tell("case.resolved", one, RESOLVED)
    opened = tell("case.opened", two)
    high, urgent = tell("case.updated", two, {"priority": "high"}), tell("case.updated", two, {"priority": "urgent"})
    steps = (Tell(solved), Tell(first, late=True), Tell(opened), Tell(urgent), Tell(high, late=True))
    return Trial(
        "out of order", "an older event undid a newer one; go by the sequence, not by the order of arrival", steps
    )


def _unknown_fields(teller: _Teller) -> Trial:
    tell, one = teller.tell, teller.opens()
    steps = (
        Tell(tell("case.opened", one, strange=True)),
        Tell(tell("case.sneezed", one, strange=True)),
        Tell(tell("case.updated", one, {"priority": "high"}, strange=True)),
    )
    return Trial("unknown fields", "a field or a type that is new was too much; take no notice of either", steps)


def _reopened(teller: _Teller) -> Trial:
    tell, one = teller.tell, teller.opens()
    steps = (
        Tell(tell("case.opened", one)), Tell(tell("case.resolved", one, RESOLVED)),
        Tell(tell("case.reopened", one, ACTIVE)),
    )  # fmt: skip
    return Trial("reopened", "a closed case that is open again was forgotten; go by `case.state` of every event", steps)


def _merged(teller: _Teller) -> Trial:
    tell, one, two, three = teller.tell, teller.opens(), teller.opens(), teller.opens()
    opened = [Tell(tell("case.opened", key)) for key in (one, two, three)]
    steps = (
        *opened, Tell(tell("case.merged", two, MERGED, one)), Tell(tell("case.merged", one, None, two)),
        Tell(tell("case.merged", three, MERGED, one)), Tell(tell("case.merged", one, None, three)),
        Tell(tell("case.unmerged", three, ACTIVE, one)), Tell(tell("case.unmerged", one, None, three)),
    )  # fmt: skip
    return Trial("merged", "a case that went into another one, or came out, is not as it was; both are told", steps)


def _pause(teller: _Teller) -> Trial:
    tell, one = teller.tell, teller.opens()
    steps = (Tell(tell("case.opened", one)), Pause(), Tell(tell("case.updated", one, {"priority": "low"})))
    return Trial("a pause", "what came after a while of nothing was not heard", steps)


def _connection_lost(teller: _Teller) -> Trial:
    tell, one, two = teller.tell, teller.opens(), teller.opens()
    steps = (
        Tell(tell("case.opened", one)), Cut(), Tell(tell("case.updated", one, {"priority": "urgent"})),
        Tell(tell("case.opened", two)), Cut(), Tell(tell("case.updated", two, {"title": "It leaks again"})),
    )  # fmt: skip
    mistake = "what happened while it was away was not heard; come back with the id of the last event that you have"
    return Trial("connection lost", mistake, steps)


def _every_type(position: int) -> Trial:
    tellings = (
        Telling(one.id, one.type, one.key, one.seq, one.subject, one.at, position + one.position, one.data)
        for one in story()
    )
    mistake = "one of all types was misread; `docs/events` has an example of each"
    return Trial("every type", mistake, tuple(Tell(telling) for telling in tellings))
