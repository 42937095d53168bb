"""`casestream token`."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.answers import answer, refuse, require_servers
from pipeline.commands.options import DEFAULT_DATA, ConfigFile, Data, Json, load_config, print_json

if TYPE_CHECKING:
    from pipeline.domain.access import Token

Name = Annotated[str, typer.Argument(metavar="NAME", help="Who has it, such as the program that will show it.")]
Which = Annotated[str, typer.Argument(metavar="NAME|ID", help="Its name or its id.")]
Scopes = Annotated[
    list[str],
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="What it grants: events:read, subscriptions:write, cases:read, cases:write, admin; may be given again.",
    ),
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="TIME", help="For how long: 90d, 12h, 30m. Default: until revoked.")
]

_LENGTH = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_LONGEST_NAME = 100


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Tokens of the API.",
        epilog="Example: casestream token create dashboard --scope events:read",
        no_args_is_help=True,
    )
    app.add_typer(verbs, name="token")

    @verbs.command()
    def create(  # as many as it has options
        name: Name,
        scopes: Scopes,
        expires: Expires = None,
        data: Data = DEFAULT_DATA,
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Make a token; its text is shown this once, and kept nowhere.

        Example: casestream token create dashboard --scope events:read --scope cases:read --expires 90d
        """
        import secrets

        from uuid_utils.compat import uuid7

        from pipeline.domain.access import PREFIX, Token, digest_of
        from pipeline.store.tokens import PostgresTokens

        now = datetime.now(UTC)
        text = PREFIX + secrets.token_urlsafe(32)
        token = Token(
            id=uuid7(),
            name=_name(name),
            digest=digest_of(text),
            scopes=_scopes(scopes),
            created_at=now,
            expires_at=now + _length(expires) if expires is not None else None,
        )
        settings = require_servers(load_config(config, data))
        if not answer(PostgresTokens(settings.postgres.dsn).create(token)):
            refuse(f"there is a token {token.name} already; revoke it first, or take another name")
        if json:
            print_json({**_told(token), "token": text})
            return
        typer.echo(text)
        typer.echo(f"keep it now: nobody can show it again. {_line(token)}", err=True)

    @verbs.command(name="list")
    def list_tokens(data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """List all tokens, those that were revoked too; never their texts.

        Example: casestream token list --json
        """
        from pipeline.store.tokens import PostgresTokens

        settings = require_servers(load_config(config, data))
        for token in answer(PostgresTokens(settings.postgres.dsn).list()):
            if json:
                print_json(_told(token))
            else:
                typer.echo(_line(token))

    @verbs.command()
    def revoke(which: Which, data: Data = DEFAULT_DATA, config: ConfigFile = None, json: Json = False) -> None:
        """Let a token grant nothing any more, within 5 s; exits with 1 when there is none to revoke.

        Example: casestream token revoke dashboard
        """
        from pipeline.store.tokens import PostgresTokens

        settings = require_servers(load_config(config, data))
        token = answer(PostgresTokens(settings.postgres.dsn).revoke(which, datetime.now(UTC)))
        if token is None:
            refuse(f"there is no token {which} that could be revoked")
        if json:
            print_json(_told(token))
        else:
            typer.echo(_line(token))


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise typer.BadParameter(f"a name has 1 to {_LONGEST_NAME} characters that can be printed")
    return name


def _scopes(names: list[str]) -> frozenset[str]:
    from pipeline.domain.access import SCOPES

    for name in names:
        if name not in SCOPES:
            raise typer.BadParameter(f"there is no scope {name}; there are: {', '.join(SCOPES)}")
    return frozenset(names)


def _length(text: str) -> timedelta:
    match = _LENGTH.fullmatch(text)
    if match is None or not int(match[1]):
        raise typer.BadParameter(f'"{text}" is no length of time; write 90d, 12h or 30m')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _told(token: "Token") -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "state": token.refusal(datetime.now(UTC)) or "valid",
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }


def _line(token: "Token") -> str:
    state = token.refusal(datetime.now(UTC)) or "valid"
    until = f" until {token.expires_at:%Y-%m-%d %H:%M}" if state == "valid" and token.expires_at else ""
    used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
    return f"{token.id}  {token.name}  {' '.join(sorted(token.scopes))}  {state}{until}  used {used}"
