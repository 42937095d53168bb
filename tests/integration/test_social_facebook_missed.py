"""What Facebook's webhooks missed, fetched from a local server that answers as the Graph API is documented to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import Response
from http_port import http_port
from platforms import TOKEN, Graph, WatchedLog

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.asked import Pace
from pipeline.connectors.contract import Publisher
from pipeline.connectors.facebook_missed import FacebookConnector
from pipeline.connectors.space import FreeSpace
from pipeline.parse.social import parse_post, split_delivery
from pipeline.store.bookmarks import MemoryBookmarks

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAGE, ANA = "100", {"id": "7", "name": "Ana"}
FEED, MESSAGES = "facebook/facebook/feed", "facebook/facebook/messages"
PACE = Pace(round=0.01, first_retry=0.01, longest_retry=0.02)


@pytest.fixture(autouse=True)
def a_proxy_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names one; nobody listens there."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")


def ago(**since: float) -> str:
    return (NOW - timedelta(**since)).strftime("%Y-%m-%dT%H:%M:%S+0000")


def comment(number: int, at: str, **more: object) -> dict[str, object]:
    return {"id": f"5_{number}", "message": f"Comment {number}", "created_time": at, "from": ANA, **more}


def post(number: int, at: str, *comments: object, updated: str | None = None) -> dict[str, object]:
    told = {"id": f"100_{number}", "message": "Hello", "created_time": at, "updated_time": updated or at, "from": ANA}
    return {**told, "comments": {"data": comments, "paging": {"cursors": {"after": "9"}}}} if comments else told


def message(number: int, at: str, sender: str = "7") -> dict[str, object]:
    to = PAGE if sender != PAGE else "7"
    return {
        "id": f"m_{number}",
        "message": f"Message {number}",
        "created_time": at,
        "from": {"id": sender},
        "to": {"data": [{"id": to}]},
    }


class Desk:
    """A connector that asks a server, with its log and its bookmarks."""

    def __init__(self, data: Path, **page: object) -> None:
        self.graph = Graph()
        self.log = WatchedLog()
        self.bookmarks = MemoryBookmarks()
        self._data = data
        self._page = page

    async def away_since(self, **since: float) -> None:
        for source in (FEED, MESSAGES):
            await self.bookmarks.keep(source, {"until": int((NOW - timedelta(**since)).timestamp())}, NOW)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[FacebookConnector]:
        async with http_port(self.graph.app) as port:
            server = {"server": f"http://127.0.0.1:{port}", "access_token": TOKEN, "page_id": PAGE}
            config = Config.model_validate({"social": [{"platform": "facebook", **server, **self._page}]})
            publisher = Publisher(self.log, BlobStore(self._data), FreeSpace(self._data, 0.15, share=lambda _: 1.0))
            connector = FacebookConnector(config, publisher, self.bookmarks, lambda: NOW, PACE)
            await connector.start()
            try:
                yield connector
            finally:
                await connector.stop()

    async def rounds(self, count: int = 1) -> None:
        """Until so many rounds have been finished."""
        await self.graph.until(lambda: self.graph.asked.count(f"/v24.0/{PAGE}/feed") > count)

    def ids(self) -> set[str]:
        return {envelope.id for envelope in self.log.published}


def ask(scenario: Callable[[Desk], Awaitable[None]], data: Path, **page: object) -> Desk:
    async def run() -> Desk:
        desk = Desk(data, **page)
        await scenario(desk)
        return desk

    return asyncio.run(run())


def test_posts_and_comments_since_the_place_are_fetched_as_if_they_had_been_delivered(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        desk.graph.lists["100/feed"] = [
            [post(3, ago(hours=1), comment(31, ago(minutes=30)))],
            [
                post(2, ago(days=3), comment(21, ago(minutes=50)), comment(20, ago(days=2)), updated=ago(minutes=50)),
                post(1, ago(days=9), comment(10, ago(days=8))),
            ],
        ]
        async with desk.asking():
            await desk.log.until(lambda log: len(log.published) >= 3)
            await desk.rounds()

    desk = ask(scenario, tmp_path)
    assert desk.ids() == {"facebook:100_3:add", "facebook:5_31:add", "facebook:5_21:add"}
    found = {envelope.id: envelope for envelope in desk.log.published}["facebook:5_21:add"]
    told = parse_post(found.raw)
    assert (found.key, found.source, told.conversation, told.text) == (
        "100_2",
        "/social/facebook",
        "100_2",
        "Comment 21",
    )
    assert json.dumps(comment(21, ago(minutes=50)), separators=(",", ":")).encode() in found.raw


def test_a_comment_that_was_delivered_is_the_same_one_when_it_is_fetched(tmp_path: Path) -> None:
    value = {"item": "comment", "verb": "add", "comment_id": "5_31", "post_id": "100_3", "from": ANA}
    change = {"field": "feed", "value": {**value, "message": "Comment 31", "created_time": 1772440200}}
    (delivered,) = split_delivery(json.dumps({"object": "page", "entry": [{"id": PAGE, "changes": [change]}]}).encode())

    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        desk.graph.lists["100/feed"] = [[post(3, ago(days=1), comment(31, ago(minutes=30)), updated=ago(minutes=30))]]
        async with desk.asking():
            await desk.log.until(lambda log: bool(log.published))

    assert ask(scenario, tmp_path).ids() == {delivered.id}


def test_messages_of_all_pages_are_fetched_until_those_that_are_known(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        first = [message(number, ago(minutes=number)) for number in range(1, 51)]
        talk = {"data": first, "paging": {"cursors": {"after": "0"}, "next": "https://elsewhere.example/"}}
        desk.graph.lists["100/conversations"] = [
            [{"id": "t_1", "updated_time": ago(minutes=1), "messages": talk}],
            [{"id": "t_2", "updated_time": ago(days=1), "messages": {"data": [message(99, ago(days=1))]}}],
        ]
        desk.graph.lists["t_1/messages"] = [
            [message(51, ago(minutes=51), sender=PAGE), message(52, ago(days=1))],
            [message(53, ago(days=2))],
        ]
        async with desk.asking():
            await desk.log.until(lambda log: len(log.published) >= 51)
            await desk.rounds()

    desk = ask(scenario, tmp_path)
    assert desk.ids() == {f"messenger:m_{number}:add" for number in range(1, 52)}
    assert {(envelope.key, envelope.facts["platform"]) for envelope in desk.log.published} == {("7-100", "messenger")}
    assert [envelope.id for envelope in desk.log.published[:2]] == ["messenger:m_51:add", "messenger:m_50:add"]
    assert all(TOKEN not in query.values() for query in desk.graph.queries)


def test_a_page_that_was_never_asked_begins_now(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.graph.lists["100/feed"] = [[post(1, ago(days=1)), post(2, ago(minutes=1))]]
        async with desk.asking():
            await desk.rounds()
        assert (await desk.bookmarks.places(FEED))[FEED] == {"until": int(NOW.timestamp())}

    assert ask(scenario, tmp_path).ids() == {"facebook:100_2:add"}


def test_a_messenger_page_is_asked_for_messages_alone(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        async with desk.asking():
            await desk.graph.until(lambda: len(desk.graph.asked) > 1)

    assert set(ask(scenario, tmp_path, platform="messenger").graph.asked) == {"/v24.0/100/conversations"}


LIMITED = {"error": {"message": "(#32) Page request limit reached", "type": "OAuthException", "code": 32}}


@pytest.mark.parametrize(
    "answer",
    [
        Response(json.dumps(LIMITED), 403),
        Response(json.dumps(LIMITED), 400, {"X-Business-Use-Case-Usage": '{"100":[{"type":"pages"}]}'}),
        Response('{"error":{"message":"transient","code":2,"is_transient":true}}', 500),
        Response("", 429, {"Retry-After": "0"}),
        Response("[" * 100_000, 200),
        Response("<html>", 200),
    ],
    ids=["limit", "usage", "transient", "too many", "deep", "page"],
)
def test_limits_and_errors_are_waited_out(answer: Response, tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        desk.graph.lists["100/feed"] = [[post(1, ago(hours=1))]]
        desk.graph.forced.append(answer)
        async with desk.asking():
            await desk.log.until(lambda log: bool(log.published))

    assert ask(scenario, tmp_path).ids() == {"facebook:100_1:add"}


def test_a_list_that_is_none_is_an_empty_one(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        desk.graph.forced.extend(
            Response(text) for text in ("[]", '{"data":3}', '{"data":[3,null,{"id":5}],"paging":[]}', "7", '""')
        )
        async with desk.asking() as connector:
            await desk.rounds(3)
            assert not connector.health.refused

    assert not ask(scenario, tmp_path).ids()


def test_a_token_that_expired_is_told(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        desk.graph.lists["100/feed"] = [[post(1, ago(hours=1))]]
        desk.graph.token = "another"
        async with desk.asking() as connector:
            await desk.rounds(2)
            health = connector.health.parts["facebook"]
            assert health.refused["denied"]
            assert "access token" in health.state
            desk.graph.token = TOKEN
            await desk.log.until(lambda log: bool(log.published))

    assert ask(scenario, tmp_path).ids() == {"facebook:100_1:add"}


def test_without_kafka_the_place_stays(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.away_since(hours=2)
        desk.graph.lists["100/feed"] = [[post(1, ago(hours=1))]]
        desk.log.away = True
        async with desk.asking():
            await desk.log.until(lambda log: log.refused > 1)
            place = (await desk.bookmarks.places(FEED))[FEED]["until"]
            assert place == int((NOW - timedelta(hours=2)).timestamp())
            desk.log.away = False
            await desk.log.until(lambda log: bool(log.published))

    assert ask(scenario, tmp_path).ids() == {"facebook:100_1:add"}
