"""The desk of the demonstration: `casestream up` as a child process, on its own data and configuration."""

import asyncio
import shutil
import sys
from pathlib import Path
from signal import SIGTERM

from pipeline.demo.traffic import BILLING, FORM, SUPPORT
from pipeline.embedded import board
from pipeline.embedded.board import Told
from pipeline.embedded.child import Child
from pipeline.embedded.postgres import socket_folder
from pipeline.errors import Stop

CONFIG = f"""\
# The desk of `casestream demo`.
[desk]
name = "Demo"
domain = "cases.demo.example"
[smtp]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
# No devices take part: port 1883 stays free for a desk of your own.
[mqtt]
url = "mqtt://127.0.0.1:1"
[worker]
processes = {{workers}}
[[queue]]
name = "Support"
[[queue]]
name = "Billing"
[[queue]]
name = "Website"
[[mailbox]]
address = "{SUPPORT}"
queue = "Support"
[[mailbox]]
address = "{BILLING}"
queue = "Billing"
[[form]]
name = "{FORM}"
queue = "Website"
required = ["email", "subject", "text"]
per_minute = 1_000_000
per_address = 1_000_000
[automatic]
list = "suppress"
"""

READY_WITHIN = 600.0
"""Seconds; the first start on a machine fetches Kafka."""

STOPPED_WITHIN = 40.0
_POLL = 0.2


class DemoDesk:
    """Starts and ends it, and tells of its parts."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.config_file = data / "demo.toml"
        self.log = data / "demo.log"
        self._child: Child | None = None

    def start(self, workers: int) -> None:
        """Write the configuration and start `up`; it ends when we do, however we end."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config_file.write_text(CONFIG.format(workers=workers), "utf-8")
        self.log.write_bytes(b"")
        options = ("--data", str(self.data), "--config", str(self.config_file))
        self._child = Child.spawn(
            (sys.executable, "-m", "pipeline", "up", *options), log=self.log, on_our_death=SIGTERM
        )

    async def ready(self) -> None:
        """Return when every part is. Raises Stop, with what `up` said last, when it ends or takes too long."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                while not self.told()["ready"]:
                    if self._child is None or not self._child.running:
                        raise Stop(f"casestream up ended: {self._last_words()}")
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise Stop(f"casestream up was not ready in {READY_WITHIN:.0f} s: {self._last_words()}") from error

    def told(self) -> Told:
        """What `casestream status` tells."""
        return board.read(self.data)

    def address(self, name: str) -> str:
        """Where a part listens."""
        return next(str(part["address"]) for part in self.told()["parts"] if part["name"] == name)

    async def stop(self) -> None:
        """End it and everything that it started."""
        if self._child is not None and self._child.running:
            await self._child.stop(SIGTERM, STOPPED_WITHIN)

    def remove(self) -> None:
        """Delete its data, and the socket's folder, which lies elsewhere when the data's path is a long one."""
        shutil.rmtree(socket_folder(self.data / "postgres"), ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def _last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else "it said nothing"
