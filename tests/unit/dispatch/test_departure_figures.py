"""What left the desk is told to Prometheus by the way it took."""

from datetime import UTC, datetime

from pipeline.departures import Departures
from pipeline.metrics import exposition


def test_every_way_tells_what_it_sent_what_failed_and_what_waits() -> None:
    webhooks = Departures(sent=7, last_success=datetime(2026, 3, 2, 9, 0, tzinfo=UTC), waiting=3, lag_s=1.5)
    webhooks.failed["timeout"] += 2
    told = exposition(dict, departures=lambda: {"webhooks": webhooks}).decode()
    for line in (
        'casestream_dispatch_sent_total{way="webhooks"} 7.0',
        'casestream_dispatch_failed_total{reason="timeout",way="webhooks"} 2.0',
        'casestream_dispatch_waiting{way="webhooks"} 3.0',
        'casestream_dispatch_lag_seconds{way="webhooks"} 1.5',
        'casestream_dispatch_last_success_timestamp_seconds{way="webhooks"} 1.772442e+09',
    ):
        assert line in told


def test_a_process_from_which_nothing_leaves_tells_of_none() -> None:
    assert b"dispatch" not in exposition(dict)
