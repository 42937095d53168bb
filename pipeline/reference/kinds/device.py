"""What a file may say of a device."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

from pipeline.domain.reference import Device
from pipeline.reference.kinds.told import Id, Name, Told
from pipeline.reference.names import Names


class ToldDevice(Told):
    """A device under the name that its messages bear; `thresholds` come before those of its product."""

    kind: Literal["device"]
    name: Name | None = None
    account: Id | None = None
    product: Id | None = None
    gateway: Id | None = None
    warranty_until: date | None = None
    thresholds: Mapping[str, Mapping[str, Any]] | None = None
    fields: Mapping[str, Any] = {}

    def wrong(self, names: Names) -> Iterator[str]:
        """What the configuration says against it."""
        yield from names.wrong_fields("device", self.fields)
        yield from names.thresholds.wrong(self.thresholds or {})

    def record(self, names: Names) -> Device:  # noqa: ARG002  # every kind has this form
        """The record that is told."""
        values = self.values()
        if "thresholds" in values:
            values["thresholds"] = dict(self.thresholds or {})
        return Device(**values)
