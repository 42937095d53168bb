"""What keeps `casestream serve` from listening is said in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PHONE = '[[phone]]\nname = "pbx"\nformat = "cti"\ntoken = "env:NOT_THERE"\n'


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('[http]\nlisten = "192.0.2.1:8025"\n', "casestream: [http] listen: 192.0.2.1:8025 cannot be used: "),
        (f'[http]\nlisten = "127.0.0.1:0"\n{PHONE}', "casestream: [[phone]] token: the environment variable NOT_THERE"),
    ],
)
def test_it_ends_with_a_sentence(settings: str, says: str, tmp_path: Path) -> None:
    config = tmp_path / "casestream.toml"
    config.write_text(f'[kafka]\nservers = "127.0.0.1:1"\n[postgres]\ndsn = "host=/nowhere"\n{settings}')
    environment = {name: value for name, value in os.environ.items() if name != "NOT_THERE"}
    command = [sys.executable, "-m", "pipeline", "serve", "--config", str(config), "--data", str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)  # noqa: S603  # our own program
    assert ended.returncode == 78
    assert ended.stderr.splitlines()[-1].startswith(says)
    assert "Traceback" not in ended.stderr
