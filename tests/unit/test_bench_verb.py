"""The figures of the README can be measured from the command line, where the project is."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import bench

SCRIPT = '"""Counts to ten.\n\nLonger.\n"""\nimport sys\n\nif __name__ == "__main__":\n    print("counting")\n'
SCRIPT += '    print("ten:", *sys.argv[1:])\n    sys.exit(len(sys.argv) - 1)\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ten.py").write_text(SCRIPT)
    (tmp_path / "shared.py").write_text('"""What the others share."""\n')
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_those_that_there_are_are_listed() -> None:
    assert CliRunner().invoke(app, ["bench"]).stdout == "ten              Counts to ten.\n"
    (line,) = CliRunner().invoke(app, ["bench", "--json"]).stdout.splitlines()
    assert orjson.loads(line) == {"name": "ten", "says": "Counts to ten."}


@pytest.mark.usefixtures("folder")
def test_one_is_run_with_what_it_is_given_and_ends_as_it_does() -> None:
    result = CliRunner().invoke(app, ["bench", "ten", "--json", "--", "--fast"])
    assert orjson.loads(result.stdout) == {"name": "ten", "exit": 1, "figure": "ten: --fast"}
    assert result.exit_code == 1


def test_a_bench_that_is_not_there_is_said(folder: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "nine"])
    assert (result.exit_code, result.stderr) == (2, "there is no bench nine; there are: ten\n")
    for file in folder.iterdir():
        file.unlink()
    assert "come with the project" in CliRunner().invoke(app, ["bench"]).stderr
