"""The pages in `docs` and the README name only verbs, options, settings and pages that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.cli import app
from pipeline.config import Config
from pipeline.config.schema import heading, record

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
ROOT_COMMAND = typer.main.get_command(app)


def calls(page: Path) -> Iterator[str]:
    """What follows the word `casestream` in code: in spans, and at the beginning of lines of blocks."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```\w*\n.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        yield from re.findall(r"^(?:\$ )?\s*casestream ([^#\n]+)", block, re.MULTILINE)
    yield from re.findall(r"`casestream ([^`]+)`", prose)


def mistakes(call: str) -> Iterator[str]:
    """The words of a call that the command line does not know."""
    command: click.Command = ROOT_COMMAND
    words = call.split()
    while words and (inner := getattr(command, "commands", {})):
        if words[0].startswith("-") and getattr(command, "invoke_without_command", False):
            break
        word = words.pop(0)
        if word not in inner:
            yield word
            return
        command = inner[word]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    yield from (word for word in words if word.startswith("-") and word.partition("=")[0] not in known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_calls_are_calls_of_the_command(page: Path) -> None:
    assert {call: wrong for call in calls(page) if (wrong := list(mistakes(call)))} == {}


def test_a_wrong_call_is_found() -> None:
    assert list(mistakes("fly --json")) == ["fly"]
    assert list(mistakes("status --jsonn --data x")) == ["--jsonn"]
    assert list(mistakes("dead list --state all")) == []
    assert list(mistakes("entitlements --for acme")) == []
    assert list(mistakes("entitlements --foor acme")) == ["--foor"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def sections() -> dict[str, type[BaseModel]]:
    """Each table of the configuration by its heading."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in Config.model_fields.items():
        *_, model = [inner for inner in (field.annotation, *get_args(field.annotation)) if isinstance(inner, type)]
        found[heading(record(name))] = model
    return found


def shown(field: FieldInfo) -> str | None:
    """The default as the page has it; None where the page says it in words."""
    default: Any = field.default
    if default is PydanticUndefined:
        return "must be given"
    if default in (None, (), {}):
        return None
    return f"`{json.dumps(list(default) if isinstance(default, tuple) else default)}`"


@pytest.mark.parametrize("section", sections())
def test_every_setting_is_explained_with_its_default(section: str) -> None:
    text = (ROOT / "docs" / "configure.md").read_text("utf-8")
    _, _, rest = text.partition(f"\n## {section}\n")
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \| (.+?) \|$", re.split(r"\n##+ ", rest)[0], re.MULTILINE)
    model = sections()[section]
    assert [row[0] for row in rows] == [field.alias or name for name, field in model.model_fields.items()]
    for (_, default, _), field in zip(rows, model.model_fields.values(), strict=True):
        assert shown(field) in {default, None}
