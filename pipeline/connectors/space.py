"""Refuses new messages before the disk is full."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import Retry

RECHECK_SECONDS = 1.0


def free_share(folder: Path) -> float:
    """Which share of the folder's disk is free for us, 0.0 to 1.0; a folder still to be made counts as its parent."""
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    return disk.f_bavail / disk.f_blocks if disk.f_blocks else 1.0


class FreeSpace:
    """Knows whether the disk of the data has room, and asks it at most once a second."""

    def __init__(
        self,
        folder: Path,
        min_free: float,
        share: Callable[[Path], float] = free_share,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder.absolute()
        self._min_free = min_free
        self._share = share
        self._clock = clock
        self._free = 1.0
        self._asked = float("-inf")

    def check(self) -> None:
        """Return while there is room. Raises Retry when less than the wanted share is free."""
        now = self._clock()
        if now - self._asked >= RECHECK_SECONDS:
            self._free = self._share(self._folder)
            self._asked = now
        if self._free < self._min_free:
            raise Retry(f"only {self._free:.0%} of the disk is free, {self._min_free:.0%} are kept for what is stored")
