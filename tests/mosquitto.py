"""mosquitto as a process of the test's own, with what it must be told to lose nothing."""

import getpass
import shutil
import socket
import tempfile
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from pipeline.embedded import ports
from pipeline.embedded.child import Child

READY_WITHIN = 20.0

_CONFIG = """\
listener {port} 127.0.0.1
user {user}
allow_anonymous {anonymous}
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
sys_interval 0
log_type error
log_type warning
{more}"""


def binary() -> str | None:
    """Where Debian's mosquitto is; it lies outside the PATH of ordinary users."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """A broker that can be stopped, killed and started again on the same port and store."""

    def __init__(self, *, anonymous: bool = True, more: str = "") -> None:
        self.port = ports.free()
        self.folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self._file = self.folder / "mosquitto.conf"
        allowed = "true" if anonymous else "false"
        self._file.write_text(
            _CONFIG.format(port=self.port, user=getpass.getuser(), folder=self.folder, anonymous=allowed, more=more)
        )
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Its address, as a configuration has it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._child = Child.spawn([binary() or "mosquitto", "-c", self._file], log=self.folder / "log")
        deadline = time.monotonic() + READY_WITHIN
        while not self._listens():
            assert self._child.running, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.02)

    def stop(self, number: Signals = SIGTERM) -> None:
        """End it; with SIGTERM it writes down what it holds."""
        child, self._child = self._child, None
        if child is None or not child.running:
            return
        child.send(number)
        deadline = time.monotonic() + READY_WITHIN
        while child.running:
            assert time.monotonic() < deadline, "mosquitto does not end"
            time.sleep(0.02)

    def remove(self) -> None:
        """Kill it, and take its folder away."""
        self.stop(SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
