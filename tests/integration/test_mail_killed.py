"""A sender that is killed at its worst moments: every mail leaves, under one Message-ID; once each when nobody is."""

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from posting import PostingDesk, a_mail, read
from smtp_sink import Sink

from pipeline.domain.orders import Reply

pytestmark = pytest.mark.integration

MAILS = 40
KILLS = 5
CHILD = Path(__file__).with_name("mail_child.py")
THINGS = [f"{one}{two}" for one in ("paper", "toner", "noise", "light", "smell") for two in "abcdefgh"]


async def _queue(folder: Path, dsn: str) -> None:
    desk = PostingDesk(folder, dsn)
    for thing in THINGS[:MAILS]:
        customer = f"{thing}@{thing}.example"
        became = await desk.receive(a_mail(thing, sender=customer, text=f"The {thing} is broken."), by=customer)
        await desk.do(became["number"], Reply(text=f"About the {thing}."))
    await desk.close()


class Killer:
    """Kills the process that sends, at random while a mail is on its way, so many times."""

    def __init__(self, seed: int, kills: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # a game of chance, no secret
        self.left = kills
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def watch(self, child: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._child = child

    def maybe(self) -> None:
        """Before the answer to a mail leaves, or just then, or a little after."""
        with self._lock:
            if self.left and self._child is not None and self._chance.random() < 0.25:
                self.left -= 1
                delay = self._chance.choice([0.0, 0.0, 0.002, 0.01])
                threading.Timer(delay, self._child.kill).start() if delay else self._child.kill()
                self._child = None


def run(folder: Path, dsn: str, port: int, killer: Killer | None, environment: dict[str, str]) -> int:
    """Let processes send until everything is sent; how many were killed."""
    for killed in range(KILLS + 2):
        command = [sys.executable, str(CHILD), str(folder), dsn, str(port), str(killed * 100)]
        with subprocess.Popen(command, env=os.environ | environment) as child:  # noqa: S603  # the process under test
            if killer is not None:
                killer.watch(child)
            child.wait(60)
        if (folder / "done").exists():
            return killed
        assert child.returncode == -9
    raise AssertionError("not everything was sent")


@pytest.fixture
def environment() -> dict[str, str]:
    """What the process needs to find this test's modules."""
    here = Path(__file__).parent
    return {"PYTHONPATH": os.pathsep.join([str(here.parents[1]), str(here), str(here.parent)])}


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_each_mail_leaves_at_least_once_under_one_id(
    seed: int, tmp_path: Path, new_database: Callable[[], str], environment: dict[str, str]
) -> None:
    dsn = new_database()
    asyncio.run(_queue(tmp_path / "desk", dsn))
    killer = Killer(seed, KILLS)
    sink = Sink(before_answer=killer.maybe)
    try:
        killed = run(tmp_path, dsn, sink.port, killer, environment)
    finally:
        sink.stop()
    assert killed >= KILLS - 1
    times, bodies = _counted(sink)
    assert len(times) == MAILS
    assert all(len(of_one) == 1 for of_one in bodies.values())
    assert times.total() <= MAILS + 2 * killed  # two are under way at once


def test_killed_between_the_250_and_its_row_it_is_sent_again_with_the_same_id(
    tmp_path: Path, new_database: Callable[[], str], environment: dict[str, str]
) -> None:
    dsn = new_database()
    asyncio.run(_queue(tmp_path / "desk", dsn))
    sink = Sink()
    once = {"CASESTREAM_CRASH_AT": "mail_sent", "CASESTREAM_CRASH_ONCE": str(tmp_path / "died")}
    try:
        assert run(tmp_path, dsn, sink.port, None, environment | once) == 1
    finally:
        sink.stop()
    times, bodies = _counted(sink)
    assert len(times) == MAILS
    assert all(len(of_one) == 1 for of_one in bodies.values())
    assert MAILS < times.total() <= MAILS + 2


def test_when_nobody_is_killed_each_mail_leaves_once(
    tmp_path: Path, new_database: Callable[[], str], environment: dict[str, str]
) -> None:
    dsn = new_database()
    asyncio.run(_queue(tmp_path / "desk", dsn))
    sink = Sink()
    try:
        assert run(tmp_path, dsn, sink.port, None, environment) == 0
    finally:
        sink.stop()
    times, _ = _counted(sink)
    assert (len(times), times.total()) == (MAILS, MAILS)


def _counted(sink: Sink) -> tuple[Counter[str], dict[str, set[bytes]]]:
    """How often each Message-ID came, and the different mails that came under it."""
    times: Counter[str] = Counter()
    bodies: dict[str, set[bytes]] = {}
    for took in sink.took:
        name = str(read(took.raw)["Message-ID"])
        times[name] += 1
        bodies.setdefault(name, set()).add(took.raw)
    return times, bodies
