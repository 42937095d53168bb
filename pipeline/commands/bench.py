"""`casestream bench`."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.answers import refuse
from pipeline.commands.options import Json, print_json

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one; without, those that there are.")]
Arguments = Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENTS]...", help="What it is given, after `--`.")]

FOLDER = Path(__file__).parents[2] / "bench"
"""Beside the package in the project's folder; an installed package has none."""


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def bench(name: Name = None, arguments: Arguments = None, json: Json = False) -> None:
        """Measure one of the figures that the README names, with servers of its own; without a name, list them.

        The last line that it prints is the figure.

        Example: casestream bench timers -- --armed 100000
        """
        there = scripts(FOLDER)
        if not there:
            refuse(f"there are no benches here ({FOLDER}); they come with the project, not with its package")
        if name is None:
            for one, says in there.items():
                print_json({"name": one, "says": says}) if json else typer.echo(f"{one:<16} {says}")
            return
        if name not in there:
            typer.echo(f"there is no bench {name}; there are: {', '.join(there)}", err=True)
            raise typer.Exit(2)
        raise typer.Exit(_run([sys.executable, str(FOLDER / f"{name}.py"), *(arguments or ())], name, json=json))


def scripts(folder: Path) -> dict[str, str]:
    """Those that can be run by themselves, with what each says of itself in its first line."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        text = file.read_text("utf-8")
        if '__name__ == "__main__"' in text:
            found[file.stem] = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    return found


def _run(command: list[str], name: str, *, json: bool) -> int:
    """Let it print as it goes; with `json` only its last line is told."""
    if not json:
        return subprocess.run(command, check=False).returncode  # noqa: S603  # a script of the project
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603  # the same
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    print_json({"name": name, "exit": done.returncode, "figure": lines[-1] if lines else None})
    return done.returncode
