"""`casestream demo`."""

import asyncio
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import print_json

if TYPE_CHECKING:
    from pipeline.demo.balance import Balance
    from pipeline.demo.run import Asked

For = Annotated[
    str | None, typer.Option("--for", metavar="TIME", help="End by itself after so long, such as 30s or 5m.")
]
Rate = Annotated[float, typer.Option("--rate", min=0.1, max=2000, help="Messages a second.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Worker processes.")]
Json = Annotated[bool, typer.Option("--json", help="The accounts as one JSON object; all else to standard error.")]
Data = Annotated[Path | None, typer.Option("--data", help="Keep the data there; else they are removed at the end.")]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""

    @app.command()
    def demo(time: For = None, rate: Rate = 30.0, workers: Workers = 1, data: Data = None, json: Json = False) -> None:
        """Run a whole desk under made-up traffic, and show at the end that nothing was lost or doubled.

        Mail over SMTP; web forms, phone calls and signed social webhooks over HTTP; devices over MQTT: all to real
        ports on this machine. Kill any of its processes meanwhile.
        Exits with 0 when the accounts balance, with 1 when they do not.

        Example: casestream demo --for 30s --json
        """
        from pipeline.demo.run import Asked

        seconds = _seconds(time) if time is not None else None
        folder = data.absolute() if data else Path(tempfile.mkdtemp(prefix="casestream-demo-"))
        asked = Asked(data=folder, keep=data is not None, seconds=seconds, rate=rate, workers=workers)
        found = _run(asked, to_stderr=json)
        if found is None:
            raise typer.Exit(INTERRUPTED)
        if json:
            print_json(found.as_json())
        raise typer.Exit(1 if found.wrong else 0)


def _run(asked: "Asked", *, to_stderr: bool) -> "Balance | None":
    from rich.console import Console

    from pipeline.commands.answers import answer
    from pipeline.commands.options import load_config
    from pipeline.demo.run import demonstrate

    try:
        return answer(demonstrate(asked, load_config, Console(stderr=to_stderr)))
    except asyncio.CancelledError:
        return None


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None or not float(found[1]):
        raise typer.BadParameter(f"{text!r} is no time; write one like 30s or 5m")
    return float(found[1]) * _UNITS[found[2]]
