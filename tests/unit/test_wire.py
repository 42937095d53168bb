"""Records on Kafka that are no envelopes of ours, or hardly."""

import pytest

from pipeline.wire import Envelope

HEADERS = {
    "ce_id": b"m1",
    "ce_source": b"/web/contact",
    "ce_type": b"dev.casestream.inbound.web.v1",
    "ce_time": b"2026-03-02T09:00:00+00:00",
}


@pytest.mark.parametrize("count", [b"0", b"-1", b"99999999999999999999", b"many"])
def test_a_count_that_no_ledger_could_add_is_no_envelope(count: bytes) -> None:
    with pytest.raises(ValueError, match="not an envelope"):
        Envelope.of_record(None, b"", [*HEADERS.items(), ("ce_count", count)])


def test_what_postgresql_cannot_hold_is_replaced() -> None:
    headers = {**HEADERS, "ce_source": b"/web/\0", "ce_envelopefrom": b"a\0b\xff"}
    envelope = Envelope.of_record(b"k\0", b"", headers.items())
    assert (envelope.source, envelope.key) == ("/web/\ufffd", "k\ufffd")
    assert envelope.facts == {"envelopefrom": "a\ufffdb\ufffd"}
