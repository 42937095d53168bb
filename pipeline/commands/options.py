"""What the verbs share: the options --data, --config, --json, and how a configuration is found."""

import os
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import BaseModel, ValidationError

from pipeline.config import Config
from pipeline.config.check import Checked, Finding, Source, examine

Data = Annotated[Path, typer.Option("--data", help="The folder that holds everything.", show_default=True)]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="The configuration; ./casestream.toml if there.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

DEFAULT_DATA = Path("casestream-data")
OVERLAY = "addresses.json"


class _Addresses(BaseModel):
    config: Path | None = None
    overlay: dict[str, dict[str, Any]] = {}


def load_config(config: Path | None, data: Path) -> Config:
    """The configuration of the desk whose data is there, with the addresses of its embedded parts.

    `casestream up` writes `DATA/addresses.json`: `{"config": PATH or null, "overlay": {section: {key: value}}}`.
    Without --config, the file that `up` was started with is read, else ./casestream.toml, else all is default.
    Exits with 2 and one line for each mistake when the configuration is wrong.
    """
    checked, _ = check_config(config, data)
    for finding in checked.mistakes:
        typer.echo(str(finding), err=True)
    if checked.config is None:
        raise typer.Exit(2)
    return _with_folders(checked.config, data)


def _with_folders(config: Config, data: Path) -> Config:
    """The configuration with its blobs and outgoing mail in the data's folder, unless it names other places."""
    if config.blobs.url == "data":
        config = config.model_copy(update={"blobs": config.blobs.model_copy(update={"url": str(data / "blobs")})})
    if config.mail.maildir == "data":
        config = config.model_copy(update={"mail": config.mail.model_copy(update={"maildir": str(data / "mail")})})
    return config


def check_config(config: Path | None, data: Path) -> tuple[Checked, str]:
    """What is right and wrong in the configuration that `load_config` reads, and that file's name."""
    addresses = _addresses(data / OVERLAY)
    if isinstance(addresses, Finding):
        return Checked(None, (addresses,)), addresses.source
    config = config or addresses.config
    if config is None and Path("casestream.toml").is_file():
        config = Path("casestream.toml")
    if config is None:
        return examine(Source(environ=os.environ, overlay=addresses.overlay)), "the default configuration"
    text = _read(config)
    if isinstance(text, Finding):
        return Checked(None, (text,)), str(config)
    return examine(Source(text, str(config), os.environ, addresses.overlay, str(data / OVERLAY))), str(config)


def _addresses(path: Path) -> _Addresses | Finding:
    if not path.is_file():
        return _Addresses()
    try:
        return _Addresses.model_validate_json(path.read_bytes())
    except (ValidationError, OSError):
        says = (
            "it is damaged, and says no longer where the parts are; start `casestream up` again, which writes it anew"
        )
        return Finding(str(path), None, says)


def _read(path: Path) -> str | Finding:
    """A configuration file's text, or why it cannot be had. A byte order mark is no part of it."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return Finding(str(path), None, f"there is no such file; `casestream init --config {path}` writes one")
    except IsADirectoryError:
        return Finding(str(path), None, f"this is a folder; name the file in it, for example {path}/casestream.toml")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Finding(str(path), line, "this is not UTF-8; save the file in the encoding UTF-8")
    except OSError as error:
        return Finding(str(path), None, f"it cannot be read: {error.strerror}")


def print_json(value: object) -> None:
    """One JSON object on a line of its own."""
    print_bytes(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE))


def print_bytes(data: bytes) -> None:
    """All of the bytes to standard output: where that is not buffered, a write may take only some of them."""
    out = typer.get_binary_stream("stdout")
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]
    out.flush()
