"""CloudEvents' own library reads every event as it is published, in either mode."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from cloudevents.core.formats.json import JSONFormat

from pipeline.events.examples import SOURCE, Example, story
from pipeline.publish.binding import BINDINGS
from pipeline.store.outbox import Outgoing


def outgoing(example: Example) -> Outgoing:
    """The event as the relay has it."""
    data = orjson.dumps(example.data).decode()
    return Outgoing(
        example.position, str(example.id), example.key, example.seq, example.type, example.subject, data, example.at,
        example.position,
    )  # fmt: skip


@pytest.mark.parametrize("mode", BINDINGS)
@pytest.mark.parametrize("example", story(), ids=lambda example: f"{example.position}-{example.name}")
def test_the_library_reads_it(example: Example, mode: str) -> None:
    value, headers = BINDINGS[mode](outgoing(example), SOURCE.encode())
    event = from_kafka_event(KafkaMessage(dict(headers), example.key.encode(), value), JSONFormat())
    assert (event.get_id(), event.get_type(), event.get_source()) == (str(example.id), example.type, SOURCE)
    assert (event.get_time(), event.get_subject()) == (example.at, example.subject)
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("sequence") == f"{example.seq:012d}"
    assert event.get_extension("position") == str(example.position)
    data: Mapping[str, Any] = event.get_data()  # type: ignore[assignment]  # the library leaves open what data is
    assert data == example.data
