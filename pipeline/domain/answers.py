"""Who waits for whom: since when a customer waits for an answer, and when they got the first one.

An answer is a message that an agent sends to the case's customer, or an answered call with them. Notes,
acknowledgements, surveys, commands and mail to third parties are none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.domain.cases import Case

Changed = Mapping[str, tuple[Any, Any]]
"""What changed, by field: (old, new); empty when nothing did."""


def customer_wrote(case: Case, at: datetime, *, automatic: bool) -> Changed:
    """The customer waits since the oldest message that nobody has answered; what no person wrote waits for nothing."""
    if automatic or case.state != "active" or (case.waiting_since is not None and case.waiting_since <= at):
        return {}
    return _set(case, waiting_since=at)


def answered(case: Case, at: datetime, answer: str) -> Changed:
    """The customer got an answer; nobody waits any more. `answer` is what a report of its failure would name.

    That is the address that our mail went to, or the Message-ID of a mail that an agent sent past us.
    """
    first = case.first_response_at or max(at, case.opened_at)
    waited = case.waiting_since.isoformat() if case.waiting_since else None
    case.only_answer = {} if case.first_response_at else {"answer": answer, "waiting_since": waited}
    return _set(case, first_response_at=first, waiting_since=None)


def taken_back(case: Case, *answers: str | None) -> Changed:
    """An answer, known by any of these, did not reach the customer; if it was the only one, they never had any."""
    if not case.only_answer.get("answer") or case.only_answer["answer"] not in answers:
        return {}
    since = case.only_answer.get("waiting_since")
    waiting = [datetime.fromisoformat(since)] if since else []
    waiting += [case.waiting_since] if case.waiting_since else []
    case.only_answer = {}
    return _set(
        case, first_response_at=None, waiting_since=min(waiting, default=None) if case.state == "active" else None
    )


def _set(case: Case, **values: datetime | None) -> Changed:
    changed = {}
    for name, value in values.items():
        old = getattr(case, name)
        if old != value:
            changed[name] = (old, value)
            setattr(case, name, value)
    return changed
