"""The templates that there are, and what each of them may name."""

from collections.abc import Iterable, Mapping
from typing import Any

_COMMON: Mapping[str, Any] = {
    "language": "en",
    "subject": "Printer on the second floor",
    "text": "Please turn it off and on again.\n\nDid that help?",
    "desk": {"name": "Contoso"},
    "case": {
        "number": 1001,
        "title": "Printer on the second floor",
        "status": "in progress",
        "priority": "normal",
        "reference": "[#1001-abcdefgh]",
    },
    "contact": {"name": "Ana Silva"},
    "agent": {"name": "Rui Costa"},
}
"""What every template may name, with an example of it."""

_OWN: Mapping[str, Mapping[str, Any]] = {
    "acknowledgement": {"about": "Printer on the second floor"},
    "reply": {"quote": {"author": "Ana Silva", "at": "2026-03-02 10:00 CET", "text": "It does not print."}},
    "waiting_reminder": {"closes_at": "2026-03-12", "unsubscribe": "https://desk.contoso.example/unsubscribe/x"},
    "article": {"title": "When a printer does not print"},
    "sla_warned": {"kpi": "first_response", "sla": "Gold", "title": "Printer", "deadline": "2026-03-02 11:00 CET"},
    "sla_breached": {"kpi": "first_response", "sla": "Gold", "title": "Printer", "deadline": "2026-03-02 11:00 CET"},
    "activity_reminder": {"kind": "task", "activity": "Call back"},
    "activity_due": {"kind": "task", "activity": "Call back"},
    "on_hold_message": {},
    "delivery_failed": {},
    "storm": {},
    "webhook_disabled": {
        "name": "erp", "url": "https://erp.contoso.example/hook", "since": "2026-03-02 10:00 CET", "reason": "HTTP 500",
    },
    "notice": {},
}  # fmt: skip
"""What each template may name beside; `notice` words whatever has no template of its own."""

NAMES = tuple(_OWN)

TO_CUSTOMERS = frozenset({"acknowledgement", "reply", "waiting_reminder", "article"})
"""What customers get: in their language, with an HTML alternative, made of its text unless the desk writes one."""


def example(name: str) -> dict[str, Any]:
    """Everything that a template may name, with examples; all of it is there each time, maybe empty."""
    return {**_COMMON, **_OWN.get(name, {})}


def filled(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The same names with the values that are there; None for what there is none of."""
    return {
        key: _inner(given, values.get(key)) if isinstance(given, Mapping) else values.get(key)
        for key, given in example(name).items()
    }


def _inner(names: Iterable[str], values: object) -> dict[str, Any]:
    known = values if isinstance(values, Mapping) else {}
    return {name: known.get(name) for name in names}
