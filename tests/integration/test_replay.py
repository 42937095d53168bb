"""`casestream replay` as it is used: one command, one object, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from running import eventually

from pipeline.replay.throwaway import throwaway_postgres

pytestmark = pytest.mark.integration

SECRET = "the secret of this desk"
CONFIG = """
[desk]
domain = "cases.desk.example"
secret = "env:CASESTREAM_SECRET"
[[queue]]
name = "Support"
[[mailbox]]
address = "support@desk.example"
[[form]]
name = "contact"
"""


def spelled(number: int) -> str:
    """The number in letters: mails that differ in digits alone are a storm."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def mail(number: int, *, answers: int | None = None) -> dict[str, Any]:
    raw = f"From: Ana <ana@acme.example>\nTo: support@desk.example\nSubject: Printer {spelled(number)}\n"
    raw += f"Message-ID: <{number}@x>\n"
    raw += f"In-Reply-To: <{answers}@x>\n" if answers is not None else ""
    return {"at": f"2026-03-02T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z", "id": f"m{number}",
            "channel": "email", "mailbox": "support@desk.example", "raw": f"{raw}\nHelp.\n"}  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _template() -> None:
    """The first rehearsal of a machine makes the template; the tests are about all others."""

    async def make() -> None:
        async with throwaway_postgres():
            pass

    asyncio.run(make())


