"""An account on Mastodon, followed over a local server that answers as documented."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import Response
from http_port import http_port
from platforms import TOKEN, WE, Mastodon, WatchedLog

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.asked import Pace
from pipeline.connectors.contract import Publisher
from pipeline.connectors.mastodon import MastodonConnector
from pipeline.connectors.space import FreeSpace
from pipeline.store.bookmarks import MemoryBookmarks

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PACE = Pace(round=0.01, first_retry=0.01, longest_retry=0.02)
SOURCE = "mastodon/mastodon"


@pytest.fixture(autouse=True)
def a_proxy_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names one; nobody listens there."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")


class Desk:
    """A connector that follows a server, with its log and its bookmarks."""

    def __init__(self, server: Mastodon, data: Path, place: str | None) -> None:
        self.server = server
        self.log = WatchedLog()
        self.bookmarks = MemoryBookmarks()
        self._data = data
        self._place = place

    async def place(self) -> object:
        return (await self.bookmarks.places(SOURCE)).get(SOURCE, {}).get("notification")

    @asynccontextmanager
    async def following(self, *others: dict[str, str]) -> AsyncIterator[MastodonConnector]:
        if self._place is not None and await self.place() is None:
            await self.bookmarks.keep(SOURCE, {"notification": self._place}, NOW)
        async with http_port(self.server.app) as port:
            page = {"platform": "mastodon", "server": f"http://127.0.0.1:{port}", "access_token": TOKEN}
            publisher = Publisher(self.log, BlobStore(self._data), FreeSpace(self._data, 0.15, share=lambda _: 1.0))
            config = Config.model_validate({"social": [page, *({**page, **other} for other in others)]})
            connector = MastodonConnector(config, publisher, self.bookmarks, lambda: NOW, PACE)
            assert (await connector.start()).startswith("mastodon")
            try:
                yield connector
            finally:
                await connector.stop()

    def ids(self) -> list[str]:
        return [envelope.id for envelope in self.log.published]


def follow(
    scenario: Callable[[Desk], Awaitable[None]], data: Path, *, streams: bool = True, place: str | None = "0"
) -> Desk:
    async def run() -> Desk:
        desk = Desk(Mastodon(streams=streams), data, place)
        await scenario(desk)
        return desk

    return asyncio.run(run())


def test_a_mention_is_streamed_published_and_remembered(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        async with desk.following() as connector:
            await desk.server.until(lambda: bool(desk.server.listeners))
            await desk.server.notify(7)
            await desk.log.until(lambda log: bool(log.published))
            assert connector.health.parts["mastodon"].state == "streaming"

    (envelope,) = follow(scenario, tmp_path).log.published
    assert (envelope.id, envelope.source, envelope.key) == ("mastodon:9007:add", "/social/mastodon", "9007")
    assert envelope.facts == {"platform": "mastodon", "social": "mastodon", "account": WE}
    assert json.loads(envelope.raw)["id"] == "7"


def test_an_account_that_was_never_asked_begins_now(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        for number in range(1, 4):
            await desk.server.notify(number)
        async with desk.following():
            await desk.server.until(lambda: bool(desk.server.listeners))
            assert await desk.place() == "3"
            await desk.server.notify(4)
            await desk.log.until(lambda log: bool(log.published))

    assert follow(scenario, tmp_path, place=None).ids() == ["mastodon:9004:add"]


def test_what_was_missed_while_away_is_fetched_in_its_order(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        for number in range(1, 101):
            await desk.server.notify(number)
        async with desk.following():
            await desk.server.until(lambda: bool(desk.server.listeners))
        assert await desk.place() == "100"

    desk = follow(scenario, tmp_path, place="5")
    assert sorted(desk.ids()) == sorted(f"mastodon:{9000 + number}:add" for number in range(6, 101))


def test_a_server_that_does_not_stream_is_polled(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        async with desk.following() as connector:
            await desk.server.until(lambda: "/api/v1/streaming/user" in desk.server.asked)
            await desk.server.notify(1, told=False)
            await desk.log.until(lambda log: bool(log.published))
            assert "polling" in connector.health.parts["mastodon"].state

    assert follow(scenario, tmp_path, streams=False).ids() == ["mastodon:9001:add"]


def test_a_stream_that_is_cut_loses_nothing(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        async with desk.following():
            for number in range(1, 6):
                await desk.server.until(lambda: bool(desk.server.listeners))
                await desk.server.notify(number)
                await desk.log.until(lambda _, told=f"mastodon:{9000 + number}:add": told in desk.ids())
                await desk.server.cut()
                await desk.server.notify(10 + number, told=False)
            await desk.log.until(lambda _: "mastodon:9015:add" in desk.ids())

    ids = follow(scenario, tmp_path).ids()
    assert {f"mastodon:{9000 + number}:add" for number in (1, 2, 3, 4, 5, 11, 12, 13, 14, 15)} == set(ids)


def test_without_kafka_nothing_is_kept_as_read_and_nothing_is_lost(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.log.away = True
        await desk.server.notify(1)
        async with desk.following():
            await desk.log.until(lambda log: log.refused > 2)
            assert await desk.place() == "0"
            desk.log.away = False
            await desk.log.until(lambda log: bool(log.published))

    assert follow(scenario, tmp_path).ids() == ["mastodon:9001:add"]


def test_a_place_is_where_the_next_process_goes_on(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.server.notify(1)
        async with desk.following():
            await desk.server.until(lambda: bool(desk.server.listeners))
        await desk.server.cut()
        await desk.server.notify(2)
        async with desk.following():
            await desk.server.until(lambda: bool(desk.server.listeners))

    assert follow(scenario, tmp_path).ids() == ["mastodon:9001:add", "mastodon:9002:add"]


def test_edits_removals_and_our_own_answers_come_over_the_stream(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        status = desk.server.mention(1)["status"]
        assert isinstance(status, dict)
        ours = {**status, "id": "9100", "account": {"id": WE}, "in_reply_to_id": "9001", "mentions": []}
        async with desk.following():
            await desk.server.until(lambda: bool(desk.server.listeners))
            await desk.server.send("status.update", json.dumps({**status, "edited_at": "2026-03-02T10:00:00Z"}))
            await desk.server.send("update", json.dumps({**status, "id": "9200"}))  # the home timeline is not ours
            await desk.server.send("update", json.dumps(ours))
            await desk.server.send("filters_changed", "undefined")
            await desk.server.send("delete", "9001")
            await desk.log.until(lambda log: len(log.published) == 3)

    ids = follow(scenario, tmp_path).ids()
    assert ids == ["mastodon:9001:edit:1772445600.000", "mastodon:9100:add", "mastodon:9001:remove"]


@pytest.mark.parametrize(
    "answer",
    [
        Response('{"error":"Too many requests"}', 429, {"X-RateLimit-Reset": "2026-03-02T09:00:00Z"}),
        Response("<html>Bad gateway</html>", 502),
        Response("<html>maintenance</html>", 200),
        Response(b"\x1f\x8b", 200, {"Content-Encoding": "gzip"}),
        Response(b"[" * 100_000, 200),
        Response(b" " * 11_000_000 + b"[]", 200),
        Response('{"id": 3}', 200),
        Response(None, 302, {"Location": "http://elsewhere.example/"}),
    ],
    ids=["limit", "gateway", "page", "gzip", "deep", "large", "object", "elsewhere"],
)
def test_answers_that_are_none_are_waited_out(answer: Response, tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.server.notify(1)
        desk.server.forced.extend([Response(json.dumps({"id": WE})), answer])
        async with desk.following():
            await desk.log.until(lambda log: bool(log.published))

    assert set(follow(scenario, tmp_path).ids()) == {"mastodon:9001:add"}


def test_a_revoked_token_is_told_and_taken_back_when_it_holds_again(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.server.token = "another"
        await desk.server.notify(1)
        async with desk.following() as connector:
            await desk.server.until(lambda: len(desk.server.asked) > 2)
            health = connector.health.parts["mastodon"]
            assert "401" in health.state
            assert health.refused["denied"]
            assert TOKEN not in health.state
            desk.server.token = TOKEN
            await desk.log.until(lambda log: bool(log.published))

    assert follow(scenario, tmp_path).ids() == ["mastodon:9001:add"]


def test_a_token_that_is_named_and_not_there_is_told_and_the_other_accounts_go_on(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.server.notify(1)
        async with desk.following({"name": "lost", "access_token": "env:NO_SUCH_TOKEN"}) as connector:
            await desk.log.until(lambda log: bool(log.published))
            lost = connector.health.parts["lost"]
            assert lost.state == "the environment variable NO_SUCH_TOKEN is not set"

    assert follow(scenario, tmp_path).ids() == ["mastodon:9001:add"]
