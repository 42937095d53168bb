"""Letters: what makes a mail ours, whoever asked for it."""

from collections.abc import Mapping
from datetime import datetime

from pipeline.domain.duplicates import digest
from pipeline.domain.tokens import TokenKeys

BY_A_PERSON = frozenset({"reply"})
"""Templates of what a person wrote; the other mail of ours is automatic."""

ANSWERS_BY_ITSELF = frozenset({"acknowledgement"})
"""Templates of what answers a message without a person; RFC 3834 has a word of its own for them."""

LOOP_HEADER = "X-Casestream-Loop"
MAX_SUBJECT = 400


def letter_headers(template: str, domain: str) -> Mapping[str, str]:
    """The headers by which other programs know what we send, and we know it again.

    Sources: RFC 3834, section 5 (Auto-Submitted); MS-OXCMAIL, 2.1.3.2.15 (X-Auto-Response-Suppress).
    """
    if template in BY_A_PERSON:
        submitted = "no"
    else:
        submitted = "auto-replied" if template in ANSWERS_BY_ITSELF else "auto-generated"
    return {"Auto-Submitted": submitted, "X-Auto-Response-Suppress": "All", LOOP_HEADER: domain}


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
