"""What a file may say of a contact."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pipeline.domain.matching import Identity, normal_handle
from pipeline.domain.reference import Contact
from pipeline.reference.kinds.told import (
    REACHED_BY,
    Id,
    Name,
    Told,
    Words,
    addresses,
    numbers,
    numbers_notes,
    wrong_addresses,
    wrong_handles,
    wrong_numbers,
)
from pipeline.reference.names import Names

_IDENTITIES = {**REACHED_BY, "social": "social", "devices": "device"}


class ToldContact(Told):
    """A person, how they are reached, and the account (by external id) they belong to."""

    kind: Literal["contact"]
    name: Name | None = None
    account: Id | None = None
    emails: Words = ()
    phones: Words = ()
    social: Words = ()
    devices: Words = ()
    fields: Mapping[str, Any] = {}

    lists: ClassVar[frozenset[str]] = frozenset(_IDENTITIES)

    def wrong(self, names: Names) -> Iterator[str]:
        """What the configuration says against it."""
        yield from names.wrong_fields("contact", self.fields)
        yield from wrong_addresses(self.emails)
        yield from wrong_numbers(self.phones, names)
        yield from wrong_handles(self.social)

    def record(self, names: Names) -> Contact:
        """The record that is told."""
        values = self.values(*_IDENTITIES)
        identities = [
            *addresses(self.emails),
            *numbers(self.phones, names),
            *(Identity("social", normal_handle(one)) for one in self.social),
            *(Identity("device", one) for one in self.devices),
        ]
        return Contact(
            **values,
            known_by=self.known_by(_IDENTITIES),
            identities=tuple(dict.fromkeys(identities)),
            notes=tuple(numbers_notes(self.phones, names)),
        )
