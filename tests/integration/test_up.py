"""`casestream up` with real servers and stand-ins for the pipeline: it starts, heals, refuses and ends as promised."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from running import eventually

from pipeline.embedded import install

HERE = Path(__file__).parent
STANDIN = str(HERE / "standin.py")


class Up:
    """One `up` with stand-ins, and what can be asked of it."""

    def __init__(self, data: Path, config: Path, environment: Mapping[str, str]) -> None:
        self.data = data
        self.output = data.with_name("up.log")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603  # our own file
                [sys.executable, STANDIN, "up", str(data), str(config), "1"],
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def status(self) -> tuple[int, dict[str, Any]]:
        """What `casestream status --json` says."""
        command = [sys.executable, "-m", "pipeline", "status", "--data", str(self.data), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
        return done.returncode, json.loads(done.stdout)

    def parts(self) -> dict[str, dict[str, Any]]:
        """Each part by its name, read as `status` reads it."""
        return {part["name"]: part for part in json.loads((self.data / "status.json").read_bytes())["parts"]}

    def wait_ready(self) -> "Up":
        """Return once every part is ready."""
        eventually(self._is_ready)
        return self

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        file = self.data / "status.json"
        if not file.exists():
            return False
        status = json.loads(file.read_bytes())
        return bool(status["supervisor"] == self.process.pid and status["ready"])

    def kill(self) -> None:
        """End the supervisor, and only it, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> float:
        """End everything in peace; the seconds that took."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGTERM)
        assert self.process.wait(25) == 0, self.output.read_text()
        return time.monotonic() - began

    def dsn(self) -> str:
        """PostgreSQL as the other processes of the desk are told of it."""
        return str(json.loads((self.data / "addresses.json").read_bytes())["overlay"]["postgres"]["dsn"])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts desks, and ends those that a test left running."""
    install.kafka()
    config = tmp_path / "desk.toml"
    config.write_text('[smtp]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\n')
    started: list[Up] = []

    def start(text: str | None = None, **environment: str) -> Up:
        if text is not None:
            config.write_text(text)
        started.append(Up(tmp_path / "data", config, environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.terminate()


def refusal(one: Up) -> str:
    """What an `up` says that does not start."""
    assert one.process.wait(30) == 1, one.output.read_text()
    return one.output.read_text()


def test_every_part_is_ready_and_status_says_so(up: Callable[..., Up]) -> None:
    one = up().wait_ready()
    code, status = one.status()
    assert (code, status["ready"]) == (0, True)
    assert [part["name"] for part in status["parts"]] == [
        "kafka",
        "postgres",
        "mqtt",
        "relay",
        "clock",
        "dispatch",
        "worker-1",
        "smtp",
        "http",
    ]
    for part in status["parts"]:
        assert set(part) == {"name", "state", "pid", "address", "restarts"}
        assert (part["state"], part["restarts"]) == ("ready", 0)
        assert psutil.pid_exists(part["pid"])
    host, _, port = one.parts()["mqtt"]["address"].rpartition(":")
    socket.create_connection((host, int(port)), timeout=2).close()
    one.terminate()
    assert one.status() == (1, {"ready": False, "parts": []})


def test_a_second_up_on_the_same_data_is_refused_with_the_process_that_holds_it(up: Callable[..., Up]) -> None:
    first = up().wait_ready()
    assert f"is in use by a casestream that already runs, process {first.process.pid}." in refusal(up())
    assert first.status()[0] == 0


def test_parts_that_are_killed_come_back_and_the_others_do_not_notice(up: Callable[..., Up]) -> None:
    one = up().wait_ready()
    before = one.parts()
    killed = ["kafka", "postgres", "worker-1", "smtp"]
    for name in killed:
        psutil.Process(before[name]["pid"]).kill()
    eventually(lambda: all(one.parts()[name]["restarts"] == 1 for name in killed))
    one.wait_ready()
    after = one.parts()
    for name in set(before) - set(killed):
        assert after[name] == before[name]
    assert after["kafka"]["address"] == before["kafka"]["address"]


def test_a_killed_supervisor_leaves_no_process_and_loses_no_data(up: Callable[..., Up]) -> None:
    one = up().wait_ready()
    with psycopg.connect(one.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    children = psutil.Process(one.process.pid).children(recursive=True)
    assert len(children) > 7
    one.kill()
    assert one.status() == (1, {"ready": False, "parts": []})
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    again = up().wait_ready()
    with psycopg.connect(again.dsn()) as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]


def test_a_part_that_ignores_the_signal_is_killed_and_the_end_comes_in_time(up: Callable[..., Up]) -> None:
    one = up(CASESTREAM_TEST_STUBBORN="connect").wait_ready()
    children = psutil.Process(one.process.pid).children(recursive=True)
    assert one.terminate() < 20
    assert not [child for child in children if child.is_running()]
    assert {part["state"] for part in one.parts().values()} == {"stopped"}
    assert "restarting" not in one.output.read_text()


def test_an_end_while_starting_is_clean(up: Callable[..., Up]) -> None:
    one = up()
    eventually(lambda: (one.data / "status.json").exists() and one.parts()["kafka"]["pid"] is not None)
    children = psutil.Process(one.process.pid).children(recursive=True)
    one.terminate()
    assert not [child for child in children if child.is_running()]


def test_one_of_the_two_data_folders_alone_is_refused(up: Callable[..., Up]) -> None:
    one = up().wait_ready()
    one.terminate()
    (one.data / "kafka").rename(one.data / "elsewhere")
    said = refusal(up()).splitlines()[-1]
    assert "postgres is there but" in said
    assert "restore kafka from the same backup" in said


def test_a_port_in_use_is_named_with_its_process_before_anything_starts(up: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one = up(f'[smtp]\nlisten = "127.0.0.1:{port}"\n[http]\nlisten = "127.0.0.1:0"\n')
        said = refusal(one)
    assert said.count("\n") == 1
    assert f"Port {port} of [smtp] listen is in use by" in said
    assert f"process {os.getpid()}" in said
    assert not (one.data / "kafka").exists()


def test_kafka_moves_when_its_port_was_taken_meanwhile(up: Callable[..., Up]) -> None:
    one = up().wait_ready()
    ports = json.loads((one.data / "ports.json").read_bytes())
    one.terminate()
    with (
        socket.create_server(("127.0.0.1", ports["kafka"])),
        socket.create_server(("127.0.0.1", ports["controller"])),
    ):
        again = up().wait_ready()
        assert again.parts()["kafka"]["address"] != f"127.0.0.1:{ports['kafka']}"
        again.terminate()


def broken_java(folder: Path) -> str:
    """A JAVA_HOME that is of no use."""
    java = folder / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho this Java is broken\nexit 1\n")
    java.chmod(0o755)
    return str(folder / "java")


def test_a_java_that_does_not_start_is_quoted(up: Callable[..., Up], tmp_path: Path) -> None:
    assert "Kafka's log cannot be formatted: this Java is broken" in refusal(up(JAVA_HOME=broken_java(tmp_path)))


def test_a_server_that_does_not_start_any_more_is_quoted(up: Callable[..., Up], tmp_path: Path) -> None:
    java = broken_java(tmp_path)
    one = up().wait_ready()
    one.terminate()
    assert "kafka does not start: exit 1: this Java is broken" in refusal(up(JAVA_HOME=java))
    (one.data / "postgres" / "global" / "pg_control").unlink()
    assert "postgres does not start: exit" in refusal(up())
