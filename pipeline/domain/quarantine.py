"""What a person decides about messages that were put aside."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Release:
    """Settle a quarantined message after all, as if nothing had put it aside."""

    message: UUID


@dataclass(frozen=True, slots=True)
class Drop:
    """Let a quarantined message wait for nobody any more; it stays stored, and counted as quarantined."""

    message: UUID


Verdict = Release | Drop
"""What may be decided."""
