"""Every connector keeps to the contract: receive, publish, and only then settle."""

import asyncio
import hmac
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import httpx
import pytest
import trustme
from http_port import http_port
from imap_standin import Standin
from mqtt_standin import Broker
from platforms import TOKEN, Mastodon

from pipeline.api.app import create_app
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.config.channels import Smtp
from pipeline.connectors import asked
from pipeline.connectors.contract import Health, Publisher, Receipt
from pipeline.connectors.email_imap import ImapConnector
from pipeline.connectors.email_smtp import SmtpConnector
from pipeline.connectors.iot import IotConnector, Pace
from pipeline.connectors.mastodon import MastodonConnector
from pipeline.connectors.phone import PhoneConnector
from pipeline.connectors.phone_files import CallFilesConnector
from pipeline.connectors.phone_http import PhoneRoutes
from pipeline.connectors.smtp_entrances import Entrance
from pipeline.connectors.social import SocialConnector
from pipeline.connectors.social_http import SocialRoutes
from pipeline.connectors.space import FreeSpace
from pipeline.connectors.web import FormConnector
from pipeline.connectors.web_http import FormRoutes
from pipeline.log import Log, MemoryLog
from pipeline.store.bookmarks import MemoryBookmarks, Place
from pipeline.wire import Envelope

CONFIG = Config.model_validate(
    {
        "smtp": {"listen": "127.0.0.1:0"},
        "mailbox": [{"address": "support@desk.example"}],
        "form": [{"name": "contact"}],
        "phone": [{"name": "pbx", "token": "a-token-nobody-guesses"}],
        "social": [
            {"platform": "facebook", "app_secret": "f", "verify_token": "f"},
            {"platform": "x", "app_secret": "x"},
        ],
    }
)


@dataclass(frozen=True)
class Answer:
    """What a source was told: is the message ours, and if not, may it try again, and why not."""

    settled: bool
    retry: bool
    reason: str


class Source(Protocol):
    """A source that is connected, and delivers the same message whenever it is asked to."""

    @property
    def health(self) -> Health: ...

    async def deliver(self) -> Answer: ...


class SmtpSource:
    def __init__(
        self, health: Health, port: int, *, hello: bytes = b"HELO", context: ssl.SSLContext | None = None
    ) -> None:
        self.health = health
        self._port = port
        self._hello = hello
        self._context = context

    async def deliver(self) -> Answer:
        reader, writer = await asyncio.open_connection("localhost", self._port, ssl=self._context)
        try:
            for line in (
                b"",
                self._hello + b" c\r\n",
                b"MAIL FROM:<a@c.example>\r\n",
                b"RCPT TO:<support@desk.example>\r\n",
                b"DATA\r\n",
            ):
                writer.write(line)
                while (await reader.readline())[3:4] == b"-":
                    pass
            writer.write(b"Message-ID: <same@c.example>\r\n\r\nhello\r\n.\r\n")
            reply = (await reader.readline()).decode()
            return Answer(reply.startswith("250"), reply.startswith("4"), reply[4:].strip())
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


class HttpSource:
    """A site or exchange that posts; settled is what is answered with `taken`."""

    def __init__(
        self, health: Health, client: httpx.AsyncClient, path: str, message: dict[str, str], *, taken: int
    ) -> None:
        self.health = health
        self._client = client
        self._path = path
        self._message = message
        self._taken = taken

    async def deliver(self) -> Answer:
        reply = await self._client.post(self._path, json=self._message)
        retry = reply.status_code == 503 and "retry-after" in reply.headers
        return Answer(reply.status_code == self._taken, retry, reply.json()["detail"] if retry else "")


class ImapSource:
    """A folder into which the mail is put; settled is what is marked as seen."""

    def __init__(self, connector: ImapConnector, server: Standin, refusals: list[str]) -> None:
        self._connector = connector
        self._server = server
        self._refusals = refusals

    @property
    def health(self) -> Health:
        return self._connector.health

    async def deliver(self) -> Answer:
        before = len(self._refusals)
        uid = await self._server.deliver(b"Message-ID: <same@c.example>\r\n\r\nhello")
        mail = self._server.inbox.mails[uid]
        await self._server.until(lambda: bool(mail.flags) or len(self._refusals) > before)
        return Answer(bool(mail.flags), not mail.flags, "".join(self._refusals[before:]))


class MqttSource:
    """A broker with a topic; settled is what the connector acknowledges with a PUBACK."""

    def __init__(self, connector: IotConnector, broker: Broker, refusals: list[str]) -> None:
        self._connector = connector
        self._broker = broker
        self._refusals = refusals

    @property
    def health(self) -> Health:
        return self._connector.health

    async def deliver(self) -> Answer:
        before = len(self._refusals)
        packet_id = self._broker.publish("plant/pump-7", b'{"temperature":21}')
        settled = self._broker.acknowledged
        await self._broker.until(lambda: packet_id in settled or len(self._refusals) > before)
        return Answer(packet_id in settled, packet_id not in settled, "".join(self._refusals[before:]))


