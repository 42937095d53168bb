"""Webhooks: deliveries to a sink on this machine, against bare httpx that posts the same bodies to it.

    python bench/webhooks.py [--events 6000] [--rate 100] [--seconds 20]

Dispatch is `casestream dispatch` as it runs in production: it walks the events, queues and does jobs, signs, posts, and
logs each try in PostgreSQL. It is counted from its first delivery to its last one. The peer posts the bodies that the
sink got, from memory, as many side by side as dispatch may. Then events are published at a steady rate, and it is told
how late they arrive and how many wait at the end.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import psycopg
from drain import part
from servers import Servers, running_postgres

from pipeline.config import Config
from pipeline.dispatch.webhooks.guarded import CONNECTIONS
from pipeline.events.cloudevents import MEDIA_TYPE
from pipeline.events.examples import story
from pipeline.store.migrate import migrate

TOLD = story()
EVENT = "INSERT INTO event (id, key, seq, type, subject, data, at) VALUES (%s, %s, %s, %s, %s, %s, %s)"
PLACE = "INSERT INTO event_position (pos, event_id, at) VALUES (%s, %s, %s)"


class Sink(asyncio.Protocol):
    """Reads each request to its end and answers 200."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connects."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are whole."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            start = head.index(b"content-length:") + 15
            length = int(head[start:].partition(b"\r\n")[0])
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def serve() -> None:
    """The sink in a process of its own; it says its port and goes on for ever."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def publish(connection: psycopg.Connection, first: int, count: int) -> None:
    """So many events from that number on, as if the relay had published them now."""
    with connection.transaction(), connection.cursor() as cursor:
        now = datetime.now(UTC)
        events = [(uuid4(), TOLD[number % len(TOLD)], number) for number in range(first, first + count)]
        cursor.executemany(
            EVENT,
            [
                (name, f"bench {number}", 1, one.type, one.subject, orjson.dumps(one.data).decode(), now)
                for name, one, number in events
            ],
        )
        cursor.executemany(PLACE, [(number, name, now) for name, _, number in events])
        cursor.execute("UPDATE relay_state SET pos = %s", (first + count - 1,))


def delivered(connection: psycopg.Connection) -> int:
    """How many events arrived."""
    row = connection.execute("SELECT count(*) FROM delivery WHERE outcome = 'delivered'").fetchone()
    return int(row[0]) if row else 0


def wait_for(connection: psycopg.Connection, count: int) -> None:
    """Until so many arrived."""
    until = time.monotonic() + 180
    while delivered(connection) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{delivered(connection)} of {count} delivered")
        time.sleep(0.05)


async def bare(url: str, bodies: list[bytes]) -> float:
    """Bodies a second that bare httpx posts."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        left = iter(bodies)

        async def post() -> None:
            for body in left:
                (await client.post(url, content=body, headers={"content-type": MEDIA_TYPE})).raise_for_status()

        await post_some(client, url, bodies[0])
        began = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
        return len(bodies) / (time.perf_counter() - began)


async def post_some(client: httpx.AsyncClient, url: str, body: bytes) -> None:
    """Open the connections before anything is counted."""
    await asyncio.gather(*(client.post(url, content=body) for _ in range(CONNECTIONS)))


async def prepare(servers: Servers, url: str) -> Config:
    """A desk with one subscription to everything."""
    async with await psycopg.AsyncConnection.connect(servers.postgres.dsn("postgres"), autocommit=True) as connection:
        await connection.execute("CREATE DATABASE webhooks")
    config = servers.config("webhooks", "webhooks.")
    await migrate(config.postgres.dsn)
    async with await psycopg.AsyncConnection.connect(config.postgres.dsn, autocommit=True) as connection:
        secret = orjson.dumps([{"secret": "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=", "until": None}]).decode()
        await connection.execute(
            "INSERT INTO subscription (id, url, description, types, filter, ordered, secrets, state, pos, created_at)"
            " VALUES (%s, %s, '', '{}', '', false, %s, 'active', 0, now())",
            (uuid4(), url, secret),
        )
    return config


def measure(servers: Servers, arguments: argparse.Namespace, url: str) -> None:
    """Both figures, and the line that says them."""
    config = asyncio.run(prepare(servers, url))
    file = Path(servers.folder) / "webhooks.toml"
    file.write_text('[webhooks]\nallow = ["127.0.0.0/8"]\n', "utf-8")
    with psycopg.connect(config.postgres.dsn, autocommit=True) as connection:
        publish(connection, 1, arguments.events)
        dispatch = part(config, "-m", "pipeline", "dispatch", "--config", str(file))
        try:
            wait_for(connection, arguments.events)
            row = connection.execute("SELECT extract(epoch FROM max(at) - min(at))::float8 FROM delivery").fetchone()
            rate = arguments.events / (row[0] if row else 1)
            first = arguments.events + 1
            for _ in range(arguments.seconds * 10):
                began = time.perf_counter()
                publish(connection, first, arguments.rate // 10)
                first += arguments.rate // 10
                time.sleep(max(0.0, 0.1 - (time.perf_counter() - began)))
            waiting = first - 1 - delivered(connection)
            wait_for(connection, first - 1)
            rows = connection.execute(
                "SELECT extract(epoch FROM delivery.at - event.at)::float8 FROM delivery"
                " JOIN event ON event.id = delivery.event_id WHERE pos > %s ORDER BY 1",
                (arguments.events,),
            ).fetchall()
        finally:
            dispatch.terminate()
            dispatch.wait(30)
    late = [seconds for (seconds,) in rows]
    print(
        f"steady: {arguments.rate} per s for {arguments.seconds} s, median {statistics.median(late):.2f} s late,"
        f" p99 {late[int(len(late) * 0.99)]:.2f} s, {waiting} waited at the end"
    )
    bodies = [orjson.dumps(TOLD[number % len(TOLD)].data) for number in range(arguments.events)]
    peer = asyncio.run(bare(url, bodies))
    print(f"bare httpx: {peer:.0f} per s")
    print(f"webhooks: {rate:.0f} per s, ratio {rate / peer:.2f} to bare httpx posting the same bodies")


def main() -> None:
    """Measure the burst and the steady flow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        asyncio.run(serve())
        return
    with (
        running_postgres() as servers,
        subprocess.Popen([sys.executable, __file__, "--sink"], stdout=subprocess.PIPE) as sink,
    ):
        try:
            assert sink.stdout is not None
            measure(servers, arguments, f"http://127.0.0.1:{int(sink.stdout.readline())}/")
        finally:
            sink.terminate()


if __name__ == "__main__":
    main()
