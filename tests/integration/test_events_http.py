"""`GET /events`: what happened, as a stream that can be resumed or as one answer, for who may read it."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import orjson
import psutil
import psycopg
import pytest
from http_port import http_port
from published import publish
from running import RunningPostgres

from pipeline.api.app import create_app
from pipeline.api.auth import Gate
from pipeline.api.events_http import EventRoutes
from pipeline.api.hub import Hub, Limits
from pipeline.connectors.rate import RateLimit
from pipeline.domain.access import Token, digest_of
from pipeline.store.feed import FeedReader
from pipeline.store.tokens import PostgresTokens

pytestmark = pytest.mark.integration

QUICK = Limits(look_s=0.02, beat_s=0.1)
Block = dict[str, str]
READ = {"Authorization": "Bearer cs_read"}


@dataclass
class Api:
    """The application on a port, with a token that may read events."""

    dsn: str
    port: int
    hub: Hub
    http: httpx.AsyncClient
    tokens: PostgresTokens

    async def stream(
        self, headers: dict[str, str] | None = None, **params: object
    ) -> AsyncGenerator[dict[str, str], None]:
        """Each block of the stream by its fields; comments under the empty name."""
        asked = {name: str(value) for name, value in params.items()}
        async with self.http.stream("GET", "/events", params=asked, headers=headers, timeout=20) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            block: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    block[name] = value.removeprefix(" ")
                elif block:
                    yield block
                    block = {}

    async def take(self, count: int, headers: dict[str, str] | None = None, **params: object) -> list[dict[str, str]]:
        """So many events, without what comes between them."""
        found = []
        async with aclosing(self.stream(headers, **params)) as blocks:
            async for block in blocks:
                if "data" in block:
                    found.append(block)
                    if len(found) == count:
                        break
        return found

    async def poll(self, **params: object) -> dict[str, Any]:
        asked = {name: str(value) for name, value in params.items()}
        answer = await self.http.get("/events", params=asked, headers={"Accept": "application/json"}, timeout=20)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


Scenario = Callable[[Api], Awaitable[None]]


@pytest.fixture
def play(new_database: Callable[[], str]) -> Callable[..., None]:
    def run(scenario: Scenario, limits: Limits = QUICK, published: int = 0, width: int = 3) -> None:
        dsn = new_database()
        if published:
            publish(dsn, 1, published, width)
        asyncio.run(_serve(dsn, scenario, limits))

    return run


async def _serve(dsn: str, scenario: Scenario, limits: Limits) -> None:
    tokens = PostgresTokens(dsn)
    token = Token(
        id=uuid4(), name="reader", digest=digest_of("cs_read"), scopes=frozenset({"events:read"}),
        created_at=datetime.now(UTC),
    )  # fmt: skip
    await tokens.create(token)
    await tokens.create(
        replace(token, id=uuid4(), name="other", digest=digest_of("cs_o"), scopes=frozenset({"cases:read"}))
    )
    hub = Hub(FeedReader(dsn), "/casestream/desk.example", limits)
    app = create_app([EventRoutes(hub).router()], Gate(tokens, RateLimit(60), lambda _: "here", fresh_s=0.2))
    async with (
        http_port(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=READ) as http,
    ):
        try:
            await scenario(Api(dsn, port, hub, http, tokens))
        finally:
            await hub.aclose()


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds; fails after a while."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


def ids(blocks: list[dict[str, str]]) -> list[int]:
    return [int(block["id"]) for block in blocks]


def test_an_event_is_a_cloudevent_under_its_position(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        (block,) = await api.take(1, after=0)
        assert (block["id"], block["event"]) == ("1", "dev.casestream.case.opened.v1")
        told = orjson.loads(block["data"])
        assert told.pop("id")
        assert told == {
            "specversion": "1.0",
            "source": "/casestream/desk.example",
            "type": "dev.casestream.case.opened.v1",
            "time": "2026-03-02T09:00:00+00:00",
            "datacontenttype": "application/json",
            "sequence": "000000000001",
            "position": "1",
            "partitionkey": "00000000-0000-7000-8000-000000000001",
            "subject": "1001",
            "data": {"n": 1, "text": 'xxx"\n'},
        }

    play(scenario, published=1)


def test_it_goes_on_as_things_happen(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream()) as blocks:
            first = await anext(blocks)
            assert first == {"retry": "2000", "id": "5"}
            for number in (6, 7):
                publish(api.dsn, number, number)
                assert (await anext(blocks))["id"] == str(number)

    play(scenario, published=5)


@pytest.mark.parametrize("last", [0, 1, 699, 1400, 1999])
def test_it_goes_on_after_any_event_that_is_kept(play: Callable[..., None], last: int) -> None:
    async def scenario(api: Api) -> None:
        expected = list(range(last + 1, 2001))
        assert ids(await api.take(len(expected), after=last)) == expected
        resumed = {"Last-Event-ID": str(last)}
        assert ids(await api.take(len(expected), resumed, after=0)) == expected, "the header counts, not the parameter"

    play(scenario, published=2000)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"type": "case.opened"}, [1, 3, 5, 7]),
        ({"type": "dev.casestream.case.appended.v1"}, [2, 4, 6, 8]),
        ({"type": "case.opened,case.appended"}, [1, 2, 3, 4]),
        ({"case": "1001"}, [1, 4, 7, 10]),
        ({"case": "00000000-0000-7000-8000-000000000002"}, [2, 5, 8, 11]),
        ({"case": "1002", "type": "case.opened"}, [5, 11, 17, 23]),
    ],
)
@pytest.mark.parametrize("frames", [20_000, 4], ids=["from memory", "from the table"])
def test_who_wants_some_gets_those(
    play: Callable[..., None], asked: dict[str, str], expected: list[int], frames: int
) -> None:
    async def scenario(api: Api) -> None:
        assert ids(await api.take(4, after="start", **asked)) == expected
        told = await api.poll(after="start", limit=4, **asked)
        assert [int(one["position"]) for one in told["events"]] == expected

    play(scenario, replace(QUICK, frames=frames), published=30)


def test_where_nothing_happens_there_are_comments(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream(case=1001)) as blocks:
            assert (await anext(blocks))["id"] == "0"
            assert await anext(blocks) == {"": ""}
            publish(api.dsn, 2, 2)
            beats = [await anext(blocks) for _ in range(8)]
            assert [beat for beat in beats if beat != {"": ""}] == [{"": "", "id": "2"}], "where to go on, told once"

    play(scenario, replace(QUICK, heartbeat_s=0.05))


def test_what_is_not_kept_any_more_is_gone(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        with psycopg.connect(api.dsn, autocommit=True) as connection:
            connection.execute("DELETE FROM event WHERE seq <= 500")
            connection.execute("DELETE FROM event_position WHERE pos <= 400")
        for headers in ({}, {"Accept": "application/json"}, {"Last-Event-ID": "499"}):
            answer = await api.http.get("/events", params={"after": 0}, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
            assert (answer.json()["oldest"], answer.json()["last"]) == (501, 900)
        assert ids(await api.take(1, after=500)) == [501]
        assert ids(await api.take(1, after="start")) == [501]

    play(scenario, published=900)


def test_what_was_never_told_is_a_conflict(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        answer = await api.http.get("/events", headers={"Last-Event-ID": "8"})
        assert (answer.status_code, answer.json()["last"]) == (409, 7)
        assert "restored from a backup" in answer.json()["detail"]

    play(scenario, published=7)


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        ({"type": "case.eaten"}, "type", "there is no type case.eaten; there are: case.opened"),
        ({"case": "the last"}, "case", "write a case's number or its id"),
        ({"after": "yesterday"}, "after", "write the position"),
        ({"wait": "1h"}, "wait", "write seconds up to 60"),
        ({"limit": "0"}, "limit", "1 to 1000"),
        ({"typo": "1"}, "typo", "there is no such parameter; there are: after, case, limit, type, wait"),
    ],
)
def test_what_is_wrong_is_said_by_field(
    play: Callable[..., None], asked: dict[str, str], field: str, says: str
) -> None:
    async def scenario(api: Api) -> None:
        answer = await api.http.get("/events", params=asked)
        assert answer.status_code == 422
        assert says in answer.json()["errors"][field]

    play(scenario)


def test_other_ways_to_get_events_there_are_not(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        assert (await api.http.get("/events", headers={"Accept": "image/png"})).status_code == 406
        assert (await api.http.post("/events")).status_code == 405

    play(scenario)


def test_a_poll_answers_at_once_or_when_something_comes(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        told = await api.poll(after=0, limit=3)
        assert ([one["data"]["n"] for one in told["events"]], told["next"]) == ([1, 2, 3], 3)
        told = await api.poll(after=3, wait="30s")
        assert ([one["data"]["n"] for one in told["events"]], told["next"]) == ([4, 5], 5)
        assert await api.poll(after=5, wait=0) == {"events": [], "next": 5}
        asking = asyncio.create_task(api.poll(after=5, wait="30s", case=1001))
        await until(lambda: api.hub.listeners == 1)
        publish(api.dsn, 6, 7)
        told = await asking
        assert ([one["data"]["n"] for one in told["events"]], told["next"]) == ([7], 7)
        assert await api.poll(after=7, case=1001) == {"events": [], "next": 7}
        assert (await api.poll(after=4, case=1002))["next"] == 7

    play(scenario, published=5)


def test_many_polls_make_a_whole(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        after, found = 0, []
        while after < 1700:
            told = await api.poll(after=after, limit=333)
            found += [one["data"]["n"] for one in told["events"]]
            after = told["next"]
        assert found == list(range(1, 1701))

    play(scenario, replace(QUICK, frames=300, piece=4096), published=1700)


def test_only_with_a_token_for_it(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        for token, status in (("none", 401), ("cs_wrong", 401), ("cs_o", 403)):
            answer = await api.http.get("/events", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["status"]) == (status, status)

    play(scenario)


def test_a_stream_ends_soon_after_its_token(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream()) as blocks:
            await anext(blocks)
            await api.tokens.revoke("reader", datetime.now(UTC))
            async with asyncio.timeout(5):
                assert [block async for block in blocks if "data" in block] == []

    play(scenario)


def test_of_too_many_the_last_is_told_to_come_later(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream()) as one, aclosing(api.stream()) as two:
            await anext(one)
            await anext(two)
            answer = await api.http.get("/events")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")

    play(scenario, replace(QUICK, listeners=2))


def test_one_token_does_not_take_the_places_of_all(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream()) as one:
            await anext(one)
            for headers in ({}, {"Accept": "application/json"}):
                answer = await api.http.get("/events", headers=headers)
                assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        await until(lambda: api.hub.listeners == 0)
        assert (await api.poll(after=0))["next"] == 0

    play(scenario, replace(QUICK, of_one=1))


def test_an_answer_holds_about_a_mebibyte_and_the_next_goes_on(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        found: list[int] = []
        sizes: list[int] = []
        while len(found) < 300:
            answer = await api.http.get("/events", params={"after": found[-1] if found else 0, "wait": 0}, timeout=20)
            sizes.append(len(answer.content))
            found += [int(one["position"]) for one in answer.json()["events"]]
        assert found == list(range(1, 301))
        assert max(sizes) < 2**20 + 2**17
        assert len(sizes) == 4

    play(scenario, published=300, width=12_000)


def test_an_answer_that_nobody_takes_counts_until_it_is_cut_off(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        with listen_and_read_nothing(api.port, 0, "&wait=0"):
            await until(lambda: any(one.waits_since is not None for one in api.hub._listeners))
            await until(lambda: api.hub.listeners == 0)

    play(scenario, replace(QUICK, slow_s=0.5), published=1, width=12_000_000)  # more than the system takes from us


def test_the_end_of_the_process_ends_the_stream(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream(after=0)) as blocks:
            await anext(blocks)
            await anext(blocks)
            api.hub.close()
            assert [block async for block in blocks] == []

    play(scenario, published=1)


def test_who_listens_stays_while_postgres_is_away(migrated: str, postgres_server: RunningPostgres) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream(after=0)) as blocks:
            await anext(blocks)
            publish(api.dsn, 1, 1)
            assert (await anext(blocks))["id"] == "1"
            postgres_server.kill()
            answer = await api.http.get(
                "/events", params={"after": 0, "case": 1001}, headers={"Accept": "application/json"}
            )
            assert answer.status_code in {200, 503}, "from memory, or not now"
            postgres_server.start()
            publish(api.dsn, 2, 2)
            assert (await anext(blocks))["id"] == "2"

    asyncio.run(_serve(migrated, scenario, QUICK))


def test_who_went_is_forgotten(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        async with aclosing(api.stream()) as blocks:
            await anext(blocks)
            assert api.hub.listeners == 1
        await until(lambda: api.hub.listeners == 0)

    play(scenario)


def listen_and_read_nothing(port: int, after: int, more: str = "") -> socket.socket:
    """One who asks for all events, and leaves them where they are."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", port))
    asked = f"GET /events?after={after}{more} HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer cs_read\r\n\r\n"
    one.sendall(asked.encode())
    return one


