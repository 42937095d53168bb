"""Counts what the senders hold in hand: what was acknowledged to them, and how often they had to come again."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What the senders know; `ids` are the sources' own ids that the desk has to account for, where there are any."""

    written: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    given_up: int = 0

    @property
    def total(self) -> int:
        """Every message that the source was told is ours."""
        return self.acknowledged.total()

    def settled(self, channel: str, source_id: str) -> None:
        """The desk said that it has this one."""
        self.acknowledged[channel] += 1
        if source_id:
            self.ids.add(source_id)
