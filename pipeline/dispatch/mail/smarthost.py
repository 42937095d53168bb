"""Hands mail to a smarthost by SMTP, over a connection that is kept (RFC 5321, 3207, 4954, 6531)."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import aiosmtplib

from pipeline.config.sections import Mail as MailSettings
from pipeline.config.values import read_secret
from pipeline.dispatch.mail.door import Answer, Away, Later, Mail, Refused, Stage, Taken, Unknown, in_words, judge

SUBMISSION, SUBMISSIONS = 587, 465
IDLE_S = 60.0
"""A connection that was not used for so long is asked whether it still is one."""

_CLOSING = 421


@dataclass(frozen=True, slots=True)
class Smarthost:
    """Where it is, and how it is spoken to."""

    host: str
    port: int
    tls: bool = False
    starttls: Literal["required", "offered", "never"] = "required"
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    hello: str | None = None
    timeout: float = 60.0

    @classmethod
    def of(cls, settings: MailSettings) -> "Smarthost":
        """The one that is configured. Raises LookupError when its password is not there."""
        url = urlsplit(settings.smarthost)
        tls = url.scheme == "smtps"
        return cls(
            host=url.hostname or "",
            port=url.port or (SUBMISSIONS if tls else SUBMISSION),
            tls=tls,
            starttls=settings.starttls,
            username=settings.username,
            password=read_secret(settings.password) if settings.password else None,
            ca=settings.ca,
            hello=settings.hello,
            timeout=settings.timeout,
        )


class _NoTlsError(Exception):
    """The smarthost does not encrypt, and must."""


class SmarthostDoor:
    """One connection; it is made when a mail comes, and anew when it was lost."""

    def __init__(self, smarthost: Smarthost) -> None:
        self._smarthost = smarthost
        self._connection: aiosmtplib.SMTP | None = None
        self._used = 0.0

    async def close(self) -> None:
        """Say goodbye, if there is anybody."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_connected:
            try:
                await connection.quit(timeout=2)
            except (aiosmtplib.SMTPException, OSError):
                connection.close()

    async def send(self, mail: Mail) -> Answer:
        """Hand it over, and wait for the answer to its last dot."""
        try:
            connection = await self._connected()
        except (aiosmtplib.SMTPException, OSError, _NoTlsError) as error:
            await self._drop()
            return Away(f"{self._smarthost.host}:{self._smarthost.port}: {_says(error)}")
        if mail.needs_utf8 and not connection.supports_extension("smtputf8"):
            return Refused(f"{self._smarthost.host} takes no addresses beyond ASCII (SMTPUTF8)")
        return await self._hand_over(connection, mail)

    async def _hand_over(self, connection: aiosmtplib.SMTP, mail: Mail) -> Answer:
        options = ["SMTPUTF8"] if mail.needs_utf8 else []
        if connection.supports_extension("size"):
            options.append(f"SIZE={len(mail.raw)}")
        stage: Stage = "sender"
        encoding = "utf-8" if mail.needs_utf8 else "ascii"
        try:
            await connection.mail(mail.sender, options=options, encoding=encoding)
            stage = "recipient"
            await connection.rcpt(mail.recipient, encoding=encoding)
            stage = "content"
            reply = await connection.data(mail.raw)
        except aiosmtplib.SMTPResponseException as error:
            return await self._refused(connection, error, stage)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            await self._drop()
            if stage == "content":
                return Unknown(f"{self._smarthost.host} was lost while it took the mail: {_says(error)}")
            return Later(f"{self._smarthost.host} was lost over the {stage} of a mail: {_says(error)}")
        except BaseException:
            await self._drop()
            raise
        self._used = asyncio.get_running_loop().time()
        return Taken(in_words(f"{reply.code} {reply.message}"))

    async def _refused(
        self, connection: aiosmtplib.SMTP, error: aiosmtplib.SMTPResponseException, stage: Stage
    ) -> Answer:
        if error.code == _CLOSING or not connection.is_connected or error.code < 0:
            await self._drop()
            lost = error.code < 0 and stage == "content"
            return Unknown(_says(error)) if lost else judge(_CLOSING, error.message, stage)
        try:
            await connection.rset()
        except (aiosmtplib.SMTPException, OSError):
            await self._drop()
        return judge(error.code, error.message, stage)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        kept, now = self._connection, asyncio.get_running_loop().time()
        if kept is not None and kept.is_connected:
            try:
                if now - self._used > IDLE_S:
                    await kept.noop(timeout=5)
            except (aiosmtplib.SMTPException, OSError):
                await self._drop()
            else:
                return kept
        self._connection = await self._connect()
        self._used = now
        return self._connection

    async def _connect(self) -> aiosmtplib.SMTP:
        to = self._smarthost
        connection = aiosmtplib.SMTP(
            hostname=to.host,
            port=to.port,
            use_tls=to.tls,
            start_tls=False,
            local_hostname=to.hello,
            timeout=to.timeout,
            tls_context=_context(to) if to.tls or to.starttls != "never" else None,
        )
        try:
            await connection.connect()
            await self._greet(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _greet(self, connection: aiosmtplib.SMTP) -> None:
        to = self._smarthost
        await connection.ehlo()
        if not to.tls and to.starttls != "never":
            if connection.supports_extension("starttls"):
                await connection.starttls(tls_context=_context(to), server_hostname=to.host)
                await connection.ehlo()
            elif to.starttls == "required":
                raise _NoTlsError('it offers no STARTTLS; [mail] starttls = "never" would send in the open')
        if to.username is not None:
            await connection.login(to.username, to.password or "")


def _context(smarthost: Smarthost) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=smarthost.ca)


def _says(error: BaseException) -> str:
    return in_words(str(error), 300) or type(error).__name__
