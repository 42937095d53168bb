"""`casestream timers`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from pipeline.store.failing_timers import FailingTimer

Key = Annotated[str | None, typer.Argument(metavar="KEY", help="The one of this key; all that fail without.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Timers that could not be fired.",
        epilog="Example: casestream timers list --json",
        no_args_is_help=True,
    )
    app.add_typer(verbs, name="timers")

    @verbs.command(name="list")
    def list_failing(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List what failed, with the reason; what is set aside is tried no more. Exits with 1 when anything is.

        Example: casestream timers list --json
        """
        from pipeline.store.failing_timers import FailingTimers

        settings = require_servers(load_config(config, data))
        failing = answer(FailingTimers(settings.postgres.dsn).list())
        for one in failing:
            _print(one, json=json)
        if any(one.set_aside for one in failing):
            raise typer.Exit(1)

    @verbs.command()
    def retry(key: Key = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Let what failed be tried again at once, set aside or not. Exits with 1 when nothing did.

        Example: casestream timers retry 019a3c40-0000-7000-8000-000000000001
        """
        from pipeline.store.failing_timers import FailingTimers

        settings = require_servers(load_config(config, data))
        tried = answer(FailingTimers(settings.postgres.dsn).retry(key))
        if not tried:
            refuse(f'no timer "{key}" fails' if key else "no timer fails")
        for kind, name in tried:
            if json:
                print_json({"kind": kind, "key": name})
            else:
                typer.echo(f"{kind}  {name}  is tried again")


def _print(one: "FailingTimer", *, json: bool) -> None:
    if json:
        following = None if one.set_aside else one.due
        print_json(
            {
                "kind": one.kind,
                "key": one.key,
                "at": one.at,
                "case": one.case,
                "failures": one.failures,
                "reason": one.reason,
                "next": following,
                "set_aside": one.set_aside,
            }
        )
        return
    then = "set aside" if one.set_aside else f"next at {one.due.isoformat()}"
    about = f"  case {one.case}" if one.case else ""
    typer.echo(f"{one.kind}  {one.key}{about}  failed {one.failures} times, {then}: {one.reason}")
