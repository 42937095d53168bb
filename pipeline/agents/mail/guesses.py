"""Sets senders aside who guess at references of ours."""

from datetime import datetime, timedelta

from pipeline.agents.batch import Batch, Incoming
from pipeline.store.ports import Transaction

MOST_MISSES = 20
"""References that prove nothing, of one sender within an hour; what bears more is for a person to look at."""

HOUR = timedelta(hours=1)


class Guesses:
    """Counts references in subjects that we never signed; who bore too many is quarantined, even if one hits."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Decide in the order of arrival."""
        so_far: dict[str, list[datetime]] = {key: [*times] for key, times in batch.facts.mail.misses.items()}
        for message in batch.undecided():
            if (
                message.released
                or message.mail is None
                or not message.mail.guesses
                or (key := guesser(message)) is None
            ):
                continue
            times = so_far.setdefault(key, [])
            if sum(timedelta() <= message.received - at < HOUR for at in times) >= MOST_MISSES:
                why = f"its sender bore {MOST_MISSES} references within an hour that we never signed"
                message.quarantine = message.quarantine or why
            missed = [message.received] * message.mail.misses
            times += missed
            batch.mail.changes.misses.extend((key, at) for at in missed)


def guesser(message: Incoming) -> str | None:
    """Who bears references; one whose sender is not believed hinders nobody who is."""
    return f"{message.standing} {message.sender}" if message.sender else None
