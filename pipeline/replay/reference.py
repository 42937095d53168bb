"""Reads reference data: accounts, contacts, devices in JSON lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.domain.matching import normal_address
from pipeline.parse.numbers import e164
from pipeline.replay.steps import Mistake
from pipeline.store.reference import Account, Contact, Device

KINDS = ("account", "contact", "device")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    external_id: Annotated[str, Field(min_length=1)]
    name: str | None = None


class _Account(_Record):
    kind: Literal["account"]
    domains: list[str] = []

    def record(self) -> Account:
        domains = tuple(domain.strip().lower().removeprefix("@") for domain in self.domains)
        return Account(self.external_id, self.name or self.external_id, domains)


class _Contact(_Record):
    kind: Literal["contact"]
    emails: list[str] = []
    phones: list[str] = []
    account: str | None = None

    def record(self, country: str | None) -> Contact:
        emails = map(normal_address, self.emails)
        phones = (e164(phone, country) or phone.replace(" ", "") for phone in self.phones)
        return Contact(self.external_id, self.name or self.external_id, tuple(emails), tuple(phones), self.account)


class _Device(_Record):
    """What else is known of a device is not used yet."""

    kind: Literal["device"]
    account: str | None = None
    product: str | None = None
    gateway: str | None = None
    warranty_until: date | None = None

    def record(self) -> Device:
        return Device(self.external_id, self.account)


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """What the desk knows before the first message."""

    accounts: list[Account] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)


def read_reference(path: Path, country: str | None = None) -> tuple[ReferenceData, list[Mistake]]:
    """The records in a file, and what is wrong with it; numbers that name no country are of this one."""
    data = ReferenceData()
    mistakes: list[Mistake] = []
    named: list[tuple[int, str]] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        return data, [Mistake(str(path), None, f"cannot read it: {error.strerror}")]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = _read(orjson.loads(line))
        except ValidationError as error:
            mistakes += [Mistake(str(path), number, says) for says in _explained(error)]
        except ValueError as error:
            mistakes.append(Mistake(str(path), number, str(error)))
        else:
            if isinstance(record, _Account):
                data.accounts.append(record.record())
                continue
            if isinstance(record, _Contact):
                data.contacts.append(record.record(country))
            else:
                data.devices.append(record.record())
            named += [(number, record.account)] if record.account else []
    there = {account.external_id for account in data.accounts}
    mistakes += [
        Mistake(str(path), number, f'it names the account "{name}", which is not in this file')
        for number, name in named
        if name not in there
    ]
    return data, mistakes


def _read(values: Any) -> _Account | _Contact | _Device:  # noqa: ANN401  # what JSON can say
    if not isinstance(values, Mapping):
        raise ValueError("a line is a JSON object")  # noqa: TRY004  # told to the user like every other mistake
    kind = values.get("kind")
    if kind == "account":
        return _Account.model_validate(values)
    if kind == "contact":
        return _Contact.model_validate(values)
    if kind == "device":
        return _Device.model_validate(values)
    raise ValueError(f'no kind "{kind}" can be rehearsed; there are: {", ".join(KINDS)}')


def _explained(error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False, include_context=False):
        yield f'"{".".join(map(str, one["loc"]))}": {one["msg"]}'
