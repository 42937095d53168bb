"""What a file may say of a product."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pipeline.domain.reference import Product
from pipeline.reference.kinds.told import Id, Name, Told
from pipeline.reference.names import Names


class ToldProduct(Told):
    """A product, and the one it is a part or a version of; `thresholds` are settings of alarms by name."""

    kind: Literal["product"]
    name: Name | None = None
    parent: Id | None = None
    thresholds: Mapping[str, Mapping[str, Any]] | None = None

    def wrong(self, names: Names) -> Iterator[str]:
        """What the configuration says against it."""
        yield from names.thresholds.wrong(self.thresholds or {})

    def record(self, names: Names) -> Product:  # noqa: ARG002  # every kind has this form
        """The record that is told."""
        values = self.values()
        if "thresholds" in values:
            values["thresholds"] = dict(self.thresholds or {})
        return Product(**values)
