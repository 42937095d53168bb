"""Servers that a test may kill and start again."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from signal import SIGKILL
from typing import LiteralString, ParamSpec

import psycopg
from psycopg import sql

from pipeline.embedded.child import Child
from pipeline.embedded.kafka import KafkaServer
from pipeline.embedded.postgres import PostgresServer

P = ParamSpec("P")

READY_WITHIN = 60.0


class Running:
    """A server that a test may kill and start again."""

    def __init__(self, server: KafkaServer | PostgresServer) -> None:
        self._server = server
        in_a_loop_of_its_own(server.create, server.data)
        self._child: Child | None = None
        self.start()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None and self._child.running else None

    def start(self) -> None:
        """Start it unless it runs, and return when it is ready."""
        if self.pid is None:
            self._child = self._server.spawn()
            in_a_loop_of_its_own(self._ready)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._child is not None
        self._child.send(SIGKILL)
        eventually(lambda: self.pid is None)

    def stop(self) -> None:
        """End it in peace."""
        if self._child is not None:
            in_a_loop_of_its_own(self._child.stop, self._server.stop_signal, 10)

    async def _ready(self) -> None:
        await asyncio.wait_for(self._server.ready(), READY_WITHIN)


class RunningKafka(Running):
    """The Kafka of the session."""

    def __init__(self, server: KafkaServer) -> None:
        super().__init__(server)
        self.address = server.address


class RunningPostgres(Running):
    """The PostgreSQL of the session."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        self.dsn = server.dsn

    def execute(self, statement: LiteralString, *names: str) -> None:
        """Run a statement on the server as a whole, such as `CREATE DATABASE {}`."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def in_a_loop_of_its_own(function: Callable[P, Coroutine[None, None, None]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run it to its end, whether or not the caller is in an event loop; processes are never started in here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(function(*args, **kwargs))).result()


def eventually(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Return once the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
