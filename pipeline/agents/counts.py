"""Sums what became of messages, for accounted intake."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from pipeline.store.ports import Count

Counted = tuple[str, int, str, datetime, int, str]
"""So many messages with an outcome: topic, partition, source, received at, how many, outcome."""


def count_outcomes(facts: Iterable[Counted]) -> list[Count]:
    """Sums by topic, partition, source and hour."""
    received: dict[tuple[str, int, str, datetime], int] = defaultdict(int)
    outcomes: dict[tuple[str, int, str, datetime], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for topic, partition, source, at, count, outcome in facts:
        where = (topic, partition, source, at.replace(minute=0, second=0, microsecond=0))
        received[where] += count
        outcomes[where][outcome] += count
    return [Count(*where, received=total, outcomes=outcomes[where]) for where, total in received.items()]
