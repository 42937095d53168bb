"""`casestream parse`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.commands.options import ConfigFile, Json, print_bytes
from pipeline.commands.parsers import CHANNELS
from pipeline.commands.parsers.channel import Asked, Reader
from pipeline.config import Config

Format = Annotated[str | None, typer.Option("--format", help="What wrote the files; guessed otherwise.")]
Topic = Annotated[str | None, typer.Option("--topic", help="The MQTT topic that the files came by.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command(epilog="Example: casestream parse email message.eml --json")
    def parse(
        channel: Annotated[str, typer.Argument(help=f"What the files are: {', '.join(CHANNELS)}.", show_default=False)],
        files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Messages as received.", show_default=False)],
        config: ConfigFile = None,
        format_: Format = None,
        topic: Topic = None,
        json: Json = False,
    ) -> None:
        """Print what the pipeline reads in each message, without any server."""
        import orjson

        _check(channel, format_, topic)
        reader = CHANNELS[channel].reader(Asked(_settings(config), format_, topic))
        option = orjson.OPT_UTC_Z | (0 if json else orjson.OPT_INDENT_2)
        for file in files:
            for found in _objects(file, reader):
                print_bytes(
                    orjson.dumps({"file": _printable(file), **found}, option=option | orjson.OPT_APPEND_NEWLINE)
                )


def _check(channel: str, format_: str | None, topic: str | None) -> None:
    known = CHANNELS.get(channel)
    if known is None:
        wrong = f"there is no channel {channel} to parse; there are: {', '.join(CHANNELS)}"
    elif format_ is not None and format_ not in known.formats:
        formats = f"there are: {', '.join(known.formats)}" if known.formats else "it is not asked for there"
        wrong = f"parse {channel} knows no --format {format_}; {formats}"
    elif topic is not None and not known.topics:
        wrong = f"parse {channel} takes no --topic"
    else:
        return
    typer.echo(wrong, err=True)
    raise typer.Exit(2)


def _objects(file: Path, reader: Reader) -> Iterator[dict[str, Any]]:
    try:
        raw = file.read_bytes()
    except OSError as error:
        yield {"error": f"cannot read it: {error.strerror}"}
        return
    yield from reader(raw)


def _printable(file: Path) -> str:
    """The path as given; bytes that are no UTF-8 cannot stand in JSON."""
    return str(file).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _settings(config: Path | None) -> Config | None:
    """What the configuration says, if there is one; a mistake in it ends the command."""
    if config is None:
        config = Path("casestream.toml")
        if not config.is_file():
            return None
    from tomllib import TOMLDecodeError

    from pydantic import ValidationError

    from pipeline.config import parse_config

    try:
        return parse_config(config.read_text("utf-8"))
    except OSError as error:
        typer.echo(f"{config}: cannot read it: {error.strerror}", err=True)
    except (TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        typer.echo(f"{config}: {error}", err=True)
    raise typer.Exit(2)
