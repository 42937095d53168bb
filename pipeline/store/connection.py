"""A connection to PostgreSQL, whose errors say whether the same may succeed later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from pipeline.errors import Retry

LOOK_UP = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
"""For connections that only ever look rows up, however many there are.

A plan that was made while a table was small would read all of it each time, until PostgreSQL counts its rows anew.
"""

_AGAIN = frozenset({"23505", "40001", "40P01", "55P03", "25P03", "25P04", "57014"})
_AGAIN_CLASSES = ("08", "57P0", "53")


def is_retry(error: psycopg.Error) -> bool:
    """Whether the same transaction may succeed later: conflicts, time-outs, cancelling, a server that is away or full.

    Source: PostgreSQL's error codes (appendix A): 23505, 40001, 40P01, 55P03, 25P03, 25P04, 57014, classes 08
    and 53, 57P0x.
    """
    code = error.sqlstate
    if code is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return code in _AGAIN or code.startswith(_AGAIN_CLASSES)


@asynccontextmanager
async def retryable() -> AsyncIterator[None]:
    """Turn PostgreSQL's passing errors into Retry; others are bugs and stay what they are."""
    try:
        yield
    except psycopg.Error as error:
        if is_retry(error):
            raise Retry(f"PostgreSQL: {error.sqlstate or type(error).__name__} {error}".strip()) from error
        raise


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection for one transaction that commits at the end of the block. Raises Retry as `is_retry` says."""
    async with retryable(), await psycopg.AsyncConnection.connect(dsn, connect_timeout=5) as connection:
        yield connection
