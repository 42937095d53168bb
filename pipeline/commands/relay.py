"""`casestream relay`."""

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, load_config


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def relay(data: Data = DEFAULT_DATA, config: ConfigFile = None) -> None:
        """Publish events to Kafka, in order, until stopped; one relay is active, others stand by.

        Exits with 70 when PostgreSQL went away (the lock is lost then): start it again.

        Example: casestream relay --data ./casestream-data
        """
        from pipeline import app as house
        from pipeline.process import run
        from pipeline.ready import announce

        settings = load_config(config, data)
        run(house.build_relay(settings, announce).run)
