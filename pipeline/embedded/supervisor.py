"""Starts the parts in order, keeps each of them running, and stops them in the opposite order."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pipeline.embedded import logs
from pipeline.embedded.backoff import LONGEST, Backoff
from pipeline.embedded.board import Board
from pipeline.embedded.child import Child
from pipeline.embedded.mqtt import MqttBroker
from pipeline.embedded.program import Part
from pipeline.errors import CasestreamError, Stop

_ROTATE_EVERY = 10.0
_NEEDS_A_PERSON = 78
"""The exit code of a part that would lose or double something by going on; starting it at once again is no use."""

Prepare = Callable[[Awaitable[None]], Awaitable[None]]
"""Makes topics and tables; it is given what to wait for until the servers are ready."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Parts that start and stop together, with the seconds they have to end before they are killed."""

    parts: Sequence[Part]
    seconds: float


class Supervisor:
    """Everything that `casestream up` runs: `servers`, then `layers`, in this order."""

    def __init__(
        self, *, servers: Layer, layers: Sequence[Layer], mqtt: MqttBroker | None, prepare: Prepare, board: Board
    ) -> None:
        self._servers = servers
        self._layers = layers
        self._mqtt = mqtt
        self._prepare = prepare
        self._board = board
        self._parts = [part for layer in (servers, *layers) for part in layer.parts]
        self._children: dict[str, Child] = {}
        self._was_ready = {part.name: asyncio.Event() for part in self._parts}

    async def run(self, when_ready: Callable[[], None]) -> None:
        """Run until SIGTERM or SIGINT. Raises Stop when a server does not start; everything has ended by then, too."""
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        working = asyncio.create_task(self._work(when_ready))
        stopping = asyncio.create_task(asked.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (working, stopping):
            task.cancel()
        results = await asyncio.gather(working, return_exceptions=True)
        await self._stop()
        if isinstance(results[0], BaseExceptionGroup):
            raise _first(results[0])

    async def _work(self, when_ready: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as group:
            for part in self._servers.parts:
                group.create_task(self._keep(part, must_start=True))
            await asyncio.sleep(0)  # they start now, and the rest of this happens meanwhile
            if self._mqtt is not None:
                await self._mqtt.start()
                self._board.is_ready(self._mqtt.name, os.getpid(), self._mqtt.address)
            await self._prepare(self._all_ready(self._servers.parts))
            for layer in self._layers:
                for part in layer.parts:
                    group.create_task(self._keep(part, must_start=False))
            group.create_task(self._rotate_logs())
            await self._all_ready(self._parts)
            when_ready()

    async def _all_ready(self, parts: Sequence[Part]) -> None:
        for part in parts:
            await self._was_ready[part.name].wait()

    async def _keep(self, part: Part, *, must_start: bool) -> None:
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                code = await self._live(part)
                why = f"exit {code}: {logs.last_line(part.log)}" if code >= 0 else signal.Signals(-code).name
            except (OSError, Stop) as error:
                code, why = 1, str(error)
            if must_start and not self._was_ready[part.name].is_set():
                raise Stop(f"{part.name} does not start: {why} (more in {part.log}).")
            wait = LONGEST if code == _NEEDS_A_PERSON else backoff.after(time.monotonic() - began)
            self._board.died(part.name, f"in {wait:.1f} s, after {why}")
            await asyncio.sleep(wait)

    async def _live(self, part: Part) -> int:
        """One life of a part; the code it ended with."""
        child = part.spawn()
        self._children[part.name] = child
        self._board.started(part.name, child.pid)
        announcing = asyncio.create_task(self._announce(part, child))
        try:
            return await child.wait()
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)

    async def _announce(self, part: Part, child: Child) -> None:
        address = await part.ready()
        self._board.is_ready(part.name, child.pid, address)
        self._was_ready[part.name].set()

    async def _rotate_logs(self) -> None:
        while True:
            for part in self._parts:
                logs.rotate(part.log)
            await asyncio.sleep(_ROTATE_EVERY)

    async def _stop(self) -> None:
        for layer in reversed(self._layers):
            await self._stop_layer(layer)
        if self._mqtt is not None:
            await self._mqtt.stop()
            self._board.stopped(self._mqtt.name)
        await self._stop_layer(self._servers)

    async def _stop_layer(self, layer: Layer) -> None:
        await asyncio.gather(*(self._stop_part(part, layer.seconds) for part in layer.parts))

    async def _stop_part(self, part: Part, seconds: float) -> None:
        child = self._children.get(part.name)
        if child is not None:
            await child.stop(part.stop_signal, seconds)
        self._board.stopped(part.name)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to tell: one that we raised on purpose if there is one."""
    leaves = [_first(error) if isinstance(error, BaseExceptionGroup) else error for error in group.exceptions]
    return next((error for error in leaves if isinstance(error, CasestreamError)), leaves[0])
