"""Consumers that are killed at random while events flow, relay and API too: their copies equal the database at the end.

    python -m tests.chaos.consumer --events 100000 --kills 50

One is the example of `docs/examples` over HTTP, one the same on the topic `case.state`; two note every event besides,
one from the stream, one from `case.events`: what they were given has no hole, no repetition and no disorder in any
case. Exit 1 when something is wrong.
"""

import argparse
import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from signal import SIGKILL

import orjson
import psycopg

from pipeline.embedded import install

from .case_load import CaseLoad
from .desk import UpDesk
from .recorder import EXAMPLE

ROOT = Path(__file__).parents[2]
BATCH = 200
EVERY = (0.5, 3.0)
PARTS_TOO = 0.4
CAUGHT_UP_WITHIN = 120.0
_OPEN = """
SELECT cases.id::text, number, title, status, priority, queue, agent.name
FROM cases LEFT JOIN agent ON agent.id = owner_id WHERE state = 'active' ORDER BY number
"""


class Killed:
    """A consumer as a process; its copy lies in a file."""

    def __init__(self, command: Sequence[str], path: Path) -> None:
        self.kills = 0
        self.path = path
        self._command = command
        self._process = self._start()

    def kill(self) -> None:
        """Kill it and start it again."""
        self.end()
        self.kills += 1
        self._process = self._start()

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait(10)

    def copy(self) -> list[tuple[object, ...]]:
        """Its open cases."""
        return self._ask("SELECT * FROM open_case ORDER BY number")

    def told(self) -> Mapping[str, list[int]]:
        """The sequences that it was given, by key, in the order in which they came."""
        found = defaultdict(list)
        for key, sequence in self._ask("SELECT key, sequence FROM told ORDER BY ord"):
            found[str(key)].append(int(str(sequence)))
        return found

    def _ask(self, question: str) -> list[tuple[object, ...]]:
        """Nothing, as long as it has not come so far as to have a table."""
        with closing(sqlite3.connect(self.path)) as db, suppress(sqlite3.OperationalError):
            return db.execute(question).fetchall()
        return []

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.path.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(self._command, cwd=ROOT, stderr=log)  # noqa: S603  # ours


def copiers(folder: Path, http: str, kafka: str, prefix: str, token: str) -> list[Killed]:
    """The example on both of its ways."""
    ways = {"http": [http, "--token", token], "state": [f"kafka://{kafka}/{prefix}case.state"]}
    return [
        Killed([sys.executable, str(EXAMPLE), str(folder / f"{name}.db"), *way], folder / f"{name}.db")
        for name, way in ways.items()
    ]


def recorders(folder: Path, http: str, kafka: str, prefix: str, token: str) -> list[Killed]:
    """Those that note what they are given."""
    ways = {"stream": [http, token], "topic": [f"kafka://{kafka}/{prefix}case.events", ""]}
    return [
        Killed([sys.executable, "-m", "tests.chaos.recorder", str(folder / f"{name}.db"), *way], folder / f"{name}.db")
        for name, way in ways.items()
    ]


async def flow(
    dsn: str,
    events: int,
    kills: int,
    kill: Callable[[], None],
    chance: random.Random,
    every: tuple[float, float] = EVERY,
) -> int:
    """Write events while consumers are killed: neither is done before the other; how many were written."""
    load = CaseLoad(dsn, chance)
    done = 0

    async def killing() -> None:
        nonlocal done
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(*every))
            await asyncio.to_thread(kill)
            done += 1

    task = asyncio.create_task(killing())
    while load.written < events:
        if not task.done() and load.written / events > (done + 1) / kills:
            await asyncio.sleep(0.02)
            continue
        await load.write(min(BATCH, events - load.written))
    await task
    await load.close()
    return load.written


def what_is_wrong(dsn: str, copies: Sequence[Killed], notes: Sequence[Killed]) -> list[str]:
    """Nothing, once every copy equals the database and every note is whole."""
    until = time.monotonic() + CAUGHT_UP_WITHIN
    while (wrong := _differences(dsn, copies, notes)) and time.monotonic() < until:
        time.sleep(0.5)
    return wrong


def _differences(dsn: str, copies: Sequence[Killed], notes: Sequence[Killed]) -> list[str]:
    with psycopg.connect(dsn) as connection:
        truth = connection.execute(_OPEN).fetchall()
        last = dict(connection.execute("SELECT id::text, event_seq FROM cases").fetchall())
    wrong = []
    for one in (*copies, *notes):
        copy = one.copy()
        if copy != truth:
            first = next((pair for pair in zip(truth, copy, strict=False) if pair[0] != pair[1]), "their number")
            wrong.append(f"{one.path.stem}: {len(copy)} open cases, right are {len(truth)}; they differ in {first}")
    for one in notes:
        told = one.told()
        for key, seq in last.items():
            if told[key] != list(range(1, seq + 1)):
                wrong.append(f"{one.path.stem}: case {key} has {seq} events, it was given {told[key]}")
                break
    return wrong


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.consumer", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=4711)
    asked = parser.parse_args()
    install.kafka()
    with tempfile.TemporaryDirectory(prefix="casestream-consumer-") as name:
        desk = UpDesk(Path(name), workers=1)
        try:
            wrong = _trial(desk, asked)
        finally:
            desk.stop()
    for line in wrong:
        print(f"WRONG {line}")  # noqa: T201  # a script by hand
    return 1 if wrong else 0


def _trial(desk: UpDesk, asked: argparse.Namespace) -> list[str]:
    desk.wait_ready()
    scopes = ("--scope", "events:read", "--scope", "cases:read")
    token = orjson.loads(desk.verb("token", "create", "copy", *scopes, "--json").stdout)["token"]
    where = (desk.folder, f"http://127.0.0.1:{desk.http_port}", desk.kafka, "", token)
    copies, notes = copiers(*where), recorders(*where)
    chance = random.Random(asked.seed)  # noqa: S311  # who is killed when
    parts: Counter[str] = Counter()

    def kill() -> None:
        for one in (*copies, *notes):
            one.kill()
        for name in ("relay", "http"):
            pid = desk.parts().get(name, {}).get("pid")
            if pid is not None and chance.random() < PARTS_TOO:
                with suppress(ProcessLookupError):  # it may have ended by itself
                    os.kill(pid, SIGKILL)
                    parts[name] += 1

    began = time.monotonic()
    try:
        written = asyncio.run(flow(desk.dsn, asked.events, asked.kills, kill, chance))
        flowed = time.monotonic() - began
        wrong = what_is_wrong(desk.dsn, copies, notes)
    finally:
        for one in (*copies, *notes):
            one.end()
    caught_up = time.monotonic() - began - flowed
    print(  # noqa: T201  # a script by hand
        f"consumer: {written} events in {flowed:.0f} s, {asked.kills} kills of each of 4 consumers, {parts['relay']} of"
        f" the relay, {parts['http']} of http, caught up after {caught_up:.1f} s, {len(wrong)} wrong"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
