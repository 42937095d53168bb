"""How subscriptions to events are shown to those who manage them, with the tries to deliver."""

from collections.abc import Mapping

from pipeline.domain.subscriptions import Subscription
from pipeline.store.subscriptions import Try


def told(subscription: Subscription) -> Mapping[str, object]:
    """A subscription as others see it: never its secrets, but until when each of them signs."""
    return {
        "id": subscription.id,
        "url": subscription.url,
        "description": subscription.description,
        "types": list(subscription.types),
        "filter": subscription.filter,
        "ordered": subscription.ordered,
        "state": subscription.state,
        "reason": subscription.reason,
        "position": subscription.pos,
        "waiting": subscription.waiting,
        "failing_since": subscription.failing_since,
        "secrets": [{"until": secret.until} for secret in subscription.secrets],
        "created_at": subscription.created_at,
    }


def told_try(one: Try) -> Mapping[str, object]:
    """A try as others see it."""
    return {
        "event": one.event,
        "type": one.type,
        "position": one.pos,
        "replay": one.run or None,
        "attempt": one.attempt,
        "at": one.at,
        "outcome": one.outcome,
        "status": one.status,
        "error": one.error,
        "ms": one.ms,
        "next_try": one.next_try,
    }
