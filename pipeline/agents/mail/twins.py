"""Makes a message of its own for each mailbox that one delivery of a mail went to, where each opens a case."""

from collections.abc import Iterator
from dataclasses import replace

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.domain.duplicates import digest, of_mailbox


def twins_of(message: Incoming) -> Iterator[Incoming]:
    """The same mail for the other mailboxes; they are the record's one message and count for nothing."""
    mail = message.mail
    for mailbox, queue in mail.twins if mail else ():
        key = of_mailbox(mailbox, mail.key) if mail else ""
        refuted = message.dedupe_genuine is not None
        yield replace(
            message,
            id=uuid7(),
            envelope=replace(message.envelope, count=0),
            queue=queue,
            dedupe_key=digest("refuted", key) if refuted else key,
            dedupe_genuine=key if refuted else None,
            mail=replace(mail, mailbox=mailbox, twins=()) if mail else None,
        )
