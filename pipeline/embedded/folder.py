"""The data folder: one supervisor's at a time, with enough room, whole."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.embedded import durable
from pipeline.errors import Stop

LOCK = "lock"
LEAST_FREE = 200 * 1024 * 1024
LOW_SHARE = 0.15
"""Under this share of free disk the connectors send mail and forms away for later."""

_PATIENCE = 0.5
"""Seconds for which `status`, that looks whether the lock is held, may be in our way."""


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the folder, made if need be. Raises Stop, naming the process, when another supervisor holds it."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Stop(f"{data} cannot be used as the data folder: {error.strerror}.") from error
    with os.fdopen(lock, "r+", encoding="ascii") as file:
        deadline = time.monotonic() + _PATIENCE
        while not _take(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise Stop(f"{data} is in use by a casestream that already runs, process {file.read().strip()}.")
            time.sleep(0.02)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def holder(data: Path) -> int | None:
    """The process id of the supervisor that holds the folder now."""
    try:
        lock = os.open(data / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        held = not _take(lock, fcntl.LOCK_SH)
        pid = os.read(lock, 32).decode("ascii").strip()
    finally:
        os.close(lock)
    return int(pid) if held and pid else None


def low_space(data: Path) -> str | None:
    """A sentence when the folder's disk is filling up. Raises Stop when it is too full to start on."""
    usage = shutil.disk_usage(data)
    return judge_space(usage.free, usage.total)


def judge_space(free: int, total: int) -> str | None:
    """The same for a disk of `total` bytes of which `free` are free."""
    says = f"the disk has {free // 2**20} MB free ({free / total:.0%})"
    if free < LEAST_FREE:
        raise Stop(f"{says}; at least {LEAST_FREE // 2**20} MB are needed, make room and start again.")
    if free < total * LOW_SHARE:
        return f"{says}; under {LOW_SHARE:.0%} new messages are sent away for later, make room."
    return None


def finish_creation(*folders: Path) -> bool:
    """Whether what the folders hold is there, after a creation that was interrupted has been finished or undone.

    All are first made as `NAME.new` (see `unborn`) and renamed when all are complete, so a `.new` beside a renamed one
    is complete. Raises Stop when some are there and others are not: going on would lose or double messages.
    """
    there = [folder for folder in folders if folder.exists()]
    for folder in folders:
        if there and folder not in there and unborn(folder).exists():
            name_unborn(folder)
            there.append(folder)
        shutil.rmtree(unborn(folder), ignore_errors=True)
    if not there:
        return False
    if missing := [folder for folder in folders if folder not in there]:
        raise Stop(
            f"{there[0]} is there but {missing[0]} is missing, and one without the other would lose or double "
            f"messages; restore {missing[0].name} from the same backup, or move {there[0].name} away to start anew."
        )
    return True


def unborn(folder: Path) -> Path:
    """Where a folder is made before it gets its name."""
    return folder.with_name(f"{folder.name}.new")


def name_unborn(folder: Path) -> None:
    """Give a folder that is complete its name, for good."""
    durable.rename(unborn(folder), folder)


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
