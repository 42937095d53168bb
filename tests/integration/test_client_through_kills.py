"""Consumers that are killed while events flow, and the relay with them: their copies equal the database."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from chaos.consumer import copiers, flow, recorders, what_is_wrong
from desk import Desk

from pipeline.commands.serve import STOP_SECONDS
from pipeline.config.sections import Kafka
from pipeline.embedded import ports

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


class Part:
    """A part of the desk as a process."""

    def __init__(self, desk: Desk, verb: str) -> None:
        self._command = desk.command(verb)
        self._log = desk.folder / f"{verb}.log"
        self._process = self._start()

    def restart(self) -> None:
        """Kill it and start it again."""
        self._process.kill()
        self._process.wait(10)
        self._process = self._start()

    def stop(self) -> None:
        """End it in peace."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(20) == 0

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, stderr=log, env=os.environ)  # noqa: S603  # ours


@contextmanager
def running(desk: Desk, verb: str) -> Iterator[Part]:
    part = Part(desk, verb)
    try:
        yield part
    finally:
        part.stop()


def test_their_copies_equal_the_database(tmp_path: Path, migrated: str, topics: Kafka) -> None:
    port = ports.free()
    desk = Desk(tmp_path, migrated, topics, more=f'[http]\nlisten = "127.0.0.1:{port}"\n')
    made = desk.casestream("token", "create", "copy", "--scope", "events:read", "--scope", "cases:read", "--json")
    token = orjson.loads(made.stdout)["token"]
    chance = random.Random(4711)  # noqa: S311  # who is killed when
    where = (tmp_path, f"http://127.0.0.1:{port}", topics.servers, topics.topic_prefix, token)
    with running(desk, "relay") as relay, running(desk, "serve") as serve:
        copies, notes = copiers(*where), recorders(*where)

        def kill() -> None:
            chance.choice(copies).kill()
            chance.choice(notes).kill()
            relay.restart()

        try:
            asyncio.run(flow(desk.dsn, 1500, 3, kill, chance, every=(0.5, 1.5)))
            assert what_is_wrong(desk.dsn, copies, notes) == []
            began = time.monotonic()
            serve.stop()
            assert time.monotonic() - began < STOP_SECONDS, "who listens does not hold up the end"
        finally:
            for one in (*copies, *notes):
                one.end()
