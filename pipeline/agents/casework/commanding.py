"""Carries out that an agent tells a device what to do."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.domain.orders import Command, Refused
from pipeline.store.watch_ports import NewCommand

LIVES = timedelta(minutes=15)
"""A command that could not be sent for so long is not sent any more: its reason may be gone."""

MOST_ARGUMENTS = 16_384
"""Bytes of the arguments as JSON."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_DEVICE = re.compile(r"[^/+#\x00]{1,200}")
"""What may stand in a level of a topic (MQTT 3.1.1, 4.7)."""

_OF_COMMANDS = frozenset({"status", "id", "command"})
"""Names that say what a command is, and not how."""


def command(desk: WorkDesk, order: Command) -> UUID | Refused:
    """Leave it to the sender of commands; the case's customer is not answered by it."""
    case, device = desk.case, order.device or desk.case.device
    if device is None:
        return Refused(f"case {case.number} is about no device; name one (device)")
    if (says := next(_wrong(device, order), None)) is not None:
        return Refused(says)
    source = _source(desk)
    if source is None:
        return Refused(f'no [[device_feed]] that takes commands is known for "{device}"; name its commands and answers')
    says = f"{order.name} to {device}"
    made = desk.add(
        new_activity(
            case, "iot", desk.at, direction="out", subject=says[:300], body=says, recipient=device,
            agent=desk.by_agent(), delivery="queued",
        )
    )  # fmt: skip
    desk.batch.watch.commands.append(
        NewCommand(
            id=uuid7(), device=device, name=order.name, source=source, rule="", case_id=case.id, activity_id=made,
            created_at=desk.at, expires_at=desk.at + LIVES, arguments=order.arguments,
        )
    )  # fmt: skip
    desk.tell("case.noted", case, {}, activity=made)
    return made


def _wrong(device: str, order: Command) -> Iterator[str]:
    if not _NAME.fullmatch(order.name):
        yield f'"{order.name[:100]}" is no name of a command; write letters, digits, and . _ -'
    if not _DEVICE.fullmatch(device):
        yield f'"{device[:200]}" cannot be a device\'s name: no / + # stands in one'
    if taken := sorted(_OF_COMMANDS & order.arguments.keys()):
        yield f'no argument is called "{taken[0]}"; that says what the command itself is'
    if len(orjson.dumps(dict(order.arguments))) > MOST_ARGUMENTS:
        yield f"the arguments have more than {MOST_ARGUMENTS} bytes"


def _source(desk: WorkDesk) -> str | None:
    """The feed by which the device was heard on this case, else the only one that takes commands."""
    feeds = desk.rules.feeds
    heard = desk.facts.feeds.get(desk.case.id, "").removeprefix("/mqtt/")
    if heard in feeds:
        return f"/mqtt/{heard}" if feeds[heard].takes_commands else None
    able = [name for name, feed in feeds.items() if feed.takes_commands]
    return f"/mqtt/{able[0]}" if len(able) == 1 else None
