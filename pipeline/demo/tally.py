"""Counts what the senders hold in hand: what was acknowledged to them, and how often they had to come again."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What the senders know; `ids` are the Message-IDs and receipts that the desk has to account for."""

    written: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    given_up: int = 0

    @property
    def total(self) -> int:
        """Every 250 and 202."""
        return self.acknowledged.total()

    def settled(self, channel: str, source_id: str) -> None:
        """The desk said that it has this one."""
        self.acknowledged[channel] += 1
        self.ids.add(source_id)
