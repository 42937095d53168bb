"""`python -m tests.chaos.imap --mails 5000 --kills 30 --restarts 5`: a mailbox whose reader is killed while mail comes.

Exit 1 when a mail has not exactly one outcome, or was not settled on the server.
"""

import argparse
import logging
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

import psycopg

from pipeline.embedded import install
from pipeline.embedded.child import Child
from tests.dovecot import PASSWORD, Dovecot

from .desk import UpDesk, until

POINTS = ("after_publish", "after_imap_settle", "after_bookmark")
"""Where the first lives end, so that each of these moments was one of them."""

DRAINED_WITHIN = 120.0
LARGE = b"x" * 70 + b"\r\n"
_OUTCOMES = """
SELECT substring(coalesce(activity.body, message.body) FROM 'mail number (\\d+)')::integer, outcome
FROM message LEFT JOIN activity ON activity.id = message.activity_id
"""


@dataclass(slots=True)
class Report:
    """What was seen."""

    mails: int
    kills: int = 0
    restarts: int = 0
    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    unsettled: int = 0
    duplicates: int = 0
    balanced: bool = False
    seconds: float = 0.0

    @property
    def wrong(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.doubled or self.unsettled or not self.balanced)

    def __str__(self) -> str:
        return (
            f"imap: mails {self.mails} kills {self.kills} restarts {self.restarts} lost {len(self.lost)}"
            f" doubled {len(self.doubled)} unsettled {self.unsettled} republished {self.duplicates}"
            f" balanced {self.balanced} in {self.seconds:.0f} s"
        )


def mail(number: int) -> bytes:
    """A mail of its own; some have no Message-ID, some of these no Date, some are too large for a record of Kafka."""
    head = [f"From: ana{number % 97}@client.example", "To: support@desk.example", f"Subject: Printer {number}"]
    if number % 10:
        head.append(f"Message-ID: <{number}@client.example>")
    if number % 20:
        head.append(f"Date: Mon, 2 Mar 2026 09:{number // 60 % 60:02d}:{number % 60:02d} +0000")
    text = f"mail number {number}\r\n".encode()
    if number % 100:
        return "\r\n".join([*head, "", ""]).encode() + text
    head.append('Content-Type: multipart/mixed; boundary="b"')
    parts = (
        b"--b\r\n\r\n" + text + b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + LARGE * 4000 + b"--b--\r\n"
    )
    return "\r\n".join([*head, "", ""]).encode() + parts


class Reader:
    """`casestream connect imap`, started again whenever it was killed."""

    def __init__(self, desk: UpDesk, config: Path) -> None:
        self._desk = desk
        self._command = [sys.executable, "-m", "pipeline", "connect", "imap", "--data", str(desk.data)]
        self._command += ["--config", str(config)]
        self._environment = dict(os.environ)
        self._child: Child | None = None

    def start(self, die_at: str = "") -> None:
        """Start it; it kills itself at the named point."""
        environment = {**self._environment, **({"CASESTREAM_CRASH_AT": die_at} if die_at else {})}
        self._child = Child.spawn(self._command, log=self._desk.folder / "imap.log", environment=environment)

    def wait_dead(self) -> None:
        """Return when it killed itself."""
        until(lambda: self._child is not None and not self._child.running, 60, lambda: "it does not die")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._child is not None
        self._child.send(SIGKILL)
        until(lambda: self._child is not None and not self._child.running, 10, lambda: "it does not end")


def run(folder: Path, *, mails: int, kills: int, restarts: int, settle: str, seed: str) -> Report:
    """Deliver, kill, restart, let it drain, judge."""
    chance = random.Random(seed)  # noqa: S311  # choices of a test
    report = Report(mails)
    dovecot = Dovecot()
    dovecot.start()
    desk = UpDesk(folder, 1)
    try:
        desk.wait_ready()
        began = time.monotonic()
        reader = Reader(desk, _config(folder, dovecot, settle))
        _make_chaos(dovecot, reader, report, kills=kills, restarts=restarts, chance=chance)
        target = settle.removeprefix("move:") if settle.startswith("move:") else ""
        until(lambda: _unsettled(dovecot, target, mails) == 0, DRAINED_WITHIN, lambda: _log(folder))
        until(desk.settled, DRAINED_WITHIN, lambda: f"not settled: {desk.ledger()}")
        report.seconds = time.monotonic() - began
        reader.kill()
        report.unsettled = _unsettled(dovecot, target, mails)
        report.balanced = bool(desk.ledger().get("balanced"))
        _judge(desk.dsn, report)
    finally:
        desk.stop()
        dovecot.remove()
    return report