class Notified(Protocol):
    """Who waits for what happens."""

    async def notify(self) -> None: ...


class TellingPublisher(Publisher):
    """Notes each refusal, which no mailbox, file or device is told of."""

    def __init__(self, inner: Publisher, server: Notified, refusals: list[str]) -> None:
        self._inner = inner
        self._server = server
        self._refusals = refusals

    async def publish(self, envelope: Envelope, health: Health) -> Receipt:
        try:
            return await self._inner.publish(envelope, health)
        except Exception as error:
            self._refusals.append(str(error))
            await self._server.notify()
            raise


class CallFile(MemoryBookmarks):
    """A file to which the exchange appends the record; settled is what the bookmark leaves behind."""

    def __init__(self, path: Path, refusals: list[str]) -> None:
        super().__init__()
        self._path = path
        self._refusals = refusals
        self._something = asyncio.Condition()

    async def notify(self) -> None:
        async with self._something:
            self._something.notify_all()

    async def keep(self, source: str, place: Place, now: datetime) -> None:
        await super().keep(source, place, now)
        await self.notify()

    async def appended(self) -> bool:
        """Whether what was appended is settled, rather than refused."""
        before = len(self._refusals)
        with self._path.open("a") as file:
            file.write(f"{',' * 14}NO ANSWER,,77.1\n")
        async with self._something:
            while not await self._is_settled() and len(self._refusals) == before:
                await self._something.wait()
        return await self._is_settled()

    async def _is_settled(self) -> bool:
        places = await self.places("phone/files/")
        return [place["offset"] for place in places.values()] == [self._path.stat().st_size]


class CallFileSource:
    def __init__(self, connector: CallFilesConnector, file: CallFile, refusals: list[str]) -> None:
        self._connector = connector
        self._file = file
        self._refusals = refusals

    @property
    def health(self) -> Health:
        return self._connector.health

    async def deliver(self) -> Answer:
        before = len(self._refusals)
        settled = await self._file.appended()
        return Answer(settled, not settled, "".join(self._refusals[before:]))


@asynccontextmanager
async def calls(publisher: Publisher) -> AsyncIterator[Source]:
    refusals: list[str] = []
    with TemporaryDirectory() as folder:
        exchange = {"name": "files", "format": "asterisk-csv", "directory": folder}
        file = CallFile(Path(folder, "Master.csv"), refusals)
        telling = TellingPublisher(publisher, file, refusals)
        connector = CallFilesConnector(Config.model_validate({"phone": [exchange]}), telling, file)
        await connector.start()
        yield CallFileSource(connector, file, refusals)
        await connector.stop()


@asynccontextmanager
async def smtp(publisher: Publisher) -> AsyncIterator[Source]:
    connector = SmtpConnector(CONFIG, publisher)
    address = await connector.start()
    yield SmtpSource(connector.health, int(address.rpartition(":")[2]))
    await connector.stop()


@asynccontextmanager
async def smtps(publisher: Publisher) -> AsyncIterator[Source]:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with issued.private_key_and_cert_chain_pem.tempfile() as pem:
        settings = {"listen": "127.0.0.1:0", "listen_tls": "127.0.0.1:0", "certificate": pem, "key": pem}
        connector = SmtpConnector(CONFIG.model_copy(update={"smtp": Smtp.model_validate(settings)}), publisher)
        await connector.start()
        port = int(connector.addresses[Entrance.SMTPS].rpartition(":")[2])
        yield SmtpSource(connector.health, port, context=context)
        await connector.stop()


@asynccontextmanager
async def lmtp(publisher: Publisher) -> AsyncIterator[Source]:
    settings = Smtp(listen="127.0.0.1:0", lmtp="127.0.0.1:0")
    connector = SmtpConnector(CONFIG.model_copy(update={"smtp": settings}), publisher)
    await connector.start()
    port = int(connector.addresses[Entrance.LMTP].rpartition(":")[2])
    yield SmtpSource(connector.health, port, hello=b"LHLO")
    await connector.stop()


@asynccontextmanager
async def web(publisher: Publisher) -> AsyncIterator[Source]:
    connector = FormConnector(CONFIG, publisher)
    transport = httpx.ASGITransport(create_app([FormRoutes(connector, CONFIG.http).router()]))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        form = {"email": "a@c.example", "text": "hello"}
        yield HttpSource(connector.health, client, "/form/contact", form, taken=202)


