"""Two rehearsals are compared by what became of each message, whatever numbers were given on the way."""

from typing import Any

from pipeline.replay.difference import differences


def message(name: str, number: int, **fields: object) -> dict[str, Any]:
    known: dict[str, Any] = {
        "outcome": "opened",
        "matched_by": None,
        "account": None,
        "contact": None,
        "came_to": number,
    }
    return {"id": name, "case": number, **known, **fields}


def case(number: int, *messages: str, **fields: object) -> dict[str, Any]:
    known: dict[str, Any] = {"title": "Printer", "state": "active", "queue": "Support", "contact": None, "kpis": []}
    return {"number": number, "messages": list(messages), **known, **fields}


def report(messages: list[dict[str, Any]], cases: list[dict[str, Any]], **more: list[dict[str, Any]]) -> Any:  # noqa: ANN401  # a report
    kinds: dict[str, list[dict[str, Any]]] = {
        "contacts": [],
        "deeds": [],
        "entitlements": [],
        "outbound": [],
        "activities": [],
    }
    return {"messages": messages, "cases": cases, **kinds, **more}


ONE = report([message("m1", 1001)], [case(1001, "m1")])


def told(old: Any, new: Any, *but: str) -> list[str]:  # noqa: ANN401  # reports
    return [str(one) for one in differences(old, new, but=frozenset(but))]


def test_the_same_differs_in_nothing_even_under_other_numbers() -> None:
    assert told(ONE, ONE) == []
    assert told(ONE, report([message("m1", 2007)], [case(2007, "m1")])) == []


def test_another_queue_is_told_of_the_case_by_the_message_that_opened_it() -> None:
    assert told(ONE, report([message("m1", 1001)], [case(1001, "m1", queue="Priority")])) == [
        "case of m1: queue Support → Priority"
    ]


def test_a_message_that_opens_no_case_any_more_is_told() -> None:
    new = report([{**message("m1", 0, outcome="suppressed"), "case": None, "came_to": None}], [])
    assert told(ONE, new)[:2] == ["m1: outcome opened → suppressed", "m1: case m1 → none"]


def test_what_is_only_there_for_what_follows_is_left_out() -> None:
    assert told(ONE, report([message("m1", 1001)], [case(1001, "m1", queue="Priority")]), "m1") == []


def test_a_case_is_told_when_anything_that_counts_is_on_it() -> None:
    def two(**fields: object) -> Any:  # noqa: ANN401  # a report
        messages = [message("m1", 1001), message("m2", 1001, outcome="appended")]
        return report(messages, [case(1001, "m1", "m2", **fields)])

    assert told(two(), two(state="resolved"), "m1") == ["case of m1: state active → resolved"]


def test_steps_entitlements_and_mails_are_compared_too() -> None:
    deed = {"id": "s1", "outcome": "done"}
    held = {"external_id": "e1", "state": "active", "total": 5, "remaining": 4}
    mail = {"case": 1001, "template": "reply", "to": "ana@x.example"}
    old = report([message("m1", 1001)], [case(1001, "m1")], deeds=[deed], entitlements=[held], outbound=[mail])
    new = report(
        [message("m1", 1001)],
        [case(1001, "m1")],
        deeds=[{**deed, "outcome": "refused"}],
        entitlements=[{**held, "remaining": 3}],
    )
    assert told(old, new) == [
        "case of m1: mails reply to ana@x.example → none",
        "s1: outcome done → refused",
        "e1: remaining 4 → 3",
    ]
