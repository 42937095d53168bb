"""Calls for `casestream parse phone`."""

from collections.abc import Iterable
from typing import Any, cast, get_args

from pipeline.commands.parsers.channel import Asked, Channel, Reader
from pipeline.config.channels import PhoneFormat

FIELDS = (
    "call_id", "direction", "from_", "to", "from_name", "state", "started_at", "answered_at", "ended_at", "duration_s",
    "billable_s", "agent", "defects",
)  # fmt: skip


def reader(asked: Asked) -> Reader:
    """One object a call or event; numbers and times without a country or zone are the desk's."""
    from zoneinfo import ZoneInfo

    from pipeline.config.sections import Desk
    from pipeline.parse.call_fields import Site
    from pipeline.parse.phone import parse_phone

    desk = asked.config.desk if asked.config else Desk()
    site = Site(desk.country, ZoneInfo(desk.timezone))
    format_ = cast("PhoneFormat | None", asked.format)  # the command admits the names below only

    def objects(raw: bytes) -> Iterable[dict[str, Any]]:
        for call in parse_phone(raw, site, format_):
            yield {("from" if name == "from_" else name): getattr(call, name) for name in FIELDS}

    return objects


CHANNEL = Channel(reader, formats=get_args(PhoneFormat))
