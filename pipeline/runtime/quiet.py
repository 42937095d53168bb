"""Keeps a library that says the same thing all the time from drowning what we say."""

import logging
from time import monotonic


class Seldom(logging.Filter):
    """Lets each message of a library through once in `every` seconds.

    While a broker is away, aiokafka logs hundreds of equal lines a second.
    """

    def __init__(self, every: float = 30.0) -> None:
        super().__init__()
        self._every = every
        self._said: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this message has not been said for a while; its arguments do not make it another one."""
        message = (record.name, record.msg)
        now = monotonic()
        if now - self._said.get(message, -self._every) < self._every:
            return False
        self._said[message] = now
        return True


def quiet_libraries(level: int = logging.WARNING) -> None:
    """Let Faust and aiokafka say warnings, each seldom. The root logger has its handlers already."""
    seldom = Seldom()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_OfLibraries(seldom))
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(level)


class _OfLibraries(logging.Filter):
    def __init__(self, seldom: Seldom) -> None:
        super().__init__()
        self._seldom = seldom

    def filter(self, record: logging.LogRecord) -> bool:
        ours = not record.name.startswith(("faust", "mode", "aiokafka"))
        return ours or self._seldom.filter(record)
