"""What the verbs share: the options --data, --config, --json, and how a configuration is found."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from pipeline.config import Config, parse_config

Data = Annotated[Path, typer.Option("--data", help="The folder that holds everything.", show_default=True)]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="The configuration; ./casestream.toml if there.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

DEFAULT_DATA = Path("casestream-data")
OVERLAY = "addresses.json"


def load_config(config: Path | None, data: Path) -> Config:
    """The configuration of the desk whose data is there, with the addresses of its embedded parts.

    `casestream up` writes `DATA/addresses.json`: `{"config": PATH or null, "overlay": {section: {key: value}}}`.
    Without --config, the file that `up` was started with is read, else ./casestream.toml, else all is default.
    Exits with 2 and one line for each mistake when the configuration is wrong.
    """
    known: dict[str, Any] = {}
    if (data / OVERLAY).is_file():
        known = orjson.loads((data / OVERLAY).read_bytes())
    if config is None and known.get("config"):
        config = Path(known["config"])
    if config is None and Path("casestream.toml").is_file():
        config = Path("casestream.toml")
    text = config.read_text("utf-8") if config else ""
    return parse_config(text, known.get("overlay"))


def print_json(value: object) -> None:
    """One JSON object on a line of its own."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
