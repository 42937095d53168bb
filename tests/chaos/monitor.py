"""Looks on while things happen: memory, descriptors, and the ledger's promise at every moment."""

import threading
from collections import defaultdict
from contextlib import suppress

import psutil
import psycopg

from .desk import UpDesk

LOOK_EVERY = 2.0
MAX_RSS_MB = {"kafka": 900, "worker": 400}
OTHER_MAX_RSS_MB = 300
MAX_DESCRIPTORS = 1000

_UNFINISHED = """
WITH settled AS (
    SELECT topic, partition, log_offset FROM message UNION ALL SELECT topic, partition, log_offset FROM dead_letter
)
SELECT topic, partition, next - first - gaps, count(log_offset), coalesce(max(log_offset), first - 1), next
FROM offset_ledger LEFT JOIN settled USING (topic, partition)
GROUP BY topic, partition, next, first, gaps
HAVING count(log_offset) <> next - first - gaps OR max(log_offset) >= next
"""
"""Partitions whose `next` is not exactly behind what has an outcome, in one snapshot."""


class Monitor:
    """Looks every two seconds between `start` and `stop`."""

    def __init__(self, desk: UpDesk) -> None:
        self.breaches: list[str] = []
        self.looks_at_ledger = 0
        self.rss_mb: dict[str, int] = defaultdict(int)
        self.descriptors: dict[str, int] = defaultdict(int)
        self._desk = desk
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after a last look."""
        self._ended.set()
        self._thread.join()
        self._look()

    def too_large(self) -> list[str]:
        """Parts that grew past their bound."""
        found = []
        for name, rss in self.rss_mb.items():
            limit = MAX_RSS_MB.get(name.split("-")[0], OTHER_MAX_RSS_MB)
            if rss > limit or self.descriptors[name] > MAX_DESCRIPTORS:
                found.append(f"{name} grew to {rss} MB and {self.descriptors[name]} descriptors")
        return found

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self._look()

    def _look(self) -> None:
        for name, part in {**self._desk.parts(), "supervisor": {"pid": self._desk.pid}}.items():
            if part["pid"] is not None:
                self._measure(name, part["pid"])
        with suppress(psycopg.Error), psycopg.connect(self._desk.dsn, autocommit=True, connect_timeout=2) as connection:
            for topic, partition, taken, settled, highest, following in connection.execute(_UNFINISHED):
                self.breaches.append(
                    f"{topic}/{partition}: {taken} offsets taken, {settled} with an outcome, up to {highest}, "
                    f"but next is {following}"
                )
            self.looks_at_ledger += 1

    def _measure(self, name: str, pid: int) -> None:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            self.rss_mb[name] = max(self.rss_mb[name], process.memory_info().rss // 2**20)
            self.descriptors[name] = max(self.descriptors[name], process.num_fds())
