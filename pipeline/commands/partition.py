"""`casestream partition`."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

Name = Annotated[str, typer.Argument(metavar="TOPIC/PARTITION", help="As `casestream partition list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    partition = typer.Typer(
        help="The partitions that messages wait in.", epilog="Example: casestream partition list", no_args_is_help=True
    )
    app.add_typer(partition, name="partition")

    @partition.command(name="list")
    def list_partitions(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Show how far each partition is settled, and which are stopped, with the reason.

        Example: casestream partition list --json
        """
        from pipeline.store.ledger import PostgresLedger

        settings = require_servers(load_config(config, data))
        for row in answer(PostgresLedger(settings.postgres.dsn).partitions()):
            if json:
                print_json({**asdict(row), "balanced": row.balanced})
            else:
                state = f"STOPPED: {row.stopped_reason}" if row.stopped_reason else ""
                where = f"{row.topic}/{row.partition}"
                typer.echo(
                    f"{where:<24} next {row.next:>10}  settled {row.settled:>10}  gaps {row.gaps}  {state}".rstrip()
                )

    @partition.command()
    def resume(name: Name, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Let a stopped partition go on; its errors count anew from here.

        Example: casestream partition resume inbound.email/3
        """
        from pipeline.store.ledger import PostgresLedger
        from pipeline.wire import Partition

        topic, separator, number = name.rpartition("/")
        if not separator or not topic or not number.isdecimal():
            raise typer.BadParameter(f"{name!r} is no partition; write one like inbound.email/3")
        settings = require_servers(load_config(config, data))
        if not answer(PostgresLedger(settings.postgres.dsn).resume(Partition(topic, int(number)))):
            refuse(f"{name} is not stopped")
        print_json({"partition": name, "state": "resumed"}) if json else typer.echo(f"{name} goes on")
