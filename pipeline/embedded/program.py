"""A part that is a command of ours, and says by a pipe when it is ready."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Protocol

from pipeline.embedded.child import Child
from pipeline.ready import READY_FD


class Part(Protocol):
    """What the supervisor keeps running."""

    @property
    def name(self) -> str:
        """As `casestream status` calls it."""

    @property
    def log(self) -> Path:
        """The file that it writes to."""

    @property
    def stop_signal(self) -> Signals:
        """What asks it to end in peace."""

    def spawn(self) -> Child:
        """Start it. Raises OSError or Stop when that is impossible."""

    async def ready(self) -> str | None:
        """Where it listens, if anywhere, once what was spawned last does its work."""


class Program:
    """A command that calls `pipeline.ready.announce`."""

    stop_signal = SIGTERM

    def __init__(self, name: str, argv: Sequence[str], *, log: Path) -> None:
        self.name = name
        self.log = log
        self._argv = argv
        self._pipe = -1

    def spawn(self) -> Child:
        """Start the command with the writing end of a new pipe."""
        self._close()
        self._pipe, theirs = os.pipe()
        try:
            environment = {**os.environ, READY_FD: str(theirs)}
            return Child.spawn(self._argv, log=self.log, environment=environment, descriptors=[theirs])
        finally:
            os.close(theirs)

    async def ready(self) -> str | None:
        """Where it listens, if anywhere, once it said that it is ready; never, when it ends without saying so."""
        heard, loop, something = b"", asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._pipe, something.set)
        try:
            while not heard.endswith(b"\n"):
                await something.wait()
                something.clear()
                more = os.read(self._pipe, 1024)
                if not more:
                    loop.remove_reader(self._pipe)
                heard += more
        finally:
            loop.remove_reader(self._pipe)
            self._close()
        _, _, address = heard.decode("utf-8", "replace").strip().partition(" ")
        return address or None

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
