"""What becomes of a web form that comes again."""

import asyncio
from datetime import timedelta

from memory_desk import START, Desk

from pipeline.store.memory import LedgerRow
from pipeline.wire import Envelope, Partition, Record

WEB = Partition("inbound.web", 0)
FORM = '[[form]]\nname = "contact"\n'


class Site:
    """The desk's site, whose form is posted so many seconds after START."""

    def __init__(self) -> None:
        self.desk = Desk(FORM)
        self.desk.memory.tables.ledger[WEB] = LedgerRow("cluster", 0)
        self._offset = 0

    def posts(self, *seconds: float, **given: str) -> list[str]:
        """The outcomes of posts, each settled in a transaction of its own."""
        return [self.together(one, **given)[0] for one in seconds]

    def together(
        self, *seconds: float, email: str = "ana@acme.example", text: str = "Call me", key: str = ""
    ) -> list[str]:
        """The outcomes of posts that are settled in one transaction."""
        records = [self._record(one, f'{{"email":"{email}","text":"{text}"}}'.encode(), key) for one in seconds]
        asyncio.run(self.desk._settle(records))
        found = {message.log_offset: message.outcome for message in self.desk.memory.tables.messages.values()}
        return [found[record.offset] for record in records]

    def _record(self, seconds: float, raw: bytes, key: str) -> Record:
        envelope = Envelope(
            id=f"delivery-{self._offset}",
            channel="web",
            source="/web/contact",
            key="ana@acme.example",
            time=START + timedelta(seconds=seconds),
            content_type="application/json",
            raw=raw,
            facts={"form": "contact", **({"idempotencykey": key} if key else {})},
        )
        self._offset += 1
        return Record(*WEB, self._offset - 1, envelope.key.encode(), raw, tuple(envelope.headers()))


def test_the_same_form_within_ten_minutes_is_a_duplicate() -> None:
    assert Site().posts(0, 599, 601) == ["opened", "duplicate", "opened"]


def test_ten_minutes_count_across_any_hour_mark() -> None:
    assert Site().posts(500, 700, 1099, 1101) == ["opened", "duplicate", "duplicate", "opened"]


def test_a_form_posted_twice_days_after_the_first_time_is_a_duplicate_all_the_same() -> None:
    day = 86_400
    assert Site().posts(0, day, day + 5, day + 5) == ["opened", "opened", "duplicate", "duplicate"]
    assert Site().together(0, day, day + 5) == ["opened", "opened", "duplicate"]


def test_forms_that_come_again_from_a_log_that_was_restored_are_duplicates() -> None:
    site = Site()
    assert site.posts(0, 700) == ["opened", "opened"]
    site.desk.memory.tables.ledger[WEB] = LedgerRow("restored", 0)
    site._offset = 0
    asyncio.run(
        site.desk._settle([site._record(at, b'{"email":"ana@acme.example","text":"Call me"}', "") for at in (0, 700)])
    )
    assert [message.outcome for message in site.desk.memory.tables.messages.values()][2:] == ["duplicate", "duplicate"]


def test_an_idempotency_key_counts_for_ever_but_for_its_sender_alone() -> None:
    site = Site()
    assert site.posts(0, 9000, key="1") == ["opened", "duplicate"]
    assert site.posts(9001, key="1", email="eva@other.example", text="Call") == ["opened"]
