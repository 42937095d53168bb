"""Sends commands to devices over MQTT, follows each until its device has answered.

A command is `queued`, `sent` when the broker has acknowledged it, then `acknowledged` or `failed` by what its own
device answers, or `failed` when no answer came in time. Nothing is remembered here beyond the call: who sends a
command keeps its state where it lasts, and after a restart sends the same id again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import orjson
import structlog

from pipeline.config.sections import Mqtt
from pipeline.connectors.backoff import Backoff
from pipeline.connectors.mqtt_session import Arrived, LostError, Session, Subscriptions
from pipeline.parse.device_json import read_json, text_of
from pipeline.parse.iot import named_device
from pipeline.parse.strict_json import Malformed

State = Literal["queued", "sent", "acknowledged", "failed"]

_DONE = frozenset({"successful", "success", "ok", "done", "acknowledged", "completed"})
_FAILED = frozenset({"failed", "failure", "error", "rejected", "refused", "timeout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a device is to do; `id` is the only one of its kind, and the same when it is sent again."""

    id: str
    device: str
    name: str
    arguments: Mapping[str, str | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a command has come, and why it failed."""

    id: str
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the broker."""

    topic: str
    payload: bytes
    retain: bool = False


class Dialect(Protocol):
    """How commands are written, and their answers read."""

    answers: str

    def request(self, command: Command) -> Outgoing:
        """The message that asks for it."""

    def progress(self, command: Command, topic: str, payload: bytes) -> Progress | None:
        """What a message says of this command; None when it says nothing final, or is not of its device."""

    def farewell(self, command: Command) -> Outgoing | None:
        """The message that clears up once it is over."""


class ThinEdgeCommands:
    """thin-edge.io's operations: a retained topic for each, on which the device writes its status.

    Source: thin-edge.io's MQTT API, `te/device/ID///cmd/TYPE/ID` with `status` from `init` to `successful` or `failed`.
    With levels `before` the root that name the main device, its children bear its name and theirs.
    """

    def __init__(self, before: str = "") -> None:
        self.answers = f"{before.replace('{device}', '+')}te/device/+///cmd/+/+"
        self._before = before

    def request(self, command: Command) -> Outgoing:
        """`init` with the arguments beside it."""
        payload = orjson.dumps({**command.arguments, "status": "init"})
        return Outgoing(self._operation(command), payload, retain=True)

    def progress(self, command: Command, topic: str, payload: bytes) -> Progress | None:
        """The status, where it is final."""
        return _verdict(command, _object(payload)) if topic == self._operation(command) else None

    def farewell(self, command: Command) -> Outgoing:
        """An empty message, which ends what is retained."""
        return Outgoing(self._operation(command), b"", retain=True)

    def _operation(self, command: Command) -> str:
        before, own = self._before, command.device
        if before:
            main, _, child = command.device.partition(":")
            before, own = before.replace("{device}", main), child or "main"
        return f"{before}te/device/{own}///cmd/{command.name}/{command.id}"


class PlainCommands:
    """JSON on a topic of the device's own: `id` and `command` go out, `id` and `status` come back.

    `commands` and `answers` say the topics, with `{device}` where the device is named.
    """

    def __init__(self, commands: str, answers: str) -> None:
        self.answers = answers.replace("{device}", "+")
        self._commands = commands
        self._pattern = answers

    def request(self, command: Command) -> Outgoing:
        """The arguments beside what it is."""
        payload = {**command.arguments, "id": command.id, "command": command.name}
        return Outgoing(self._commands.replace("{device}", command.device), orjson.dumps(payload))

    def progress(self, command: Command, topic: str, payload: bytes) -> Progress | None:
        """What its own device says of its id."""
        found = _object(payload)
        if named_device(topic, self._pattern) != command.device or found.get("id") != command.id:
            return None
        return _verdict(command, found)

    def farewell(self, command: Command) -> Outgoing | None:  # noqa: ARG002  # there is nothing to clear
        """Nothing is left over."""
        return None


def _object(payload: bytes) -> Mapping[str, object]:
    try:
        found = read_json(payload)
    except Malformed:
        return {}
    return found if isinstance(found, dict) else {}


def _verdict(command: Command, found: Mapping[str, object]) -> Progress | None:
    status = (text_of(found.get("status")) or "").lower()
    if status in _DONE:
        return Progress(command.id, "acknowledged")
    if status in _FAILED:
        return Progress(command.id, "failed", text_of(found.get("reason")) or "the device says no more")
    return None


class CommandLink:
    """One session at the broker for commands and what is answered to them.

    `changed` is told each state of each command and awaited before the next; what it raises ends that command's call.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        dialect: Dialect,
        changed: Callable[[Progress], Awaitable[None]],
        backoff: Backoff | None = None,
    ) -> None:
        self._mqtt = mqtt.model_copy(update={"client_id": f"{mqtt.client_id}-commands"})
        self._dialect = dialect
        self._changed = changed
        self._backoff = backoff or Backoff(0.5, 30.0)
        self._open: dict[str, tuple[Command, asyncio.Future[Progress]]] = {}
        self._session: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="mqtt commands")

    async def send(self, command: Command, within: float, *, taken_within: float | None = None) -> Progress:
        """Its end: `acknowledged`, or `failed` with the reason, at the latest so many seconds after it was sent.

        The broker must have taken it `taken_within` seconds (default: as many).
        """
        outgoing = self._dialect.request(command)
        patience = within if taken_within is None else taken_within
        answer: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()
        self._open[command.id] = command, answer
        await self._changed(Progress(command.id, "queued"))
        sent = False
        try:
            async with asyncio.timeout(patience):
                await self._publish(outgoing)
            sent = True
            await self._changed(Progress(command.id, "sent"))
            async with asyncio.timeout(within):
                end = await answer
        except TimeoutError:
            what = f"no answer of the device within {within:g} s"
            end = Progress(command.id, "failed", what if sent else f"the broker did not take it within {patience:g} s")
        finally:
            del self._open[command.id]
        await self._clear(command)
        await self._changed(end)
        return end

    async def close(self) -> None:
        """Leave the broker; commands that wait go on waiting in vain until their time is over."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._session.done() and not self._session.cancelled():
            await self._session.result().close_gently()

    async def _publish(self, outgoing: Outgoing) -> None:
        """Return when the broker has it, over as many connections as that takes."""
        while True:
            session = await asyncio.shield(self._session)
            try:
                await session.publish(outgoing.topic, outgoing.payload, retain=outgoing.retain)
            except LostError:
                await asyncio.sleep(0.05)  # the next connection is not there yet
            else:
                return

    async def _clear(self, command: Command) -> None:
        farewell = self._dialect.farewell(command)
        if farewell and self._session.done():
            try:
                await self._session.result().publish(farewell.topic, farewell.payload, retain=farewell.retain)
            except LostError as error:
                structlog.get_logger().warning("a command stays at the broker", command=command.id, reason=str(error))

    async def _run(self) -> None:
        while True:
            session = Session(self._mqtt, Subscriptions((self._dialect.answers,), ()), self._arrived)
            try:
                await session.open()
                if refused := await session.subscribe(everything=False):
                    structlog.get_logger().error("the broker does not let us read answers", refused=refused)
                self._backoff.succeeded()
                self._session.set_result(session)
                lost = await session.ended()
            except LostError as error:
                lost = error
            finally:
                session.close()
            if self._session.done():
                self._session = asyncio.get_running_loop().create_future()
            structlog.get_logger().warning("commands wait for the broker", reason=str(lost))
            await asyncio.sleep(self._backoff.failed())

    def _arrived(self, session: Session, arrived: Arrived) -> None:
        for command, answer in self._open.values():
            progress = self._dialect.progress(command, arrived.topic, arrived.payload)
            if progress and not answer.done():
                answer.set_result(progress)
        session.settle(arrived)
