"""`casestream quarantine`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.agents.quarantine import Judged
    from pipeline.domain.orders import Refused
    from pipeline.domain.quarantine import Verdict
    from pipeline.store.quarantine import Held

Id = Annotated[str, typer.Argument(metavar="ID", help="The message's id, or the beginning that it has alone.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The messages' ids; the beginning is enough.")]
Dropped = Annotated[bool, typer.Option("--dropped", help="Those that were dropped, instead of those that wait.")]
Most = Annotated[int, typer.Option("--most", min=1, help="How many are listed; the oldest of each queue come first.")]
Agent = Annotated[str | None, typer.Option("--agent", help="Who decides it: an agent's external id.")]

SHOWN = 60
"""Characters of a subject in a list."""


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    quarantine = typer.Typer(
        help="Messages that were put aside for a person to judge.",
        epilog="Example: casestream quarantine list",
        no_args_is_help=True,
    )
    app.add_typer(quarantine, name="quarantine")

    @quarantine.command(name="list")
    def list_held(
        dropped: Dropped = False,
        most: Most = 500,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """List what waits, queue by queue, with its age, its sender and the reason.

        Example: casestream quarantine list --json
        """
        settings = require_servers(load_config(config, data))
        listed, count = answer(_list(settings, dropped=dropped, most=most))
        for told in listed:
            _print(told, json=json)
        if count > len(listed):
            typer.echo(f"{count - len(listed)} more; --most {count} lists them all", err=True)

    @quarantine.command()
    def show(message: Id, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Show one of them whole: who it says it is from, why it was put aside, what the transport knew, its text.

        Example: casestream quarantine show 019a3c
        """
        told = answer(_show(require_servers(load_config(config, data)), message))
        if json:
            print_json(told)
            return
        text = told.pop("text")
        for name, value in {**told.pop("facts"), **told}.items():
            if value is not None:
                typer.echo(f"{name}: {_printable(str(value))}")
        typer.echo(f"\n{_printable(text)}")

    @quarantine.command()
    def release(
        messages: Ids, agent: Agent = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Settle them after all, as if nothing had put them aside; exits with 1 when one cannot be.

        Example: casestream quarantine release 019a3c --agent ana
        """
        from pipeline.domain.quarantine import Release
        from pipeline.process import log_plainly

        log_plainly()
        settings = require_servers(load_config(config, data))
        _tell(answer(_judge(settings, messages, Release, agent)), json=json)

    @quarantine.command()
    def drop(
        messages: Ids, agent: Agent = None, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """Let them wait for nobody any more: they stay stored, and counted as quarantined.

        Example: casestream quarantine drop 019a3c 019a3d
        """
        from pipeline.domain.quarantine import Drop

        settings = require_servers(load_config(config, data))
        _tell(answer(_judge(settings, messages, Drop, agent)), json=json)


def _print(told: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(told)
        return
    says = f"{told['from'] or 'nobody'}  {told['subject'][:SHOWN]}  ({told['reason']})"
    typer.echo(f"{told['id']}  {told['queue'] or 'dropped':<16}  {_age(told['age_s']):>7}  {_printable(says)}")


async def _list(config: Config, *, dropped: bool, most: int) -> tuple[list[dict[str, Any]], int]:
    from pipeline.agents.reading.record import Reader
    from pipeline.store.quarantine import Quarantined

    reader = Reader.of(config)
    store = Quarantined(config.postgres.dsn)
    held = await store.list(dropped=dropped, most=most)
    return [_told(one, reader) for one in held], await store.count(dropped=dropped)


async def _show(config: Config, prefix: str) -> dict[str, Any]:
    from pipeline.agents.reading.record import Reader
    from pipeline.store.quarantine import Quarantined

    store = Quarantined(config.postgres.dsn)
    try:
        held = await store.show(await store.find(prefix))
    except LookupError as error:
        refuse(str(error))
    reader = Reader.of(config)
    facts = {name: value.decode("utf-8", "replace") for name, value in held.record.headers}
    return {**_told(held, reader), "facts": facts, "outcome": held.outcome, "text": _text(held, reader)}


async def _judge(
    config: Config, prefixes: "Sequence[str]", kind: "type[Verdict]", agent: str | None
) -> "list[Judged | Refused]":
    """All of the messages are found before anything is done to one."""
    from pipeline.agents.batch import Deed
    from pipeline.app import build_quarantine
    from pipeline.store.quarantine import Quarantined

    store = Quarantined(config.postgres.dsn)
    quarantine = build_quarantine(config)
    try:
        found = list(dict.fromkeys([await store.find(prefix) for prefix in prefixes]))
        return [await quarantine.do(kind(one), Deed(datetime.now(UTC), actor_id=agent)) for one in found]
    except LookupError as error:
        refuse(str(error))
    finally:
        await quarantine.close()


def _told(held: "Held", reader: Any) -> dict[str, Any]:  # noqa: ANN401  # the reader is imported late
    read = reader.read(held.record)
    return {
        "id": held.id,
        "queue": held.queue,
        "owner": held.owner,
        "since": held.received_at,
        "age_s": int((datetime.now(UTC) - held.received_at).total_seconds()),
        "channel": held.channel,
        "source": held.source,
        "source_id": held.source_id,
        "from": getattr(read, "sender", None) or _sender(held),
        "subject": getattr(read, "subject", ""),
        "reason": held.reason,
    }


def _sender(held: "Held") -> str | None:
    """As the transport was told."""
    found = [value for name, value in held.record.headers if name == "ce_envelopefrom"]
    return found[0].decode("utf-8", "replace") if found else None


def _text(held: "Held", reader: Any) -> str:  # noqa: ANN401  # the same
    text: str = getattr(reader.read(held.record), "text", "")
    return text


def _tell(judged: "Sequence[Judged | Refused]", *, json: bool) -> None:
    from dataclasses import asdict

    from pipeline.domain.orders import Refused

    for one in judged:
        if isinstance(one, Refused):
            print_json({"outcome": "refused", "reason": one.reason}) if json else typer.echo(one.reason, err=True)
        elif json:
            print_json(asdict(one))
        else:
            where = f"case {one.case}" if one.case else one.reason
            typer.echo(f"{one.message}  {one.outcome if one.changed else 'unchanged'}  {where}")
    if any(isinstance(one, Refused) for one in judged):
        raise typer.Exit(1)


def _age(seconds: int) -> str:
    minutes = seconds // 60
    if minutes < 60:  # noqa: PLR2004  # minutes of an hour
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"  # two days


def _printable(text: str) -> str:
    """Text that cannot command a terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "" if sign == "\r" else "\ufffd" for sign in text)
