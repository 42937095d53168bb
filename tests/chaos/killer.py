"""Kills parts at random, and stops some, workers in their transactions, for longer than anybody waits."""

import os
import threading
import time
from collections import Counter
from contextlib import suppress
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP

import psutil
import psycopg

from .desk import UpDesk

EVERY = (1.0, 5.0)
HELD = (12.0, 15.0)
"""Seconds for which one is stopped: a worker's group and its transaction give it up after 10."""
CAUGHT_WITHIN = 6.0
STOP = "stop"

READER = "reader"
"""The process in which a worker has its messages read; no part of the desk by itself."""

_WEIGHTS = {"worker": 5, READER: 3, "smtp": 2, "http": 2, "relay": 3, "kafka": 2, "postgres": 2, "clock": 1, STOP: 6}
_HELD = ("worker", "worker", "worker", "worker", READER, "relay", "smtp", "http", "kafka")
_IDLE_IN_TRANSACTION = """
SELECT pid, xact_start, state_change FROM pg_stat_activity
WHERE state = 'idle in transaction' AND backend_type = 'client backend' AND datname = current_database()
"""


class Killer:
    """Does its work in a thread between `start` and `stop`; `kills` counts by part."""

    def __init__(self, desk: UpDesk, chance: Random) -> None:
        self.kills: Counter[str] = Counter()
        self.stops: Counter[str] = Counter()
        self.stops_in_transaction = 0
        self._desk = desk
        self._chance = chance
        self._ended = threading.Event()
        self._killed: set[int] = set()
        self._held: int | None = None
        self._holding: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Return when nobody is stopped any more."""
        self._ended.set()
        self._thread.join()
        if self._holding is not None:
            self._holding.join()

    def _run(self) -> None:
        while not self._ended.wait(self._chance.uniform(*EVERY)):
            kinds = list(_WEIGHTS)
            while kinds:
                kind = self._chance.choices(kinds, [_WEIGHTS[one] for one in kinds])[0]
                if self._do(kind):
                    break
                kinds.remove(kind)

    def _do(self, kind: str) -> bool:
        """Whether there was somebody to do it to."""
        if kind == STOP:
            return self._begin_to_hold()
        victims = self._alive(kind)
        if not victims:
            return False
        pid = self._chance.choice(victims)
        os.kill(pid, SIGKILL)
        self._killed.add(pid)
        self.kills[kind] += 1
        return True

    def _begin_to_hold(self) -> bool:
        if self._holding is not None and self._holding.is_alive():
            return False
        kind = self._chance.choice(_HELD)
        victims = self._alive(kind)
        if victims:
            self._held = self._chance.choice(victims)
            work = (kind, self._held)
            self._holding = threading.Thread(target=self._hold, args=work, name="hold", daemon=True)
            self._holding.start()
        return bool(victims)

    def _alive(self, kind: str) -> list[int]:
        """Processes of the desk's own that do this work and were not killed yet; who is stopped shall wake up."""
        if kind == READER:
            return [
                child
                for pid in self._alive("worker")
                for child in _children(pid)
                if child not in {self._held, *self._killed}
            ]
        found = []
        for name, part in self._desk.parts().items():
            pid = part["pid"]
            if name.split("-")[0] == kind and pid not in {None, self._held, *self._killed}:
                with suppress(psutil.NoSuchProcess):
                    if psutil.Process(pid).ppid() == self._desk.pid:
                        found.append(pid)
        return found

    def _hold(self, kind: str, pid: int) -> None:
        """Stop a process, a worker in its transaction if that can be caught, until everybody has given it up."""
        try:
            if kind == "worker":
                self.stops_in_transaction += self._catch(pid)
            else:
                os.kill(pid, SIGSTOP)
            self.stops[kind] += 1
            time.sleep(self._chance.uniform(*HELD))  # for so long it is dead to all others
            os.kill(pid, SIGCONT)
        except ProcessLookupError:
            pass  # it ended by itself before it could be stopped
        finally:
            self._held = None

    def _catch(self, pid: int) -> bool:
        """Stop it; whether it stands in a transaction."""
        deadline = time.monotonic() + CAUGHT_WITHIN
        with suppress(psycopg.Error), psycopg.connect(self._desk.dsn, autocommit=True, connect_timeout=5) as connection:
            while time.monotonic() < deadline:
                os.kill(pid, SIGSTOP)
                time.sleep(0.02)  # PostgreSQL ends the statement that is under way
                if (before := _in_transaction(connection)) and self._still_there(connection, before):
                    return True
                os.kill(pid, SIGCONT)
                time.sleep(self._chance.uniform(0.005, 0.05))
        os.kill(pid, SIGSTOP)
        return False

    def _still_there(self, connection: psycopg.Connection, before: set[tuple[object, ...]]) -> bool:
        time.sleep(0.1)  # nobody who runs thinks for so long between two statements
        return bool(before & _in_transaction(connection))


def _children(pid: int) -> list[int]:
    with suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def _in_transaction(connection: psycopg.Connection) -> set[tuple[object, ...]]:
    return set(connection.execute(_IDLE_IN_TRANSACTION).fetchall())
