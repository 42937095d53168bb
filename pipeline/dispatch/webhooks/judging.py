"""What follows from what came of a job: what is noted, what is tried again, how the subscription stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.dispatch.webhooks.sending import Answer
from pipeline.domain.retrying import KEEP_TRYING, next_try
from pipeline.domain.subscriptions import Outcome, Subscription, is_given_up
from pipeline.store.outbox import Published
from pipeline.store.subscriptions import Try, chunks
from pipeline.store.webhooks import Done

NOT_TRIED = "not tried: the subscription is disabled"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One job: events of one subscription, the how-manieth try, when the first one was."""

    run: int
    attempt: int
    first_at: datetime
    positions: Sequence[int]


@dataclass(frozen=True, slots=True)
class Tried:
    """An event, and what came of the post at a time; None when it was not its turn."""

    event: Published
    at: datetime
    answer: Answer | None


def arrived(one: Tried) -> bool:
    """Whether it was delivered."""
    return one.answer is not None and one.answer.delivered


def ends(subscription: Subscription, tried: Sequence[Tried], now: datetime) -> str | None:
    """Why the subscription is to be disabled; None when it is not."""
    answers = [one.answer for one in tried if one.answer is not None]
    if any(answer.gone for answer in answers):
        return "410 Gone: the endpoint wants to hear no more"
    if any(answer.delivered for answer in answers) or not answers:
        return None
    if is_given_up(subscription.failing_since, now):
        return f"nothing arrived for {KEEP_TRYING.days} days; the last answer: {answers[-1].error}"
    return None


def judge(subscription: Subscription, job: Delivery, tried: Sequence[Tried], now: datetime, random: float) -> Done:
    """What to note of a job that was done; `subscription` is as it stands now, under its lock."""
    reason = ends(subscription, tried, now) if subscription.state == "active" else None
    disabled = reason is not None or subscription.state == "disabled"
    job = _progressed(subscription, job, tried, now)
    again = _again(job, tried, now, random)
    tries = [_noted(one, job, again, disabled=disabled) for one in tried if disabled or one.answer is not None]
    left = [one.event.pos for one in tried if not arrived(one)]
    follow_up = left if not disabled and again is not None else []
    first_at: datetime | None = job.first_at
    if again is None and not disabled:  # given up, though others arrive; those whose turn it was not have theirs now
        follow_up = [one.event.pos for one in tried if one.answer is None]
        again, first_at = now, None
    delivered = any(map(arrived, tried))
    failed = any(one.answer is not None and not one.answer.delivered for one in tried)
    failing = None if delivered else (subscription.failing_since or now) if failed else subscription.failing_since
    done = len(job.positions) - len(follow_up)
    following = chunks(subscription.id, job.run, job.attempt + 1, follow_up, at=again, first_at=first_at)
    return Done(
        id=subscription.id,
        run=job.run,
        attempt=job.attempt,
        tries=tries,
        done=done,
        retried=-done if job.attempt > 1 else len(follow_up),
        failing_since=failing,
        state="disabled" if disabled else subscription.state,
        reason=reason or subscription.reason,
        next=following[0] if following else None,
        wake=now if delivered and subscription.failing_since is not None else None,
    )


def _progressed(subscription: Subscription, job: Delivery, tried: Sequence[Tried], now: datetime) -> Delivery:
    """The same job; the time of what comes next in an ordered one begins when what was before it arrived."""
    if subscription.ordered and any(map(arrived, tried)):
        return replace(job, first_at=now)
    return job


def _again(job: Delivery, tried: Sequence[Tried], now: datetime, random: float) -> datetime | None:
    """When to try what is left; not before the other side wants it."""
    at = next_try(job.attempt if job.first_at < now else 1, job.first_at, now, random)
    waits = [one.answer.wait for one in tried if one.answer is not None and one.answer.wait is not None]
    return max(at, now + max(waits)) if at is not None and waits else at


def _noted(one: Tried, job: Delivery, again: datetime | None, *, disabled: bool) -> Try:
    answer = one.answer
    outcome: Outcome
    if answer is not None and answer.delivered:
        outcome = "delivered"
    elif disabled:
        outcome = "held"
    else:
        outcome = "failed" if again is not None else "given up"
    return Try(
        event=one.event.id,
        run=job.run,
        attempt=job.attempt,
        pos=one.event.pos,
        type=one.event.type,
        at=one.at,
        outcome=outcome,
        status=answer.status if answer is not None else None,
        error=answer.error if answer is not None else NOT_TRIED,
        ms=answer.ms if answer is not None else 0,
        next_try=again if outcome == "failed" else None,
    )
