"""Any command with a wrong configuration says what is wrong, ends with 2, shows no traceback."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.options import OVERLAY, load_config


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CASESTREAM_SECRET", "0123456789abcdef")


def test_without_a_file_all_is_default() -> None:
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "the default configuration is right: 1 queue, 1 mailbox, 0 forms"


def test_a_right_file_is_summed_up() -> None:
    Path("casestream.toml").write_text(
        '[desk]\nsecret = "env:CASESTREAM_SECRET"\n[[queue]]\nname = "A"\n[[queue]]\nname = "B"\n', "utf-8"
    )
    result = CliRunner().invoke(app, ["check"])
    assert (result.exit_code, result.output) == (0, "casestream.toml is right: 2 queues, 1 mailbox, 0 forms\n")


def test_mistakes_go_to_standard_error_with_2() -> None:
    Path("c.toml").write_text("[kafka]\nreplication = 0\n[worker]\nprocesses = 0\n", "utf-8")
    result = CliRunner().invoke(app, ["check", "--config", "c.toml"])
    assert result.exit_code == 2
    assert [line.partition(" ")[0] for line in result.stderr.splitlines()] == ["c.toml:2:", "c.toml:4:"]
    assert result.stdout == ""


def test_a_warning_changes_nothing() -> None:
    Path("c.toml").write_text('[desk]\nsecret = "0123456789abcdef"\n', "utf-8")
    result = CliRunner().invoke(app, ["check", "--config", "c.toml"])
    assert result.exit_code == 0
    assert "c.toml:2: warning: [desk] secret: a secret stands here in the open" in result.stdout


def test_findings_as_json() -> None:
    Path("c.toml").write_text("[kafka]\nreplication = 0\n", "utf-8")
    result = CliRunner().invoke(app, ["check", "--config", "c.toml", "--json"])
    found, total = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 2
    message = "[kafka] replication must be at least 1, not 0"
    assert found == {"severity": "mistake", "file": "c.toml", "line": 2, "message": message}
    assert total == {"right": False, "mistakes": 1, "warnings": 0}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "c.toml: there is no such file; `casestream init --config c.toml` writes one"),
        ("folder", "c.toml: this is a folder"),
        (b'[desk]\nname = "M\xfcller"\n', "c.toml:2: this is not UTF-8"),
        ('[desk]\nname = "A"\n'.encode("utf-16"), "c.toml:1: this is not UTF-8"),
        (b"[desk\n", "c.toml:1: this is not TOML"),
        (b"\x00", "c.toml:1: this is not TOML"),
        (b"[kafka]\nreplication = 0\n", "c.toml:2: [kafka] replication must be"),
    ],
)
def test_every_command_explains_a_file_it_cannot_use(
    content: bytes | str | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content == "folder":
        Path("c.toml").mkdir()
    elif isinstance(content, bytes):
        Path("c.toml").write_bytes(content)

    with pytest.raises(typer.Exit) as ended:
        load_config(Path("c.toml"), Path("data"))

    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.startswith(says)


def test_a_byte_order_mark_is_no_mistake() -> None:
    Path("c.toml").write_bytes(b'\xef\xbb\xbf[desk]\nname = "A"\n')
    assert load_config(Path("c.toml"), Path("data")).desk.name == "A"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"overlay": 3}', '{"config": 4}', "\x00"])
def test_damaged_addresses_are_said_in_one_sentence(damaged: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data").mkdir()
    Path("data", OVERLAY).write_text(damaged, "utf-8")

    with pytest.raises(typer.Exit) as ended:
        load_config(None, Path("data"))

    assert ended.value.exit_code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("data/addresses.json: it is damaged")


def test_the_file_that_up_was_started_with_is_read() -> None:
    Path("data").mkdir()
    Path("mine.toml").write_text('[desk]\nname = "Mine"\n', "utf-8")
    overlay = {"config": "mine.toml", "overlay": {"kafka": {"servers": "127.0.0.1:9"}}}
    Path("data", OVERLAY).write_text(json.dumps(overlay), "utf-8")
    config = load_config(None, Path("data"))
    assert (config.desk.name, config.kafka.servers) == ("Mine", "127.0.0.1:9")
