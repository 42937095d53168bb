"""`casestream dead`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.agents.retrial import Verdict
    from pipeline.store.dead import Letter

Id = Annotated[str, typer.Argument(metavar="ID", help="The letter's id, or so much of its beginning that it is alone.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The letters' ids; the beginning is enough.")]
State = Annotated[
    Literal["new", "retried", "dropped", "all"], typer.Option("--state", help="Those in this state.", show_default=True)
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    dead = typer.Typer(
        help="The messages that could not be settled.", epilog="Example: casestream dead list", no_args_is_help=True
    )
    app.add_typer(dead, name="dead")

    @dead.command(name="list")
    def list_letters(
        state: State = "new", data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False
    ) -> None:
        """List dead letters with the reason of each.

        Example: casestream dead list --state all --json
        """
        from pipeline.store.dead import STATES, DeadLetters

        settings = require_servers(load_config(config, data))
        letters = answer(DeadLetters(settings.postgres.dsn).list(STATES if state == "all" else [state]))
        for head in letters:
            if json:
                print_json(asdict(head))
            else:
                typer.echo(f"{head.id}  {head.state:<7}  {head.kind:<10}  {head.source}  {head.reason}")

    @dead.command()
    def show(letter: Id, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Show a dead letter whole: why and where it died, its headers, its bytes.

        Example: casestream dead show 019a3c
        """
        found = answer(_show(require_servers(load_config(config, data)), letter))
        _print_letter(found, json=json)

    @dead.command()
    def retry(letters: Ids, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Settle dead letters after all, from their stored bytes; exits with 1 when one of them dies again.

        Example: casestream dead retry 019a3c 019a3d
        """
        from pipeline.process import log_plainly

        log_plainly()
        verdicts = answer(_retry(require_servers(load_config(config, data)), letters))
        for verdict in verdicts:
            _print_verdict(verdict, json=json)
        if any(verdict.state == "dead" for verdict in verdicts):
            raise typer.Exit(1)

    @dead.command()
    def drop(letters: Ids, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Give dead letters up: they stay stored and counted as dead, but nobody is asked to look any more.

        Example: casestream dead drop 019a3c
        """
        dropped = answer(_drop(require_servers(load_config(config, data)), letters))
        _print_states({letter: "dropped" if done else "retried" for letter, done in dropped}, json=json)
        if not all(done for _, done in dropped):
            refuse("a letter that was settled cannot be dropped")


async def _ids(dsn: str, prefixes: Sequence[str]) -> list[UUID]:
    """All of the letters, before anything is done to one."""
    from pipeline.store.dead import DeadLetters

    letters = DeadLetters(dsn)
    try:
        return list(dict.fromkeys([await letters.find(prefix) for prefix in prefixes]))
    except LookupError as error:
        refuse(str(error))


async def _show(config: Config, prefix: str) -> "Letter":
    from pipeline.store.dead import DeadLetters

    (letter,) = await _ids(config.postgres.dsn, [prefix])
    return await DeadLetters(config.postgres.dsn).show(letter)


async def _retry(config: Config, prefixes: Sequence[str]) -> "list[Verdict]":
    from pipeline.app import build_retrial

    letters = await _ids(config.postgres.dsn, prefixes)
    retrial = build_retrial(config)
    try:
        return [await retrial(letter) for letter in letters]
    finally:
        await retrial.close()


async def _drop(config: Config, prefixes: Sequence[str]) -> list[tuple[UUID, bool]]:
    from pipeline.store.dead import DeadLetters

    store = DeadLetters(config.postgres.dsn)
    return [(letter, await store.drop(letter)) for letter in await _ids(config.postgres.dsn, prefixes)]


def _print_letter(found: "Letter", *, json: bool) -> None:
    raw = found.record.value or b""
    headers = {name: value.decode("utf-8", "replace") for name, value in found.record.headers}
    if json:
        from base64 import b64encode

        print_json({**asdict(found.head), "headers": headers, "raw_base64": b64encode(raw).decode()})
        return
    for name, value in {**asdict(found.head), **headers}.items():
        typer.echo(f"{name}: {value}")
    typer.echo()
    typer.echo(_printable(raw))


def _print_verdict(verdict: "Verdict", *, json: bool) -> None:
    if json:
        print_json(asdict(verdict))
    elif verdict.state == "settled":
        typer.echo(f"{verdict.letter}  {verdict.outcome}  {f'case {verdict.case}' if verdict.case else ''}".rstrip())
    else:
        typer.echo(f"{verdict.letter}  {verdict.state}  {verdict.reason}")


def _print_states(states: Mapping[UUID, str], *, json: bool) -> None:
    for letter, state in states.items():
        print_json({"letter": letter, "state": state}) if json else typer.echo(f"{letter}  {state}")


def _printable(raw: bytes) -> str:
    """The bytes as text that cannot command a terminal."""
    text = raw.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "" if sign == "\r" else "\ufffd" for sign in text)
