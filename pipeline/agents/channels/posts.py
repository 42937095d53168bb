"""Decides what a delivery about a social item does: an item is one activity, through its edits and its removal."""

from collections.abc import Iterator
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.channels.told import Ongoing, PostMessage
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case, Follow, Join, join_or_follow, survivor
from pipeline.domain.outcomes import Duplicate, Recorded
from pipeline.domain.platforms import words
from pipeline.domain.posts import PostTold, PostView, is_kept, post_view
from pipeline.store.channel_ports import About, ToldActivity


class Posts:
    """Puts what is told of one item together, and the item where its conversation is."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The case of the item, of what it answers, of its conversation, of the first author there."""
        post = message.post
        if post is None:
            return
        for key in (post.key, post.answers):
            ongoing = batch.channels.ongoing.get(key) if key else None
            if ongoing is not None and ongoing.case_id is not None:
                yield ongoing.case_id
        for key in (post.talk, post.place):
            if key in batch.channels.conversations:
                yield batch.channels.conversations[key]

    def decide(self, message: Incoming, book: Casebook) -> None:
        """Add what the delivery says to what was said before, then see where the item belongs."""
        post = message.post
        if post is None:
            raise AssertionError(f"{message.source_id} tells of no item")
        if post.key is None:
            message.outcome = Recorded(post.reason)
            _note_receipt(post, book.batch)
            return
        ongoing = book.batch.channels.ongoing.get(post.key) or _come_back(message, post, book.batch)
        if post.own and ongoing is not None and ongoing.ours and _is_told_whole(post):
            message.outcome = Duplicate("our own answer came back from the platform", ongoing.first)
            message.activity_id, message.original_case_id = ongoing.id, ongoing.case_id
            return
        before = post_view(_posts(ongoing)) if ongoing is not None else None
        ongoing = ongoing or Ongoing(uuid7(), message.id)
        message.party = message.party or ongoing.party
        ongoing.party = message.party
        if is_kept(post.told, _posts(ongoing)):
            ongoing.told += (post.told,)
        view = post_view(_posts(ongoing))
        message.activity_id, message.text = ongoing.id, view.text
        created = (post.opens or post.own) and not _created(ongoing, but=post.told)
        if view == before and not created:
            message.outcome = Duplicate("it tells nothing new of an item", ongoing.first)
            message.original_case_id = ongoing.case_id
        elif ongoing.case_id is not None and (case := survivor(ongoing.case_id, book.batch.cases)):
            message.asks = created
            book.append(message, case, by="item", reason=f"it tells of the same item: {post.reason}", effect=Join())
        elif post.own:
            self._answer(message, post, book)
        else:
            self._place(message, post, view, book)
        ongoing.case_id = message.case.id if message.case else ongoing.case_id
        _keep(ongoing, post, view, message, book.batch)

    def _answer(self, message: Incoming, post: PostMessage, book: Casebook) -> None:
        """What our page wrote goes to the item it answers, or to the pair it is said in; it reopens nothing."""
        conversation = book.batch.channels.conversations.get(post.talk or "")
        case = _answered(post, book) or (survivor(conversation, book.batch.cases) if conversation else None)
        if case is None:
            message.outcome = Recorded(f"{post.reason}, and it answers nothing that has a case")
        else:
            book.append(message, case, by="answer", reason="our page answers here", effect=Join(), event="case.replied")
            book.answered(message, case, message.received, str(message.activity_id))

    def _place(self, message: Incoming, post: PostMessage, view: PostView, book: Casebook) -> None:
        case = self._conversation(message, post, book)
        if view.removed:
            message.outcome = Recorded("it was removed before it came")
        elif not post.opens:
            message.outcome = Recorded(post.reason)
        elif case is not None:
            self._join(message, post, case, book)
        else:
            self._open(message, post, book, reason=post.reason)

    def _conversation(self, message: Incoming, post: PostMessage, book: Casebook) -> Case | None:
        """The case of its conversation; else of what it answers, where that is a case of its author's own."""
        conversation = book.batch.channels.conversations.get(post.talk or "")
        if conversation is not None:
            return survivor(conversation, book.batch.cases)
        contact = message.party.contact if message.party else None
        case = _answered(post, book)
        return case if case and case.contact and contact and case.contact.id == contact.id else None

    def _join(self, message: Incoming, post: PostMessage, case: Case, book: Casebook) -> None:
        queue = book.queue(case)
        effect = join_or_follow(
            case,
            received=message.received,
            automatic=False,
            closed_reply=queue.closed_reply,
            reopen_days=queue.reopen_days,
        )
        if isinstance(effect, Follow):
            self._open(message, post, book, reason=effect.reason, follow_up_of=case)
        else:
            reason = "it goes on in this conversation"
            book.append(message, case, by="conversation", reason=reason, effect=effect)
            channels = book.batch.channels
            if post.talk and post.talk not in channels.conversations:
                channels.conversations[post.talk] = channels.conversed[post.talk] = case.id

    def _open(
        self, message: Incoming, post: PostMessage, book: Casebook, *, reason: str, follow_up_of: Case | None = None
    ) -> None:
        if message.refused is not None:
            message.outcome = message.refused
            return
        channels = book.batch.channels
        first = channels.conversations.get(post.place or "")
        neighbour = None
        if follow_up_of is None:
            neighbour = survivor(first, book.batch.cases) if first else _answered(post, book)
        case = book.open(message, reason=reason, follow_up_of=follow_up_of, linked_to=neighbour, link="same post")
        for key in (post.talk, post.place if first is None else None):
            if key:
                channels.conversations[key] = channels.conversed[key] = case.id


