"""`casestream migrate`, and `casestream resync` after a log or a database was replaced."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.store.resync import Resync

To = Annotated[int | None, typer.Option("--to", min=0, help="The version to go to; the newest unless given.")]
Yes = Annotated[bool, typer.Option("--yes", help="Raise the numbers although nothing is out of step.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command()
    def migrate(to: To = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Bring the database's schema to the newest version, or to another; going back loses what the newer one holds.

        Example: casestream migrate --data casestream-data
        """
        done = answer(_migrate(require_servers(load_config(config, data)), to))
        for step in done:
            print_json({"done": step}) if json else typer.echo(step)
        if not done and not json:
            typer.echo("the database is at that version already")

    @app.command()
    def resync(yes: Yes = False, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Go on with a log that is not the one the ledger knew; stop workers and connectors first.

        A partition of another or shorter log is settled from its start, and what was settled before is found as a
        duplicate; plain readings are not, they may be there twice. Where only the front of a log is gone, what is lost
        is noted as a gap. Case numbers and event sequences rise by 1,000,000, past all that was ever used.

        Example: casestream resync --data casestream-data
        """
        done = answer(_resync(require_servers(load_config(config, data)), anyway=yes))
        _tell(done, json=json)
        if not done.numbers_raised:
            refuse("the log and the ledger are in step; --yes raises the numbers all the same (after a restore)")
        if not json:
            typer.echo("case numbers and event sequences rose by 1,000,000")


def _tell(done: "Resync", *, json: bool) -> None:
    for partition in done.replaced:
        name = f"{partition.topic}/{partition.partition}"
        print_json({"partition": name, "log": "new"}) if json else typer.echo(
            f"{name}: a new log, settled from its start"
        )
    for partition, count in done.lost.items():
        name = f"{partition.topic}/{partition.partition}"
        says = f"{name}: {count} records are lost, and noted as a gap"
        print_json({"partition": name, "lost": count}) if json else typer.echo(says)
    if json:
        print_json({"numbers_raised": done.numbers_raised})


async def _migrate(config: Config, to: int | None) -> list[str]:
    from pipeline.store.connection import retryable
    from pipeline.store.migrate import migrate

    async with retryable():
        return await migrate(config.postgres.direct, to)


async def _resync(config: Config, *, anyway: bool) -> "Resync":
    from pipeline.kafka_admin import KafkaJanitor
    from pipeline.store.resync import resync

    cluster, bounds = await KafkaJanitor(config.kafka).look()
    return await resync(config.postgres.direct, cluster, bounds, anyway=anyway)
