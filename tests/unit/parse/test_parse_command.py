"""`casestream parse email`: one object a line, for every file."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.commands import parse

FIELDS = {
    "file", "message_id", "subject", "from", "sender", "reply_to", "to", "cc", "date", "in_reply_to", "references",
    "text", "html", "reply", "quoted", "signature", "attachments", "auto", "bounce", "references_case", "defects",
    "forwarded", "protection", "invitation",
}  # fmt: skip


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    file = tmp_path / "a.eml"
    file.write_bytes(b"From: Ana <ana@acme.example>\r\nMessage-ID: <1@cases.example>\r\nSubject: hi\r\n\r\nhello")
    return file


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    parse.register(app)
    return CliRunner().invoke(app, ["parse", *map(str, arguments)])


def test_every_field_of_the_contract_is_there(mail: Path) -> None:
    result = run("email", mail, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(found) == FIELDS
    assert found["file"] == str(mail)
    assert found["from"] == {"name": "Ana", "address": "ana@acme.example"}


def test_an_unreadable_file_is_told_and_the_others_are_read(mail: Path, tmp_path: Path) -> None:
    lines = run("email", tmp_path / "none.eml", mail, "--json").stdout.splitlines()
    first, second = map(json.loads, lines)
    assert set(first) == {"file", "error"}
    assert second["subject"] == "hi"


def test_the_domain_of_the_desk_tells_our_own_mail(mail: Path, tmp_path: Path) -> None:
    config = tmp_path / "desk.toml"
    config.write_text('[desk]\ndomain = "cases.example"\n', "utf-8")
    assert json.loads(run("email", mail, "--json").stdout)["auto"] is None
    assert json.loads(run("email", mail, "--json", "--config", config).stdout)["auto"] == "loop"


def test_an_unknown_channel_is_wrong_usage_and_the_channels_are_named(mail: Path) -> None:
    result = run("fax", mail)
    assert result.exit_code == 2
    assert "email" in result.stderr


@pytest.mark.parametrize("option", ["--format", "--topic"])
def test_an_option_that_means_nothing_to_a_channel_is_wrong_usage(mail: Path, option: str) -> None:
    result = run("email", mail, option, "x")
    assert result.exit_code == 2
    assert option in result.stderr


def test_a_form_is_judged_by_what_its_configuration_requires(tmp_path: Path) -> None:
    config = tmp_path / "desk.toml"
    config.write_text('[[form]]\nname = "contact"\nrequired = ["email", "phone"]\n', "utf-8")
    posted = tmp_path / "posted.json"
    posted.write_text('{"form": "contact", "email": "ana@acme.example", "text": "hi"}', "utf-8")
    found = json.loads(run("web", posted, "--json", "--config", config).stdout)
    assert found["form"] == "contact"
    assert found["errors"] == {"phone": "required"}
    assert "form" not in found["fields"]


def test_a_delivery_of_a_social_platform_yields_an_object_for_each_item(tmp_path: Path) -> None:
    file = tmp_path / "hook.json"
    change = {"field": "feed", "value": {"item": "comment", "verb": "add", "comment_id": "5_9", "post_id": "1_5"}}
    file.write_text(json.dumps({"object": "page", "entry": [{"id": "1", "changes": [change, 3]}]}), "utf-8")
    first, second = map(json.loads, run("social", file, "--json").stdout.splitlines())
    assert {"platform", "kind", "id", "conversation", "author", "text", "attachments", "created_at"} <= set(first)
    assert (first["file"], first["id"], first["opens_case"]) == (str(file), "5_9", True)
    assert (second["platform"], second["opens_case"]) == (None, False)
    assert second["reason"]
