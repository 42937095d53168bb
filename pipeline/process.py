"""Runs one part as a process: logging, the signals that end it, its exit code."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine

import structlog
import uvloop

from pipeline.errors import Retry, Stop

STOPPED = 78
"""Exit code when a person must look (EX_CONFIG of sysexits.h)."""
FAILED = 70
"""Exit code of what may be started again (EX_SOFTWARE of sysexits.h)."""


def log_plainly() -> None:
    """Log lines to standard error, a line an event, with its fields."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form, stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def collect_seldom() -> None:
    """Look for cycles seldom: a batch makes very many objects and next to no cycles, and what was built stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)


_COLLECT_AFTER = 200_000
"""Objects more than at the last look; one batch of 500 mails makes about as many, and they go with it."""


def run(part: Callable[[], Awaitable[None]]) -> None:
    """Run a part until it ends, or until SIGTERM or SIGINT cancel it. Exits with FAILED or STOPPED on its errors."""
    log_plainly()
    collect_seldom()
    try:
        uvloop.run(_until_signalled(part))
    except Retry as error:
        structlog.get_logger().warning("ended, to be started again", reason=str(error))
        sys.exit(FAILED)
    except Stop as error:
        structlog.get_logger().critical("stopped", reason=str(error))
        sys.exit(STOPPED)


def run_listening(part: Coroutine[None, None, None]) -> None:
    """Run what listens until it ends; it minds the signals itself. Exits with STOPPED, saying why in a sentence."""
    log_plainly()
    try:
        uvloop.run(part)
    except Stop as error:
        sys.stderr.write(f"casestream: {error}\n")
        sys.exit(STOPPED)


async def _until_signalled(part: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(part())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        structlog.get_logger().info("stopped by a signal")
