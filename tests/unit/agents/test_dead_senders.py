"""Whom the breaker counts: as many senders as the transport can tell apart."""

from datetime import UTC, datetime

import pytest

from pipeline.agents.deadletters import _letter
from pipeline.agents.reading.record import Unread
from pipeline.domain.outcomes import Dead
from pipeline.wire import Envelope, Record

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "sender"),
    [
        ({"envelopefrom": "ana@client.example", "remoteip": "192.0.2.1"}, "ana@client.example"),
        ({"envelopefrom": "", "remoteip": "192.0.2.1"}, "192.0.2.1"),
        ({"form": "contact", "remoteip": "192.0.2.2"}, "192.0.2.2"),
        ({}, "/web/contact"),
    ],
)
def test_a_dead_letter_names_who_sent_it(facts: dict[str, str], sender: str) -> None:
    envelope = Envelope(id="1", channel="web", source="/web/contact", key="k", time=AT, content_type="application/json",
                        raw=b"{}", facts=facts)  # fmt: skip
    record = Record("inbound.web", 0, 7, b"k", b"{}", tuple(envelope.headers()))
    assert _letter(Unread(record, envelope, b"{}", Dead("TypeError()", "unexpected", "parse web"))).sender == sender
