"""Acknowledgements keep the order of the messages, whatever the order in which these are settled (MQTT-4.6.0-2)."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.connectors.mqtt_acks import Acks


@given(st.permutations(range(1, 9)), st.integers(0, 8))
def test_what_is_acknowledged_is_settled_with_all_that_came_before_it(order: list[int], until: int) -> None:
    acks = Acks()
    for packet_id in range(1, 9):
        acks.arrived(packet_id)
    settled = order[:until]
    acknowledged = [packet_id for one in settled for packet_id in acks.settle(one)]
    whole = next((one for one in range(1, 10) if one not in settled), 9) - 1
    assert acknowledged == list(range(1, whole + 1))


def test_what_never_came_or_is_settled_already_is_not_acknowledged() -> None:
    acks = Acks()
    acks.arrived(1)
    assert list(acks.settle(7)) == []
    assert list(acks.settle(1)) == [1]
    assert list(acks.settle(1)) == []
