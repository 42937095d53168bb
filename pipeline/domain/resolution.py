"""Resolution: what stands in the way of resolving a case, and what it amounts to."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pipeline.domain.activities import Activity
from pipeline.domain.billing import Line, Rounding, billable_s, correction_s, told_time
from pipeline.domain.cases import Case
from pipeline.domain.orders import Refused, Resolve

ChildrenPolicy = Literal["ask", "close", "refuse"]
"""What a queue does when a parent with open children is resolved."""

_MOST_NAMED = 5


def objection(
    case: Case,
    order: Resolve,
    *,
    activities: Iterable[Activity],
    children: Sequence[Case],
    policy: ChildrenPolicy,
    missing_steps: Sequence[str] = (),
) -> Refused | None:
    """Why the case is not resolved by this order; None when it may be.

    A call in progress or a required step (`missing_steps`) blocks it whatever the order says; open activities and
    open children ask, and the order may hold the answer.
    """
    still_open = [activity for activity in activities if activity.state == "open"]
    reasons = [
        *_blocks(still_open, missing_steps),
        *_asks_activities(still_open, order),
        *_asks_children(children, order, policy),
    ]
    return Refused(f"case {case.number} is not resolved: {'; '.join(reasons)}") if reasons else None


def _blocks(still_open: Sequence[Activity], missing_steps: Sequence[str]) -> Iterator[str]:
    if any(activity.is_call for activity in still_open):
        yield "a call is in progress; resolve it when somebody has hung up"
    if missing_steps:
        yield f"steps of its process are required and empty: {_named(missing_steps)}"


def _asks_activities(still_open: Sequence[Activity], order: Resolve) -> Iterator[str]:
    planned = [activity for activity in still_open if not activity.is_call]
    if planned and not order.cancel_open:
        what = _named([f'{activity.kind} "{activity.subject}"' for activity in planned])
        yield f"{what} would be cancelled; say so (cancel_open) or close them before"


def _asks_children(children: Sequence[Case], order: Resolve, policy: ChildrenPolicy) -> Iterator[str]:
    if not children:
        return
    what = f"its children are open: {_named([str(child.number) for child in children])}"
    if policy == "refuse":
        yield f"{what}; resolve them before"
    elif policy == "ask" and order.children is None:
        yield f'{what}; say whether to "close" or to "keep" them (children)'


def closes_children(order: Resolve, policy: ChildrenPolicy) -> bool:
    """Whether the open children are resolved with their parent."""
    return policy == "close" or (policy == "ask" and order.children == "close")


def lines(activities: Iterable[Activity], rounding: Rounding) -> list[Line]:
    """The billable time of a case's closed activities; a correction counts to the second."""
    return [
        Line(
            activity.id,
            activity.kind,
            activity.billable_s if activity.adjusts else rounding(activity.billable_s),
            activity.consumed,
            activity.billed,
        )
        for activity in activities
        if activity.state == "closed" and activity.kind != "resolution" and activity.billable_s
    ]


def total_s(activities: Iterable[Activity]) -> int:
    """The time that all closed activities took, billable or not."""
    closed = [activity for activity in activities if activity.state == "closed" and activity.kind != "resolution"]
    return sum(activity.duration_s or 0 for activity in closed)


def correction(order: Resolve, billed: Sequence[Line]) -> int | Refused:
    """The seconds by which the order corrects the billable time; it must say why."""
    if order.billable_s is None:
        return 0
    if order.billable_s < 0:
        return Refused("a billable time is not negative")
    seconds = correction_s(billed, order.billable_s)
    if seconds and not order.why.strip():
        told = f"{told_time(order.billable_s)} rather than {told_time(billable_s(billed))}"
        return Refused(f"a billable time of {told} needs a reason (why)")
    return seconds


def _named(things: Sequence[str]) -> str:
    more = len(things) - _MOST_NAMED
    return ", ".join(things[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
