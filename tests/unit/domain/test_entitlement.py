"""What of an entitlement is left, and which of several a case gets."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.entitlement import (
    CHANNELS,
    Claim,
    Entitlement,
    Terms,
    amount,
    both_default,
    channel_of,
    choose,
    overlap,
)
from pipeline.domain.renewal import renewed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACME, OTHER = uuid4(), uuid4()
ANA, RUI = uuid4(), uuid4()
TERMS = {"allotment", "total", "channels", "only_listed", "decrement_on", "restrict"}


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def an(external_id: str = "e1", **fields: Any) -> Entitlement:  # noqa: ANN401  # any field of it
    terms = Terms(**{"total": 10, **{name: value for name, value in fields.items() if name in TERMS}})
    rest = {name: value for name, value in fields.items() if name not in TERMS}
    return Entitlement(**{"external_id": external_id, "terms": terms, "account": ACME, **rest})


def a_claim(**fields: Any) -> Claim:  # noqa: ANN401  # any field of it
    values: dict[str, Any] = {"account": ACME, "contact": ANA, "device": None, "products": frozenset()}
    return Claim(**{**values, "channel": "email", **fields})


def chosen(*those: Entitlement, at: datetime = NOW, **claim: Any) -> str | None:  # noqa: ANN401  # any field of it
    one = choose(those, a_claim(**claim), at).entitlement
    return one.external_id if one else None


@pytest.mark.parametrize(
    ("origin", "channel"),
    [
        *((channel, channel) for channel in CHANNELS),
        ("messenger", "facebook"),
        ("x", "twitter"),
        ("mastodon", "web"),
        ("agent", None),
    ],
)
def test_every_origin_counts_as_one_channel_or_none(origin: str, channel: str | None) -> None:
    assert channel_of(origin) == channel


@pytest.mark.parametrize(
    ("state", "moment", "seen"),
    [
        ("active", days(-1), "waiting"),
        ("active", NOW, "active"),
        ("active", days(10) - timedelta(seconds=1), "active"),
        ("active", days(10), "expired"),
        ("draft", NOW, "draft"),
        ("waiting", NOW, "waiting"),
        ("expired", NOW, "expired"),
        ("cancelled", days(11), "cancelled"),
    ],
)
def test_the_clock_says_whether_an_active_one_waits_or_has_expired(state: Any, moment: datetime, seen: str) -> None:  # noqa: ANN401  # a state
    assert an(state=state, starts=NOW, ends=days(10)).state_at(moment) == seen


def test_an_active_one_without_dates_never_expires() -> None:
    assert an().state_at(days(100_000)) == "active"


def test_a_listed_channel_draws_on_its_own_total_and_the_overall_one() -> None:
    one = an(channels={"phone": 2}, used=3, used_by={"phone": 1})
    assert (one.remaining, one.remaining_on("phone"), one.remaining_on("email")) == (7, 1, None)
    assert (one.room("phone"), one.room("email"), one.room(None)) == (1, 7, 7)


def test_only_listed_leaves_nothing_to_other_channels() -> None:
    one = an(channels={"phone": 2}, only_listed=True)
    assert (one.room("phone"), one.room("email"), one.room(None)) == (2, 0, 0)


def test_what_is_not_restricted_has_always_room() -> None:
    one = an(restrict=False, used=12, channels={"phone": 1}, used_by={"phone": 4})
    assert (one.room("email"), one.room("phone"), one.remaining, one.remaining_on("phone")) == (None, None, -2, -3)


def test_without_a_total_only_listed_channels_end() -> None:
    one = an(total=None, used=1000, channels={"phone": 1}, used_by={"phone": 1})
    assert (one.room("email"), one.room("phone"), one.is_used_up) == (None, 0, False)


def test_it_is_used_up_when_nothing_more_can_be_drawn() -> None:
    assert an(used=10).is_used_up
    assert not an(used=9).is_used_up
    assert not an(channels={"phone": 1}, used=1, used_by={"phone": 1}).is_used_up
    assert an(channels={"phone": 1}, only_listed=True, used=1, used_by={"phone": 1}).is_used_up


def test_hours_are_told_as_decimals() -> None:
    assert amount(Terms(allotment="hours"), 9 * 3600 + 900) == 9.25
    assert amount(Terms(), 7) == 7


class TestChoice:
    def test_the_default_is_taken_before_one_that_expires_sooner(self) -> None:
        assert chosen(an("late", ends=days(90), default=True), an("soon", ends=days(3))) == "late"

    def test_else_the_soonest_to_expire(self) -> None:
        assert chosen(an("late", ends=days(90)), an("soon", ends=days(3)), an("never")) == "soon"

    def test_of_two_that_end_together_the_first_by_name(self) -> None:
        assert chosen(an("b", ends=days(3)), an("a", ends=days(3))) == "a"

    def test_a_default_that_does_not_cover_the_case_is_passed_over(self) -> None:
        default = an("d", default=True, products=frozenset({"P100"}))
        assert chosen(default, an("e")) == "e"

    @pytest.mark.parametrize("state", ["draft", "waiting", "expired", "cancelled"])
    def test_only_an_active_one_is_given(self, state: Any) -> None:  # noqa: ANN401  # a state
        assert chosen(an(state=state)) is None

    def test_it_is_given_from_its_beginning_until_before_its_end(self) -> None:
        one = an(starts=NOW, ends=days(1))
        moments = (NOW - timedelta(seconds=1), NOW, days(1) - timedelta(seconds=1), days(1))
        assert [chosen(one, at=moment) for moment in moments] == [None, "e1", "e1", None]

    def test_another_accounts_is_not_ours(self) -> None:
        assert chosen(an(account=OTHER)) is None
        assert chosen(an(), account=None) is None

    def test_contacts_narrow_an_accounts(self) -> None:
        one = an(contacts=frozenset({ANA}))
        assert (chosen(one), chosen(one, contact=RUI), chosen(one, contact=None)) == ("e1", None, None)

    def test_a_contact_may_have_one_without_any_account(self) -> None:
        one = an(account=None, contacts=frozenset({ANA}))
        assert (chosen(one, account=None), chosen(one, contact=RUI)) == ("e1", None)

    def test_a_product_is_covered_with_all_it_is_part_of(self) -> None:
        one = an(products=frozenset({"pumps"}))
        assert chosen(one, products=frozenset({"P100", "pumps"})) == "e1"
        assert (chosen(one, products=frozenset({"P200"})), chosen(one)) == (None, None)

    def test_a_channel_is_covered_unless_only_listed_ones_are(self) -> None:
        one = an(channels={"phone": 3}, only_listed=True)
        assert (chosen(one, channel="phone"), chosen(one), chosen(one, channel=None)) == ("e1", None, None)
        assert chosen(an(channels={"phone": 3})) == "e1"

    def test_a_warranty_is_one_on_a_device(self) -> None:
        warranty = an("w", account=None, device="pump-7", ends=days(30))
        assert (chosen(warranty, device="pump-7"), chosen(warranty, device="pump-8"), chosen(warranty)) == (
            "w",
            None,
            None,
        )

    def test_what_is_used_up_is_not_given_and_said_to_be(self) -> None:
        choice = choose([an(used=10)], a_claim(), NOW)
        assert (choice.entitlement, choice.used_up) == (None, True)
        assert "e1 has nothing left" in choice.why

    def test_what_is_used_up_on_a_channel_is_given_on_others(self) -> None:
        one = an(channels={"phone": 1}, used=1, used_by={"phone": 1})
        assert (chosen(one, channel="phone"), chosen(one, channel="email")) == (None, "e1")

    def test_another_that_has_something_left_stands_in(self) -> None:
        assert chosen(an("d", default=True, used=10), an("e")) == "e"

    def test_what_may_go_below_zero_is_given_all_the_same(self) -> None:
        assert chosen(an(used=10, restrict=False)) == "e1"

    def test_nobody_without_an_entitlement_is_said_to_have_used_one_up(self) -> None:
        choice = choose([an(account=OTHER, used=10)], a_claim(), NOW)
        assert (choice.used_up, choice.why) == (False, "no entitlement of this customer")

    def test_the_reason_tells_of_those_that_do_not_fit(self) -> None:
        soon, expired = an("e1", ends=days(3)), an("e0", ends=days(-1))
        why = choose([soon, an("e2", ends=days(4)), expired], a_claim(), NOW).why
        assert why == "entitlement e1: the soonest to expire of those that fit (10 cases left before); e0 is expired"


moments = st.none() | st.integers(-5, 5).map(days)


@st.composite
def entitlements(draw: st.DrawFn) -> Entitlement:
    channels = draw(st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 3), max_size=3))
    return an(
        draw(st.text("abc", min_size=1, max_size=2)),
        total=draw(st.none() | st.integers(0, 5)),
        channels=channels,
        only_listed=draw(st.booleans()),
        restrict=draw(st.booleans()),
        starts=draw(moments),
        ends=draw(moments),
        default=draw(st.booleans()),
        used=draw(st.integers(0, 6)),
        used_by=draw(st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 3), max_size=3)),
        contacts=draw(st.sampled_from([frozenset[UUID](), frozenset({ANA}), frozenset({RUI})])),
        state=draw(st.sampled_from(["draft", "active", "active", "active", "cancelled"])),
    )


@given(st.lists(entitlements(), max_size=5, unique_by=lambda one: one.external_id), st.randoms())
def test_the_choice_depends_on_no_order(those: list[Entitlement], shuffled: Any) -> None:  # noqa: ANN401  # random.Random
    other = shuffled.sample(those, len(those))
    assert choose(those, a_claim(), NOW) == choose(other, a_claim(), NOW)


@given(st.lists(entitlements(), max_size=5, unique_by=lambda one: one.external_id))
def test_the_chosen_one_fits_and_none_that_fits_is_to_be_preferred(those: list[Entitlement]) -> None:
    choice = choose(those, a_claim(), NOW)
    fit = [one for one in those if one.room("email") != 0 and covers(one)]
    if choice.entitlement is None:
        assert fit == []
        assert choice.used_up == any(covers(one) and one.room("email") == 0 for one in those)
        return
    assert choice.entitlement in fit
    rivals: Iterable[Entitlement] = [one for one in fit if one.default] or fit
    assert choice.entitlement in rivals
    if choice.entitlement.ends is not None:
        assert all(one.ends is None or one.ends >= choice.entitlement.ends for one in rivals)


def covers(one: Entitlement) -> bool:
    listed = not one.terms.only_listed or "email" in one.terms.channels
    return one.state_at(NOW) == "active" and listed and (not one.contacts or ANA in one.contacts)


class TestDefaults:
    def test_two_of_one_customer_that_run_together_contradict(self) -> None:
        one, other = an("a", default=True, ends=days(9)), an("b", default=True, starts=days(8))
        assert both_default(one, other)
        assert both_default(other, one)

    def test_one_after_the_other_is_fine(self) -> None:
        assert not both_default(an("a", default=True, ends=days(9)), an("b", default=True, starts=days(9)))

    @pytest.mark.parametrize("state", ["draft", "cancelled", "expired"])
    def test_one_that_does_not_run_is_no_rival(self, state: Any) -> None:  # noqa: ANN401  # a state
        assert not both_default(an("a", default=True), an("b", default=True, state=state))

    def test_those_of_different_customers_do_not_meet(self) -> None:
        assert not both_default(an("a", default=True), an("b", default=True, account=OTHER))
        ana, rui = (an(name, default=True, contacts=frozenset({who})) for name, who in (("a", ANA), ("b", RUI)))
        assert not both_default(ana, rui)
        assert both_default(ana, an("c", default=True))

    def test_it_is_no_rival_of_itself(self) -> None:
        assert not both_default(an("a", default=True), an("a", default=True, used=3))

    @given(entitlements(), entitlements())
    def test_overlap_is_mutual(self, one: Entitlement, other: Entitlement) -> None:
        assert overlap(one, other) == overlap(other, one)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("starts", "ends", "then"),
    [
        ("2026-01-01T00:00", "2027-01-01T00:00", "2028-01-01T00:00"),
        ("2027-03-01T00:00", "2028-03-01T00:00", "2029-03-01T00:00"),
        ("2026-01-31T00:00", "2026-03-31T00:00", "2026-05-31T00:00"),
        ("2025-12-31T00:00", "2026-01-31T00:00", "2026-02-28T00:00"),
        ("2026-03-01T00:00", "2026-03-15T00:00", "2026-03-29T00:00"),
        ("2026-03-15T00:00", "2026-03-25T00:00", "2026-04-04T00:00"),  # the clock goes forward between
    ],
)
def test_renewing_makes_a_draft_as_long_that_begins_where_the_old_one_ends(starts: str, ends: str, then: str) -> None:
    first, last, next_ = (datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (starts, ends, then))
    old = an("e1", starts=first, ends=last, used=7, used_by={"phone": 2}, exhausted=True, channels={"phone": 3})
    new = renewed(old, "e1-2", BERLIN)
    assert (new.external_id, new.state, new.starts, new.ends) == ("e1-2", "draft", last, next_)
    assert (new.remaining, new.remaining_on("phone"), new.exhausted, new.terms) == (10, 3, False, old.terms)


@pytest.mark.parametrize(("starts", "ends"), [(None, days(1)), (NOW, None)])
def test_what_has_no_period_cannot_be_renewed(starts: datetime | None, ends: datetime | None) -> None:
    with pytest.raises(ValueError, match="so nothing says from when to when"):
        renewed(an(starts=starts, ends=ends), "e1-2", BERLIN)
