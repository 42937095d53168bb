"""What a batch knows and changes of queues."""

from dataclasses import dataclass, field
from uuid import UUID

from pipeline.domain.routing import RouteRule
from pipeline.store.queue_ports import Failed, ItemKind, Overflowed, QueueItem


@dataclass(slots=True)
class QueueState:
    """Items as they are now (None: gone), and rules that failed, by name.

    `assigning` are the rules by which cases are to be given to somebody, `overflowing` is what is no case and waited
    too long, `overflowed` which of that moves.
    """

    items: dict[tuple[ItemKind, UUID], QueueItem | None] = field(default_factory=dict)
    failures: dict[str, Failed] = field(default_factory=dict)
    assigning: dict[UUID, RouteRule] = field(default_factory=dict)
    overflowing: dict[UUID, QueueItem] = field(default_factory=dict)
    overflowed: list[Overflowed] = field(default_factory=list)

    def put(self, item: QueueItem) -> None:
        """Let an item wait in its queue, or lie with its owner, in the stead of the one that was there."""
        self.items[item.kind, item.ref] = item

    def take(self, kind: ItemKind, ref: UUID) -> None:
        """Let it wait no more."""
        self.items[kind, ref] = None

    def fail(self, rule: str, reason: str) -> None:
        """Count that a rule failed."""
        before = self.failures.get(rule)
        self.failures[rule] = Failed((before.count if before else 0) + 1, reason)
