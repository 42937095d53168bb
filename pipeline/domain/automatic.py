"""Automatic mail: what becomes of it, by the desk's policy for its kind."""

from typing import Literal

Policy = Literal["append", "suppress", "open", "person"]


def is_automatic(auto: str | None, policy: Policy | None) -> bool:
    """Whether a mail counts as automatic; list headers under `person` only say how a person's mail travelled."""
    return auto is not None and policy != "person"


def may_append(auto: str | None, policy: Policy | None) -> bool:
    """Whether a mail may join the case it belongs to; under `suppress` its kind never does."""
    return auto is None or policy != "suppress"


def may_open(auto: str | None, policy: Policy | None) -> bool:
    """Whether a mail without a case may open one."""
    return auto is None or policy in {"open", "person"}
