"""`casestream sla`."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from pipeline.domain.kpi import Instance
    from pipeline.domain.sla import Terms

CaseNumber = Annotated[int, typer.Argument(metavar="CASE", help="The case's number.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    sla = typer.Typer(
        help="What was promised to customers.", epilog="Example: casestream sla explain 1001", no_args_is_help=True
    )
    app.add_typer(sla, name="sla")

    @sla.callback()
    def _several() -> None:
        """What was promised to customers."""

    @sla.command()
    def explain(case: CaseNumber, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Show every promise on a case, and of each what its time is made of: a receipt.

        Example: casestream sla explain 1001
        """
        from pipeline.agents.promises.agreed import compile_pledges

        settings = require_servers(load_config(config, data))
        found = answer(_promised(settings.postgres.dsn, case))
        if found is None:
            refuse(f"there is no case {case}")
        instances, now = found
        terms = compile_pledges(settings).terms
        for instance in instances:
            shown = explained(case, instance, terms, now)
            if json:
                print_json(shown)
            else:
                typer.echo("\n".join(text_of(shown)))
        if not instances and not json:
            typer.echo(f"nothing was promised on case {case}")


async def _promised(dsn: str, number: int) -> "tuple[list[Instance], datetime] | None":
    from pipeline.store.kpi import promised_on

    return await promised_on(dsn, number)


def explained(case: int, instance: "Instance", terms: "Terms", now: datetime) -> Mapping[str, Any]:
    """A promise and its receipt, as JSON says it."""
    from pipeline.domain.receipt import receipt

    hours = terms.hours(instance)
    whole = receipt(instance, hours, now)
    zone = hours.zone
    times = {
        name: at.astimezone(zone) if (at := getattr(instance, name)) is not None else None
        for name in ("warn_at", "fail_at", "warned_at", "breached_at", "succeeded_at", "ended_at")
    }
    return {
        "case": case,
        "name": instance.kpi,
        "sla": instance.sla,
        "state": instance.state,
        "late": instance.late,
        "counts_from": instance.value.astimezone(zone),
        **times,
        "elapsed_s": whole.elapsed.total_seconds(),
        "paused_s": whole.paused.total_seconds(),
        "intervals": [
            {
                "from": line.start,
                "to": line.end,
                "kind": line.kind,
                "cause": line.cause,
                "seconds": line.length.total_seconds(),
            }
            for line in whole.lines
        ],
    }


def text_of(shown: Mapping[str, Any]) -> Iterator[str]:
    """The receipt as lines for people."""
    yield f"{shown['name']} ({shown['sla']}): {'met late' if shown['late'] else shown['state']}"
    if shown["fail_at"] is not None:
        yield f"  due        {_moment(shown['fail_at'])}"
    for line in shown["intervals"]:
        counted = _length(line["seconds"]) if line["seconds"] else ""
        yield f"  {_moment(line['from'])}  {_moment(line['to'])}  {line['kind']:<8} {counted:>10}  {line['cause']}"
    yield f"  used {_length(shown['elapsed_s'])}, paused {_length(shown['paused_s'])}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def _length(seconds: float) -> str:
    return str(timedelta(seconds=seconds))
