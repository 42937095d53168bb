"""Makes paho's client for a session that outlives its connection, and has it say hello."""

from paho.mqtt.client import MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from pipeline.config.sections import Mqtt
from pipeline.config.values import read_secret
from pipeline.connectors.mqtt_wire import WiredClient

KEEPALIVE = 20
"""Seconds of silence until a broker is asked whether it is there; it is given up after as many more."""

SESSION_EXPIRY = 7 * 24 * 3600
"""Seconds that the broker keeps our session while we are away."""


def new_client(mqtt: Mqtt) -> WiredClient:
    """A client that acknowledges only what it is told to, and leaves it to us to come back."""
    is_5 = mqtt.version == "5"
    client = WiredClient(
        CallbackAPIVersion.VERSION2,
        mqtt.client_id,
        clean_session=None if is_5 else False,
        protocol=MQTTv5 if is_5 else MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    if mqtt.username is not None:
        client.username_pw_set(mqtt.username, read_secret(mqtt.password) if mqtt.password else None)
    return client


def send_connect(client: WiredClient, mqtt: Mqtt, host: str, port: int) -> None:
    """Ask for our session; with MQTT 5 it is said how long it is kept, and how much may be on its way to us."""
    if mqtt.version != "5":
        client.connect_async(host, port, KEEPALIVE)
    else:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.SessionExpiryInterval = SESSION_EXPIRY
        properties.ReceiveMaximum = mqtt.receive_maximum
        properties.MaximumPacketSize = mqtt.max_packet
        client.connect_async(host, port, KEEPALIVE, clean_start=False, properties=properties)
    client.reconnect()
