"""Compares what a consumer made of the events with what is right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.torture.plan import Tell, Trial

FIELDS = ("number", "title", "status", "priority", "queue", "owner")
"""What an answer tells of each open case; of queue and owner their names."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wrong:
    """The first case that is not right, the trouble it was in, and what is known of why."""

    number: int | None
    trouble: str
    says: str
    mistake: str
    sent: str


def truth(trials: Sequence[Trial]) -> dict[int, Row]:
    """The open cases by their numbers, once all events are heard."""
    newest: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for telling in (step.telling for trial in trials for step in trial.steps if isinstance(step, Tell)):
        case = telling.data.get("case")
        if case is not None and telling.seq > newest.get(telling.key, (0, {}))[0]:
            newest[telling.key] = (telling.seq, case)
    return {case["number"]: _row(case) for _, case in newest.values() if case["state"] == "active"}


def first_wrong(trials: Sequence[Trial], answer: object) -> Wrong | None:
    """The first in the order of the trials; None when the answer is right."""
    told = answer.get("cases") if isinstance(answer, Mapping) else None
    if not isinstance(told, list) or not all(isinstance(row, Mapping) for row in told):
        return Wrong(None, "the answer", 'it is no {"cases": [{"number": …, "title": …}, …]}', "", "")
    copy: dict[object, Row] = {row.get("number"): row for row in told}
    right = truth(trials)
    for trial in trials:
        for number in _numbers(trial):
            if says := _difference(right.get(number), copy.get(number)):
                return Wrong(number, trial.trouble, says, trial.mistake, _sent(trial, number))
    if strangers := sorted(str(number) for number in copy.keys() - right.keys()):
        return Wrong(None, "the answer", f"there is no open case {strangers[0]}", "", "")
    if len(told) != len(copy):
        return Wrong(None, "the answer", "it has a case twice", "", "")
    return None


def _numbers(trial: Trial) -> Iterator[int]:
    tellings = [step.telling for step in trial.steps if isinstance(step, Tell)]
    yield from dict.fromkeys(int(telling.subject) for telling in tellings if telling.subject is not None)


def _row(case: Mapping[str, Any]) -> Row:
    owner = case["owner"]
    return {
        "number": case["number"], "title": case["title"], "status": case["status"], "priority": case["priority"],
        "queue": case["queue"]["name"], "owner": owner["name"] if owner is not None else None,
    }  # fmt: skip


def _difference(right: Row | None, copy: Row | None) -> str:
    if right is None:
        return "it is not open, and your copy has it" if copy is not None else ""
    if copy is None:
        return "it is open, and your copy does not have it"
    for name in FIELDS:
        if copy.get(name) != right[name]:
            return f"its {name} is {right[name]!r}, and in your copy {copy.get(name)!r}"
    return ""


def _sent(trial: Trial, number: int) -> str:
    of_it = (step for step in trial.steps if not isinstance(step, Tell) or step.telling.subject == str(number))
    return ", ".join(str(step) for step in of_it)
