"""A mail of a folder as an envelope, whole, or as a note about what could not be read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from pipeline.config.channels import Mailbox
from pipeline.config.imap import ImapPlace, target_folder
from pipeline.connectors.imap_progress import Listed
from pipeline.parse.authentication_results import authentication_results
from pipeline.parse.keys import header_ids
from pipeline.wire import Envelope


@dataclass(frozen=True, slots=True)
class Origin:
    """Where mails come from: the mailbox of ours, its folder, and the validity of the UIDs there."""

    mailbox: Mailbox
    place: ImapPlace
    uidvalidity: int

    def envelope(self, mail: Listed, raw: bytes, now: datetime) -> Envelope:
        """The envelope of a mail that was read whole."""
        return self._envelope(mail, raw, now, {})

    def note(self, mail: Listed, header: bytes, reason: str, now: datetime) -> Envelope:
        """The envelope of a mail of which there is the header at most; intake keeps it aside, with the reason."""
        where = target_folder(self.mailbox.settle) or self.place.folder
        whole = f"{reason}; the whole mail lies in {where} of {self.place.user} at {self.place.host}"
        return self._envelope(mail, header, now, {"quarantine": whole})

    def _envelope(self, mail: Listed, raw: bytes, now: datetime, facts: dict[str, str]) -> Envelope:
        ids = header_ids(raw)
        own = ids.message_id or _digest(mail, raw)
        if self.mailbox.authserv and (results := authentication_results(raw, self.mailbox.authserv)):
            facts["authresults"] = str(results)
        if mail.arrived is not None:
            facts["internaldate"] = mail.arrived.astimezone(UTC).isoformat()
        user, folder = quote(self.place.user, safe=""), quote(self.place.folder)
        return Envelope(
            id=own,
            channel="email",
            source=f"/email/{self.mailbox.address}",
            key=ids.conversation(own),
            time=now,
            content_type="message/rfc822",
            raw=raw,
            facts={
                "mailbox": self.mailbox.address,
                # as RFC 5092 writes the address of a message
                "imapuid": f"imap://{user}@{self.place.host}/{folder};UIDVALIDITY={self.uidvalidity}/;UID={mail.uid}",
                **facts,
            },
        )


def _digest(mail: Listed, raw: bytes) -> str:
    """What stands for a Message-ID that is missing.

    It is the same whenever the mail is read, also after its UID changed; the time at which the server took it tells
    two mails apart that are alike to the byte.
    """
    arrived = mail.arrived.isoformat() if mail.arrived else ""
    return f"sha256:{sha256(f'{arrived} {mail.size} '.encode() + raw).hexdigest()}"