class Rehearsals:
    """Runs the command in a folder of its own, with a folder of its own for what is temporary."""

    def __init__(self, folder: Path) -> None:
        self.scratch = folder / ("tmp" + "-" * 60)  # on any machine too deep for a socket
        self.scratch.mkdir()
        self._folder = folder
        (folder / "casestream.toml").write_text(CONFIG)

    def write(self, name: str, lines: Sequence[object]) -> Path:
        path = self._folder / name
        path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        return path

    def start(self, *arguments: str | Path, secret: str | None = SECRET) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pipeline", "replay", *arguments, "--config", self._folder / "casestream.toml"]
        environment = {**os.environ, "TMPDIR": str(self.scratch)}
        environment.pop("CASESTREAM_SECRET", None)
        if secret is not None:
            environment["CASESTREAM_SECRET"] = secret
        return subprocess.Popen(  # noqa: S603  # our own program
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def run(self, *arguments: str | Path, secret: str | None = SECRET) -> tuple[int, bytes, str]:
        with self.start(*arguments, secret=secret) as process:
            out, err = process.communicate(timeout=60)
            return process.returncode, out, err.decode()


@pytest.fixture
def rehearsals(tmp_path: Path) -> Rehearsals:
    return Rehearsals(tmp_path)


def test_it_prints_one_object_that_tells_everything(rehearsals: Rehearsals) -> None:
    journal = rehearsals.write(
        "journal.jsonl",
        [
            mail(1),
            mail(2, answers=1),
            {"at": "2026-03-02T01:00:00Z", "do": "resolve", "case_of": "m1", "resolution": "Toner changed."},
            {"at": "2026-03-02T02:00:00Z", "id": "w1", "channel": "web",
             "payload": {"form": "contact", "email": "eva@other.example", "text": "Hello"}},
        ],
    )  # fmt: skip
    data = rehearsals.write(
        "data.jsonl",
        [
            {"kind": "account", "external_id": "acme", "name": "Acme", "domains": ["acme.example"]},
            {"kind": "contact", "external_id": "ana", "name": "Ana", "emails": ["ana@acme.example"], "account": "acme"},
        ],
    )
    code, out, err = rehearsals.run(journal, "--data", data, "--json")
    assert (code, err) == (0, "")
    told = orjson.loads(out)
    assert [(m["id"], m["outcome"], m["case"]) for m in told["messages"]] == [
        ("m1", "opened", 1001),
        ("m2", "appended", 1001),
        ("w1", "opened", 1002),
    ]
    case = told["cases"][0]
    assert (case["state"], case["account"], case["messages"]) == ("resolved", "acme", ["m1", "m2"])
    assert case["reference"].startswith("[#1001-")
    contact = next(one for one in told["contacts"] if one["id"] == case["contact"])
    assert (contact["external_id"], contact["emails"]) == ("ana", ["ana@acme.example"])
    assert [(a["kind"], a["text"]) for a in told["activities"] if a["case"] == 1001] == [
        ("email", "Help.\n"),
        ("email", "Help.\n"),
        ("resolution", "Toner changed."),
    ]
    resolved = next(event for event in told["events"] if event["type"] == "dev.casestream.case.resolved.v1")
    assert (resolved["subject"], resolved["sequence"], resolved["time"]) == (
        "1001",
        "000000000003",
        "2026-03-02T01:00:00Z",
    )
    changed = resolved["data"]["changed"]
    assert (changed["state"], changed["status"]) == (["active", "resolved"], ["in progress", "problem solved"])
    assert resolved["data"]["actor"] == {"kind": "agent", "id": None}
    assert [event["position"] for event in told["events"]] == [1, 2, 3, 4]
    assert not list(rehearsals.scratch.iterdir())


def test_the_same_journal_becomes_the_same_again(rehearsals: Rehearsals) -> None:
    journal = rehearsals.write("journal.jsonl", [mail(1), mail(2, answers=1)])
    first, second = (rehearsals.run(journal)[1] for _ in range(2))
    assert first == second
    assert first.decode().splitlines() == [
        "2 messages: 1 opened, 1 appended",
        "  1001  active       2 messages  Printer b",
    ]


def test_a_change_of_the_configuration_is_told_by_what_it_changes(rehearsals: Rehearsals, tmp_path: Path) -> None:
    resolved = {"at": "2026-03-02T01:00:00Z", "do": "resolve", "case_of": "m1"}
    late = {**mail(2, answers=1), "at": "2026-03-03T01:00:00Z"}
    journal = rehearsals.write("journal.jsonl", [mail(1), resolved, late])
    old, new = tmp_path / "casestream.toml", tmp_path / "new.toml"
    new.write_text(CONFIG.replace('name = "Support"', 'name = "Support"\nclosed_reply = "new"'))
    assert rehearsals.run(journal, "--diff", old, old) == (0, b"no difference\n", "")
    code, out, err = rehearsals.run(journal, "--diff", old, new)
    assert (code, err) == (1, "")
    assert out.decode().splitlines()[:3] == [
        "m2: outcome appended → opened",
        "m2: matched_by message_id → identity",
        "m2: case m1 → m2",
    ]
    assert "case of m1: state active → resolved" in out.decode().splitlines()
    code, out, _ = rehearsals.run(journal, "--diff", old, new, "--json")
    assert code == 1
    assert orjson.loads(out.splitlines()[0]) == {
        "kind": "message", "id": "m2", "field": "outcome", "old": "appended", "new": "opened",
    }  # fmt: skip


def test_a_wrong_journal_runs_nothing(rehearsals: Rehearsals) -> None:
    journal = rehearsals.write("journal.jsonl", [mail(1), {**mail(2), "channel": "phone"}, {**mail(3), "at": "soon"}])
    code, out, err = rehearsals.run(journal, "--json")
    assert (code, out) == (2, b"")
    assert [line.partition(": ")[0] for line in err.splitlines()] == [f"{journal}:2", f"{journal}:3"]


def test_a_secret_that_is_not_there_is_named(rehearsals: Rehearsals) -> None:
    journal = rehearsals.write("journal.jsonl", [mail(1)])
    code, out, err = rehearsals.run(journal, "--json", secret=None)
    assert (code, out) == (2, b"")
    assert err == "[desk] secret: the environment variable CASESTREAM_SECRET is not set\n"


def test_a_terminated_rehearsal_leaves_nothing_behind(rehearsals: Rehearsals) -> None:
    journal = rehearsals.write("journal.jsonl", [mail(number) for number in range(5000)])
    with rehearsals.start(journal, "--json") as process:
        eventually(lambda: _servers(process.pid) != [])
        servers = _servers(process.pid)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + signal.SIGTERM, b"")
    assert not any(server.is_running() for server in servers)
    assert not list(rehearsals.scratch.iterdir())


def test_a_thousand_mails_take_three_seconds_and_five_milliseconds_each(rehearsals: Rehearsals) -> None:
    journal = rehearsals.write("journal.jsonl", [mail(n, answers=n - 1 if n % 3 else None) for n in range(1000)])
    began = time.monotonic()
    code, out, _ = rehearsals.run(journal, "--json")
    assert time.monotonic() - began < 3 + 1000 * 0.005
    assert code == 0
    assert len(orjson.loads(out)["cases"]) == 334


def _servers(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return [child for child in children if child.name() == "postgres"]
