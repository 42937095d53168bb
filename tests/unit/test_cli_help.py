"""Every verb of the command line shows an example in its help."""

from collections.abc import Iterator

import click
import pytest
import typer.main
from typer.testing import CliRunner

from pipeline.cli import app


def _verbs(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    commands = getattr(command, "commands", {})
    if path or not commands:
        yield path
    for name, inner in commands.items():
        yield from _verbs(inner, (*path, name))


VERBS = list(_verbs(typer.main.get_command(app)))


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_its_help_has_an_example(verb: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert f"casestream {' '.join(verb)}" in result.output, "show one call of it under an `Example:`"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_its_help_says_what_it_does_in_its_first_line(verb: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert any(line.strip().endswith((".", "…")) for line in result.output.splitlines()), "begin with one sentence"
