"""`casestream subscription`."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from pipeline.agents.subscriptions import Subscriptions
    from pipeline.domain.subscriptions import Subscription
    from pipeline.store.subscriptions import Try

T = TypeVar("T")

Url = Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to; a public address.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the subscription.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="Only this type, such as case.opened; repeatable.")
]
Filter = Annotated[
    str | None, typer.Option("--filter", metavar="CEL", help="Only what this condition admits: case.priority == 'high'")
]
Ordered = Annotated[bool, typer.Option("--ordered", help="No event before the former one was taken.")]
Description = Annotated[str | None, typer.Option("--description", help="What it is for.")]
Start = Annotated[
    str, typer.Option("--from", metavar="now|start|POS", help="The first event: what is to come, all, or past one.")
]
FromNow = Annotated[bool, typer.Option("--from-now", help="Leave out what happened while it was disabled.")]
Keep = Annotated[int, typer.Option("--keep-hours", min=0, max=720, help="How long the old secret signs as well.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")]
Event = Annotated[str | None, typer.Option("--event", metavar="ID", help="Only this event, by its id.")]
Since = Annotated[str | None, typer.Option("--from", metavar="TIME", help="All that happened from then on.")]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="… and before then. Default: now.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Who is told of events by webhook.",
        epilog="Example: casestream subscription list --json",
        no_args_is_help=True,
    )
    app.add_typer(verbs, name="subscription")
    _register_making(verbs)
    _register_switching(verbs)
    _register_deliveries(verbs)


def _register_making(verbs: typer.Typer) -> None:
    @verbs.command()
    def add(  # noqa: PLR0917  # as many as it has options
        url: Url,
        types: Types = None,
        filter_: Filter = None,
        ordered: Ordered = False,
        description: Description = None,
        start: Start = "now",
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Have events posted to an address; the secret that signs them is shown this once.

        Example: casestream subscription add https://hooks.contoso.example/cases --type case.opened
        """
        from pipeline.agents.subscriptions import Asked

        if start not in {"now", "start"} and not start.isdecimal():
            raise typer.BadParameter("write --from now, --from start or --from and a position, such as 1200")
        after = None if start == "now" else 0 if start == "start" else int(start)
        asked = Asked(url=url, description=description, types=types, filter=filter_, ordered=ordered)
        found = _ask(config, data, lambda subscriptions: subscriptions.add(asked, datetime.now(UTC), after))
        _show_secret(found, json=json)

    @verbs.command(name="list")
    def list_subscriptions(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List all subscriptions; never their secrets.

        Example: casestream subscription list --json
        """
        for found in _ask(config, data, lambda subscriptions: subscriptions.list()):
            _show(found, json=json)

    @verbs.command()
    def show(which: Id, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Show one subscription, and how it fares.

        Example: casestream subscription show 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11
        """
        found = _ask(config, data, lambda subscriptions: subscriptions.find(_id(which)))
        if json:
            _show(found, json=True)
            return
        secrets = [f"until {_in_words(one.until)}" if one.until else "in use" for one in found.secrets]
        for name, value in {**_told(found), "secrets": ", ".join(secrets)}.items():
            typer.echo(f"{name:<14} {_in_words(value)}")

    @verbs.command()
    def remove(which: Id, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Remove a subscription; what waits for it is not delivered any more.

        Example: casestream subscription remove 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11
        """
        _ask(config, data, lambda subscriptions: subscriptions.remove(_id(which)))
        if json:
            print_json({"id": which, "state": "removed"})
        else:
            typer.echo(f"{which} is removed")


def _register_switching(verbs: typer.Typer) -> None:
    @verbs.command()
    def disable(which: Id, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Post nothing more to a subscription; what happens meanwhile is not lost.

        Example: casestream subscription disable 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11
        """
        reason = "disabled on the command line"
        _show(_ask(config, data, lambda subscriptions: subscriptions.disable(_id(which), reason)), json=json)

    @verbs.command()
    def enable(
        which: Id,
        from_now: FromNow = False,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Post to a disabled subscription again: first what it missed, unless that is left out.

        Example: casestream subscription enable 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11
        """
        start: Literal["now", "stopped"] = "now" if from_now else "stopped"
        _show(_ask(config, data, lambda subscriptions: subscriptions.enable(_id(which), start)), json=json)

    @verbs.command()
    def rotate(
        which: Id,
        keep_hours: Keep = 24,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Make a new secret, shown this once; the old one signs beside it for a while.

        Example: casestream subscription rotate 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11 --keep-hours 48
        """
        kept = timedelta(hours=keep_hours)
        found = _ask(
            config, data, lambda subscriptions: subscriptions.rotate(_id(which), datetime.now(UTC), kept)
        )  # fmt: skip
        _show_secret(found, json=json)


def _register_deliveries(verbs: typer.Typer) -> None:
    @verbs.command()
    def deliveries(
        which: Id,
        limit: Limit = 100,
        event: Event = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """List the latest tries to deliver, the newest first, each with what came of it.

        Example: casestream subscription deliveries 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11 --limit 20
        """
        wanted = _uuid(event, "--event", "`casestream events --json` shows them") if event is not None else None
        tries = _ask(
            config, data, lambda subscriptions: subscriptions.deliveries(_id(which), limit, event=wanted)
        )  # fmt: skip
        for one in tries:
            if json:
                print_json(_told_try(one))
            else:
                typer.echo(_try_line(one))

    @verbs.command()
    def replay(
        which: Id,
        event: Event = None,
        since: Since = None,
        until: Until = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Deliver an event again, or all that happened in a time, with the ids they had.

        Example: casestream subscription replay 0197a6b2-7c1e-7d6f-9a51-3f1f2b6f0c11 --from 2026-03-02T09:00:00Z
        """
        if (event is None) == (since is None):
            raise typer.BadParameter("give --event, or --from (and --to)")
        if event is not None:
            wanted = _uuid(event, "--event", "`casestream events --json` shows them")
            run = _ask(config, data, lambda subscriptions: subscriptions.replay_event(_id(which), wanted))
        else:
            first, last = _time(since or "", "--from"), _time(until, "--to") if until else datetime.now(UTC)
            run = _ask(config, data, lambda subscriptions: subscriptions.replay_range(_id(which), first, last))
        if json:
            print_json({"id": which, "replay": run})
        else:
            typer.echo(f"replay {run} is queued")


def _ask(config: Path | None, data: Path, question: "Callable[[Subscriptions], Coroutine[Any, Any, T]]") -> T:
    """The answer. Exits with 1 and a line for each thing that is wrong."""
    from pipeline.app import build_subscriptions
    from pipeline.errors import Reject

    settings = require_servers(load_config(config, data))
    try:
        return answer(question(build_subscriptions(settings)))
    except Reject as error:
        refuse(error.message)


def _id(text: str) -> UUID:
    return _uuid(text, "ID", "`casestream subscription list` shows them")


def _uuid(text: str, name: str, where: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {text} is no id; {where}") from error


def _time(text: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {text} is no time; write it like 2026-03-02T09:00:00Z") from error
    if found.tzinfo is None:
        raise typer.BadParameter(f"{name}: {text} needs a zone; write it like 2026-03-02T09:00:00Z")
    return found


def _show(found: "Subscription", *, json: bool) -> None:
    if json:
        print_json(_told(found))
        return
    wants = " ".join(found.types) or "all"
    fares = found.reason or (f"failing since {found.failing_since:%Y-%m-%d %H:%M}" if found.failing_since else "")
    line = f"{found.id}  {found.state:<8}  {found.url}  {wants}  waiting {found.waiting}  {fares}"
    typer.echo(line.rstrip())


def _in_words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case list():
            return " ".join(str(one) for one in value) or "-"
    return "-" if value in {None, ""} else str(value)


def _show_secret(found: "Subscription", *, json: bool) -> None:
    secret = found.secrets[0].secret
    if json:
        print_json({**_told(found), "secret": secret})
        return
    typer.echo(secret)
    typer.echo(f"keep it now: nobody can show it again. {found.id}  {found.url}", err=True)


def _told(found: "Subscription") -> dict[str, object]:
    from pipeline.agents.subscription_lines import told

    return dict(told(found))


def _told_try(one: "Try") -> dict[str, object]:
    from pipeline.agents.subscription_lines import told_try

    return dict(told_try(one))


def _try_line(one: "Try") -> str:
    at = f"{one.at:%Y-%m-%d %H:%M:%S}"
    following = f", next {one.next_try:%Y-%m-%d %H:%M:%S}" if one.next_try else ""
    status = one.status if one.status is not None else "-"
    said = f"{one.outcome} {status} in {one.ms} ms{following}  {one.error}"
    return f"{at}  {one.event}  {one.type.removeprefix('dev.casestream.'):<24}  {one.attempt:>3}  {said}".rstrip()
