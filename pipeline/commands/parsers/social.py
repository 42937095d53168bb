"""Deliveries of social platforms for `casestream parse social`."""

from collections.abc import Iterable
from typing import Any

from pipeline.commands.parsers.channel import Asked, Channel, Reader


def reader(asked: Asked) -> Reader:  # noqa: ARG001  # every payload tells its platform
    """One object an item of a delivery."""
    from dataclasses import asdict

    from pipeline.parse.social import split_delivery
    from pipeline.parse.strict_json import Malformed

    def nothing(problem: str) -> dict[str, Any]:
        return {"platform": None, "kind": "other", "opens_case": False, "reason": problem, "defects": [problem]}

    def objects(raw: bytes) -> Iterable[dict[str, Any]]:
        try:
            items = split_delivery(raw)
        except Malformed as problem:
            yield nothing(str(problem))
            return
        for item in items:
            yield asdict(item.post) if item.post else nothing(item.problem)

    return objects


CHANNEL = Channel(reader)
