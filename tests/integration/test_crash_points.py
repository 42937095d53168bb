"""Each part dies once at its worst moment, in a whole desk; afterwards every mail has exactly one outcome."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from chaos.desk import UpDesk, until
from chaos.evidence import all_published, gather
from chaos.oracle import Oracle
from chaos.senders import FormSender, Mail, MailSender
from chaos.verdict import judge

from pipeline.embedded import install

pytestmark = pytest.mark.integration

MAILS = 50


@pytest.fixture
def desk_that_dies(tmp_path: Path) -> Iterator[Callable[[str], UpDesk]]:
    """Starts a desk one of whose parts dies at the named point, once."""
    install.kafka()
    started: list[UpDesk] = []

    def start(point: str) -> UpDesk:
        once = {"CASESTREAM_CRASH_AT": point, "CASESTREAM_CRASH_ONCE": str(tmp_path / "died")}
        started.append(UpDesk(tmp_path, 1, once))
        started[0].wait_ready()
        return started[0]

    yield start
    for one in started:
        assert one.stop() is None


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Oracle]:
    """Remembers what was acknowledged."""
    oracle = Oracle(tmp_path / "acked.jsonl")
    yield oracle
    oracle.close()


def no_part_misses_anything(desk: UpDesk, oracle: Oracle, dead_part: str) -> None:
    until(desk.ready, 60, lambda: f"not ready: {desk.parts()}")
    until(desk.settled, 60, lambda: f"not settled: {desk.ledger()}")
    until(lambda: all_published(desk.dsn), 60, lambda: "events wait")
    found = gather(desk.dsn, desk.kafka)
    assert judge(oracle.acked, set(), found).breaches() == []
    assert {name for name, part in desk.parts().items() if part["restarts"]} == {dead_part}
    assert (desk.folder / "died").exists()


def send_mails(desk: UpDesk, oracle: Oracle) -> Counter[str]:
    refused: Counter[str] = Counter()
    sender = MailSender(desk.smtp_port, oracle, refused)
    for number in range(MAILS):
        mail = Mail(f"{number}@client.example", f"ana{number % 7}@client.example")
        assert sender.send_until_taken(mail, Event())
    sender.close()
    assert len(oracle.acked) == MAILS
    return refused


@pytest.mark.parametrize(
    ("point", "part"),
    [
        ("before_commit", "worker-1"),
        ("after_commit", "worker-1"),
        ("after_relay_publish", "relay"),
        ("after_state_publish", "relay"),
    ],
)
def test_what_a_part_left_half_done_is_done_once(
    desk_that_dies: Callable[[str], UpDesk], oracle: Oracle, point: str, part: str
) -> None:
    desk = desk_that_dies(point)
    assert send_mails(desk, oracle).total() == 0
    no_part_misses_anything(desk, oracle, part)


def test_a_mail_that_was_kept_but_not_acknowledged_is_sent_again_and_not_doubled(
    desk_that_dies: Callable[[str], UpDesk], oracle: Oracle
) -> None:
    desk = desk_that_dies("after_publish")
    assert send_mails(desk, oracle).total() > 0
    no_part_misses_anything(desk, oracle, "smtp")
    assert desk.ledger()["total"]["duplicate"] == 1


def test_a_form_that_was_kept_but_not_acknowledged_is_posted_again_and_not_doubled(
    desk_that_dies: Callable[[str], UpDesk], oracle: Oracle
) -> None:
    desk = desk_that_dies("after_publish")
    sender = FormSender(desk.http_port, oracle, Counter())
    until(lambda: sender.post("a-key-of-the-form"), 30, lambda: "the form is never taken")
    sender.close()
    no_part_misses_anything(desk, oracle, "http")
    assert desk.ledger()["total"]["duplicate"] == 1
