"""A desk as a user runs it: `casestream up` on a folder of its own, seen from outside."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import Signals
from typing import Any

import psutil

from pipeline.embedded import ports
from pipeline.embedded.child import Child

MAILBOX = "support@desk.example"
FORM = "contact"
START_WITHIN = 240.0
STOP_WITHIN = 20.0

_CONFIG = """\
[desk]
name = "Chaos"
domain = "cases.desk.example"
secret = "a-secret-of-the-chaos-desk"
[smtp]
listen = "127.0.0.1:{smtp}"
[http]
listen = "127.0.0.1:{http}"
[[queue]]
name = "Support"
[[mailbox]]
address = "{mailbox}"
queue = "Support"
[[form]]
name = "{form}"
queue = "Support"
per_minute = 1_000_000
per_address = 1_000_000
"""


class UpDesk:
    """One running `casestream up`."""

    def __init__(self, folder: Path, workers: int, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.smtp_port = ports.free()
        self.http_port = ports.free(avoid=[self.smtp_port])
        self._log = folder / "up.log"
        config = folder / "casestream.toml"
        config.write_text(_CONFIG.format(smtp=self.smtp_port, http=self.http_port, mailbox=MAILBOX, form=FORM))
        command = [*_casestream("up"), "--data", str(self.data), "--config", str(config), "--workers", str(workers)]
        environ = {**os.environ, **(environment or {})}
        self._child = Child.spawn(command, log=self._log, on_our_death=Signals.SIGTERM, environment=environ)

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        return self._child.pid

    @property
    def output(self) -> str:
        """What the supervisor said."""
        return self._log.read_text("utf-8", "replace")

    def parts(self) -> dict[str, dict[str, Any]]:
        """Each part by its name, as `casestream status` reads it."""
        try:
            told = json.loads((self.data / "status.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return {part["name"]: part for part in told["parts"]} if told["supervisor"] == self.pid else {}

    def ready(self) -> bool:
        """Whether every part is. Fails when the supervisor ended."""
        assert self._child.running, f"up ended:\n{self.output[-3000:]}"
        parts = self.parts()
        return bool(parts) and all(part["state"] == "ready" for part in parts.values())

    def wait_ready(self, within: float = START_WITHIN) -> float:
        """The seconds until every part was ready."""
        return until(self.ready, within, lambda: f"not ready: {self.parts()}\n{self.output[-3000:]}")

    def verb(self, *arguments: str, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        """A verb on this desk, run to its end."""
        command = [*_casestream(*arguments), "--data", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603  # ours

    def ledger(self) -> dict[str, Any]:
        """The last line of `casestream ledger --json`; empty while the servers do not answer."""
        told = self.verb("ledger", "--json").stdout.splitlines()
        return dict(json.loads(told[-1])) if told else {}

    def settled(self) -> bool:
        """Whether nothing waits on Kafka."""
        return self.ledger().get("pending") == 0

    def address(self, section: str, key: str) -> str:
        """An address that `up` gave to the other processes of the desk."""
        return str(json.loads((self.data / "addresses.json").read_bytes())["overlay"][section][key])

    @property
    def dsn(self) -> str:
        """Where PostgreSQL is."""
        return self.address("postgres", "dsn")

    @property
    def kafka(self) -> str:
        """Where Kafka is."""
        return self.address("kafka", "servers")

    def stop(self) -> str | None:
        """End it in peace; what was not clean about that, None when all was."""
        children = psutil.Process(self.pid).children(recursive=True) if self._child.running else []
        began = time.monotonic()
        self._child.send(Signals.SIGTERM)
        code = asyncio.run(self._end())
        seconds = time.monotonic() - began
        left = [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        for child in left:
            child.kill()
        if code != 0 or left or seconds > STOP_WITHIN:
            return f"exit {code} after {seconds:.1f} s, {len(left)} processes left"
        return None

    async def _end(self) -> int | None:
        try:
            return await asyncio.wait_for(self._child.wait(), STOP_WITHIN + 10)
        except TimeoutError:
            await self._child.stop(Signals.SIGKILL, 1)
            return None


def until(condition: Callable[[], bool], within: float, why: Callable[[], str]) -> float:
    """The seconds until the condition held; fails, telling why, when it did not in time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, why()
        time.sleep(0.2)
    return time.monotonic() - began


def _casestream(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", *arguments]
