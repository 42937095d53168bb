"""Signs in a mail by which it is known to belong to others, beside its ids."""

from collections.abc import Mapping, Sequence

from pipeline.agents.rules import Rules
from pipeline.config.channels import Mailbox
from pipeline.domain.threading import person_key, subject_key
from pipeline.parse.attached_text import attached_texts
from pipeline.parse.message import Email
from pipeline.parse.subject import base_subject

MAX_PEOPLE = 12
"""People that a link keeps; a mail to more is a mailing, and whom it shares with others says little."""

MAX_TEXT = 200_000


def people_of(sender: str | None, others: Sequence[str], rules: Rules) -> frozenset[str]:
    """Everybody but ourselves between whom a mail goes, as links keep them; nobody when they are very many."""
    people = {*others, *((sender,) if sender and not rules.is_ours(sender) else ())}
    return frozenset(map(person_key, people)) if len(people) <= MAX_PEOPLE else frozenset()


def alike(rules: Rules, mail: Email, sender: str | None, others: Sequence[str], mailbox: Mailbox | None) -> str | None:
    """Under what mails of its subject between the same people are known; None without a subject or an author."""
    if "same_subject" not in rules.sources or mail.auto is not None or sender is None:
        return None
    base = base_subject(mail.subject)
    people = {*others, *(() if rules.is_ours(sender) else (sender,))}
    return subject_key(base, people, mailbox.address if mailbox else "") if base and people else None


def references_in(rules: Rules, mail: Email, raw: bytes) -> Mapping[str, tuple[int, ...]]:
    """The numbers that signed references prove in the text and in files, where the desk asks for them."""
    found: dict[str, tuple[int, ...]] = {}
    if "body_reference" in rules.sources and "[#" in mail.text:
        found["body_reference"] = tuple(rules.tokens.references(mail.text[:MAX_TEXT])[0])
    if "attachment_reference" in rules.sources and mail.attachments:
        proven = (number for text in attached_texts(raw) for number in rules.tokens.references(text)[0])
        found["attachment_reference"] = tuple(dict.fromkeys(proven))
    return found
