"""How many deliveries a second 1,000 listeners of `GET /events` get, and how late: ours against a bare Starlette app.

    python bench/sse.py [--listeners 1000] [--rate 11] [--seconds 10] [--rounds 3]

Each round, so many events a second are written to a table as if the relay had published them; every listener gets each
of them, and the clock of a delivery runs from that commit to the last byte of the event in the client. The bare app
sends as many bytes to as many listeners with StreamingResponse, from a list in memory at the same pace. Both run in a
process of their own, one after the other, A B A B; the listeners are one more process. Then the same with more events
than go, to see how many deliveries a second there can be. The last line holds the medians: deliveries per second at the
rate that is asked for, their p99, and the ratio of our most to the bare app's.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from pipeline.api.app import create_app
from pipeline.api.auth import Gate
from pipeline.api.events_http import EventRoutes
from pipeline.api.hub import Hub
from pipeline.connectors.rate import RateLimit
from pipeline.domain.access import Token, digest_of
from pipeline.process import log_plainly
from pipeline.replay.throwaway import throwaway_postgres
from pipeline.store.feed import FeedReader
from pipeline.store.tokens import PostgresTokens

PUBLISH = """
WITH written AS (
    INSERT INTO event (id, key, seq, type, subject, data, at)
    SELECT gen_random_uuid(), 'bench', n, 'dev.casestream.case.updated.v1', '1001',
        json_build_object('sent', %(sent)s::float, 'text', repeat('x', 500)), now()
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING id, seq, at
), numbered AS (
    INSERT INTO event_position (pos, event_id, at) SELECT seq, id, at FROM written
)
UPDATE relay_state SET pos = %(last)s
"""
EVENT_BYTES = 1000
"""About what an event of a case is on the wire."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Deliveries a second, and the 99th percentile of how late they were, in seconds."""

    rate: float
    p99: float


async def serve_ours(dsn: str) -> None:
    """The API as `casestream serve` has it, on a port that is printed."""
    gate = Gate(PostgresTokens(dsn), RateLimit(60), lambda _: "bench")
    hub = Hub(FeedReader(dsn), "/casestream/bench.example")
    await _serve(create_app([EventRoutes(hub).router()], gate))


async def serve_bare(rate: float) -> None:
    """An app that sends so many events of the same size a second to whoever listens."""
    tape: list[bytes] = []
    moved = [asyncio.Event()]

    async def write() -> None:
        number = 0
        began = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            count = max(1, int((time.monotonic() - began) * rate) - number)
            for _ in range(count):
                number += 1
                data = json.dumps({"data": {"sent": time.time(), "text": "x" * 830}})
                tape.append(b"id: %d\nevent: dev.casestream.case.updated.v1\ndata: %s\n\n" % (number, data.encode()))
            moved[0].set()
            moved[0] = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        cursor = len(tape)
        yield b"retry: 2000\n\n"
        while True:
            signal = moved[0]
            if cursor < len(tape):
                piece = b"".join(tape[cursor:])
                cursor = len(tape)
                yield piece
            else:
                await signal.wait()

    async def events() -> StreamingResponse:
        return StreamingResponse(stream(), media_type="text/event-stream")

    app = FastAPI()
    app.add_api_route("/events", events, methods=["GET"], response_model=None)
    writing = asyncio.create_task(write())
    await _serve(app)
    writing.cancel()


async def _serve(app: FastAPI) -> None:
    log_plainly()

    class Server(uvicorn.Server):
        async def startup(self, sockets: object = None) -> None:
            await super().startup(sockets)  # type: ignore[arg-type]
            print(self.servers[0].sockets[0].getsockname()[1], flush=True)

    await Server(uvicorn.Config(app, port=0, http="httptools", lifespan="off", log_level="error", backlog=2048)).serve()


