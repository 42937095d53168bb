"""Conditions: what is refused where, what an absent record does, what fails when it runs."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.cel_judge import Names
from pipeline.domain.cel_syntax import BadConditionError, read
from pipeline.domain.conditions import Condition, Expression, View
from pipeline.domain.vocabulary import vocabulary

NAMES = vocabulary(
    {"account": {"tier": ("gold", "silver"), "seats": "number", "since": "date", "vip": "boolean"}},
    cut=("host", "count"),
)
KNOWN: dict[str, Any] = {
    "case": {"priority": "high", "number": 1001, "opened_at": datetime(2026, 3, 2, 9, tzinfo=UTC)},
    "account": {"tier": "gold", "name": "Acme", "seats": 7, "since": "2025-01-01", "vip": True},
    "message": {
        "text": "A total OUTAGE since 5 o'clock",
        "from": {"address": "ana@acme.example"},
        "to": ["support@desk.example", "rui@acme.example"],
        "headers": {"x-spam": "no"},
    },
    "fields": {"count": "5", "host": "db1"},
    "name": "temperature",
    "value": 71,
}


def holds(text: str, given: dict[str, Any] | None = None, names: Names = NAMES) -> bool:
    condition = Condition.compile(text, names)
    return condition.holds(View.of(names, [condition]).facts(KNOWN if given is None else given))


@pytest.mark.parametrize(
    "text",
    [
        "account.tier == 'gold'",
        'account.tier in ["gold"]',
        "account['tier'] == 'gold'",
        "account != null && has(account.tier)",
        "account.seats > 5 && account.seats + 1 < 9",
        "account.since < timestamp('2026-01-01T00:00:00Z')",
        "account.vip",
        "message.text.matches('(?i)outage')",
        r"message.text.matches(r'\d o')",
        "message.text.contains('OUT') && !message.text.startsWith('x')",
        "message.from.address.endsWith('@acme.example')",
        "message.to.exists(a, a.endsWith('@acme.example'))",
        "message.to.size() == 2 && message.to[1] == 'rui@acme.example'",
        "message.headers['x-spam'] == 'no' && message.headers.x_other != 'a' == false",
        "int(fields.count) > 4",
        "name == 'temperature' && value > 70.0",
        "value > 70 && value * 2 > 141",
        "case.first_response_at == null && case.opened_at != null",
        "case.opened_at.getHours('Europe/Berlin') == 10 && case.opened_at.getHours() == 9",
        "case.opened_at.getDayOfWeek() == 1",
        "case.opened_at + duration('1h') > case.opened_at",
        "case.number % 2 == 1 ? true : false",
        "true // always",
    ],
)
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("account.tier == 'gold'", False),
        ("account.tier != 'gold'", True),
        ("account == null && account.tier == null && account.tier == ''", True),
        ("account.seats < 5", False),
        ("!(account.seats < 5)", True),
        ("account.seats + 1 > 0", False),
        ("account.since < case.opened_at", False),
        ("account.vip", False),
        ("message.from.address.contains('@')", False),
        ("message.to.exists(a, true)", False),
        ("message.headers['x-spam'].contains('')", False),
        ("message.headers.x.size() == 0", False),
        ("int(fields.count) > 3", False),
        ("value > 70.0", False),
        ("case.until - case.opened_at < duration('1h')", False),
        ("case.opened_at.getHours() >= 0", False),
    ],
)
def test_a_missing_record_is_an_empty_one(text: str, without: bool) -> None:  # noqa: FBT001  # what is expected
    condition = Condition.compile(text, NAMES)
    facts = View.of(NAMES, [condition]).facts({})
    assert condition.holds(facts) is without
    assert facts.failures == []


def test_a_reading_that_is_no_number_is_not_above_one() -> None:
    assert not holds("value > 70.0", {"value": "open"})
    assert holds("value == 'open'", {"value": "open"})
    assert holds("value > 1e308", {"value": 10**400})


class Refused(dict[str, tuple[int, str]]):
    """By condition: at which character, and what is said."""


REFUSED = Refused(
    {
        "": (0, "here should stand a value, not the end"),
        "account.tier = 'gold'": (13, 'write "=="'),
        "account.vip and account.vip": (12, 'write "&&"'),
        "account.teir == 'gold'": (8, 'did you mean "tier"?'),
        "acount.tier == 'gold'": (0, 'did you mean "account"?'),
        "message.from.adress == ''": (13, 'message.from has no field "adress"; did you mean "address"?'),
        "account.tier == 'golden'": (16, 'account.tier is never "golden"; did you mean "gold"?'),
        "case.priority in ['high', 'hihg']": (26, 'did you mean "high"?'),
        "account.tier": (0, "it yields text, and must be true or false"),
        "account": (0, "it yields a record"),
        "value": (0, "it yields a reading"),
        "!account.tier": (9, "neither true nor false"),
        "account.tier == 3": (13, "account.tier (text) never equals a whole number"),
        "'x' in message.text": (4, "write ….contains(…)"),
        "message.subject.containz('x')": (16, 'there is no function "containz"; did you mean "contains"?'),
        "contains(message.text, 'x')": (0, '"contains" is written ….contains(…)'),
        "message.text.matches('(')": (21, "no regular expression"),
        "message.text.matches(account.name)": (29, "a pattern stands there itself"),
        "case.opened_at.getHours('Berlin') > 3": (24, "like 'Europe/Berlin'"),
        "duration('1d') > duration('1h')": (9, "durations are h, m, s"),
        "account.seats + 'x' == 'y'": (14, "cannot stand between"),
        "case.until < 3": (11, "cannot be less or more than"),
        "'\\d' == ''": (0, "begins"),
        "message.text == 'open": (16, "this text has no end"),
        "message.to.exists(a, message.to.exists(b, b == a))": (32, "cannot stand within another"),
        "[1, 2": (5, 'needs "]"'),
        "account.name == 'a'; true": (19, "means nothing"),
        "(" * 40 + "true" + ")" * 40: (32, "deep"),
        "a" * 4001: (0, "at most 4000 characters"),
    }
)


@pytest.mark.parametrize(("text", "refusal"), REFUSED.items(), ids=[text[:40] for text in REFUSED])
def test_what_is_wrong_is_said_at_its_place(text: str, refusal: tuple[int, str]) -> None:
    with pytest.raises(BadConditionError) as caught:
        Condition.compile(text, NAMES)
    assert refusal[1] in caught.value.says
    assert abs(caught.value.at - refusal[0]) <= 1


def test_what_fails_when_it_runs_does_not_hold_and_is_noted() -> None:
    condition = Condition.compile("int(fields.count) > 3", NAMES, "[[route]] Many")
    facts = View.of(NAMES, [condition]).facts({"fields": {"count": "many"}})
    assert not condition.holds(facts)
    (failure,) = facts.failures
    assert failure.startswith("[[route]] Many failed: ")


def test_a_side_that_fails_matters_only_where_the_other_does_not_decide() -> None:
    assert holds("int(fields.count) > 3 || true", {"fields": {"count": "many"}})
    assert not holds("false && int(fields.count) > 3", {"fields": {"count": "many"}})


def test_only_what_is_read_is_shown() -> None:
    condition = Condition.compile("account.tier == 'gold' && message.from.name != ''", NAMES)
    view = View.of(NAMES, [condition])
    assert condition.reads == {("account", "tier"), ("message", "from", "name")}
    assert view.reads("account")
    assert view.reads("message", "from", "name")
    assert not view.reads("contact")
    assert not view.reads("message", "text")


def test_an_expression_may_yield_anything() -> None:
    expression = Expression.compile("device.gateway", NAMES)
    view = View.of(NAMES, [expression])
    assert expression.value(view.facts({"device": {"gateway": "gw-1"}})) == "gw-1"
    assert expression.value(view.facts({})) == ""


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*(.*)*x", "(a*)*b", ".{0,1000}x", "([a-z]+)*[0-9]$"])
def test_no_pattern_takes_long(pattern: str) -> None:
    condition = Condition.compile(f"message.text.matches('{pattern}')", NAMES)
    facts = View.of(NAMES, [condition]).facts({"message": {"text": "a" * 10_000_000}})
    began = time.perf_counter()
    condition.holds(facts)
    assert time.perf_counter() - began < 0.5


def test_half_a_character_is_no_obstacle() -> None:
    assert holds("message.text.contains('x')", {"message": {"text": "\ud800x\0"}})


def test_a_pattern_is_compiled_once() -> None:
    condition = Condition.compile("message.text.matches('(?i)(outage|broken|fail(ed|ure)|does not work)')", NAMES)
    facts = View.of(NAMES, [condition]).facts({"message": {"text": "nothing of the kind " * 20}})
    began = time.process_time()
    for _ in range(1000):
        condition.holds(facts)
    assert time.process_time() - began < 0.05, "compiling it anew takes 0.2 ms each time"


@given(st.text("aceount.tir=='gld&|!()[]{}<>?:+-*/%,\\\"0123 \n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadConditionError):
        condition = Condition.compile(text, NAMES)
        condition.holds(View.of(NAMES, [condition]).facts(KNOWN))


TEXTS = st.sampled_from(["account.tier == 'gold'", "value > 70.0", "account.seats < 5", "case.until == null", "true"])
COMBINED = st.recursive(
    TEXTS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner) | st.builds("!({})".format, inner)
    ),
    max_leaves=8,
)


@given(COMBINED)
def test_conditions_combine_as_logic_says(text: str) -> None:
    given = {"account": {"tier": "gold", "seats": 9}, "value": 71.5}
    said = {one: holds(one, given) for one in ("account.tier == 'gold'", "value > 70.0", "account.seats < 5")}
    said |= {"case.until == null": True, "true": True}
    plain = text
    for one, is_true in said.items():
        plain = plain.replace(one, "T" if is_true else "F")
    plain = plain.replace("T", "True").replace("F", "False")
    plain = plain.replace("&&", "and").replace("||", "or").replace("!", "not ")
    assert holds(text, given) == eval(plain)  # noqa: S307  # nothing but True, False, and, or, not


def test_a_tree_knows_where_its_parts_stand() -> None:
    node = read("a.b == c")
    assert node.at == 4
