"""The sections that say where cases go: rules of routing."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.conditions import ConditionText
from pipeline.config.values import Section

Assignment = Literal["round_robin", "least_active", "highest_capacity"]
"""Who gets a case: who had none for longest, who has fewest, who has most room left."""

Priority = Literal["low", "normal", "high", "urgent"]


class Route(Section):
    """A rule: the first one that holds says where a case goes, and each before it that lets others `continue`."""

    name: str
    when: ConditionText
    queue: str | None = None
    priority: Priority | None = None
    severity: str | None = None
    type: str | None = None
    owner: str | None = None
    assign: Assignment | None = None
    continue_: Annotated[bool, Field(alias="continue")] = False
