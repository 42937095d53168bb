"""Since when a customer waits, and when they got the first answer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pipeline.domain.answers import answered, customer_wrote, taken_back
from pipeline.domain.cases import Case

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = AT + timedelta(minutes=5)
ANA = "ana@acme.example"


def a_case(**facts: Any) -> Case:  # noqa: ANN401  # any field
    rest = {"title": "Printer", "state": "active", "status": "in progress", "priority": "normal", "origin": "email"}
    return Case(id=uuid4(), queue="Support", opened_at=AT, **{**rest, **facts})


def test_the_customer_waits_since_the_oldest_message_that_nobody_answered() -> None:
    case = a_case()
    assert customer_wrote(case, LATER, automatic=False) == {"waiting_since": (None, LATER)}
    assert customer_wrote(case, LATER + timedelta(hours=1), automatic=False) == {}
    assert customer_wrote(case, AT, automatic=False) == {"waiting_since": (LATER, AT)}


def test_a_robot_waits_for_nothing_and_nobody_waits_on_a_closed_case() -> None:
    assert customer_wrote(a_case(), AT, automatic=True) == {}
    assert customer_wrote(a_case(state="resolved"), AT, automatic=False) == {}


def test_an_answer_is_the_first_response_once_and_ends_the_wait() -> None:
    case = a_case(waiting_since=AT)
    assert answered(case, LATER, ANA) == {"waiting_since": (AT, None), "first_response_at": (None, LATER)}
    assert answered(case, LATER + timedelta(hours=1), ANA) == {}


def test_a_call_that_opens_a_case_answers_no_sooner_than_it_opened() -> None:
    case = a_case()
    answered(case, AT - timedelta(minutes=1), "call")
    assert case.first_response_at == AT


def test_the_only_answer_is_taken_back() -> None:
    case = a_case(waiting_since=AT)
    answered(case, LATER, ANA)
    assert taken_back(case, "<x@y>", "rui@acme.example") == {}
    assert taken_back(case, "<x@y>", ANA) == {"first_response_at": (LATER, None), "waiting_since": (None, AT)}
    assert taken_back(case, ANA) == {}


def test_one_of_several_answers_is_not() -> None:
    case = a_case(waiting_since=AT)
    answered(case, LATER, ANA)
    answered(case, LATER + timedelta(hours=1), ANA)
    assert taken_back(case, ANA) == {}
    assert case.first_response_at == LATER


def test_a_customer_who_wrote_since_waits_since_the_first_message_again() -> None:
    case = a_case(waiting_since=AT)
    answered(case, LATER, ANA)
    customer_wrote(case, LATER + timedelta(hours=1), automatic=False)
    taken_back(case, ANA)
    assert case.waiting_since == AT


def test_nobody_waits_on_a_case_that_was_closed_meanwhile() -> None:
    case = a_case(waiting_since=AT)
    answered(case, LATER, ANA)
    case.state = "resolved"
    assert taken_back(case, ANA) == {"first_response_at": (LATER, None)}
