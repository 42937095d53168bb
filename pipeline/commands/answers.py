"""Runs a question to Kafka and PostgreSQL for a verb that answers at once."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer

from pipeline.config import Config
from pipeline.errors import Retry, Stop

T = TypeVar("T")


def refuse(reason: str) -> NoReturn:
    """One line to standard error, and the exit code of a no."""
    typer.echo(f"casestream: {reason}", err=True)
    raise typer.Exit(1)


def require_servers(config: Config) -> Config:
    """The same configuration. Exits with 1 while nobody has said where its servers are."""
    if "embedded" in {config.kafka.servers, config.postgres.dsn}:
        refuse("the embedded Kafka and PostgreSQL of this folder do not run; start `casestream up`, or name --data")
    return config


def answer(question: Coroutine[Any, Any, T]) -> T:
    """The answer. Exits with 1 and one line when a part is away, or when a person must look."""
    from psycopg.errors import UndefinedColumn, UndefinedTable

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the one line below says what its many say
    try:
        return asyncio.run(question)
    except (Retry, Stop) as error:
        refuse(" ".join(str(error).split()))
    except (UndefinedColumn, UndefinedTable):
        refuse("the database has not the schema of this program; run `casestream migrate`")
