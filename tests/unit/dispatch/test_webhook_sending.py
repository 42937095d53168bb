"""One post: signed as Standard Webhooks says, bounded in time and size whatever the other side does."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from sinks import Sink, listening
from standardwebhooks import Webhook

from pipeline.dispatch.webhooks.sending import Answer, Post, Sender, signature
from pipeline.domain.subscriptions import Secret, rotated

LOOPBACK = ("127.0.0.0/8",)
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret, newer than that..").decode()
BODY = '{"n": "Füße"}'.encode()


def posted(sink: Sink, *secrets: str, timeout_s: float = 5.0) -> Answer:
    async def run() -> Answer:
        sender = Sender(LOOPBACK, timeout_s=timeout_s)
        async with listening(sink):
            try:
                post = Post("e1", BODY, "application/json", secrets or (SECRET,))
                return await sender.post(sink.url, post, datetime.now(UTC))
            finally:
                await sender.close()

    return asyncio.run(run())


def test_the_reference_library_accepts_the_signature() -> None:
    sink = Sink()
    assert posted(sink).delivered
    (received,) = sink.received
    assert Webhook(SECRET).verify(received.body, received.headers) == {"n": "Füße"}
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"e1.{received.headers['webhook-timestamp']}.".encode() + BODY
    assert (
        received.headers["webhook-signature"]
        == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    )


def test_while_a_secret_is_rotated_both_accept_it() -> None:
    sink = Sink()
    posted(sink, OTHER, SECRET)
    (received,) = sink.received
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(received.body, received.headers)


def test_a_new_secret_signs_first_and_the_one_before_for_as_long_as_was_agreed() -> None:
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    once = rotated([Secret(SECRET)], OTHER, now)
    assert once == [Secret(OTHER), Secret(SECRET, now + timedelta(days=1))]
    twice = rotated(once, "whsec_bmV3", now + timedelta(hours=1))
    assert [secret.secret for secret in twice] == ["whsec_bmV3", OTHER]
    assert rotated([Secret(SECRET)], OTHER, now, timedelta()) == [Secret(OTHER)]


@given(st.text(min_size=1, max_size=200), st.from_regex(r"[0-9a-f]{8}", fullmatch=True))
def test_every_body_is_accepted_by_the_reference_library(text: str, name: str) -> None:
    import orjson  # noqa: PLC0415  # only here

    try:
        body = orjson.dumps({"text": text})
    except TypeError:  # half a character
        return
    at = datetime.now(UTC).replace(microsecond=0)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature(name, at, body, [OTHER, SECRET]),
    }
    assert Webhook(SECRET).verify(body, headers) == {"text": text}


def test_an_answer_of_ten_gigabytes_is_cut() -> None:
    sink = Sink(lambda _: "huge")
    answer = posted(sink)
    assert (answer.delivered, answer.status) == (False, 500)
    assert len(answer.error) <= 300
    assert sink.written < 50_000_000


def test_an_encoded_answer_is_not_decoded() -> None:
    answer = posted(Sink(lambda _: "bomb"))
    assert answer.error == "500, and a body that is encoded"


def test_headers_without_end_are_cut() -> None:
    sink = Sink(lambda _: "headers")
    answer = posted(sink)
    assert answer.reason == "broken"
    assert sink.written < 50_000_000


def test_who_does_not_answer_is_left_after_the_time_out() -> None:
    answer = posted(Sink(lambda _: "hang"), timeout_s=0.3)
    assert (answer.reason, answer.error) == ("timeout", "no answer within 0.3 s")


def test_a_good_status_counts_though_its_body_never_ends() -> None:
    answer = posted(Sink(lambda _: "drip"))
    assert (answer.delivered, answer.status) == (True, 200)
    assert answer.ms < 4000


def test_a_connection_that_breaks_and_one_that_is_refused_are_told_apart() -> None:
    assert posted(Sink(lambda _: "close")).reason == "broken"

    async def nobody() -> Answer:
        async with listening(Sink()) as sink:
            url = sink.url
        sender = Sender(LOOPBACK)
        return await sender.post(url, Post("e1", BODY, "application/json", [SECRET]), datetime.now(UTC))

    answer = asyncio.run(nobody())
    assert answer.reason == "connect"
    assert "onnect" in answer.error


def test_an_endpoint_that_is_busy_says_for_how_long() -> None:
    async def run() -> Answer:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 429 Later\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            url = "http://{}:{}/".format(*server.sockets[0].getsockname())
            sender = Sender(LOOPBACK)
            answer = await sender.post(url, Post("e1", BODY, "application/json", [SECRET]), datetime.now(UTC))
            await sender.close()
            return answer

    assert asyncio.run(run()).wait == timedelta(minutes=2)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_must_be_that_of_the_name(*, trusted: bool) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("hooks.example" if trusted else "other.example").configure_cert(server)
    authority.configure_trust(client)

    async def look_up(host: str, port: int) -> list[str]:
        assert host == "hooks.example"
        del port
        return ["127.0.0.1"]

    async def run() -> Answer:
        sender = Sender(LOOPBACK, tls=client, resolving=look_up)
        async with listening(Sink(), server) as sink:
            url = f"https://hooks.example:{sink.address.rpartition(':')[2]}/"
            answer = await sender.post(url, Post("e1", BODY, "application/json", [SECRET]), datetime.now(UTC))
            await sender.close()
            return answer

    answer = asyncio.run(run())
    assert answer.delivered is trusted
    if not trusted:
        assert answer.reason == "tls"
        assert "hostname" in answer.error.lower()
