"""One alarm is active per device and name; what comes late moves nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.alarms import Alarm, AlarmTold, judge, moment, raised_priority

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def told(minutes: int, severity: str | None = "critical", text: str = "hot", *, dated: bool = True) -> AlarmTold:
    at = START + timedelta(minutes=minutes)
    return AlarmTold(device="pump-7", name="overheat", at=at, dated=dated, severity=severity, text=text)


def after(*messages: AlarmTold) -> tuple[list[str], Alarm | None]:
    alarm: Alarm | None = None
    verdicts = []
    for message in messages:
        verdict, alarm = judge(alarm, message)
        verdicts.append(verdict)
    return verdicts, alarm


@pytest.mark.parametrize(
    ("messages", "verdicts", "active"),
    [
        ([told(0)], ["raised"], True),
        ([told(0), told(5, None)], ["raised", "cleared"], False),
        ([told(0), told(5, "major")], ["raised", "updated"], True),
        ([told(0), told(5)], ["raised", "updated"], True),
        ([told(0, dated=False), told(5, dated=False)], ["raised", "same"], True),
        ([told(0), told(0)], ["raised", "same"], True),
        ([told(5), told(0, None)], ["raised", "older"], True),
        ([told(0, None)], ["not active"], False),
        ([told(5, None), told(0)], ["not active", "older"], False),
        ([told(0), told(5, None), told(6, None)], ["raised", "cleared", "same"], False),
        ([told(0), told(5, None), told(6)], ["raised", "cleared", "raised"], True),
    ],
)
def test_what_a_message_does(messages: list[AlarmTold], verdicts: list[str], *, active: bool) -> None:
    found, alarm = after(*messages)
    assert found == verdicts
    assert alarm is not None
    assert alarm.active is active


@pytest.mark.parametrize(
    ("minutes", "own"), [(-1, True), (-23 * 60, True), (-25 * 60, False), (4, True), (6, False), (60 * 24 * 365, False)]
)
def test_a_devices_clock_counts_unless_it_is_a_day_late_or_ahead(minutes: int, *, own: bool) -> None:
    at = START + timedelta(minutes=minutes)
    assert moment(at, START) == ((at, True) if own else (START, False))
    assert moment(None, START) == (START, False)


def test_a_priority_follows_upward_only() -> None:
    assert raised_priority("normal", "critical") == "urgent"
    assert raised_priority("urgent", "minor") == "urgent"
    assert raised_priority("low", None) == "normal"
