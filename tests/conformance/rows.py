"""Rows to write, with what does not matter filled in."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pipeline.domain.cases import Case
from pipeline.domain.matching import Identity
from pipeline.store.ports import DeadLetter, NewActivity, NewContact, NewEvent, NewMessage, Wanted

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_case(number: int, **fields: Any) -> Case:  # noqa: ANN401  # any field of a case
    values = {
        "id": uuid4(), "title": "Printer", "state": "active", "status": "in progress", "priority": "normal",
        "origin": "email", "queue": "Support", "opened_at": NOW, "number": number, "revision": 1, "event_seq": 1,
    }  # fmt: skip
    return Case(**{**values, **fields})


def a_message(key: str | None, **fields: Any) -> NewMessage:  # noqa: ANN401  # any field of a message
    values = {
        "id": uuid4(), "channel": "email", "source": "/email/a", "source_id": "<a@x>", "dedupe_key": key,
        "outcome": "opened", "reason": "it belongs to no case yet", "matched_by": None, "case_id": None,
        "contact_id": None, "activity_id": None, "received_at": NOW, "flags": (), "defects": (), "body": "hello",
        "content_type": "message/rfc822", "facts": {}, "topic": "inbound.email", "partition": 0, "log_offset": 0,
        "dataref": None,
    }  # fmt: skip
    return NewMessage(**{**values, **fields})


def an_activity(case: Case, body: str) -> NewActivity:
    return NewActivity(uuid4(), case.id, "email", "in", "closed", "Printer", body, "ana@x.example", None, NOW)


def an_event(seq: int, name: str, *, key: str = "k") -> NewEvent:
    return NewEvent(uuid4(), key, seq, name, None, {"case": None}, NOW)


def a_contact(address: str, *, account_id: UUID | None = None) -> NewContact:
    return NewContact(uuid4(), address.partition("@")[0], email(address), account_id, NOW)


def email(address: str) -> Identity:
    return Identity("email", address)


def a_letter(offset: int, *, sender: str = "a@x.example", kind: str = "unexpected") -> DeadLetter:
    return DeadLetter(
        uuid4(),
        "inbound.email",
        0,
        offset,
        kind,
        "it fell",
        "settle",
        sender,
        "/email/a",
        NOW,
        1,
        b"k",
        [],
        b"raw",
        NOW,
    )


def wanted(**fields: Any) -> Wanted:  # noqa: ANN401  # any of its sets
    return Wanted(**{**dict.fromkeys(("claim", "dedupe_keys", "identities", "domains", "case_numbers"), ()), **fields})
