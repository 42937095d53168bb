"""The consumer for programs of others: what it makes of streams, polls, refusals, lost connections."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI, Request, Response
from http_port import http_port

from pipeline.client import Checkpoint, Consumer, Event, Gone, MemoryCheckpoint, Refused, SqliteCheckpoint

KEY = "00000000-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def a_proxy_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names one; nobody listens there."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")


def told(position: int, sequence: int, key: str = KEY, **more: object) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"{key}/{sequence}", "source": "/casestream/test",
        "type": "dev.casestream.case.updated.v1", "sequence": f"{sequence:012d}", "position": str(position),
        "partitionkey": key, "subject": "1001", "data": {"case": {"id": key}}, **more,
    }  # fmt: skip


def block(event: Mapping[str, Any]) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        event["position"].encode(), event["type"].encode(), orjson.dumps(event)
    )  # fmt: skip


class Server:
    """Answers each call of `/events` with the next of its answers, and remembers what it was asked."""

    def __init__(self, *answers: Response) -> None:
        self.asked: list[dict[str, str]] = []
        self._answers = list(answers)

    @asynccontextmanager
    async def running(self) -> Any:  # noqa: ANN401  # an address
        app = FastAPI()
        app.add_api_route("/events", self._answer, methods=["GET"], response_model=None)
        app.add_api_route("/cases/state", self._answer, methods=["GET"], response_model=None)
        async with http_port(app) as port:
            yield f"http://127.0.0.1:{port}"

    async def _answer(self, request: Request) -> Response:
        self.asked.append({"path": request.url.path, **request.query_params})
        return self._answers.pop(0)


def stream(*blocks: bytes) -> Response:
    return Response(b"".join(blocks), media_type="text/event-stream")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"detail": detail}), status, headers, "application/problem+json")


END = problem(403, "that is all")


async def take(server: Server, checkpoint: Checkpoint, effect: Callable[[Event], None], **options: Any) -> None:  # noqa: ANN401  # as the consumer has them
    """All events until the server says no."""
    async with server.running() as url, Consumer(url, "cs_x", checkpoint=checkpoint, **options) as events:
        try:
            async for event in events:
                effect(event)
        except Refused as refused:
            assert str(refused) == "403 that is all"  # noqa: PT017  # it ends every scenario


def heard(server: Server, checkpoint: Checkpoint | None = None, **options: Any) -> list[str]:  # noqa: ANN401  # the same
    found: list[str] = []
    play(take(server, checkpoint or MemoryCheckpoint(), lambda event: found.append(event.id), **options))
    return found


def play(scenario: Awaitable[None]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scenario

    asyncio.run(run())


def test_what_comes_again_is_given_once() -> None:
    one, two, three = (told(n, n) for n in (1, 2, 3))
    server = Server(
        stream(b"retry: 2000\nid: 0\n\n", block(one), block(two), block(one)), stream(block(two), block(three)), END
    )
    assert heard(server, begin="start") == [f"{KEY}/1", f"{KEY}/2", f"{KEY}/3"]
    assert [asked["after"] for asked in server.asked] == ["start", "1", "3"]


def test_it_goes_on_where_it_was_also_where_nothing_came_for_it() -> None:
    server = Server(stream(b"retry: 2000\nid: 7\n\n", b":\n\n", b":\nid: 9\n\n"), END)
    assert heard(server, begin="end", types=["case.updated"], case="1001") == []
    assert server.asked[0] == {"path": "/events", "type": "case.updated", "case": "1001", "after": "end"}
    assert server.asked[1]["after"] == "9"


def test_it_begins_with_the_cases_as_they_are() -> None:
    def state(number: int, sequence: int) -> dict[str, Any]:
        return {"case": {"id": f"k{number}", "number": number}, "sequence": sequence, "revision": 1}

    pages = [
        {"cases": [state(1, 5), state(2, 1)], "next": "k2", "position": 40},
        {"cases": [state(3, 2)], "next": None, "position": 44},
    ]
    events = [told(41, 5, "k1"), told(42, 6, "k1"), told(43, 1, "k4")]
    server = Server(*(Response(orjson.dumps(page)) for page in pages), stream(*map(block, events)), END)
    assert heard(server) == ["k1:1:5", "k2:1:1", "k3:1:2", "k1/6", "k4/1"]
    assert [asked.get("after") for asked in server.asked] == [None, "k2", "40", "43"], "since the first page was read"


def test_killed_among_the_states_it_goes_on_among_them(tmp_path: Path) -> None:
    page = {"cases": [{"case": {"id": "k1", "number": 1}, "sequence": 1}], "next": "k1", "position": 40}
    checkpoint = SqliteCheckpoint(tmp_path / "copy.db")
    heard(Server(Response(orjson.dumps(page)), END), checkpoint)
    checkpoint.close()
    again = SqliteCheckpoint(tmp_path / "copy.db")
    later = Server(Response(orjson.dumps({"cases": [], "next": None, "position": 99})), END)
    heard(later, again)
    again.close()
    assert later.asked == [
        {"path": "/cases/state", "limit": "500", "after": "k1"}, {"path": "/events", "after": "40"}
    ]  # fmt: skip


def test_effects_and_place_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    def writes(db: Any, breaks_at: int) -> Callable[[Event], None]:  # noqa: ANN401  # a connection of sqlite3
        def effect(event: Event) -> None:
            db.execute("INSERT INTO effect VALUES (?)", (event.sequence,))
            if event.sequence == breaks_at:
                raise ZeroDivisionError

        return effect

    def once(breaks_at: int) -> list[int]:
        checkpoint = SqliteCheckpoint(tmp_path / "copy.db")
        checkpoint.db.execute("CREATE TABLE IF NOT EXISTS effect (n)")
        server = Server(stream(block(told(1, 1)), block(told(2, 2)), block(told(3, 3))), END)
        try:
            play(take(server, checkpoint, writes(checkpoint.db, breaks_at), begin="start"))
        except ZeroDivisionError:
            checkpoint.close()
        else:
            checkpoint.close()
        kept = SqliteCheckpoint(tmp_path / "copy.db")
        found = [n for (n,) in kept.db.execute("SELECT n FROM effect ORDER BY rowid")]
        kept.close()
        return found

    assert once(2) == [], "one batch, one transaction"
    assert once(0) == [1, 2, 3]


@pytest.mark.parametrize("status", [409, 410])
def test_what_cannot_be_followed_any_more_is_for_the_program(status: int) -> None:
    async def scenario() -> None:
        server = Server(problem(status, "the oldest event is 7"))
        async with server.running() as url, Consumer(url, checkpoint=MemoryCheckpoint(), begin="start") as events:
            with pytest.raises(Gone, match="the oldest event is 7"):
                await anext(aiter(events))

    play(scenario())


def test_who_is_away_is_asked_again() -> None:
    reasons: list[str] = []
    busy = problem(503, "not now", {"Retry-After": "0"})
    server = Server(busy, problem(500, "oh"), stream(block(told(1, 1))), END)
    assert heard(server, begin="start", away=lambda away: reasons.append(str(away))) == [f"{KEY}/1"]
    assert reasons == ["not now", "oh", "the desk ended the stream"]


def test_polls_give_the_same() -> None:
    first = {"events": [told(1, 1), told(2, 2)], "next": 3}
    again = {"events": [told(2, 2)], "next": 9}
    server = Server(Response(orjson.dumps(first)), Response(orjson.dumps(again)), END)
    assert heard(server, begin="start", poll=True) == [f"{KEY}/1", f"{KEY}/2"]
    assert [asked["after"] for asked in server.asked] == ["start", "3", "9"]
    assert server.asked[0]["wait"] == "30"


def test_what_is_unknown_does_no_harm() -> None:
    strange = told(1, 1, weather={"sky": "blue"}, type="dev.casestream.case.sneezed.v7")
    server = Server(stream(block(strange), b"id: 2\nevent: x\ndata: nothing of ours\n\n"), END)
    assert heard(server, begin="start") == [f"{KEY}/1"]
    assert server.asked[1]["after"] == "2"


def test_a_record_of_kafka_is_an_event_in_either_mode() -> None:
    binary = Event.of_record(
        KEY.encode(), b'{"case":null}',
        [("ce_id", b"1"), ("ce_type", b"dev.casestream.case.opened.v1"), ("ce_sequence", b"000000000007"),
         ("ce_position", b"9"), ("content-type", b"application/json")],
    )  # fmt: skip
    assert (binary.name, binary.key, binary.sequence, binary.position, binary.case) == ("case.opened", KEY, 7, 9, None)
    structured = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert Event.of_record(KEY.encode(), orjson.dumps(told(3, 2)), structured) == Event.of_told(told(3, 2))
    gone = Event.of_record(KEY.encode(), None, [])
    assert (gone.is_state, gone.data, gone.key) == (True, None, KEY)
    with pytest.raises(ValueError, match="no event"):
        Event.of_record(None, b"{}", [])


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="write http://HOST:PORT or kafka://HOST:PORT/TOPIC"):
        Consumer("redis://x", checkpoint=MemoryCheckpoint())


def test_it_imports_nothing_else_of_casestream() -> None:
    folder = Path(__file__).parents[2] / "pipeline" / "client"
    lines = [line for file in folder.glob("*.py") for line in file.read_text("utf-8").splitlines()]
    inside = [line for line in lines if line.startswith(("from pipeline", "import pipeline"))]
    assert inside
    assert all(line.startswith("from pipeline.client") for line in inside)