class HookSource:
    def __init__(self, health: Health, client: httpx.AsyncClient, path: str, raw: bytes, signature: str) -> None:
        self.health = health
        self._client = client
        self._path = path
        self._raw = raw
        self._headers = {"X-Hub-Signature-256": signature, "x-twitter-webhooks-signature": signature}

    async def deliver(self) -> Answer:
        reply = await self._client.post(self._path, content=self._raw, headers=self._headers)
        again = reply.status_code == 503 and "retry-after" in reply.headers
        return Answer(reply.status_code == 200, again, "" if reply.is_success else reply.json()["detail"])


@asynccontextmanager
async def hooked(publisher: Publisher, path: str, raw: bytes, signature: str) -> AsyncIterator[Source]:
    connector = SocialConnector(CONFIG, publisher)
    transport = httpx.ASGITransport(create_app([SocialRoutes(connector, CONFIG.http).router()]))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        yield HookSource(connector.health, client, path, raw, signature)


def facebook(publisher: Publisher) -> AbstractAsyncContextManager[Source]:
    said = b'{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"mid":"m_1","text":"hello"}}'
    raw = b'{"object":"page","entry":[{"id":"1","time":1,"messaging":[%b]}]}' % said
    return hooked(publisher, "/social/facebook", raw, "sha256=" + hmac.new(b"f", raw, "sha256").hexdigest())


def x(publisher: Publisher) -> AbstractAsyncContextManager[Source]:
    raw = b'{"for_user_id":"1","tweet_create_events":[{"id_str":"9","text":"hello","user":{"id_str":"7"}}]}'
    signature = b64encode(hmac.new(b"x", raw, "sha256").digest()).decode()
    return hooked(publisher, "/social/x", raw, f"sha256={signature}")


class WatchedBookmarks(MemoryBookmarks):
    """Tells when a place is kept, which is what settles a notification."""

    def __init__(self, changed: asyncio.Condition) -> None:
        super().__init__()
        self.kept = 0
        self._changed = changed

    async def keep(self, source: str, place: Place, now: datetime) -> None:
        await super().keep(source, place, now)
        async with self._changed:
            self.kept += 1
            self._changed.notify_all()


class MastodonSource:
    """An account that is mentioned; settled is what the next process would not ask for again."""

    def __init__(self, health: Callable[[], Health], server: Mastodon, bookmarks: WatchedBookmarks) -> None:
        self._health = health
        self._server = server
        self._bookmarks = bookmarks

    @property
    def health(self) -> Health:
        return self._health()

    async def deliver(self) -> Answer:
        server, bookmarks = self._server, self._bookmarks
        await server.until(lambda: bool(server.listeners))
        kept, refused = bookmarks.kept, self.health.refused["retry"]
        server.notifications = [server.mention(7)]
        await server.send("notification", json.dumps(server.notifications[0]))
        async with server.changed:
            await server.changed.wait_for(lambda: bookmarks.kept > kept or self.health.refused["retry"] > refused)
        settled = bookmarks.kept > kept
        return Answer(settled, not settled, "" if settled else "asked for again")


@asynccontextmanager
async def mastodon(publisher: Publisher) -> AsyncIterator[Source]:
    server = Mastodon()
    bookmarks = WatchedBookmarks(server.changed)
    async with http_port(server.app) as port:
        page = {"platform": "mastodon", "server": f"http://127.0.0.1:{port}", "access_token": TOKEN}
        config = Config.model_validate({"social": [page]})
        telling = NotifyingPublisher(publisher, server.changed)
        connector = MastodonConnector(config, telling, bookmarks, pace=asked.Pace(first_retry=0.5))
        await connector.start()
        try:
            yield MastodonSource(lambda: connector.health, server, bookmarks)
        finally:
            await connector.stop()


class NotifyingPublisher(Publisher):
    """Wakes who waits for what became of an envelope."""

    def __init__(self, inner: Publisher, changed: asyncio.Condition) -> None:
        self._inner = inner
        self._changed = changed

    async def publish(self, envelope: Envelope, health: Health) -> Receipt:
        try:
            return await self._inner.publish(envelope, health)
        finally:
            async with self._changed:
                self._changed.notify_all()


@asynccontextmanager
async def imap(publisher: Publisher) -> AsyncIterator[Source]:
    server = Standin()
    port = await server.start()
    mailbox = {"address": "support@desk.example", "imap": f"imap://127.0.0.1:{port}", "password": server.password}
    refusals: list[str] = []
    telling = TellingPublisher(publisher, server, refusals)
    connector = ImapConnector(Config.model_validate({"mailbox": [mailbox]}), telling, MemoryBookmarks())
    await connector.start()
    yield ImapSource(connector, server, refusals)
    await connector.stop()
    await server.stop()


