"""A session at a broker that is not there can be ended like any other."""

import asyncio

import pytest

from pipeline.config.sections import Mqtt
from pipeline.connectors.mqtt_session import LostError, Session, Subscriptions


def test_a_session_that_never_connected_pauses_and_ends_in_peace() -> None:
    async def scenario() -> str:
        session = Session(Mqtt(url="mqtt://127.0.0.1:1"), Subscriptions((), ()), lambda *_: None)
        with pytest.raises(LostError):
            await session.open()
        session.pause()
        session.resume()
        await session.close_gently()
        return str(await session.ended())

    assert asyncio.run(scenario()) == "closed"
