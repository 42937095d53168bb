"""What all tests share: under STRICT=1 a skipped test is a failed one; fresh databases at the price of a copy."""

import asyncio
import os
import uuid
from collections.abc import Callable, Generator, Iterator

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from pipeline.embedded.postgres import DATABASE, PostgresServer
from pipeline.replay.throwaway import throwaway_postgres

# what holds up a landing is the same each time; who runs the tests by hand looks further
settings.register_profile("strict", derandomize=True)
if os.environ.get("STRICT") == "1":
    settings.load_profile("strict")


@pytest.fixture(scope="session")
def throwaway_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of the session that nobody kills; nothing in it is safe from a loss of power."""
    with asyncio.Runner() as runner:
        opened = throwaway_postgres()
        yield runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
def new_database(throwaway_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes an empty database in which the migrations have run, and returns its dsn; gone when the test is over."""
    made: list[str] = []

    def make() -> str:
        made.append(f"t{uuid.uuid4().hex[:12]}")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        with psycopg.connect(throwaway_server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(create.format(sql.Identifier(made[-1]), sql.Identifier(DATABASE)))
        return throwaway_server.dsn(made[-1])

    yield make
    with psycopg.connect(throwaway_server.dsn("postgres"), autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hold each test to STRICT."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Hold each file to STRICT: a file may skip itself as a whole."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("STRICT") != "1" or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    report.outcome = "failed"
    report.longrepr = f"STRICT=1 allows no skipped test; this one says: {reason}"
