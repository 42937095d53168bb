"""Every scenario beside this file, through the code of `casestream replay`."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from folding import hold_events
from scenario import Scenario, load

from pipeline.replay.rehearsal import rehearse
from pipeline.replay.report import Report

pytestmark = pytest.mark.integration

FILES = sorted(Path(__file__).parent.glob("*/*.yaml"))


def all_scenarios() -> list[Scenario]:
    with TemporaryDirectory() as scratch:
        return [scenario for file in FILES for scenario in load(file, Path(scratch))]


SCENARIOS = all_scenarios()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[f"{s.name}: {s.says}" for s in SCENARIOS])
def test_it_is_so(scenario: Scenario, new_database: Callable[[], str]) -> None:  # noqa: C901  # what all may be told
    expect = dict(scenario.expect)
    if (refused := expect.pop("refused", None)) is not None:
        same_refusals(scenario, refused)
        return
    dsn = new_database()
    report = asyncio.run(rehearse(scenario.steps, scenario.config, scenario.data, dsn))
    hold_events(report, dsn)
    events = expect.pop("events", None)
    if events is not None:
        types = [event["type"].removeprefix("dev.casestream.").removesuffix(".v1") for event in report["events"]]
        assert types == events
    call_backs = [activity for activity in report["activities"] if activity["kind"] == "call back"]
    report["activities"][:] = [activity for activity in report["activities"] if activity not in call_backs]
    if "call_backs" in expect:
        wanted = expect.pop("call_backs")
        assert len(call_backs) == len(wanted), call_backs
        assert [{name: found[name] for name in one} for found, one in zip(call_backs, wanted, strict=True)] == wanted
    if (commands := expect.pop("commands", None)) is not None:
        assert [f"{command['name']} to {command['device']}" for command in report["commands"]] == commands
    if (wanted_contacts := expect.pop("contacts", None)) is not None:
        assert contacts_told(report, wanted_contacts) == wanted_contacts
    hold_queues(report, expect)
    for name, wanted in expect.pop("entitlements", {}).items():
        held = next(one for one in report["entitlements"] if one["external_id"] == name)
        assert {key: held[key] for key in wanted} == wanted, name
    for kind in ("activities", "cases"):
        assert len(report[kind]) == expect.pop(kind, len(report[kind])), report[kind]
    for number in [name for name in expect if isinstance(name, int)]:
        wanted = expect.pop(number)
        case = next((case for case in report["cases"] if case["number"] == number), {})
        assert {
            key: told(report, {"case": number, "account": None}, key, value) for key, value in wanted.items()
        } == wanted, case
    check_sent(report, expect.pop("mails", None), expect.pop("outbound", None))
    for name in [name for name in expect if str(name).startswith("case ")]:
        wanted = expect.pop(name)
        assert case_told(report, int(name.removeprefix("case ")), wanted) == wanted, name
    for name in [name for name in expect if name in {deed["id"] for deed in report["deeds"]}]:
        wanted = expect.pop(name)
        assert deed_told(report, name, wanted) == wanted, name
    for name, wanted in expect.items():
        assert what_became(report, name, wanted) == wanted, f"{name}, {message(report, name)['reason']}"


def same_refusals(scenario: Scenario, wanted: dict[int, str]) -> None:
    """Hold what is refused of the data to the expectation: a part of the reason, by line."""
    says = {wrong.number: wrong.says for wrong in scenario.refused}
    assert says.keys() == wanted.keys(), says
    assert all(part in says[number] for number, part in wanted.items()), says


def contacts_told(report: Report, wanted: dict[str, dict[str, Any]]) -> dict[str, object]:
    """What an expectation says of contacts; where it expects none, all there are."""
    contacts = {one["external_id"] or one["name"]: one for one in report["contacts"]}
    for contact in contacts.values():
        contact["origins"] = {one["value"]: one["origin"] for one in contact["identities"]}
    told = {name: {key: contacts[name][key] for key in keys} for name, keys in wanted.items() if name in contacts}
    return told if wanted else dict.fromkeys(contacts)


def what_became(report: Report, name: str, wanted: object) -> object:
    """What became of a message, in the words and to the extent of the expectation."""
    became = message(report, name)
    if isinstance(wanted, str):
        return became["outcome"]
    assert isinstance(wanted, dict)
    return {key: told(report, became, key, value) for key, value in wanted.items()}


def told(  # noqa: C901, PLR0911  # one answer for each word that an expectation may use
    report: Report,
    became: dict[str, Any],
    key: str,
    wanted: Any,  # noqa: ANN401  # what YAML can say
) -> object:
    """One of the things that an expectation may say of a message: of itself, its activity, its case."""
    case = next((case for case in report["cases"] if case["number"] == became["case"]), {})
    match key:
        case "appended" | "duplicate":  # of the message named, or rather of its case
            same = became["outcome"] == key and became["case"] == message(report, wanted)["case"]
            return wanted if same else f"{became['outcome']}, case {became['case']}"
        case "opened" | "suppressed" | "quarantined":
            return wanted if became["outcome"] == key else became["outcome"]
        case "follow_up_of" | "linked_to":
            return wanted if wanted and case.get(key) == message(report, wanted)["case"] else case.get(key)
        case "contact":
            return named(report, became["contact"])
        case "case_contact":
            return named(report, case["contact"])
        case "activity":
            activity = next((one for one in report["activities"] if one["id"] == became["activity"]), {})
            return {name: activity.get(name) for name in wanted}
        case "same_activity":
            return wanted if became["activity"] == message(report, wanted)["activity"] else became["activity"]
        case "opened_at":
            of_case = [
                e for e in report["events"] if e["data"]["case"] and e["data"]["case"]["number"] == became["case"]
            ]
            return of_case[0]["time"].isoformat()
        case "kpis":
            return promised(case["kpis"], wanted)
        case "case_account":
            return case.get("account")
        case "outcome" | "matched_by" | "customer_by" | "reason" | "account":
            return became[key]
    return case.get(key)


def check_sent(report: Report, mails: list[str] | None, sent: list[dict[str, Any]] | None) -> None:
    """The mails that we sent: what and to whom, or more of each."""
    assert mails in (None, [f"{mail['template']} to {mail['to']}" for mail in report["outbound"]])
    if sent is not None:
        assert len(report["outbound"]) == len(sent), report["outbound"]
        for mail, wanted in zip(report["outbound"], sent, strict=True):
            assert sent_told(report, mail, wanted) == wanted


def sent_told(report: Report, mail: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What an expectation says of a mail of ours: `answers` a message, `says` and `says_not` words of it."""
    words = f"{mail['subject']}\n{mail['text']}"
    telling = {
        "answers": lambda value: value if mail["in_reply_to"] == f"<{value}@mail.example>" else mail["in_reply_to"],
        "says": lambda value: value if value in words else words,
        "says_not": lambda value: value if value not in words else words,
        "about": lambda value: value if message(report, value)["case"] == mail["case"] else mail["case"],
        "headers": lambda value: {name: mail["headers"].get(name) for name in value},
    }
    return {key: telling[key](value) if key in telling else mail[key] for key, value in wanted.items()}


