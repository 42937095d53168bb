"""A crash point ends the process where a test asks for it, without any farewell."""

import os
import signal
import subprocess
import sys
from pathlib import Path

SCRIPT = "from pipeline.crash import crash_point; crash_point('before_commit'); print('went on')"


def run(**environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  # the program is ours, there is no shell
        [sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, capture_output=True, check=False
    )


def test_a_named_point_kills_the_process() -> None:
    assert run(CASESTREAM_CRASH_AT="before_commit").returncode == -signal.SIGKILL


def test_other_points_do_nothing() -> None:
    assert run(CASESTREAM_CRASH_AT="after_commit").stdout == b"went on\n"
    assert run().stdout == b"went on\n"


def test_the_process_that_follows_goes_on(tmp_path: Path) -> None:
    once = str(tmp_path / "once")
    assert run(CASESTREAM_CRASH_AT="before_commit", CASESTREAM_CRASH_ONCE=once).returncode == -signal.SIGKILL
    assert run(CASESTREAM_CRASH_AT="before_commit", CASESTREAM_CRASH_ONCE=once).stdout == b"went on\n"
