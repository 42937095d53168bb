"""Tells in what two rehearsals of one journal differ, in words that do not depend on numbers given on the way."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pipeline.replay.report import Report

_OF_MESSAGE = ("outcome", "matched_by", "account")
_OF_CASE = (
    "title", "status", "state", "priority", "severity", "type", "queue", "owner", "account", "product", "device",
    "origin", "entitlement", "sla", "escalated", "until", "flags", "billable_s",
)  # fmt: skip
_OTHER_CASES = ("follow_up_of", "linked_to", "merged_into", "parent")
_OF_KPI = ("name", "state", "warn_at", "fail_at", "succeeded_at", "paused_s", "elapsed_s")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that became another: of a message, the case that a message opened, a deed, an entitlement, the mail."""

    kind: str
    id: str
    field: str
    old: object
    new: object

    def __str__(self) -> str:
        what = f"case of {self.id}" if self.kind == "case" else self.id
        return f"{what}: {self.field} {_shown(self.old)} → {_shown(self.new)}"


def differences(old: Report, new: Report, *, but: AbstractSet[str] = frozenset()) -> list[Difference]:
    """What differs, in the order of the journal; nothing of the messages and deeds `but`, nor of cases only of them."""
    before, after = _told(old, but), _told(new, but)
    return [
        Difference(*place, field, before.get(place, {}).get(field), after.get(place, {}).get(field))
        for place in dict.fromkeys((*before, *after))
        for field in dict.fromkeys((*before.get(place, {}), *after.get(place, {})))
        if before.get(place, {}).get(field) != after.get(place, {}).get(field)
    ]


def _told(report: Report, but: AbstractSet[str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    openers = {case["number"]: _opener(report, case) for case in report["cases"]}
    told: dict[tuple[str, str], Mapping[str, Any]] = {}
    contacts = {contact["id"]: contact["external_id"] or _name(contact) for contact in report["contacts"]}
    for message in report["messages"]:
        if message["id"] not in but:
            told["message", message["id"]] = {
                **{name: message[name] for name in _OF_MESSAGE},
                "case": openers.get(message["case"]),
                "contact": contacts.get(message["contact"]),
            }
    for case in report["cases"]:
        opener = openers[case["number"]]
        if opener not in but or set(case["messages"]) - but:
            told["case", opener] = dict(_of_case(report, case, openers, contacts, but))
    for number, deed in enumerate(report.get("deeds", ())):
        name = deed["id"] or f"step {number + 1}"
        if name not in but:
            told["step", name] = {"outcome": deed["outcome"]}
    for entitlement in report["entitlements"]:
        told["entitlement", entitlement["external_id"]] = {
            name: value for name, value in entitlement.items() if name != "external_id"
        }
    return told


def _opener(report: Report, case: Mapping[str, Any]) -> str:
    """The message that opened it, for it names the case in any rehearsal; what nobody opened has its title."""
    opened = [
        one["id"] for one in report["messages"] if one["outcome"] == "opened" and one["came_to"] == case["number"]
    ]
    return opened[0] if opened else f"“{case['title']}”"


def _of_case(
    report: Report,
    case: Mapping[str, Any],
    openers: Mapping[int, str],
    contacts: Mapping[Any, str],
    but: AbstractSet[str],
) -> Iterator[tuple[str, Any]]:
    for name in _OF_CASE:
        yield name, case.get(name)
    for name in _OTHER_CASES:
        yield name, openers.get(case.get(name) or 0)
    yield "contact", contacts.get(case["contact"])
    yield "messages", [name for name in case["messages"] if name not in but]
    yield "kpis", [{name: kpi.get(name) for name in _OF_KPI} for kpi in case["kpis"]]
    of_case = [one for one in report["activities"] if one["case"] == case["number"]]
    mails = [f"{mail['template']} to {mail['to']}" for mail in report["outbound"] if mail["case"] == case["number"]]
    yield "mails", mails
    yield "activities", sorted(f"{one['kind']} {one['direction']} {one['state']}" for one in of_case)


def _name(contact: Mapping[str, Any]) -> str:
    return str((contact["emails"] or contact["phones"] or [contact["name"]])[0])


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_shown(one)}" for key, one in value.items() if one is not None)
    return str(value)