def test_who_takes_nothing_is_cut_off_and_goes_on_later(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        with listen_and_read_nothing(api.port, 0) as slow:
            assert ids(await api.take(3000, after=0)) == list(range(1, 3001)), "nobody else waits for them"
            assert api.hub.held <= 2**20
            await until(lambda: api.hub.listeners == 0)
            slow.setblocking(True)  # noqa: FBT003  # its name is its meaning
            heard = b""
            with suppress(ConnectionResetError):
                while more := slow.recv(65536):
                    heard += more
        last = [int(line[4:]) for line in heard.splitlines() if line.startswith(b"id: ")][-2]
        assert 0 < last < 3000
        resumed = await api.take(3000 - last, {"Last-Event-ID": str(last)})
        assert ids(resumed) == list(range(last + 1, 3001))

    play(scenario, replace(QUICK, slow_s=0.5, size=2**20), published=3000, width=2000)


def test_those_who_read_slowly_are_not_held_in_memory(play: Callable[..., None]) -> None:
    async def scenario(api: Api) -> None:
        ones = [listen_and_read_nothing(api.port, 0) for _ in range(40)]
        await until(lambda: api.hub.listeners == len(ones))
        await until(lambda: all(one.waits_since is not None for one in api.hub._listeners))
        before = psutil.Process().memory_info().rss
        for first in range(4001, 16_000, 1000):
            publish(api.dsn, first, first + 999, width=4000)
        assert len(await api.take(1, after=15_999)) == 1
        grown = psutil.Process().memory_info().rss - before
        assert api.hub.held <= 4 * 2**20
        assert grown < 24 * 2**20, f"{grown >> 20} MiB more for 48 MiB of events that {len(ones)} do not take"
        for one in ones:
            one.close()

    play(scenario, replace(QUICK, size=4 * 2**20), published=4000, width=4000)