@asynccontextmanager
async def phone(publisher: Publisher) -> AsyncIterator[Source]:
    connector = PhoneConnector(CONFIG, publisher)
    transport = httpx.ASGITransport(create_app([PhoneRoutes(connector, CONFIG.http).router()]))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        event = {"event": "newCall", "callId": "77", "from": "+4930123456", "to": "+493099"}
        yield HttpSource(connector.health, client, "/phone/pbx/a-token-nobody-guesses", event, taken=204)


@asynccontextmanager
async def mqtt(publisher: Publisher) -> AsyncIterator[Source]:
    broker = Broker()
    port = await broker.start()
    feed = {"name": "plant", "topics": ["plant/+"], "format": "json"}
    config = Config.model_validate({"mqtt": {"url": f"mqtt://127.0.0.1:{port}"}, "device_feed": [feed]})
    refusals: list[str] = []
    connector = IotConnector(config, TellingPublisher(publisher, broker, refusals), pace=Pace(finish=0.1))
    await connector.start()
    await broker.subscribed()
    yield MqttSource(connector, broker, refusals)
    await connector.stop()
    await broker.stop()


Driver = Callable[[Publisher], AbstractAsyncContextManager[Source]]

every_connector = pytest.mark.parametrize(
    "driver", [smtp, smtps, lmtp, web, facebook, x, mastodon, imap, phone, calls, mqtt]
)


@dataclass
class HeldLog:
    """A log that confirms only when it is released."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[Envelope] = field(default_factory=list)

    async def publish(self, envelope: Envelope) -> None:
        self.asked.set()
        await self.released.wait()
        self.kept.append(envelope)


class BrokenLog:
    """A log with a mistake in it."""

    async def publish(self, envelope: Envelope) -> None:
        raise RuntimeError(f"secret detail of {envelope.id}")


def publisher(log: Log, data: Path, free: float = 1.0) -> Publisher:
    return Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: free))


@every_connector
def test_nothing_is_settled_before_the_log_has_it(driver: Driver, tmp_path: Path) -> None:
    async def scenario() -> None:
        log = HeldLog()
        async with driver(publisher(log, tmp_path)) as source:
            delivery = asyncio.create_task(source.deliver())
            await log.asked.wait()
            done, _ = await asyncio.wait([delivery], timeout=0.2)
            assert not done
            assert source.health.published == 0
            log.released.set()
            assert (await delivery).settled
            assert len(log.kept) == source.health.published == 1

    asyncio.run(scenario())


@every_connector
def test_a_source_that_goes_before_the_answer_was_told_nothing_and_may_send_again(
    driver: Driver, tmp_path: Path
) -> None:
    async def scenario() -> None:
        log = HeldLog()
        async with driver(publisher(log, tmp_path)) as source:
            delivery = asyncio.create_task(source.deliver())
            await log.asked.wait()
            delivery.cancel()
            await asyncio.gather(delivery, return_exceptions=True)
            log.released.set()
            assert (await source.deliver()).settled
            assert log.kept

    asyncio.run(scenario())


@every_connector
def test_a_log_that_is_away_means_come_back_later(driver: Driver, tmp_path: Path) -> None:
    async def scenario() -> None:
        log = MemoryLog(away=True)
        async with driver(publisher(log, tmp_path)) as source:
            answer = await source.deliver()
            assert (answer.settled, answer.retry) == (False, True)
            assert answer.reason
            assert source.health.refused["retry"] == 1
            log.away = False
            assert (await source.deliver()).settled

    asyncio.run(scenario())


@every_connector
def test_a_full_disk_means_come_back_later(driver: Driver, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with driver(publisher(MemoryLog(), tmp_path, free=0.14)) as source:
            answer = await source.deliver()
            assert (answer.settled, answer.retry) == (False, True)

    asyncio.run(scenario())


@every_connector
def test_a_message_delivered_twice_is_published_twice(driver: Driver, tmp_path: Path) -> None:
    async def scenario() -> None:
        log = MemoryLog()
        async with driver(publisher(log, tmp_path)) as source:
            assert [(await source.deliver()).settled for _ in range(2)] == [True, True]
        first, second = log.published
        assert first.raw == second.raw
        assert first.key == second.key

    asyncio.run(scenario())


def test_a_mistake_of_ours_is_no_loss_and_tells_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with smtp(publisher(BrokenLog(), tmp_path)) as source:
            answer = await source.deliver()
            assert (answer.settled, answer.retry) == (False, True)
            assert "secret" not in answer.reason

    asyncio.run(scenario())
    assert "secret detail" in capsys.readouterr().out