class Listener(asyncio.Protocol):
    """One connection: counts the events that came, and how late."""

    def __init__(self, late: list[float]) -> None:
        self._late = late
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        transport.write(b"GET /events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer cs_bench\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """Find when each event was sent; a piece of one waits for its end."""
        now = time.time()
        text = self._rest + data
        end = text.rfind(b"}\n\n")
        if end < 0:
            self._rest = text
            return
        self._rest = text[end:]
        for piece in text[:end].split(b'"sent"')[1:]:
            self._late.append(now - float(piece[piece.index(b":") + 1 : piece.index(b",")]))


async def listen(port: int, listeners: int, seconds: float) -> None:
    """Print what came within so many seconds, once all are there."""
    late: list[float] = []
    loop = asyncio.get_running_loop()
    for first in range(0, listeners, 50):
        count = min(50, listeners - first)
        await asyncio.gather(*(loop.create_connection(lambda: Listener(late), "127.0.0.1", port) for _ in range(count)))
    await asyncio.sleep(2)
    print("ready", flush=True)
    await asyncio.sleep(1)
    late.clear()
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    found = sorted(late)
    p99 = found[int(len(found) * 0.99)] if found else float("inf")
    print(json.dumps({"rate": len(found) / took, "p99": p99}), flush=True)


def write(dsn: str, rate: float, until: "subprocess.Popen[str]") -> None:
    """So many events a second, until the listeners are done."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT pos FROM relay_state").fetchone()
        assert row is not None
        number, began, first = row[0], time.monotonic(), row[0]
        while until.poll() is None:
            due = first + int((time.monotonic() - began) * rate) + 1
            if due > number:
                connection.execute(PUBLISH, {"first": number + 1, "last": due, "sent": time.time()})
                number = due
            time.sleep(max(0.0, began + (number - first) / rate - time.monotonic()))


@contextmanager
def started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """This script in another part."""
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def one_round(dsn: str | None, asked: argparse.Namespace, rate: float) -> Figures:
    """Ours with a database, else the bare app."""
    part = ("--part", "ours", "--dsn", dsn) if dsn else ("--part", "bare", "--rate", str(rate))
    with started(*part) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        listening = ("--part", "listen", "--port", port, "--listeners", str(asked.listeners))
        with started(*listening, "--seconds", str(asked.seconds)) as listeners:
            assert listeners.stdout is not None
            assert listeners.stdout.readline() == "ready\n"
            if dsn:
                write(dsn, rate, listeners)
            told = json.loads(listeners.stdout.readline())
    return Figures(told["rate"], told["p99"])


@asynccontextmanager
async def _database() -> AsyncIterator[str]:
    async with throwaway_postgres() as server:
        dsn = server.dsn()
        token = Token(
            id=uuid4(), name="bench", digest=digest_of("cs_bench"), scopes=frozenset({"admin"}),
            created_at=datetime.now(UTC),
        )  # fmt: skip
        await PostgresTokens(dsn).create(token)
        yield dsn


async def measure(asked: argparse.Namespace) -> None:
    """Both, interleaved, at the rate that is asked for, and at one that nobody reaches."""
    async with _database() as dsn:
        found: dict[tuple[str, float], list[Figures]] = {}
        for _ in range(asked.rounds):
            for rate in (asked.rate, asked.most):
                for name, where in (("ours", dsn), ("bare", None)):
                    figures = await asyncio.to_thread(one_round, where, asked, rate)
                    found.setdefault((name, rate), []).append(figures)
                    print(
                        f"{name} at {rate:g} events/s: {figures.rate:.0f} per s, p99 {figures.p99 * 1000:.0f} ms",
                        flush=True,
                    )
    steady = found["ours", asked.rate]
    rate, p99 = (statistics.median(values) for values in ((f.rate for f in steady), (f.p99 for f in steady)))
    ours, bare = (statistics.median(f.rate for f in found[name, asked.most]) for name in ("ours", "bare"))
    print(
        f"sse: {rate:.0f} deliveries per s, p99 {p99 * 1000:.0f} ms, at most {ours:.0f} per s,"
        f" ratio {ours / bare:.2f} to a bare Starlette app"
    )


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=11)
    parser.add_argument("--most", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--dsn", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    match asked.part:
        case "ours":
            uvloop.run(serve_ours(asked.dsn))
        case "bare":
            uvloop.run(serve_bare(asked.rate))
        case "listen":
            uvloop.run(listen(asked.port, asked.listeners, asked.seconds))
        case _:
            asyncio.run(measure(asked))


if __name__ == "__main__":
    main()