def promised(kpis: list[dict[str, Any]], wanted: Any) -> object:  # noqa: ANN401  # what YAML can say
    """The promises on a case: in a list all in their order, else the last one of each name; a word is its state."""
    if isinstance(wanted, dict):
        last = {kpi["name"]: kpi for kpi in kpis}
        return {name: _promise(last.get(name, {}), told) for name, told in wanted.items()}
    return [_promise(kpi, told) for kpi, told in zip_longest(kpis, wanted, fillvalue={})]


def _promise(kpi: dict[str, Any], wanted: Any) -> object:  # noqa: ANN401  # the same
    if not isinstance(wanted, dict):
        return kpi.get("state")
    return {name: _as_told(kpi.get(name), value) for name, value in wanted.items()}


def _as_told(value: object, wanted: object) -> object:
    """A time in the way in which it was written down."""
    if not isinstance(value, datetime) or not isinstance(wanted, str):
        return value
    return wanted if datetime.fromisoformat(wanted) == value else value.isoformat()


def case_told(report: Report, number: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """What an expectation says of a case by its number: `has` are its activities in order, as words."""
    case = next(case for case in report["cases"] if case["number"] == number)
    has = [f"{one['kind']} {one['direction']} {one['state']}" for one in report["activities"] if one["case"] == number]
    return {key: has if key == "has" else case.get(key) for key in wanted}


def deed_told(report: Report, name: str, wanted: object) -> object:
    """What became of an agent's step; of one that was refused, what part of the reason the expectation names."""
    deed = next(deed for deed in report["deeds"] if deed["id"] == name)
    if not isinstance(wanted, dict):
        return deed["outcome"]
    activity = next((one for one in report["activities"] if one["id"] == deed["activity"]), {})
    says = wanted.get("refused")
    refused = {"refused": says if says and says in (deed["reason"] or "") else deed["reason"]} if says else {}
    return {**refused, **{key: _written(activity.get(key)) for key in wanted if key != "refused"}}


def _written(value: object) -> object:
    """A time as the report has it in JSON."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def named(report: Report, contact_id: object) -> str | None:
    """A contact by its external id, else its name."""
    contact = next((one for one in report["contacts"] if one["id"] == contact_id), None)
    return contact and (contact["external_id"] or contact["name"])


def hold_queues(report: Report, expect: dict[str, Any]) -> None:
    """`waiting`: by queue what waits for somebody, the first one first; `why`: what is said of a message's case."""
    if "waiting" in expect:
        assert waiting(report) == expect.pop("waiting")
    for name, phrases in expect.pop("why", {}).items():
        case = next(case for case in report["cases"] if case["number"] == message(report, name)["case"])
        for phrase in phrases if isinstance(phrases, list) else [phrases]:
            assert any(phrase in why for why in case["why"]), case["why"]


def waiting(report: Report) -> dict[str, list[str]]:
    """What waits in each queue for somebody: cases by their first message, anything else by what it is."""
    first = {case["number"]: case["messages"][0] for case in report["cases"] if case["messages"]}
    found: dict[str, list[str]] = {}
    for item in report["queue_items"]:
        if item["owner"] is None:
            found.setdefault(item["queue"], []).append(first.get(item["case"], item["kind"]))
    return found


def message(report: Report, name: str) -> dict[str, Any]:
    return next(message for message in report["messages"] if message["id"] == name)
