"""LMTP (RFC 2033): how a mail server on the same machine hands over, with an answer for each recipient."""

from pipeline.connectors.smtp_tls import EncryptableSession
from pipeline.errors import Reject, Retry

_NO_MAIL = ("354", "503")


class LmtpSession(EncryptableSession):
    """A session that begins with LHLO; what becomes of a mail is said once for each recipient that was taken."""

    _answer = ""

    async def smtp_LHLO(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds commands by these names
        """What EHLO is in SMTP."""
        await super().smtp_EHLO(arg)

    async def smtp_EHLO(self, arg: str | None) -> None:  # noqa: ARG002, N802 - the same
        """Not spoken here."""
        raise Reject(500, "5.5.1 This is LMTP: say LHLO")

    async def smtp_HELO(self, arg: str | None) -> None:  # noqa: ARG002, N802 - the same
        """Not spoken here."""
        raise Reject(500, "5.5.1 This is LMTP: say LHLO")

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - the same
        """Take one mail for all its recipients: they share its fate, and each is told."""
        others = range(1, len(self.mail.rcpt_tos))
        self._answer = ""
        try:
            await super().smtp_DATA(arg)
        except Reject as refusal:
            await self._repeat(f"{refusal.status} {refusal.message}", others)
            raise
        except Retry as trouble:
            await self._repeat(f"451 4.3.0 Try again later: {trouble}", others)
            raise
        except Exception:
            await self._repeat("451 4.3.0 Something went wrong here, try again later", others)
            raise
        if not self._answer.startswith(_NO_MAIL):
            await self._repeat(self._answer, others)

    async def push(self, status: str | bytes) -> None:
        """Answer, and remember what was answered."""
        self._answer = status if isinstance(status, str) else status.decode("utf-8", "replace")
        await super().push(status)

    async def _repeat(self, answer: str, others: range) -> None:
        for _ in others:
            await super().push(answer)
