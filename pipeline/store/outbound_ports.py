"""Mail that leaves: what is asked for, and the row that is written in the transaction that decided on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.domain.cases import Case

ANSWER = "answer"
"""The value of a mail that answers the customer: by what its case knows the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMail:
    """A mail that someone wants sent; everything that makes it ours (ids, headers, sender) is added when it is posted.

    `to` is an address, or who is meant: `customer`, `owner`, `manager` or `queue` of its case. `template` names what
    it is (`acknowledgement`, `reply`, `sla_warned` …). What is no person's `reply` is marked as automatic. `subject`
    and `body` are what it says where no template words it, `values` what templates know beside; `activity` is the
    answer that it carries.
    """

    to: str
    template: str
    subject: str
    body: str
    at: datetime
    case: Case | None = None
    in_reply_to: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    activity: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMail:
    """A mail as it is to be sent, field for field; one of a Message-ID that is there already is the same mail."""

    id: UUID
    case_id: UUID | None
    sender: str
    recipient: str
    subject: str
    template: str
    message_id: str
    in_reply_to: str | None
    headers: Mapping[str, str]
    body: str
    created_at: datetime
    data: Mapping[str, str] = field(default_factory=dict)
    activity_id: UUID | None = None
