"""What a file may say of an account."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pipeline.domain.reference import Account
from pipeline.parse.freemail import FREEMAIL
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
    wrong_numbers,
)
from pipeline.reference.names import Names

_DOMAIN = re.compile(r"[^@\s/]+\.[^@\s/.]+")


class ToldAccount(Told):
    """An organisation; `emails` and `phones` are those that nobody has alone, `+49 89 1234*` a range of them."""

    kind: Literal["account"]
    name: Name | None = None
    parent: Id | None = None
    domains: Words = ()
    emails: Words = ()
    phones: Words = ()
    fields: Mapping[str, Any] = {}

    lists: ClassVar[frozenset[str]] = frozenset({"domains", "emails", "phones"})

    def wrong(self, names: Names) -> Iterator[str]:
        """What the configuration says against it."""
        yield from names.wrong_fields("account", self.fields)
        yield from wrong_addresses(self.emails)
        yield from wrong_numbers(self.phones, names, ranges=True)
        for domain in self.domains:
            if not _DOMAIN.fullmatch(_domain(domain)):
                yield f'"{domain}" is no mail domain; write what follows the @, like "acme.example"'

    def record(self, names: Names) -> Account:
        """The record that is told."""
        values = self.values("emails", "phones")
        if "domains" in values:
            values["domains"] = tuple(sorted({_domain(domain) for domain in self.domains}))
        return Account(
            **values,
            known_by=self.known_by(REACHED_BY),
            identities=tuple(dict.fromkeys([*addresses(self.emails), *numbers(self.phones, names)])),
            notes=(
                *numbers_notes(self.phones, names),
                *(
                    f"{one} is a freemail domain, which tells nobody's account"
                    for one in values.get("domains", ())
                    if one in FREEMAIL
                ),
            ),
        )


def _domain(text: str) -> str:
    return text.strip().lower().removeprefix("@")
