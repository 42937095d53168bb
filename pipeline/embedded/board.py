"""What `casestream status` tells: the state of every part, on the terminal and in a file."""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import orjson

from pipeline.embedded import durable, folder

STATUS = "status.json"

State = Literal["starting", "ready", "restarting", "stopped"]


@dataclass(slots=True)
class Line:
    """One part."""

    name: str
    state: State = "starting"
    pid: int | None = None
    address: str | None = None
    restarts: int = 0


class Board:
    """Holds a line per part; each change is printed and written at once."""

    def __init__(self, data: Path, names: Sequence[str], say: Callable[[str], None]) -> None:
        self._file = data / STATUS
        self._say = say
        self._began = time.monotonic()
        self._lines = {name: Line(name) for name in names}
        self._write()

    @property
    def ready(self) -> bool:
        """Whether every part is."""
        return all(line.state == "ready" for line in self._lines.values())

    @property
    def seconds(self) -> float:
        """How old the board is."""
        return time.monotonic() - self._began

    def started(self, name: str, pid: int) -> None:
        """The part has a process, but does not work yet."""
        line = self._lines[name]
        line.pid = pid
        if line.restarts:
            self._write()
        else:
            self._change(line, "starting", "")

    def is_ready(self, name: str, pid: int, address: str | None) -> None:
        """The part works."""
        line = self._lines[name]
        line.pid, line.address = pid, address
        self._change(line, "ready", address or "")

    def died(self, name: str, why: str) -> None:
        """The part's process ended although nobody asked it to."""
        line = self._lines[name]
        line.pid = None
        line.restarts += 1
        self._change(line, "restarting", why)

    def stopped(self, name: str) -> None:
        """The part ended because we asked it to."""
        line = self._lines[name]
        line.pid = None
        self._change(line, "stopped", "")

    def _change(self, line: Line, state: State, note: str) -> None:
        line.state = state
        self._write()
        self._say(f"{self.seconds:7.1f} s  {line.name:<10} {state:<10} {note}".rstrip())

    def _write(self) -> None:
        lines = [dataclasses.asdict(line) for line in self._lines.values()]
        content = {"supervisor": os.getpid(), "ready": self.ready, "parts": lines}
        durable.write(self._file, orjson.dumps(content), sync=False)


class Told(TypedDict):
    """What `casestream status --json` prints."""

    ready: bool
    parts: list[dict[str, str | int | None]]


def read(data: Path) -> Told:
    """The parts of the supervisor that runs on a data folder; none when there is none."""
    try:
        told = orjson.loads((data / STATUS).read_bytes())
    except OSError:
        return Told(ready=False, parts=[])
    if folder.holder(data) != told["supervisor"]:
        return Told(ready=False, parts=[])
    return Told(ready=told["ready"], parts=told["parts"])
