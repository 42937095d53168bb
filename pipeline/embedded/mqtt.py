"""An MQTT broker within the supervisor, for trying out: what it holds is lost when it ends."""

import asyncio
import logging
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pipeline.embedded import logs

_STOP_WITHIN = 1.0


class MqttBroker:
    """Listens on 127.0.0.1, for anyone on this machine."""

    name = "mqtt"

    def __init__(self, port: int, *, log: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self._log = log

    async def start(self) -> None:
        """Return once clients may connect."""
        self._keep_quiet()
        from amqtt.broker import Broker  # noqa: PLC0415  # Kafka starts while this is imported

        settings = {
            "listeners": {"default": {"type": "tcp", "bind": self.address}},
            "plugins": {"pipeline.embedded.mqtt_admission.AdmitAll": {}},
        }
        self._broker = Broker(settings)
        await self._broker.start()

    async def stop(self) -> None:
        """Drop the clients and end."""
        with suppress(Exception):  # whatever it says on its way out, nothing depends on it any more
            await asyncio.wait_for(self._broker.shutdown(), _STOP_WITHIN)

    def _keep_quiet(self) -> None:
        handler = RotatingFileHandler(self._log, maxBytes=logs.LIMIT, backupCount=1)
        for name in ("amqtt", "transitions"):
            logger = logging.getLogger(name)
            logger.setLevel(logging.WARNING)
            logger.addHandler(handler)
            logger.propagate = False
