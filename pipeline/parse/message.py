"""What a parsed mail is: the typed message that `parse email` prints and intake decides on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Protection = Literal["encrypted", "signed"]
Automatic = Literal["loop", "bounce", "auto-reply", "auto-generated", "list"]


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox of RFC 5322: a display name (may be empty) and an address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the body; `sha256` over the decoded bytes, `size` in bytes."""

    filename: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str | None


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a delivery status notification reports (RFC 3464)."""

    recipient: str | None
    status: str | None
    action: str | None
    original_message_id: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A meeting that a mail is about; `method` as iTIP says (request, reply, cancel …), `answer` a reply's."""

    method: str
    uid: str | None
    summary: str
    starts_at: datetime | None
    organizer: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """A mail as far as it can be read; what had to be repaired stands in `defects`.

    Ids keep their `<>`, `date` is aware and in UTC, no text holds NUL or a lone surrogate. `from_` and `sender` are
    Ids keep their `<>`, `date` is aware and in UTC, no text holds NUL or a lone surrogate. `from_` and `sender` are
    None when unusable; a `from_` may be a name alone, `author` is its address if it has one. `text` is the readable
    body, `reply` what the author newly wrote in it. `forwarded` is the first sender inside a forward, `protection` says
    that the mail is encrypted or signed, which nobody verified. `via` is the address of ours that a
    list of our own wrote into From, where `from_` is who the list says wrote it.
    """

    message_id: str | None = None
    subject: str = ""
    from_: Address | None = None
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    date: datetime | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    text: str = ""
    html: str | None = None
    reply: str = ""
    quoted: str = ""
    signature: str = ""
    attachments: tuple[Attachment, ...] = ()
    auto: Automatic | None = None
    bounce: Bounce | None = None
    references_case: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    forwarded: Address | None = None
    protection: Protection | None = None
    invitation: Invitation | None = None
    via: str | None = None

    @property
    def author(self) -> str | None:
        """The address that From names; None when the speaker is unknown, though he may have given a name."""
        return self.from_.address if self.from_ and "@" in self.from_.address else None
