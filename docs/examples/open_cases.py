"""Keeps a copy of all open cases in SQLite, right through lost connections and kills.

    python docs/examples/open_cases.py open.db http://127.0.0.1:8025 --token cs_…
    python docs/examples/open_cases.py open.db kafka://127.0.0.1:9092/case.state

The first begins with every case as it is now (the token needs cases:read and events:read) and goes on with what
happens. The second reads the compacted topic, which holds every case as it is now, and so needs no beginning; the topic
`case.events` will do, too, as long as no case is older than what it remembers. With --listen, it answers `GET /answer`
with its copy.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

from pipeline.client import Consumer, Event, Gone, SqliteCheckpoint

TABLE = """
CREATE TABLE IF NOT EXISTS open_case (
    id TEXT PRIMARY KEY, number INTEGER, title TEXT, status TEXT, priority TEXT, queue TEXT, owner TEXT
) WITHOUT ROWID
"""


def apply(db: sqlite3.Connection, event: Event) -> None:
    """Every event of a case shows the case as it is after it, so what happened does not matter, only how it is now."""
    if event.data is None:
        db.execute("DELETE FROM open_case WHERE id = ?", (event.key,))
    elif (case := event.case) is not None and case["state"] == "active":
        row = (case["id"], case["number"], case["title"], case["status"], case["priority"], *_names(case))
        db.execute("INSERT OR REPLACE INTO open_case VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    elif case is not None:
        db.execute("DELETE FROM open_case WHERE id = ?", (case["id"],))


def _names(case: Mapping[str, Any]) -> tuple[str, str | None]:
    return case["queue"]["name"], case["owner"]["name"] if case["owner"] else None


def answer(path: str) -> bytes:
    """The copy, as `casestream events torture` asks for it."""
    db = sqlite3.connect(path)
    columns = ("number", "title", "status", "priority", "queue", "owner")
    rows = db.execute(f"SELECT {', '.join(columns)} FROM open_case ORDER BY number").fetchall()  # noqa: S608  # the names above
    db.close()
    return json.dumps({"cases": [dict(zip(columns, row, strict=True)) for row in rows]}).encode()


async def keep_copy(path: str, url: str, token: str) -> None:
    """For ever. What is not kept any more cannot be followed, so then the copy is made anew."""
    checkpoint = SqliteCheckpoint(path)
    while True:
        with suppress(Gone):
            async with Consumer(url, token, checkpoint=checkpoint) as events:
                async for event in events:
                    apply(checkpoint.db, event)
        checkpoint.db.execute("DELETE FROM open_case")
        await checkpoint.forget()
        await checkpoint.commit()


async def serve(path: str, address: str) -> asyncio.Server:
    """`GET /answer`, and nothing else."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            body = answer(path)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    host, _, port = address.rpartition(":")
    return await asyncio.start_server(reply, host, int(port))


async def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("url")
    parser.add_argument("--token", default="")
    parser.add_argument("--listen", metavar="HOST:PORT")
    asked = parser.parse_args()
    with sqlite3.connect(asked.path) as db:
        db.execute(TABLE)
    async with AsyncExitStack() as stack:
        if asked.listen:
            await stack.enter_async_context(await serve(asked.path, asked.listen))
        await keep_copy(asked.path, asked.url, asked.token)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(main()))
