"""`casestream work`."""

from typing import Annotated

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, load_config

Channels = Annotated[
    str | None, typer.Option("--channels", metavar="A,B", help="Those to settle, with commas between; else all.")
]
Slot = Annotated[
    str | None, typer.Option("--slot", help="This worker's name: its next process takes over its partitions at once.")
]


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def work(
        channels: Channels = None, slot: Slot = None, data: Data = DEFAULT_DATA, config: ConfigFile = None
    ) -> None:
        """Settle what the connectors published, until stopped; each channel is independent of the others.

        Exits with 70 after an error and 71 without progress (start it again), 78 when a person must look.

        Example: casestream work --channels email,web --slot worker-1
        """
        from pipeline import app as house
        from pipeline.process import run

        settings = load_config(config, data)
        run(house.build_worker(settings, _channels(channels), slot).run)


def _channels(text: str | None) -> list[str]:
    from pipeline.topics import CHANNELS

    if text is None:
        return list(CHANNELS)
    chosen = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in chosen if name not in CHANNELS]:
        raise typer.BadParameter(f"there is no channel {unknown[0]!r}; there are: {', '.join(CHANNELS)}")
    return chosen
