"""What is told of a record of any kind, before it is one."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.domain.matching import SHORTEST_RANGE, Identity, normal_address
from pipeline.domain.reference import Record
from pipeline.parse.numbers import Number, e164, read_number
from pipeline.reference.names import Names

MAX_LIST = 1000

REACHED_BY: Mapping[str, str] = {"emails": "email", "phones": "phone"}
"""The keys that tell how someone is reached, with the kind of identity."""

_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_HANDLE = re.compile(r"(facebook|messenger|x|mastodon):\S+")


def _plain(value: str) -> str:
    if "\0" in value:
        raise ValueError("text cannot hold the character NUL")
    return value


def _word(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, Field(max_length=100_000), AfterValidator(_plain)]
Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_plain)]
Id = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain), BeforeValidator(_word)]
"""An external id; a number is read as its digits."""


def _listed(value: object) -> object:
    return () if value is None else value


Words = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(max_length=MAX_LIST)]


class Told(BaseModel):
    """What every kind has; `null` takes a value away, and what is left out stays as it was.

    `lists` are the keys whose cell in a CSV file holds several values.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    external_id: Id

    lists: ClassVar[frozenset[str]] = frozenset()

    def wrong(self, names: Names) -> Iterator[str]:  # noqa: ARG002  # most kinds look at them
        """What the configuration says against it."""
        yield from ()

    def record(self, names: Names) -> Record:
        """The record that is told."""
        raise NotImplementedError

    def values(self, *but: str) -> dict[str, Any]:
        """What is told of it by name, but what is no value of the record itself."""
        told = self.model_fields_set - {"kind", "external_id", *but}
        values = {name: getattr(self, name) for name in told}
        for called in {"name", "title"} & told:
            values[called] = values[called] or self.external_id
        return {"external_id": self.external_id, "given": frozenset(told), **values}

    def known_by(self, kinds: Mapping[str, str]) -> frozenset[str]:
        """The kinds of identities that are told, by the keys that tell them."""
        return frozenset(kind for key, kind in kinds.items() if key in self.model_fields_set)


def wrong_addresses(addresses: Iterable[str]) -> Iterator[str]:
    """What to say of what is no address."""
    return (f'"{one}" is no mail address' for one in addresses if not _ADDRESS.fullmatch(normal_address(one)))


def wrong_handles(handles: Iterable[str]) -> Iterator[str]:
    """What to say of what is no account on a platform."""
    hint = 'write the platform and the id there, like "facebook:1234"'
    return (f'"{one}" is no handle; {hint}, or "x:@ana"' for one in handles if not _HANDLE.fullmatch(one))


def wrong_numbers(numbers: Iterable[str], names: Names, *, ranges: bool = False) -> Iterator[str]:
    """What to say of what is no number."""
    for one in numbers:
        if one.strip().endswith("*"):
            if not ranges:
                yield f'"{one}" is a range of numbers; give it to the account'
            elif _range(one, names) is None:
                hint = f'write at least {SHORTEST_RANGE} digits and a star, like "+49 89 1234*"'
                yield f'"{one}" is no range of numbers; {hint}'
        elif not re.search(r"\d", _number(one, names)):
            yield f'"{one}" is no telephone number'


@lru_cache(maxsize=64)
def _read(text: str, country: str | None) -> Number:
    """Each number of a record is looked at several times."""
    return read_number(text, country)


def _number(text: str, names: Names) -> str:
    return _read(text, names.country).text or ""


def _range(text: str, names: Names) -> str | None:
    """The digits that its numbers begin with, in the form of E.164, and a star."""
    begin = text.strip().removesuffix("*")
    digits = re.sub(r"[^\d+]", "", e164(begin, names.country) or begin)
    return f"{digits}*" if re.fullmatch(rf"\+\d{{{SHORTEST_RANGE},}}", digits) else None


def addresses(told: Sequence[str]) -> list[Identity]:
    """The addresses as identities, as a mail's sender is known by them."""
    return [Identity("email", normal_address(one)) for one in told]


def numbers(told: Sequence[str], names: Names) -> list[Identity]:
    """The numbers as identities, as callers are known by them; a range ends in a star."""
    return [
        Identity("phone", (_range(one, names) or one) if one.strip().endswith("*") else _number(one, names))
        for one in told
    ]


def numbers_notes(told: Sequence[str], names: Names) -> list[str]:
    """What to say of numbers that are taken as they stand."""
    found = []
    for one in told:
        number = _read(one, names.country)
        if "*" not in one and number.text and not number.text.startswith("+") and len(number.text) > 6:  # noqa: PLR2004  # no extension
            why = number.defect or "nobody knows its country; set [desk] country, or write it like +49…"
            found.append(f'"{one}" is compared as {number.text}: {why}')
    return found
