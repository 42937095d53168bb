"""Answers that leave by a platform, in memory; nothing sends them there."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.store.channel_ports import ToldActivity
from pipeline.store.reply_ports import AwaitedEcho, StoredItem

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def known_asked(tables: "Tables", asked: Mapping[UUID, UUID | None]) -> Mapping[UUID, StoredItem]:
    """By case, the item that is answered: the activity that is named, else the customer's last."""
    found = {case: _asked(tables, case, named) for case, named in asked.items() if case in tables.cases}
    return {case: item for case, item in found.items() if item is not None}


def known_awaited(tables: "Tables", places: Collection[str]) -> Sequence[AwaitedEcho]:
    """The answers that may come back under these keys."""
    return tuple(
        AwaitedEcho(reply.id, reply.case_id, reply.places, reply.words, None)
        for reply in tables.replies.values()
        if not set(places).isdisjoint(reply.places)
    )


def _asked(tables: "Tables", case_id: UUID, named: UUID | None) -> StoredItem | None:
    contact = tables.cases[case_id].contact
    items = [
        row
        for row in tables.activities.values()
        if isinstance(row, ToldActivity) and row.case_id == case_id and row.kind == "social"
        and row.direction == "in" and row.sender
    ]  # fmt: skip
    fitting = [row for row in items if named is None or row.id == named]
    if not fitting:
        return None

    def rank(row: ToldActivity) -> tuple[object, ...]:
        return contact is not None and row.contact_id == contact.id, not row.hidden, row.at, row.id

    item = max(fitting, key=rank)
    messages = [m for m in tables.messages.values() if m.activity_id == item.id and m.id in tables.raws]
    if not messages:
        return None
    first = min(messages, key=lambda message: (message.received_at, message.id))
    return StoredItem(item.id, first.source, first.facts, tables.raws[first.id], max(row.at for row in items))
