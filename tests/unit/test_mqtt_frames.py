"""The stream of MQTT is followed packet by packet, and what is too large loses its payload."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_devices import packet, text
from mqtt_standin import PUBACK, PUBLISH

from pipeline.connectors.mqtt_frames import BrokenStreamError, Frames

LIMIT = 100


def fed(frames: Frames, raw: bytes, sizes: list[int]) -> bytes:
    """What is passed on when the stream comes in pieces of these sizes."""
    out, place = b"", 0
    for size in [*sizes, len(raw)]:
        out += frames.pass_on(raw[place : place + size])
        place += size
    return out


small = st.builds(
    lambda topic, payload: packet(PUBLISH, text(topic) + payload), st.binary(max_size=9), st.binary(max_size=80)
)
other = st.binary(max_size=300).map(lambda body: packet(PUBACK, body))
pieces = st.lists(st.integers(1, 50), max_size=20)


@given(st.lists(small | other, max_size=6), pieces)
def test_what_is_small_or_no_message_passes_as_it_is(packets: list[bytes], sizes: list[int]) -> None:
    raw = b"".join(packets)
    assert fed(Frames(LIMIT, properties=False), raw, sizes) == raw


@given(st.binary(max_size=60), st.integers(LIMIT, 400), st.sampled_from([0, 1]), st.sampled_from([4, 5]), small, pieces)
def test_what_is_large_keeps_its_topic(
    topic: bytes,
    size: int,
    qos: int,
    version: int,
    after: bytes,
    sizes: list[int],
) -> None:
    packet_id = b"\0\7" if qos else b""
    large = packet(PUBLISH, text(topic) + packet_id + b"x" * size, 2 * qos)
    frames = Frames(LIMIT, properties=version == 5)
    without = text(topic) + packet_id + (b"\0" if version == 5 else b"")
    assert fed(frames, after + large + after, sizes) == after + packet(PUBLISH, without, 2 * qos) + after
    assert frames.cut == {(7 * qos, topic): 2 + len(topic) + len(packet_id) + size}


def test_a_length_that_never_ends_is_no_mqtt() -> None:
    with pytest.raises(BrokenStreamError):
        Frames(LIMIT, properties=False).pass_on(b"\x30\xff\xff\xff\xff\xff")


def test_a_topic_longer_than_its_packet_is_no_mqtt() -> None:
    with pytest.raises(BrokenStreamError):
        Frames(LIMIT, properties=False).pass_on(packet(PUBLISH, b"\xff\xff" + b"x" * 200) + b"x" * 70_000)
