"""Collects what a batch of mails and forms asks of the store beside what every message does."""

from collections.abc import Sequence

from pipeline.agents.batch import Incoming
from pipeline.agents.mail.guesses import guesser
from pipeline.domain.duplicates import digest
from pipeline.domain.matching import Identity, normal_address
from pipeline.store.mail_ports import MailWanted

NEWCOMERS = digest("newcomers of forms")
"""Claimed by whoever acknowledges to forms, so that their new addresses are counted one after the other."""


def mail_claims(message: Incoming) -> set[str]:
    """What must be claimed so that two workers count one after the other."""
    claims = set()
    if message.mail is not None and message.mail.guesses:
        claims.add(digest("guesser", guesser(message)))
    if message.mail is not None and message.mail.alike:
        claims.add(message.mail.alike)
    if message.acknowledge and message.sender:
        claims.add(digest("acknowledged", message.sender))
        claims |= {NEWCOMERS} if message.kind == "web" else set()
    return claims


def mail_numbers(message: Incoming) -> set[int]:
    """The numbers of cases that a mail names beside those that every message may."""
    if message.mail is None:
        return set()
    referred = {number for numbers in message.mail.references.values() for number in numbers}
    return referred | {notice.number for notice in message.mail.notices}


def written_for(message: Incoming) -> set[Identity]:
    """Whose account it may be about if one of us wrote it, which is not known yet: whom it forwards, whom it is to."""
    mail = message.mail
    if mail is None:
        return set()
    inner = (normal_address(mail.forwarded.address),) if mail.forwarded else ()
    return {Identity("email", address) for address in (*inner, *mail.recipients)}


def mail_wanted(messages: Sequence[Incoming]) -> MailWanted:
    """What is asked; nothing without mail or forms."""
    spoken = [message for message in messages if message.kind in {"email", "web"}]
    mails = [message.mail for message in spoken if message.mail]
    if not spoken:
        return MailWanted()
    return MailWanted(
        at=min(message.received for message in spoken),
        ours={one for mail in mails for one in mail.ours},
        likes={mail.like[0] for mail in mails if mail.like[0]},
        recipients={message.sender for message in spoken if message.acknowledge and message.sender},
        guessers={
            key for message in spoken if message.mail and message.mail.guesses and (key := guesser(message)) is not None
        },
        returned={mail.bounce.original_message_id for mail in mails if mail.bounce and mail.bounce.original_message_id},
        newcomers=any(message.acknowledge for message in spoken if message.kind == "web"),
    )
