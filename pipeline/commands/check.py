"""`casestream check`."""

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, check_config, print_json
from pipeline.config import Config


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(check)


def check(config: ConfigFile = None, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    r"""Explain every mistake in the configuration: where it stands, what is wrong, what would be right.

    Ends with 0 when there is none and with 2 otherwise. Warnings are shown and change nothing.

    \b
    Example:
      casestream check --config casestream.toml
    """
    checked, name = check_config(config, data)
    if json:
        for found in checked.findings:
            severity = "mistake" if found.mistake else "warning"
            print_json({"severity": severity, "file": found.source, "line": found.line, "message": found.says})
        mistakes = len(checked.mistakes)
        print_json({"right": not mistakes, "mistakes": mistakes, "warnings": len(checked.findings) - mistakes})
    else:
        for found in checked.findings:
            typer.echo(str(found), err=found.mistake)
        if checked.config:
            typer.echo(f"{name} is right: {_summary(checked.config)}")
    if checked.config is None:
        raise typer.Exit(2)


def _summary(config: Config) -> str:
    counts = {"queue": config.queue, "mailbox": config.mailbox, "form": config.form}
    plural = {"queue": "queues", "mailbox": "mailboxes", "form": "forms"}
    return ", ".join(f"{len(few)} {word if len(few) == 1 else plural[word]}" for word, few in counts.items())
