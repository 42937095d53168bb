"""Mails for `casestream parse email`."""

from collections.abc import Iterable
from typing import Any

from pipeline.commands.parsers.channel import Asked, Channel, Reader


def reader(asked: Asked) -> Reader:
    """One object a mail; without a configuration none counts as our own, and none came by a list of ours."""
    from dataclasses import asdict

    from pipeline.parse.email import parse_email

    domain = asked.config.desk.domain if asked.config else None

    def objects(raw: bytes) -> Iterable[dict[str, Any]]:
        mail = asdict(parse_email(raw, our_domain=domain))
        yield {("from" if name == "from_" else name): value for name, value in mail.items() if name != "via"}

    return objects


CHANNEL = Channel(reader)
