"""Runs the demonstration: the desk, the traffic, the view, and the accounts at the end."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from pipeline.config import Config
from pipeline.demo.balance import Balance, balance
from pipeline.demo.desk import DemoDesk
from pipeline.demo.observe import Observer
from pipeline.demo.senders import Senders
from pipeline.demo.tally import Tally
from pipeline.demo.traffic import Traffic
from pipeline.demo.view import View, summary

_DRAW_EVERY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the demonstration is asked to do; without `seconds` it goes on until Ctrl-C."""

    data: Path
    keep: bool
    seconds: float | None
    rate: float
    workers: int


async def demonstrate(asked: Asked, load: Callable[[Path, Path], Config], console: Console) -> Balance | None:
    """The accounts, or None when it was ended before the desk was ready. Raises Stop when the desk does not start.

    The first SIGINT or SIGTERM ends the traffic, a second one ends everything at once. `load` reads a configuration
    with the addresses that `up` wrote. Whatever happens, the desk has ended on return.
    """
    stop = asyncio.Event()
    task = asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    desk = DemoDesk(asked.data)
    desk.start(asked.workers)
    try:
        console.print(
            f"Starting a desk in {asked.data}; the first time on a machine this takes a minute.", soft_wrap=True
        )
        if not await _ready(desk, stop):
            return None
        config = load(desk.config_file, desk.data)
        return await _traffic(asked, config, desk, stop, console)
    finally:
        await desk.stop()
        if not asked.keep:
            desk.remove()


async def _ready(desk: DemoDesk, stop: asyncio.Event) -> bool:
    """Whether the desk became ready before somebody ended the wait."""
    starting, stopping = asyncio.create_task(desk.ready()), asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        return False
    await starting
    return True


async def _traffic(asked: Asked, config: Config, desk: DemoDesk, stop: asyncio.Event, console: Console) -> Balance:
    tally, observer = Tally(), Observer(config)
    run = uuid4().hex[:10]
    traffic = Traffic(seed=int(run, 16), run=run, now=lambda: datetime.now(UTC))
    senders = Senders(desk.doors(), tally)
    console.print(f"Ready. In another terminal: casestream status --data {asked.data}", soft_wrap=True)
    with View(console, observer, tally) as view:
        watching = asyncio.create_task(observer.watch(lambda: None))
        drawing = asyncio.create_task(_draw(view, desk))
        if asked.seconds is not None:
            asyncio.get_running_loop().call_later(asked.seconds, stop.set)
        try:
            await senders.run(asked.rate, traffic.next, stop)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        try:
            found = await balance(config, observer, tally)
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
    console.print(summary(found, tally), soft_wrap=True, highlight=False)
    return found


async def _draw(view: View, desk: DemoDesk) -> None:
    while True:
        view.show(desk.told())
        await asyncio.sleep(_DRAW_EVERY)
