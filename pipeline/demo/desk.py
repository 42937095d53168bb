"""The desk of the demonstration: `casestream up` as a child process, on its own data and configuration."""

import asyncio
import secrets
import shutil
import sys
from pathlib import Path
from signal import SIGTERM

import httpx

from pipeline.demo.posts import PAGE
from pipeline.demo.senders import Doors
from pipeline.demo.traffic import BILLING, EXCHANGE, FORM, SOCIAL_PAGE, SUPPORT
from pipeline.embedded import board, ports
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
[metrics]
ports = {{{{ mqtt = "127.0.0.1:{{figures}}" }}}}
[worker]
processes = {{workers}}
[[queue]]
name = "Support"
[[queue]]
name = "Billing"
[[queue]]
name = "Website"
[[queue]]
name = "Social"
[[queue]]
name = "Field"
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
[[phone]]
name = "{EXCHANGE}"
queue = "Support"
token = "{{secret}}"
per_minute = 1_000_000
[[social]]
platform = "facebook"
name = "{SOCIAL_PAGE}"
queue = "Social"
app_secret = "{{secret}}"
verify_token = "{{secret}}"
page_id = "{PAGE}"
[[device_feed]]
name = "plant"
topics = ["te/+/+/+/+/+/#"]
format = "thin-edge"
queue = "Field"
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
        self._secret = secrets.token_urlsafe(24)
        self._figures = ports.free()

    def start(self, workers: int) -> None:
        """Write the configuration and start `up`; it ends when we do, however we end."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config_file.write_text(CONFIG.format(workers=workers, secret=self._secret, figures=self._figures), "utf-8")
        self.log.write_bytes(b"")
        options = ("--data", str(self.data), "--config", str(self.config_file))
        self._child = Child.spawn(
            (sys.executable, "-m", "pipeline", "up", *options), log=self.log, on_our_death=SIGTERM
        )

    async def ready(self) -> None:
        """Return when every part is. Raises Stop, with what `up` said last, when it ends or takes too long."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                while not (self.told()["ready"] and await self._hears_devices()):
                    if self._child is None or not self._child.running:
                        raise Stop(f"casestream up ended: {self._last_words()}")
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise Stop(f"casestream up was not ready in {READY_WITHIN:.0f} s: {self._last_words()}") from error

    def told(self) -> Told:
        """What `casestream status` tells."""
        return board.read(self.data)

    def doors(self) -> Doors:
        """Where its parts listen."""
        where = {str(part["name"]): str(part["address"]) for part in self.told()["parts"]}
        return Doors(smtp=where["smtp"], http=where["http"], mqtt=where["mqtt"], secret=self._secret)

    async def _hears_devices(self) -> bool:
        """Whether the connector has subscribed; before, the embedded broker acknowledges and keeps nothing."""
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._figures}") as client:
                told = (await client.get("/health")).json()
        except httpx.TransportError:
            return False
        return bool(told["mqtt"]["state"] == "connected")

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
