"""Writes the events of the demonstration's telephone exchange, as sipgate pushes them."""

from collections import deque
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from pipeline.demo.texts import PEOPLE

CONTENT_TYPE = "application/x-www-form-urlencoded"
OURS = "442079460000"

_AT_ONCE = 12
_RINGS, _MISSED = 0.4, 0.3


@dataclass(slots=True)
class _Call:
    id: str
    number: str
    name: str
    answered: bool = False


class Calls:
    """Calls under way: each rings, then is answered and hung up, or is missed."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._under_way: deque[_Call] = deque()

    def next(self, new_id: str) -> tuple[str, bytes]:
        """The id of a call and what the exchange posts of it; a call that begins gets `new_id`."""
        if not self._under_way or (len(self._under_way) < _AT_ONCE and self._random.random() < _RINGS):
            person = self._random.choice(PEOPLE)
            # 020 7946 0001 to 0999 are numbers that Ofcom keeps for fiction
            call = _Call(new_id, f"4420794600{PEOPLE.index(person) + 1:02d}", person.name)
            self._under_way.append(call)
            return call.id, _event(call, "newCall")
        call = self._under_way.popleft()
        if call.answered:
            return call.id, _event(call, "hangup", cause="normalClearing")
        if self._random.random() < _MISSED:
            return call.id, _event(call, "hangup", cause="cancel")
        call.answered = True
        self._under_way.append(call)
        return call.id, _event(call, "answer", user="Ines")


def _event(call: _Call, event: str, **more: str) -> bytes:
    known = {"event": event, "callId": call.id, "direction": "in", "from": call.number, "to": OURS}
    return urlencode({**known, "fromName": call.name, **more}).encode()
