"""Draws the demonstration: on a terminal as one live picture, else as a line now and then."""

import time
from collections import Counter
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.demo.balance import Balance
from pipeline.demo.observe import OUTCOMES, Observer
from pipeline.demo.tally import Tally
from pipeline.embedded.board import Told
from pipeline.topics import CHANNELS

_LINE_EVERY = 5.0
_STATE_COLOURS = {"ready": "green", "starting": "yellow", "restarting": "red", "stopped": "dim"}


class View:
    """What a person sees while the traffic flows; `with` it."""

    def __init__(self, console: Console, observer: Observer, tally: Tally) -> None:
        self._console = console
        self._observer = observer
        self._tally = tally
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._began = time.monotonic()
        self._last_line = self._began
        self._before = (self._began, Counter(tally.acknowledged))
        self._rates: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, told: Told) -> None:
        """Draw what is known now."""
        now = time.monotonic()
        self._measure(now)
        if self._live is not None:
            self._live.update(self._picture(told, now), refresh=True)
        elif now - self._last_line >= _LINE_EVERY:
            self._last_line = now
            self._console.print(self._line(told, now), soft_wrap=True, highlight=False)

    def _measure(self, now: float) -> None:
        then, counts = self._before
        if now - then >= 1:
            for channel, count in self._tally.acknowledged.items():
                self._rates[channel] = round((count - counts[channel]) / (now - then))
            self._before = (now, Counter(self._tally.acknowledged))

    def _line(self, told: Told, now: float) -> str:
        seen = self._observer.seen
        outcomes = ", ".join(f"{seen.outcomes[name]} {name}" for name in OUTCOMES if seen.outcomes[name])
        away = [f"{part['name']} {part['state']}" for part in told["parts"] if part["state"] != "ready"]
        parts = ", ".join(away) or "all parts ready"
        lag = f"{seen.pending} pending, {seen.unpublished} unpublished"
        return f"{now - self._began:4.0f} s  {self._tally.total} acknowledged: {outcomes}; {lag}; {parts}"

    def _picture(self, told: Told, now: float) -> RenderableType:
        seen, tally = self._observer.seen, self._tally
        head = Text.assemble(
            ("Casestream demo", "bold"),
            f"   {now - self._began:.0f} s   {tally.total} acknowledged, {seen.received} settled, "
            f"{seen.pending} pending, {seen.events} events, {seen.unpublished} unpublished",
        )
        side_by_side = Table.grid(padding=(0, 4))
        side_by_side.add_row(self._channels(), self._outcomes(), _parts(told))
        foot = Text("Kill what you like: kill -9 PID. The senders come again, nothing is lost. Ctrl-C ends.", "dim")
        return Group(head, Text(), side_by_side, Text(), self._newest(), Text(), foot)

    def _channels(self) -> Table:
        table = Table("channel", "per s", "acknowledged", "sent again", box=None)
        for channel in CHANNELS:
            numbers = self._rates[channel], self._tally.acknowledged[channel], self._tally.again[channel]
            table.add_row(channel, *map(str, numbers))
        return table

    def _outcomes(self) -> Table:
        table = Table("outcome", "messages", box=None)
        for name in OUTCOMES:
            table.add_row(name, str(self._observer.seen.outcomes[name]))
        return table

    def _newest(self) -> Table:
        table = Table("case", "channel", "title", "queue", "contact", "messages", box=None)
        for case in self._observer.seen.newest:
            title, contact = Text(case.title[:60]), Text(case.contact)
            table.add_row(str(case.number), case.origin, title, case.queue, contact, str(case.messages))
        return table


def _parts(told: Told) -> Table:
    table = Table("part", "state", "pid", "restarts", box=None)
    for part in told["parts"]:
        state = str(part["state"])
        pid = str(part["pid"] or "")
        table.add_row(str(part["name"]), Text(state, _STATE_COLOURS[state]), pid, str(part["restarts"]))
    return table


def summary(found: Balance, tally: Tally) -> str:
    """The accounts at the end, for people."""
    outcomes = "\n".join(f"  {getattr(found, name):>8} {name}" for name in OUTCOMES)
    sums = " + ".join(str(getattr(found, name)) for name in OUTCOMES)
    lines = [
        f"The senders hold {tally.total} acknowledgements; they came again {tally.again.total()} times.",
        f"The ledger has {found.received} received:",
        outcomes,
        f"  {sums} = {found.received}" if not found.wrong else "",
        f"{found.events} events on case.events, each case's numbered without a gap." if not found.wrong else "",
        *(f"WRONG: {sentence}" for sentence in found.wrong),
        "Balanced: every acknowledged message has exactly one outcome." if not found.wrong else "NOT BALANCED",
    ]
    return "\n".join(line for line in lines if line)
