"""A short run of what happens to readings while their bridge and both its ends go down."""

import subprocess
import sys
from pathlib import Path

import pytest
from mosquitto import binary

ROOT = Path(__file__).parents[2]


@pytest.mark.chaos
@pytest.mark.integration
@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
def test_no_reading_is_lost() -> None:
    command = [sys.executable, "-m", "tests.chaos.mqtt", "--kills", "4", "--brokers", "1", "--kafkas", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)  # noqa: S603  # ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert " lost 0 " in done.stdout.splitlines()[-1]
