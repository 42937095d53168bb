"""One run: a desk, load, kills, peace, judgement."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .desk import UpDesk, until
from .evidence import all_published, gather
from .killer import Killer
from .load import Load
from .monitor import Monitor
from .oracle import Oracle
from .poison import plant
from .senders import dice
from .verdict import judge

HEALED_WITHIN = 60.0
DRAINED_WITHIN = 60.0
POISON = 2
"""Records planted before, in the middle and after."""


@dataclass(slots=True)
class Report:
    """What was seen; `wrong` is empty when every promise was kept."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    last: str = ""
    kills: int = 0
    acked: int = 0
    conversations: int = 0


def run(folder: Path, *, seconds: float, workers: int, seed: str, say: Callable[[str], None]) -> Report:
    """Make chaos for so many seconds, and judge what is left. Fails when the desk does not come up."""
    report = Report()
    oracle = Oracle(folder / "acked.jsonl")
    desk = UpDesk(folder, workers)
    try:
        say(f"ready after {desk.wait_ready():.1f} s; seed {seed}; log {folder}")
        _make_chaos(desk, oracle, report, seconds=seconds, seed=seed)
    except AssertionError as error:
        report.wrong.append(str(error))
    finally:
        unclean = desk.stop()
        oracle.close()
    if unclean is not None:
        report.wrong.append(f"the end was not clean: {unclean}")
    report.lines.append(f"stop: {unclean or 'clean'}")
    return report


def _make_chaos(desk: UpDesk, oracle: Oracle, report: Report, *, seconds: float, seed: str) -> None:
    chance = dice(seed)
    load, killer, monitor = Load(desk, oracle, seed), Killer(desk, chance), Monitor(desk)
    tried = plant(desk.kafka, POISON, oracle)
    monitor.start()
    load.start()
    killer.start()
    time.sleep(seconds / 2)
    tried |= plant(desk.kafka, POISON, oracle)
    time.sleep(seconds / 2)
    killer.stop()
    load.stop()
    tried |= plant(desk.kafka, POISON, oracle)
    try:
        healed = until(desk.ready, HEALED_WITHIN, lambda: f"I7: not healed: {desk.parts()}")
        drained = until(desk.settled, DRAINED_WITHIN, lambda: f"I7: not drained: {desk.ledger()}")
        relayed = until(lambda: all_published(desk.dsn), DRAINED_WITHIN, lambda: "I7: events still wait")
    finally:
        monitor.stop()
        _tell_kills(killer, load, report)
    _judge(desk, oracle, tried, monitor, report, (healed, drained, relayed))


def _tell_kills(killer: Killer, load: Load, report: Report) -> None:
    report.kills, report.conversations = killer.kills.total(), load.conversations
    report.lines += [
        f"kills {dict(killer.kills)}",
        f"stops {dict(killer.stops)}, of these in a transaction {killer.stops_in_transaction}",
        f"not acknowledged {dict(load.refused)}",
    ]
    report.last = f"chaos: kills {killer.kills.total()} stops {killer.stops.total()}"


def _judge(
    desk: UpDesk, oracle: Oracle, tried: set[str], monitor: Monitor, report: Report, times: tuple[float, float, float]
) -> None:
    found = gather(desk.dsn, desk.kafka)
    verdict = judge(oracle.acked, tried, found)
    ledger = desk.verb("ledger", "--json")
    unbalanced = [] if ledger.returncode == 0 else [f"ledger says {ledger.stderr.strip()}"]
    too_large = monitor.too_large()
    planted = sum(1 for one in oracle.acked if one.kind == "poison")
    report.acked = len(oracle.acked)
    report.wrong += [*verdict.breaches(), *monitor.breaches, *unbalanced, *too_large]
    restarts = {name: part["restarts"] for name, part in desk.parts().items() if part["restarts"]}
    ordered = {one.conversation for one in oracle.acked if one.place is not None}
    sizes = ", ".join(f"{name} {rss} MB {monitor.descriptors[name]} fds" for name, rss in monitor.rss_mb.items())
    report.lines += [
        f"restarts {restarts}",
        f"I1 nothing lost: {len(oracle.acked)} acknowledged, {len(verdict.lost)} lost",
        f"I2 nothing doubled: {len(found.messages)} records settled, {len(verdict.doubled)} doubled",
        f"I2 one case each: {report.conversations} scattered conversations, {len(verdict.split)} split",
        f"I3 in order: {len(ordered)} ordered conversations, {len(verdict.disordered)} disordered",
        f"I4 gap-free: {len(found.events)} events, {len(found.published)} records, {len(verdict.gaps)} wrong",
        f"states of cases: {len(found.states)} on their topic, {len(found.cases)} cases, {len(verdict.states)} differ",
        f"I6 ledger: {ledger.stdout.splitlines()[-1]}, {len(verdict.ledger)} rows wrong",
        f"I6 meanwhile: {monitor.looks_at_ledger} looks, {len(monitor.breaches)} wrong",
        f"I7 healed in {times[0]:.1f} s, drained in {times[1]:.1f} s, published in {times[2]:.1f} s",
        f"I8 bounded: {sizes}, {len(too_large)} too large",
    ]
    report.last += (
        f" acked {len(oracle.acked)} lost {len(verdict.lost)} doubled {len(verdict.doubled)}"
        f" disordered {len(verdict.disordered)} gaps {len(verdict.gaps) + len(verdict.ledger) + len(monitor.breaches)}"
        f" split {len(verdict.split)} stale {len(verdict.states)}"
        f" dead {len({row.raw for row in found.dead})}(planted {planted})"
    )
