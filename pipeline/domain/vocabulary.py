"""What conditions may name: the records of a desk, their fields, and how each record is shown."""

from collections.abc import Iterable, Mapping

from pipeline.domain.cases import Case
from pipeline.domain.casework import PRIORITIES, STATUSES
from pipeline.domain.cel_judge import Names
from pipeline.domain.cel_kinds import BOOL, HEADERS, INT, NUMBER, READING, TEXT, TEXTS, TIME, Kind, Record
from pipeline.domain.fields import FieldType
from pipeline.domain.matching import Ref

CASE: Mapping[str, Kind | Record] = {
    "number": INT,
    "title": TEXT,
    "description": TEXT,
    "subject": TEXT,
    "state": Kind(TEXT.name, tuple(STATUSES)),
    "status": Kind(TEXT.name, tuple(status for statuses in STATUSES.values() for status in statuses)),
    "priority": Kind(TEXT.name, PRIORITIES),
    "severity": TEXT,
    "type": TEXT,
    "origin": TEXT,
    "queue": TEXT,
    "owner": TEXT,
    "contact": TEXT,
    "account": TEXT,
    "product": TEXT,
    "device": TEXT,
    "entitlement": TEXT,
    "sla": TEXT,
    "escalated": BOOL,
    "flags": TEXTS,
    "opened_at": TIME,
    "resolved_at": TIME,
    "first_response_at": TIME,
    "waiting_since": TIME,
    "until": TIME,
}
"""A case; owner, contact, account, product, device and entitlement by external id."""

MESSAGE: Mapping[str, Kind | Record] = {
    "channel": TEXT,
    "subject": TEXT,
    "text": TEXT,
    "from": Record({"address": TEXT, "name": TEXT}),
    "to": TEXTS,
    "cc": TEXTS,
    "headers": HEADERS,
    "mailbox": TEXT,
    "form": TEXT,
    "origin": TEXT,
    "direction": TEXT,
    "auto": TEXT,
    "automatic": BOOL,
    "proven": BOOL,
    "received_at": TIME,
}
"""A message; `from.address` is what its sender is known by on its channel, `auto` what kind of automatic mail it is."""

_CUSTOMERS: Mapping[str, Mapping[str, Kind | Record]] = {
    "contact": {"external_id": TEXT, "name": TEXT, "account": TEXT},
    "account": {"external_id": TEXT, "name": TEXT, "parent": TEXT},
    "device": {
        "external_id": TEXT,
        "name": TEXT,
        "account": TEXT,
        "product": TEXT,
        "products": TEXTS,
        "gateway": TEXT,
        "warranty_until": TIME,
    },
}
_READING: Names = {"name": TEXT, "value": READING, "unit": TEXT, "severity": TEXT}
_OWN = {"text": TEXT, "number": NUMBER, "boolean": BOOL, "date": TIME}


def vocabulary(own: Mapping[str, Mapping[str, FieldType]], cut: Iterable[str] = ()) -> Names:
    """All that conditions may name: `own` fields that the desk declares of each record, fields `cut` from messages."""
    records = {"case": CASE, "message": MESSAGE, **_CUSTOMERS}
    named: dict[str, Kind | Record] = dict(_READING)
    for name, fields in records.items():
        declared = {field: _own_kind(kind) for field, kind in own.get(name, {}).items()}
        named[name] = Record({**declared, **fields})
    return {**named, "fields": Record(dict.fromkeys(cut, TEXT))}


class CaseRecord:
    """A case as conditions see it, with some fields as they would be if they were `changed`."""

    __slots__ = ("_case", "_changed")

    def __init__(self, case: Case, changed: Mapping[str, object]) -> None:
        self._case = case
        self._changed = changed

    def get(self, name: str, /) -> object:
        """A field of it; other records by their external ids."""
        if name in self._changed:
            return self._changed[name]
        value = getattr(self._case, name) if name in CASE else self._case.fields.get(name)
        return (value.external_id or str(value.id)) if isinstance(value, Ref) else value


def _own_kind(kind: FieldType) -> Kind:
    return _OWN[kind] if isinstance(kind, str) else Kind(TEXT.name, tuple(kind))
