"""Writes what the devices of the demonstration publish, as thin-edge.io does."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random

DEVICES = ("pump-1", "pump-2", "boiler-3", "press-4", "press-5", "tank-6")
ALARM = "overpressure"

_ALARMS = 0.1


class Devices:
    """Machines that measure, and now and then raise an alarm or clear it."""

    def __init__(self, random: Random, now: Callable[[], datetime]) -> None:
        self._random = random
        self._now = now
        self._alarmed: set[str] = set()

    def next(self) -> tuple[str, str, bytes]:
        """The id of the alarm, empty for all else; topic; payload."""
        device, at = self._random.choice(DEVICES), self._now()
        bar = round(self._random.uniform(1, 9), 2)
        if self._random.random() >= _ALARMS:
            return "", _topic(device, "m/pressure"), _payload({"time": at.isoformat(), "pressure": bar})
        if device in self._alarmed:
            self._alarmed.remove(device)
            return "", _topic(device, f"a/{ALARM}"), b""
        self._alarmed.add(device)
        severity = self._random.choice(("critical", "major", "minor"))
        alarm = {"time": at.isoformat(), "severity": severity, "text": f"{device}: {bar} bar"}
        return f"{device} {ALARM} {at.isoformat()}", _topic(device, f"a/{ALARM}"), _payload(alarm)


def _topic(device: str, channel: str) -> str:
    return f"te/device/{device}///{channel}"


def _payload(told: Mapping[str, object]) -> bytes:
    return json.dumps(told).encode()
