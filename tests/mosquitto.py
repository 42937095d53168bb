"""mosquitto as a process of the test's own, with what it must be told to lose nothing."""

import getpass
import os
import shutil
import socket
import tempfile
import time
from contextlib import suppress
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

    def __init__(self, *, anonymous: bool = True, more: str = "", disk: "SmallDisk | None" = None) -> None:
        self.port = ports.free()
        self.folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self._within = disk.within if disk else ()
        self._file = self.folder / "mosquitto.conf"
        allowed = "true" if anonymous else "false"
        self._file.write_text(
            _CONFIG.format(
                port=self.port,
                user=getpass.getuser(),
                folder=disk.folder if disk else self.folder,
                anonymous=allowed,
                more=more,
            )
        )
        self._child: Child | None = None

    @property
    def log(self) -> Path:
        """Where it writes what is wrong."""
        return self.folder / "log"

    @property
    def url(self) -> str:
        """Its address, as a configuration has it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._child = Child.spawn([*self._within, binary() or "mosquitto", "-c", self._file], log=self.log)
        deadline = time.monotonic() + READY_WITHIN
        while not self._listens():
            assert self._child.running, self.log.read_text()
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


class SmallDisk:
    """A file system of so many bytes that only a process of ours and whoever it is shared with see."""

    def __init__(self, size: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="disk-"))
        as_root = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        script = f"mount -t tmpfs -o size={size},mode=777 none {self.folder} && echo ready && exec sleep infinity"
        told = self.folder.with_suffix(".log")
        self._holder = Child.spawn(["unshare", *as_root, "--mount", "sh", "-c", script], log=told)
        deadline = time.monotonic() + READY_WITHIN
        while "ready" not in told.read_text():
            assert self._holder.running, told.read_text()
            assert time.monotonic() < deadline, "the disk is not there"
            time.sleep(0.02)
        self.within = ("nsenter", f"--target={self._holder.pid}", "--mount", *(("--user",) if as_root else ()))

    @property
    def seen(self) -> Path:
        """Its folder, as we see it."""
        return Path("/proc", str(self._holder.pid), "root", *self.folder.parts[1:])

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), (self.seen / "filler").open("ab", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def free(self) -> None:
        """Take away what `fill` wrote."""
        (self.seen / "filler").unlink()

    def remove(self) -> None:
        """Take it away, with all that is on it."""
        self._holder.send(SIGKILL)
        while self._holder.running:
            time.sleep(0.02)
        self.folder.with_suffix(".log").unlink()
        self.folder.rmdir()
