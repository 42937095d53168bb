"""`casestream parse`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.options import ConfigFile, Json
from pipeline.topics import READABLE

if TYPE_CHECKING:
    from pipeline.config import Config


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""

    @app.command(epilog="Example: casestream parse email message.eml --json")
    def parse(
        channel: Annotated[str, typer.Argument(help=f"What the files are: {', '.join(READABLE)}.", show_default=False)],
        files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Messages as received.", show_default=False)],
        config: ConfigFile = None,
        json: Json = False,
    ) -> None:
        """Print what the pipeline reads in each message, without any server."""
        import orjson

        if channel not in READABLE:
            typer.echo(f"there is no channel {channel} to parse; there are: {', '.join(READABLE)}", err=True)
            raise typer.Exit(2)
        settings = _settings(config)
        to_object = _email_reader(settings) if channel == "email" else _form_reader(settings)
        option = orjson.OPT_UTC_Z | (0 if json else orjson.OPT_INDENT_2)
        for file in files:
            for found in _objects(file, to_object):
                typer.echo(orjson.dumps({"file": _printable(file), **found}, option=option))


def _objects(file: Path, to_object: Callable[[bytes], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        raw = file.read_bytes()
    except OSError as error:
        yield {"error": f"cannot read it: {error.strerror}"}
        return
    yield to_object(raw)


def _printable(file: Path) -> str:
    """The path as given; bytes that are no UTF-8 cannot stand in JSON."""
    return str(file).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _settings(config: Path | None) -> "Config | None":
    """What the configuration says, if there is one; a mistake in it ends the command."""
    if config is None:
        config = Path("casestream.toml")
        if not config.is_file():
            return None
    from tomllib import TOMLDecodeError

    from pydantic import ValidationError

    from pipeline.config import parse_config

    try:
        return parse_config(config.read_text("utf-8"))
    except OSError as error:
        typer.echo(f"{config}: cannot read it: {error.strerror}", err=True)
    except (TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        typer.echo(f"{config}: {error}", err=True)
    raise typer.Exit(2)


def _email_reader(settings: "Config | None") -> Callable[[bytes], dict[str, Any]]:
    """Mails; without a configuration none counts as our own."""
    from dataclasses import asdict

    from pipeline.parse.email import parse_email

    domain = settings.desk.domain if settings else None

    def to_object(raw: bytes) -> dict[str, Any]:
        mail = asdict(parse_email(raw, our_domain=domain))
        return {("from" if name == "from_" else name): value for name, value in mail.items()}

    return to_object


def _form_reader(settings: "Config | None") -> Callable[[bytes], dict[str, Any]]:
    """Forms as JSON or urlencoded; which one it is stands in the field `form`."""
    from dataclasses import asdict

    from pipeline.config.channels import Form
    from pipeline.parse.form_body import Malformed, read_body
    from pipeline.parse.web import parse_form

    forms = {form.name: form for form in settings.form} if settings else {}
    any_form = Form(name="form")

    def to_object(raw: bytes) -> dict[str, Any]:
        is_json = raw.lstrip()[:1] in {b"{", b"["}
        content_type = "application/json" if is_json else "application/x-www-form-urlencoded"
        try:
            name = read_body(raw, content_type).fields.get("form", "")
        except Malformed:
            name = ""
        return {**asdict(parse_form(raw, content_type, forms.get(name, any_form))), "form": name}

    return to_object
