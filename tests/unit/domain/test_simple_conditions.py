"""Simple conditions: computed in Python they say what the rule language's own library says, of any record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.cel_python import any_of
from pipeline.domain.conditions import Condition, View
from pipeline.domain.routing import RouteRule, Routes
from pipeline.domain.vocabulary import vocabulary

NAMES = vocabulary({"account": {"vip": "boolean", "since": "date"}})

LETTERS = st.text(st.sampled_from("aB?'\\\n é€😀\ud800"), max_size=4)
WORDS = LETTERS.map(lambda text: text.replace("\ud800", ""))
PATTERNS = ("a", "^B", "é$", r"(?i)b\?", "a|B", "", "(?s)a.b", r"\Qa?", "[^a]", "€{2}")
PATHS = ("message.subject", "message.from.address", "contact.name", "case.title", "message['text']")


def literal(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{quoted}'"


TEXTS = st.one_of(st.sampled_from(PATHS), WORDS.map(literal))
FIELDS = st.sampled_from((*PATHS, "account.vip", "account.since", "case.until", "account", "message.to", "case.number"))
SIMPLE = st.recursive(
    st.one_of(
        st.builds("{} {} {}".format, TEXTS, st.sampled_from(("==", "!=")), TEXTS),
        st.builds("{}.{}({})".format, TEXTS, st.sampled_from(("contains", "startsWith", "endsWith")), TEXTS),
        st.builds("{}.matches(r'''{}''')".format, st.sampled_from(PATHS), st.sampled_from(PATTERNS)),
        st.builds("matches({}, r'''{}''')".format, st.sampled_from(PATHS), st.sampled_from(PATTERNS)),
        st.builds("{} in [{}]".format, st.sampled_from(PATHS), st.lists(WORDS.map(literal), max_size=3).map(", ".join)),
        st.builds("{} {} null".format, FIELDS, st.sampled_from(("==", "!="))),
        st.builds("has({})".format, st.sampled_from((*PATHS[:4], "account.vip", "account.since"))),
        st.sampled_from(("account.vip", "true", "false")),
    ),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=6,
)
MAYBE = st.one_of(st.none(), LETTERS)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "message": st.fixed_dictionaries(
            {"subject": MAYBE, "text": MAYBE, "from": st.fixed_dictionaries({"address": MAYBE})},
            optional={"to": st.lists(LETTERS, max_size=2)},
        ),
        "contact": st.fixed_dictionaries({"name": MAYBE}),
        "case": st.fixed_dictionaries({"title": MAYBE, "number": st.sampled_from((None, 0, 7))}),
        "account": st.fixed_dictionaries({"vip": st.sampled_from((None, True, False)), "since": MAYBE}),
    },
)


def compiled(text: str) -> Condition:
    return Condition.compile(text, NAMES)


@given(SIMPLE, RECORDS)
def test_it_says_what_the_library_says(text: str, records: dict[str, Any]) -> None:
    condition = compiled(text)
    facts = View.of(NAMES, [condition]).facts(records)
    assert condition.simple is not None
    assert condition.simple.holds(facts.shown) is condition.program.execute(facts.context)


@given(st.lists(SIMPLE, max_size=4), RECORDS)
def test_any_of_them_holds_when_one_does(texts: list[str], records: dict[str, Any]) -> None:
    conditions = [compiled(text) for text in texts]
    facts = View.of(NAMES, conditions).facts(records)
    asked = [condition.simple for condition in conditions if condition.simple is not None]
    assert any_of(asked)(facts.shown) is any(one.holds(facts.shown) for one in asked)


@pytest.mark.parametrize(
    "text",
    [
        "size(message.text) > 3",
        "message.to.exists(a, a == 'x')",
        "'x' in message.to",
        "case.number == 7",
        "message.headers['x-spam'] == 'no'",
        "message.subject + 'a' == 'ba'",
        "account.since < timestamp('2026-01-01T00:00:00Z')",
        "message.subject.contains('a') && case.number > 3",
    ],
)
def test_what_may_fail_or_counts_is_left_to_the_library(text: str) -> None:
    assert compiled(text).simple is None


RULES = st.lists(
    st.tuples(
        st.one_of(SIMPLE, st.sampled_from(("case.priority == 'high'", "1 / size(message.subject) == 1"))), st.booleans()
    ),
    max_size=5,
)


@given(RULES, RECORDS)
def test_rules_are_tried_from_the_top_each_by_itself(rules: list[tuple[str, bool]], records: dict[str, Any]) -> None:
    made = [
        RouteRule(name=f"{place}", condition=compiled(text), sets={"priority": "high"}, continues=continues)
        for place, (text, continues) in enumerate(rules)
    ]
    view = View.of(NAMES, [rule.condition for rule in made])

    def facts_with(changed: Any) -> Any:  # noqa: ANN401  # a record and its facts
        return view.facts({**records, "case": {**records.get("case", {}), **changed}})

    routed = Routes(made).decide(facts_with)
    expected = []
    sets: dict[str, str] = {}
    for rule in made:
        facts = facts_with(sets)
        held = rule.condition.holds(facts)
        expected.append((rule.name, held, bool(facts.failures)))
        if held:
            sets = dict(rule.sets)
            if not rule.continues:
                break
    assert [(one.rule.name, one.held, one.failure is not None) for one in routed.tried] == expected
    assert routed.sets == sets
    assert [one.rule.name for one in routed.held] == [name for name, held, _ in expected if held]
    assert routed.reached == len(expected)
