"""How a worker's process ends when it must not go on."""

import logging
import os
import sys
import threading
from typing import Protocol

import structlog

STALLED = 71
"""The exit code after no progress although there was something to settle; the supervisor starts the worker again."""

_log = structlog.get_logger(__name__)
_once = threading.Lock()


class End(Protocol):
    """Ends the process; the fake of unit tests notes the call and returns."""

    def __call__(self, code: int, reason: str, error: BaseException | None = None) -> None:
        """End with this exit code, after one line that says why."""


def end_process(code: int, reason: str, error: BaseException | None = None) -> None:
    """Log why, and end at once; from any thread, without a chance for anything else to run.

    What was in flight is rolled back by PostgreSQL or was never settled, so nothing needs to be tidied.
    """
    if not _once.acquire(blocking=False):
        return
    _log.critical("worker ends", exit_code=code, reason=reason, exc_info=error)
    logging.shutdown()
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code)
