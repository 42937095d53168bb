"""`casestream mailboxes`."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.connectors.imap_trial import Trial


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def mailboxes(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Log in to each mailbox that is read over IMAP, and tell what waits there or what is in the way.

        Changes nothing. Exits with 1 when a mailbox cannot be read.

        Example: casestream mailboxes --config casestream.toml
        """
        trials = asyncio.run(_try(load_config(config, data)))
        for trial in trials:
            if json:
                print_json(asdict(trial))
            else:
                typer.echo(_line(trial))
        if not trials:
            typer.echo("casestream: no [[mailbox]] has imap", err=True)
        if any(trial.failure for trial in trials):
            raise typer.Exit(1)


async def _try(config: Config) -> "Sequence[Trial]":
    from pipeline.connectors.contract import utc_now
    from pipeline.connectors.imap_trial import try_mailbox
    from pipeline.store.bookmarks import MemoryBookmarks, PostgresBookmarks

    desk_runs = config.postgres.dsn != "embedded"  # else nobody has said where it is, and nothing is known
    bookmarks = PostgresBookmarks(config.postgres.dsn) if desk_runs else MemoryBookmarks()
    read = [mailbox for mailbox in config.mailbox if mailbox.imap]
    return await asyncio.gather(*(try_mailbox(mailbox, bookmarks, utc_now) for mailbox in read))


def _line(trial: "Trial") -> str:
    if trial.failure:
        return f"{trial.address}: FAILS, {trial.folder}: {trial.failure}"
    waiting = "not read yet" if trial.waiting is None else f"{trial.waiting} of them wait to be read"
    how = "tells of new mail" if trial.idle else "is asked for new mail"
    return f"{trial.address}: works, {trial.folder} holds {trial.mails} mails, {waiting}; the server {how}"
