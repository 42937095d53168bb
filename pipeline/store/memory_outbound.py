"""Mail that leaves, in memory."""

from collections.abc import Sequence

from pipeline.store.outbound_ports import OutboundMail


def write_outbound(table: dict[str, OutboundMail], mails: Sequence[OutboundMail]) -> None:
    """Keep what is to be sent, by Message-ID; of the same id the first."""
    for mail in mails:
        table.setdefault(mail.message_id, mail)
