"""Carries out that an agent answers a customer where they wrote: on a social platform."""

from uuid import UUID

from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.agents.channels.asked import lane_of, places_of, read_item
from pipeline.domain.orders import Refused, Reply
from pipeline.domain.platforms import PLATFORMS, Asked, hindrance, words
from pipeline.store.reply_ports import NewReply, StoredItem


def is_account(to: str) -> bool:
    """Whether it is an account on a platform, as the desk writes it, and no address of mail."""
    return to.partition(":")[0] in PLATFORMS and ":" in to


def answer_item(desk: WorkDesk, order: Reply) -> UUID | Refused:
    """Answer the item that the order names, else what the customer wrote last; too long or too late is refused."""
    case, stored = desk.case, desk.facts.asked.get(desk.case.id)
    asked = read_item(stored) if stored is not None else None
    if stored is None or asked is None:
        named = "the activity that is to be answered is" if order.answers else "there is"
        return Refused(
            f"{named} no item of a platform on case {case.number} that can be answered; give an address (to)"
        )
    account = f"{asked.platform}:{asked.author}"
    if order.to is not None and order.to != account:
        return Refused(f"on a platform only who wrote is answered, which is {account}; name their item (answers)")
    try:
        page = desk.rules.social(stored.source)
    except LookupError as error:
        return Refused(f"{error}: nothing can be answered there any more")
    if (says := hindrance(asked, order.text, desk.at, page.max_length)) is not None:
        return Refused(says)
    made = desk.add(
        new_activity(
            case, "social", desk.at, direction="out", body=order.text, recipient=account, agent=desk.by_agent(),
            contact_id=case.contact.id if case.contact else None, delivery="queued",
        )
    )  # fmt: skip
    desk.batch.work.replies.append(_reply(made, desk, order, stored, asked))
    return made


def _reply(made: UUID, desk: WorkDesk, order: Reply, stored: StoredItem, asked: Asked) -> NewReply:
    return NewReply(
        id=made,
        case_id=desk.case.id,
        source=stored.source,
        platform=asked.platform,
        kind=asked.kind,
        lane=lane_of(asked, stored.source),
        item=asked.item,
        conversation=asked.conversation,
        recipient=asked.author,
        handle=asked.handle,
        visibility=asked.visibility,
        body=order.text,
        asked_at=asked.at,
        places=places_of(asked),
        words=words(order.text),
        created_at=desk.at,
    )
