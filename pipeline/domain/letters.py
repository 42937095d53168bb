"""Letters: what makes a mail ours, whoever asked for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.domain.duplicates import digest
from pipeline.domain.tokens import TokenKeys

BY_A_PERSON = frozenset({"reply"})
"""Templates of what a person wrote; the other mail of ours is automatic."""

ANSWERS_BY_ITSELF = frozenset({"acknowledgement"})
"""Templates of what answers a message without a person; RFC 3834 has a word of its own for them."""

STALE_AFTER = timedelta(days=1)
"""What tells of a moment is not worth sending so long after it: after an outage it would only puzzle."""

OF_THE_MOMENT = frozenset(
    {"acknowledgement", "waiting_reminder", "activity_reminder", "activity_due", "on_hold_message", "sla_warned"}
)
"""Templates of what is not worth sending late; a broken promise, an answer or an alarm is."""

MAY_BE_LEFT = frozenset({"waiting_reminder"})
"""Templates of what its reader may ask not to get any more; answers and acknowledgements are none."""

TO_A_CUSTOMER = BY_A_PERSON | ANSWERS_BY_ITSELF | MAY_BE_LEFT
"""Templates by which it is known that the desk wrote to an address as to a customer."""

LOOP_HEADER = "X-Casestream-Loop"
MAX_SUBJECT = 400

MAX_THREAD = 12
"""Ids in References; clients group by the first and the last ones."""


def letter_headers(template: str, domain: str) -> Mapping[str, str]:
    """The headers by which other programs know what we send, and we know it again.

    Sources: RFC 3834, section 5 (Auto-Submitted); MS-OXCMAIL, 2.1.3.2.15 (X-Auto-Response-Suppress). `All` would keep
    even the report that a person's answer did not arrive from us.
    """
    if template in BY_A_PERSON:
        submitted, suppressed = "no", "DR, RN, NRN, OOF, AutoReply"
    else:
        submitted = "auto-replied" if template in ANSWERS_BY_ITSELF else "auto-generated"
        suppressed = "All"
    return {"Auto-Submitted": submitted, "X-Auto-Response-Suppress": suppressed, LOOP_HEADER: domain}


def leave_headers(link: str) -> Mapping[str, str]:
    """The headers by which a reader's mail program asks for no more, without a page (RFC 2369, 3.2; RFC 8058)."""
    return {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def is_stale(template: str, created_at: datetime, now: datetime) -> bool:
    """Whether it is too late to send what was decided then."""
    return template in OF_THE_MOMENT and now - created_at >= STALE_AFTER


def token_address(address: str, tokens: TokenKeys, number: int) -> str:
    """The address under which what comes back, an answer or a bounce, proves its case by itself."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{tokens.plus(number)}@{domain}"


def thread_of(ids: Sequence[str], answers: str | None) -> tuple[str, ...]:
    """What References names: the root of the conversation, what was said lately, last what this answers.

    Source: RFC 5322, section 3.6.4; the middle of a long conversation is left out, as it advises.
    """
    known = [one for one in dict.fromkeys(ids) if one != answers]
    if answers:
        known.append(answers)
    return tuple(known if len(known) <= MAX_THREAD else [known[0], *known[1 - MAX_THREAD :]])


def letter_id(  # all that makes it the same mail
    tokens: TokenKeys,
    number: int | None,
    *,
    to: str,
    template: str,
    at: datetime,
    body: str,
    agent: str | None = None,
) -> str:
    """The Message-ID of a mail of ours: the same for the same mail, with our token when it is about a case.

    What goes to an `agent` (by external id) bears a token of its own.
    """
    unique = digest("letter", number, to, template, at.isoformat(), body)
    if number and agent:
        return tokens.notice_id(number, unique, agent)
    return tokens.message_id(number, unique) if number else f"<{unique}@{tokens.domain}>"


def letter_subject(tokens: TokenKeys, number: int | None, subject: str) -> str:
    """The subject with our signed reference, on one line; one that it bears already is not repeated."""
    plain = " ".join(subject.split())[:MAX_SUBJECT]
    if not number or number in tokens.in_subject(plain):
        return plain
    return f"{tokens.reference(number)} {plain}".rstrip()