def _come_back(message: Incoming, post: PostMessage, batch: Batch) -> Ongoing | None:
    """The answer that left from here and is what our page is told to have written.

    The platform may tell us of it before it answers whoever sent it: then it says the same in the same place.
    """
    if not post.own:
        return None
    places, said = {post.answers, post.talk, post.place}, words(post.told.text or "")
    for one in batch.channels.awaited:
        known = (
            one.platform_id == post.id if one.platform_id else one.words == said and not places.isdisjoint(one.places)
        )
        if known and post.key:
            ongoing = batch.channels.ongoing[post.key] = Ongoing(one.id, message.id, one.case_id, ours=True)
            batch.channels.about[post.key] = About(post.key, one.id, message.id)
            batch.channels.awaited.remove(one)
            return ongoing
    return None


def _is_told_whole(post: PostMessage) -> bool:
    """Whether it tells of the item itself, and not of what happened to it since."""
    told = post.told
    return not told.edited and not told.removed and told.hidden is None


def _note_receipt(post: PostMessage, batch: Batch) -> None:
    if post.talk and (until := post.received_until):
        receipts = batch.channels.receipts
        receipts[post.talk] = max(until, receipts.get(post.talk, until))


def _answered(post: PostMessage, book: Casebook) -> Case | None:
    """The case of what it answers."""
    answered = book.batch.channels.ongoing.get(post.answers) if post.answers else None
    case_id = answered.case_id if answered is not None else None
    return survivor(case_id, book.batch.cases) if case_id is not None else None


def _posts(ongoing: Ongoing) -> list[PostTold]:
    return [told for told in ongoing.told if isinstance(told, PostTold)]


def _created(ongoing: Ongoing, *, but: PostTold) -> bool:
    """Whether the item itself was told of before, and not only that it was edited or removed."""
    return any(not told.edited and not told.removed and told.hidden is None for told in _posts(ongoing) if told != but)


def _keep(ongoing: Ongoing, post: PostMessage, view: PostView, message: Incoming, batch: Batch) -> None:
    channels = batch.channels
    if post.key and channels.ongoing.get(post.key) is not ongoing:
        channels.ongoing[post.key] = ongoing
        channels.about[post.key] = About(post.key, ongoing.id, ongoing.first)
    earlier = channels.activities.get(ongoing.id)
    channels.activities[ongoing.id] = ToldActivity(
        id=ongoing.id,
        case_id=ongoing.case_id,
        kind="social",
        direction="out" if post.own else "in",
        state="closed",
        result=None,
        subject=message.subject,
        body=view.text,
        sender=message.sender or message.sender_name or (earlier.sender if earlier else None),
        recipient=message.recipient,
        agent=None,
        contact_id=ongoing.party.contact.id if ongoing.party and ongoing.party.contact else None,
        at=min(told.at for told in _posts(ongoing)),
        earlier=view.earlier,
        hidden=view.hidden,
        told=ongoing.told,
    )
