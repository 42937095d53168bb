"""`casestream demo` for real: its accounts balance, also when a worker was killed, and it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jsonschema import Draft202012Validator
from running import eventually

from pipeline.embedded import board
from pipeline.events.schemas import event_schemas

pytestmark = pytest.mark.integration

KEYS = ["received", "opened", "appended", "recorded", "duplicate", "suppressed", "quarantined", "dead", "events"]

SOURCES = {"email", "web", "phone", "social", "mqtt"}

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts demonstrations, and ends those that a test left running."""
    started: list[subprocess.Popen[str]] = []

    def run(data: Path | None, *options: str, temporary: Path | None = None) -> "subprocess.Popen[str]":
        arguments = ["--data", str(data)] if data else []
        demo = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", "pipeline", "demo", *arguments, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary or tempfile.gettempdir())},
        )
        started.append(demo)
        return demo

    yield run
    for demo in started:
        demo.kill()  # its desk ends with it
        demo.communicate()


def accounts(stdout: str) -> dict[str, int]:
    """The one object on standard output."""
    (line,) = stdout.splitlines()
    found = json.loads(line)
    assert list(found) == [*KEYS, "balanced"]
    assert found.pop("balanced") is True
    assert found["received"] == sum(found[name] for name in KEYS[1:-1])
    return dict(found)


def part(data: Path, name: str) -> dict[str, str | int | None]:
    return next((part for part in board.read(data)["parts"] if part["name"] == name), {})


def assert_every_channel_counts(data: Path) -> None:
    """The ledger has messages from each kind of source."""
    command = [sys.executable, "-m", "pipeline", "ledger", "--data", str(data), "--json"]

    def all_there() -> bool:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # ours
        lines = map(json.loads, done.stdout.splitlines())  # it exits with 1 while anything is pending
        return {line["source"].split("/")[1] for line in lines if "source" in line} == SOURCES

    eventually(all_there, within=60)


def assert_as_published(data: Path) -> None:
    """The events of a desk at work are what `docs/events` says."""
    command = ["events", "--data", str(data), "--from", "start", "--json"]
    schemas = {name: Draft202012Validator(schema) for name, schema in event_schemas(strict=True).items()}
    seen: set[str] = set()

    def enough() -> bool:
        done = subprocess.run([sys.executable, "-m", "pipeline", *command], capture_output=True, check=True)  # noqa: S603  # ours
        for event in map(json.loads, done.stdout.splitlines()):
            schemas[event["type"]].validate(event["data"])
            seen.add(event["type"].split(".", 2)[2])
        return {"case.opened.v1", "case.appended.v1", "message.suppressed.v1"} <= seen

    eventually(enough, within=60)


def test_balances_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    demo = start(None, "--for", "5s", "--json", temporary=tmp_path)
    stdout, stderr = demo.communicate(timeout=200)
    assert demo.returncode == 0, stderr
    found = accounts(stdout)
    assert found["opened"] > 20
    assert found["appended"] > 10
    assert found["recorded"] > 0
    assert found["events"] >= found["opened"] + found["appended"]
    assert list(tmp_path.glob("casestream-demo-*")) == []


def test_balances_although_a_worker_and_two_connectors_were_killed(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "d"
    demo = start(data, "--for", "8s", "--json")
    eventually(lambda: bool(board.read(data)["ready"]), within=200)
    for name in ("worker-1", "smtp", "devices"):
        pid = part(data, name)["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda name=name: part(data, name).get("restarts") == 1)  # type: ignore[misc]
    stdout, stderr = demo.communicate(timeout=200)
    assert demo.returncode == 0, stderr
    assert accounts(stdout)["opened"] > 20


def test_ctrl_c_ends_it_with_the_accounts(start: Start, tmp_path: Path) -> None:
    demo = start(tmp_path / "d")
    assert demo.stdout is not None
    while not demo.stdout.readline().startswith("Ready."):
        assert demo.poll() is None
    children = psutil.Process(demo.pid).children(recursive=True)
    assert len(children) > 6
    assert_as_published(tmp_path / "d")
    assert_every_channel_counts(tmp_path / "d")
    demo.send_signal(signal.SIGINT)
    stdout, stderr = demo.communicate(timeout=200)
    assert demo.returncode == 0, stderr
    assert "Balanced: every acknowledged message has exactly one outcome." in stdout
    assert not [child for child in children if child.is_running()]


def test_ctrl_c_before_it_is_ready_ends_it_at_once(start: Start, tmp_path: Path) -> None:
    demo = start(None, temporary=tmp_path)
    eventually(lambda: any(tmp_path.glob("*/status.json")), within=200)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert list(tmp_path.glob("casestream-demo-*")) == []
