"""`casestream init` writes every setting, and what it writes is right."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.init import TEMPLATE
from pipeline.config import Config, Location
from pipeline.config.check import Source, examine
from pipeline.config.schema import heading as schema_heading
from pipeline.config.schema import keys, record

LINES = TEMPLATE.read_text("utf-8").splitlines()
# an alarm has "silent_s" instead of "when"; a desk of one queue overflows nowhere
_SETTING = re.compile(r"^# (?!silent_s|overflow)(?=\[\[[\w.]+\]\]$|\[\w+\.\w+\]$|[a-z_-]+ = )")
ALL_SET = "\n".join(_SETTING.sub("", line) for line in LINES)
EXAMPLES = {
    "secret",
    "country",
    "sasl_mechanism",
    "username",
    "password",
    "ca",
    "direct_dsn",
    "aliases",
    "via",
    "notify",
    "origins",
    "imap",
    "oauth",
    "authserv",
    "listen_tls",
    "lmtp",
    "certificate",
    "key",
    "device",
    "shared",
    "name",
    "app_secret",
    "verify_token",
    "page_id",
    "access_token",
    "server",
    "max_length",
    "api_key",
    "access_token_secret",
    "token",
    "directory",
    "timezone",
    "url",
    "fields",
    "title",
    "labels",
    "ports",
    "hello",
    "per_domain_a_minute",
    "dkim",
    "path",
    "account",
    "contact",
    "case",
    "hours",
    "exceptions",
    "holidays",
    "subdivision",
    "calendar",
    "pause_when",
    "kpi",
    "escalate_to",
    "priority",
    "severity",
    "type",
    "owner",
    "assign",
    "skills",
    "resolve_when",
    "units",
    "overflow",
    "waiting",
    "when",
    "clear",
    "silent_s",
    "levels",
    "on_raise",
    "on_clear",
    "group",
    "devices",
    "products",
    "gateways",
    "accounts",
    "commands",
    "answers",
}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_it_writes_passes_the_check() -> None:
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    assert CliRunner().invoke(app, ["check", "--config", "casestream.toml"]).exit_code == 0


def test_what_it_writes_means_the_defaults() -> None:
    written = examine(Source(TEMPLATE.read_text("utf-8"))).config
    assert written is not None
    assert written.model_dump(exclude={"mailbox"}) == Config().model_dump(exclude={"mailbox"})
    assert written.mailbox[0].address == Config.model_validate({}).mailbox[0].address


@pytest.mark.parametrize("section", keys(()))
def test_every_setting_is_there_with_a_sentence(section: str) -> None:
    explained(record(section))


def explained(place: Location) -> None:
    heading = schema_heading(place)
    known = keys(place)
    inner = [key for key in known if f"# [[{place[0]}.{key}]]" in LINES]
    for key in inner:
        explained((*place, key, 0))
    body = list(under(heading))
    for key in set(known) - set(inner):
        number = next(number for number, line in enumerate(body) if line.removeprefix("# ").startswith(f"{key} = "))
        assert body[number - 1].startswith("# ") or place[0] == "queue" or key == "address"
    written = {line.removeprefix("# ").partition(" = ")[0] for line in body if re.match(r"(# )?[a-z_-]+ = ", line)}
    assert written == set(known) - set(inner)


def under(heading: str) -> Iterator[str]:
    """The lines under each heading of that name, after the one above it."""
    wanted = re.compile(re.escape(heading).replace("NAME", r"\w+"))
    within = False
    for above, line in pairwise(["", *LINES]):
        if (text := line.removeprefix("# ")).startswith("["):
            within = wanted.fullmatch(text) is not None
            if within:
                yield above
        elif within:
            yield line


def test_every_setting_may_be_set_as_shown() -> None:
    assert examine(Source(ALL_SET)).mistakes == ()


def test_every_default_shown_is_the_default() -> None:
    shown = tomllib.loads(ALL_SET)
    for section, found in shown.items():
        model = _record(section)
        shown_record = _first(found) if model is not Config.model_fields[section].annotation else found
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key not in EXAMPLES and not field.is_required() and key != "queue":
                default = list(field.default) if isinstance(field.default, tuple) else field.default
                assert shown_record[key] == default, f"{section}.{key}"


def _first(found: Any) -> Any:  # noqa: ANN401  # what TOML can say
    return found[0] if isinstance(found, list) else next(iter(found.values()))


def _record(section: str) -> object:
    """What a section or its records are: alone, in a list, or under names."""
    annotation = Config.model_fields[section].annotation
    models = [inner for inner in get_args(annotation) if isinstance(inner, type) and issubclass(inner, BaseModel)]
    return models[0] if models else annotation


def test_a_file_that_is_there_stays() -> None:
    Path("casestream.toml").write_text("# mine", "utf-8")
    result = CliRunner().invoke(app, ["init"])
    assert result.exit_code == 1
    assert "--force writes over it" in result.stderr
    assert Path("casestream.toml").read_text("utf-8") == "# mine"


def test_with_force_it_is_written_over() -> None:
    Path("casestream.toml").write_text("# mine", "utf-8")
    assert CliRunner().invoke(app, ["init", "--force"]).exit_code == 0
    assert Path("casestream.toml").read_text("utf-8") == TEMPLATE.read_text("utf-8")


def test_a_folder_that_is_not_there_is_said() -> None:
    result = CliRunner().invoke(app, ["init", "--config", "no/such/folder.toml"])
    assert (result.exit_code, result.stderr) == (
        2,
        "no/such/folder.toml cannot be written: No such file or directory\n",
    )
