"""`casestream check`."""

from pathlib import Path

import typer

from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, check_config, print_json
from pipeline.config import Config
from pipeline.config.check import Checked, Finding
from pipeline.config.values import read_secret


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(check)


def check(config: ConfigFile = None, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Explain every mistake in the configuration: where it stands, what is wrong, what would be right.

    Ends with 0 when there is none and with 2 otherwise. Warnings are shown and change nothing.

    Example:
      casestream check --config casestream.toml
    """
    checked, name = check_config(config, data)
    if checked.config is not None:
        checked = _with_mail(checked, checked.config, name)
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


def _with_mail(checked: Checked, config: Config, name: str) -> Checked:
    """The same with what is wrong in the files that mail is worded and signed with."""
    from pipeline.dispatch.mail.signing import BadKeyError, read_key
    from pipeline.dispatch.mail.template_check import check_folder

    found = [*checked.findings]
    if config.templates.path:
        faults = check_folder(Path(config.templates.path))
        found += [Finding(str(fault.file), fault.line, fault.says) for fault in faults]
    for key in config.mail.dkim:
        if not key.key.startswith(("env:", "file:")):
            says = "[[mail.dkim]] key: a secret stands here in the open; write file:PATH or env:NAME"
            found.append(Finding(name, None, says, mistake=False))
        try:
            signing = read_key(key.domain, key.selector, read_secret(key.key))
            if not any(signing.fits(mailbox.address) for mailbox in config.mailbox):
                says = f"[[mail.dkim]] {key.domain} is the domain of no [[mailbox]]: what leaves is not signed with it"
                found.append(Finding(name, None, says, mistake=False))
        except LookupError as error:
            found.append(Finding(name, None, f"[[mail.dkim]] {error}, here at least", mistake=False))
        except BadKeyError as error:
            found.append(Finding(name, None, str(error)))
    right = not any(finding.mistake for finding in found)
    return Checked(config if right else None, tuple(found))


def _summary(config: Config) -> str:
    counts = {"queue": config.queue, "mailbox": config.mailbox, "form": config.form}
    plural = {"queue": "queues", "mailbox": "mailboxes", "form": "forms"}
    return ", ".join(f"{len(few)} {word if len(few) == 1 else plural[word]}" for word, few in counts.items())
