"""`casestream clock`."""

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, load_config


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def clock(data: Data = DEFAULT_DATA, config: ConfigFile = None) -> None:
        """Bring about what time alone brings about, until stopped; of several, one works at a time.

        Makes room for the next days' events, drops those older than 30 days, deletes inbound records 7 days after they
        were settled, and raw messages that belong to nothing.

        Example: casestream clock --data ./casestream-data
        """
        from pipeline import app as house
        from pipeline.process import run
        from pipeline.ready import announce

        settings = load_config(config, data)
        recount, clock = house.build_recount(settings), house.build_clock(settings, announce)

        async def start() -> None:
            await recount()
            await clock.run()

        run(start)
