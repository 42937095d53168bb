"""`casestream init`."""

from pathlib import Path
from typing import Annotated

import typer

TEMPLATE = Path(__file__).parent / "casestream.toml"


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(init)


def init(
    config: Annotated[Path, typer.Option("--config", help="The file to write.")] = Path("casestream.toml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a configuration with every setting, its meaning and its default.

    Example:
      casestream init --config casestream.toml
    """
    try:
        with config.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE.read_text("utf-8"))
    except FileExistsError:
        typer.echo(f"{config} is there already; --force writes over it", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{config} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"wrote {config}; `casestream check --config {config}` explains what is wrong after you changed it")
