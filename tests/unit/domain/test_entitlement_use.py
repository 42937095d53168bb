"""What a case draws on its entitlement and gives back, through everything that may happen to it."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.entitlement import CHANNELS, Entitlement, Terms, Trigger
from pipeline.domain.entitlement_use import Line, Standing, Transition, Turn, Work, turn

CASE = UUID(int=1)
ACTIVE = Standing(state="active", decrement=True, channel="email")
RESOLVED = replace(ACTIVE, state="resolved")
CANCELLED = replace(ACTIVE, state="cancelled")
CALLS = [Work(UUID(int=number), "phone", 900) for number in (11, 12, 13)]


def cases(total: int | None = 5, on: Trigger = "open", *, restrict: bool = True, **channels: int) -> Entitlement:
    terms = Terms(total=total, decrement_on=on, restrict=restrict, channels=channels)
    return Entitlement(external_id="e1", terms=terms)


def hours(seconds: int, *, restrict: bool = True, only_listed: bool = False, **channels: int) -> Entitlement:
    terms = Terms(allotment="hours", total=seconds, restrict=restrict, only_listed=only_listed, channels=channels)
    return Entitlement(external_id="e1", terms=terms)


class Account:
    """An entitlement with the ledger of one case on it."""

    def __init__(self, one: Entitlement) -> None:
        self.one = one
        self.lines: list[Line] = []

    def comes(self, standing: Standing | None, by: Transition, work: list[Work] | None = None) -> Turn:
        result = turn(self.one, CASE, standing, by=by, work=work or [], before=self.lines)
        self.one, self.lines = result.entitlement, [*self.lines, *result.lines]
        return result


def test_by_cases_on_opening() -> None:
    """Open takes one; cancelling gives it back, reactivating takes it again; resolving and reopening change nothing."""
    account = Account(cases(5))
    left = []
    steps: list[tuple[Standing, Transition]] = [
        (ACTIVE, "open"), (CANCELLED, "cancel"), (ACTIVE, "reactivate"), (RESOLVED, "resolve"), (ACTIVE, "reactivate"),
        (CANCELLED, "cancel"),
    ]  # fmt: skip
    for standing, by in steps:
        account.comes(standing, by)
        left.append(account.one.remaining)
    assert left == [4, 5, 4, 4, 4, 5]
    assert [(line.transition, line.turn, line.units) for line in account.lines] == [
        ("open", 1, 1), ("cancel", 2, -1), ("reactivate", 3, 1), ("cancel", 4, -1)
    ]  # fmt: skip


def test_by_cases_on_resolution() -> None:
    """Resolving takes one, reactivating gives it back, resolving again takes it again; cancelling changes nothing."""
    account = Account(cases(5, "resolution"))
    left = []
    steps: list[tuple[Standing, Transition]] = [
        (ACTIVE, "open"), (RESOLVED, "resolve"), (ACTIVE, "reactivate"), (RESOLVED, "resolve"), (ACTIVE, "reactivate"),
        (CANCELLED, "cancel"), (ACTIVE, "reactivate"),
    ]  # fmt: skip
    for standing, by in steps:
        account.comes(standing, by)
        left.append(account.one.remaining)
    assert left == [5, 4, 5, 4, 5, 5, 5]


def test_three_calls_of_15_minutes_take_45_and_reactivating_gives_them_back() -> None:
    account = Account(hours(36_000))
    assert account.comes(ACTIVE, "open", CALLS[:1]).units == 0
    assert account.comes(RESOLVED, "resolve", CALLS).units == 2700
    assert {line.activity: line.units for line in account.lines} == {call.activity: 900 for call in CALLS}
    assert account.comes(ACTIVE, "reactivate", CALLS).units == -2700
    more = [*CALLS, Work(UUID(int=14), "phone", 60)]
    assert account.comes(RESOLVED, "resolve", more).units == 2760
    assert account.one.remaining == 36_000 - 2760


def test_hours_draw_on_each_activitys_own_channel() -> None:
    account = Account(hours(36_000, phone=1200))
    account.comes(replace(RESOLVED, channel="web"), "resolve", [CALLS[0], Work(UUID(int=20), None, 300)])
    assert (account.one.remaining_on("phone"), account.one.remaining) == (300, 34_800)


def test_hours_of_channels_that_are_not_listed_count_for_nothing_when_only_listed_do() -> None:
    account = Account(hours(36_000, phone=1200, only_listed=True))
    account.comes(RESOLVED, "resolve", [CALLS[0], Work(UUID(int=20), None, 300), Work(UUID(int=21), "email", 300)])
    assert account.one.remaining == 35_100


def test_of_hours_as_much_is_drawn_as_is_left() -> None:
    account = Account(hours(2000))
    result = account.comes(RESOLVED, "resolve", CALLS)
    assert ([line.units for line in result.lines], result.missing, account.one.remaining) == ([900, 900, 200], 700, 0)
    assert account.comes(ACTIVE, "reactivate", CALLS).units == -2000


def test_a_correction_takes_off_what_was_done_last() -> None:
    account = Account(hours(36_000, phone=3000))
    account.comes(RESOLVED, "resolve", [*CALLS, Work(UUID(int=30), None, -1000)])
    assert {line.activity: line.units for line in account.lines} == {CALLS[0].activity: 900, CALLS[1].activity: 800}
    assert (account.one.remaining, account.one.remaining_on("phone")) == (34_300, 1300)


def test_a_correction_upwards_is_work_without_a_channel() -> None:
    account = Account(hours(36_000, phone=3000))
    account.comes(RESOLVED, "resolve", [*CALLS, Work(UUID(int=30), None, 300)])
    assert (account.one.remaining, account.one.remaining_on("phone")) == (33_000, 300)


def test_a_listed_channel_ends_before_the_overall_total() -> None:
    account = Account(hours(36_000, phone=1000))
    assert (account.comes(RESOLVED, "resolve", CALLS).units, account.one.remaining_on("phone")) == (1000, 0)


def test_without_restriction_it_goes_below_zero() -> None:
    account = Account(hours(2000, restrict=False))
    account.comes(RESOLVED, "resolve", CALLS)
    assert account.one.remaining == -700
    account = Account(cases(0, restrict=False))
    account.comes(ACTIVE, "open")
    assert account.one.remaining == -1


def test_of_cases_all_or_nothing_is_drawn() -> None:
    account = Account(cases(0))
    result = account.comes(ACTIVE, "reactivate")
    assert (result.lines, result.missing) == ((), 1)


def test_a_spared_case_takes_nothing_and_sparing_it_later_gives_back() -> None:
    account = Account(cases(5))
    assert account.comes(replace(ACTIVE, decrement=False), "open").lines == ()
    assert account.comes(ACTIVE, "count").units == 1
    assert account.comes(replace(ACTIVE, decrement=False), "spare").units == -1


def test_an_entitlement_that_a_case_loses_gets_all_back() -> None:
    account = Account(hours(36_000))
    account.comes(RESOLVED, "resolve", CALLS)
    assert account.comes(None, "withdraw").units == -2700
    assert account.one.used_by == {"phone": 0}


def test_the_same_told_twice_does_nothing() -> None:
    account = Account(hours(36_000))
    account.comes(RESOLVED, "resolve", CALLS)
    assert account.comes(RESOLVED, "resolve", CALLS).lines == ()


def test_lines_of_other_cases_and_entitlements_do_not_count() -> None:
    mine = Line(CASE, "e1", "open", 1, 1, "email")
    others = [replace(mine, entitlement="e2"), replace(mine, case_id=uuid4())]
    assert turn(cases(5), CASE, ACTIVE, by="open", before=others).lines == (mine,)


standings = st.builds(
    Standing,
    state=st.sampled_from(["active", "resolved", "cancelled"]),
    decrement=st.booleans(),
    channel=st.none() | st.sampled_from(CHANNELS),
)
works = st.lists(
    st.builds(
        Work,
        activity=st.integers(0, 4).map(lambda number: UUID(int=number)),
        channel=st.none() | st.sampled_from(CHANNELS),
        seconds=st.integers(-1000, 2000),
    ),
    max_size=4,
    unique_by=lambda work: work.activity,
)
terms = st.builds(
    Terms,
    allotment=st.sampled_from(["cases", "hours"]),
    total=st.none() | st.integers(0, 3000),
    channels=st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 2000), max_size=3),
    only_listed=st.booleans(),
    decrement_on=st.sampled_from(["open", "resolution"]),
    restrict=st.booleans(),
)


@given(terms, st.lists(st.tuples(st.sampled_from([CASE, uuid4()]), st.none() | standings, works), max_size=8))
def test_the_balance_is_the_total_less_the_ledger_whatever_happens(
    agreed: Terms, story: list[tuple[UUID, Standing | None, list[Work]]]
) -> None:
    one, lines = Entitlement(external_id="e1", terms=agreed), list[Line]()
    for case_id, standing, work in story:
        result = turn(one, case_id, standing, by="correct", work=work, before=lines)
        one, lines = result.entitlement, [*lines, *result.lines]
        again = turn(one, case_id, standing, by="correct", work=work, before=lines)
        assert again.lines == ()
        assert one.used == sum(line.units for line in lines)
        assert {c: u for c, u in one.used_by.items() if u} == {
            channel: units
            for channel in CHANNELS
            if (units := sum(line.units for line in lines if line.channel == channel))
        }
        if agreed.restrict:
            assert one.remaining is None or one.remaining >= 0
            assert all((one.remaining_on(channel) or 0) >= 0 for channel in agreed.channels)
        drawn = sum(line.units for line in lines if line.case_id == case_id)
        assert drawn >= 0
        if standing is None or standing.state == "cancelled" or not standing.decrement:
            assert drawn == 0
    keys = [(line.case_id, line.entitlement, line.transition, line.turn, line.activity) for line in lines]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("on", ["open", "resolution"])
def test_hours_are_drawn_at_the_resolution_whatever_is_said_of_cases(on: Trigger) -> None:
    one = Entitlement(external_id="e1", terms=Terms(allotment="hours", total=3600, decrement_on=on))
    assert turn(one, CASE, ACTIVE, by="open", work=CALLS).lines == ()
    assert turn(one, CASE, RESOLVED, by="resolve", work=CALLS).units == 2700