def _config(folder: Path, dovecot: Dovecot, settle: str) -> Path:
    config = folder / "imap.toml"
    text = (folder / "casestream.toml").read_text()
    own = f'imap = "{dovecot.url}"\npassword = "{PASSWORD}"\nsettle = "{settle}"\n'
    config.write_text(text.replace("[[mailbox]]\n", f"[[mailbox]]\n{own}"))
    return config


def _make_chaos(
    dovecot: Dovecot, reader: Reader, report: Report, *, kills: int, restarts: int, chance: random.Random
) -> None:
    """Lives of the reader, each ended while mail comes; the server restarts now and then."""
    lengths = [chance.uniform(0.8, 3.0) for _ in range(max(kills - len(POINTS), 0))]
    restarted = set(chance.sample(range(len(lengths)), min(restarts, len(lengths))))
    with _delivering(dovecot, report.mails, over=sum(lengths) + 1.0 * kills):
        for point in POINTS[:kills]:
            reader.start(die_at=point)
            reader.wait_dead()
            report.kills += 1
        for number, length in enumerate(lengths):
            reader.start()
            time.sleep(length)
            if number in restarted:
                dovecot.stop()
                time.sleep(chance.uniform(0, 0.5))
                dovecot.start()
                report.restarts += 1
                time.sleep(length)
            reader.kill()
            report.kills += 1
    reader.start()


class _delivering:  # noqa: N801  # used as a context
    """Puts the mails into the mailbox, a tenth at once and the rest over so many seconds."""

    def __init__(self, dovecot: Dovecot, mails: int, *, over: float) -> None:
        self._dovecot = dovecot
        self._mails = mails
        self._pause = over / max(mails, 1)
        # a process, since what is started from beside a thread may hang
        self._process = multiprocessing.get_context("fork").Process(target=self._deliver)

    def __enter__(self) -> None:
        self._process.start()

    def __exit__(self, *_: object) -> None:
        self._process.join()

    def _deliver(self) -> None:
        for number in range(self._mails):
            self._dovecot.deliver([mail(number)])
            if number > self._mails // 10:
                time.sleep(self._pause)


def _unsettled(dovecot: Dovecot, target: str, mails: int) -> int:
    """How many mails are not yet where, or not yet what, they should be; in the target folder a copy is no harm."""
    if target:
        return len(dovecot.files()) + max(mails - len(dovecot.files(target)), 0)
    return sum(1 for name in dovecot.files() if "S" not in name.partition(":2,")[2])


def _judge(dsn: str, report: Report) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(_OUTCOMES).fetchall()
    outcomes = Counter(number for number, outcome in rows if outcome != "duplicate")
    report.lost = [number for number in range(report.mails) if not outcomes[number]]
    report.doubled = [number for number, count in outcomes.items() if count > 1]
    report.duplicates = sum(1 for _, outcome in rows if outcome == "duplicate")


def _log(folder: Path) -> str:
    return "the mailbox is not drained:\n" + (folder / "imap.log").read_text("utf-8", "replace")[-3000:]


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.imap", description=__doc__)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--settle", default="move:Done")
    parser.add_argument("--seed", default=str(time.time_ns() % 1_000_000))
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    install.kafka()
    folder = Path(tempfile.mkdtemp(prefix="casestream-imap-"))
    report = run(
        folder, mails=given.mails, kills=given.kills, restarts=given.restarts, settle=given.settle, seed=given.seed
    )
    if report.wrong:
        sys.stdout.write(f"lost {report.lost[:20]} doubled {report.doubled[:20]}; seed {given.seed}; kept {folder}\n")
    else:
        shutil.rmtree(folder)
    sys.stdout.write(f"{report}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
