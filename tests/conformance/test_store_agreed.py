"""What importing entitlements may rely on in any store."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from rows import NOW

from pipeline.domain.agreed import EntitlementRecord, TemplateRecord
from pipeline.domain.importing import Decision, Line
from pipeline.domain.reference import Account, Contact, Device, Product, Record
from pipeline.reference.importing import Importer
from pipeline.store.memory_reference import MemoryReference
from pipeline.store.reference import PostgresReference
from pipeline.store.reference_ports import ReferenceStore

YEAR = {"starts": datetime(2026, 1, 1, tzinfo=UTC), "ends": datetime(2027, 1, 1, tzinfo=UTC)}
CUSTOMERS: list[Record] = [
    Account(external_id="acme", name="Acme"), Contact(external_id="ana", name="Ana", account="acme"),
    Contact(external_id="rui", name="Rui"), Product(external_id="P100", name="Pump"),
    Device(external_id="pump-7", name="Pump 7"),
]  # fmt: skip
TEMPLATE = TemplateRecord(
    external_id="gold", allotment="hours", total=1.1, channels={"phone": 0.5}, only_listed=True,
    decrement_on="resolution", restrict=False, products=("P100",), sla="Gold",
)  # fmt: skip
WHOLE = EntitlementRecord(
    external_id="e1", account="acme", contacts=("ana",), state="draft", default=True, total=15.0,
    channels={"email": 5.0, "phone": 10.0}, sla="Gold", products=("P100",), **YEAR,
)  # fmt: skip
OTHERS = [
    EntitlementRecord(external_id="e2", contacts=("ana", "rui")),
    EntitlementRecord(external_id="e3", device="pump-7", allotment="hours", total=2.5, decrement_on="resolution"),
]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> ReferenceStore:
    """The store of a new desk."""
    if request.param == "memory":
        return MemoryReference()
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return PostgresReference(new_database())


def imported(store: ReferenceStore, *records: Record, given: Any = None, at: datetime = NOW) -> list[Decision]:  # noqa: ANN401  # names
    names = [given or frozenset(record.__slots__) | frozenset(type(record).__mro__[1].__slots__) for record in records]
    lines = [
        Line("f", number, replace(record, given=frozenset(said) | ({"name"} if hasattr(record, "name") else set())))
        for number, (record, said) in enumerate(zip(records, names, strict=True), start=1)
    ]
    return [*asyncio.run(Importer(store)(lines, at=at)).decisions]


def test_what_was_agreed_is_created_and_the_second_time_unchanged(store: ReferenceStore) -> None:
    every = [*CUSTOMERS, TEMPLATE, WHOLE, *OTHERS]
    assert [one.outcome for one in imported(store, *every)] == ["created"] * len(every)
    assert [(one.outcome, one.record) for one in imported(store, TEMPLATE, WHOLE, *OTHERS)] == [
        ("unchanged", one) for one in (TEMPLATE, WHOLE, *OTHERS)
    ]


def test_what_an_import_leaves_out_stays(store: ReferenceStore) -> None:
    imported(store, *CUSTOMERS, WHOLE)
    (changed,) = imported(store, EntitlementRecord(external_id="e1", total=20), given={"total"})
    assert (changed.outcome, changed.record) == ("updated", replace(WHOLE, total=20))
    assert imported(store, EntitlementRecord(external_id="e1"), given={"kind"})[0].record == changed.record


def test_a_template_gives_what_is_not_said(store: ReferenceStore) -> None:
    imported(store, *CUSTOMERS, TEMPLATE)
    made = EntitlementRecord(external_id="e4", account="acme", template="gold", restrict=True)
    (one,) = imported(store, made, given={"account", "template", "restrict"})
    wanted = EntitlementRecord(
        external_id="e4", account="acme", template="gold", allotment="hours", total=1.1, channels={"phone": 0.5},
        only_listed=True, decrement_on="resolution", restrict=True, products=("P100",), sla="Gold",
    )  # fmt: skip
    assert one.record == wanted
    imported(store, replace(TEMPLATE, total=9.0))
    assert imported(store, wanted)[0].outcome == "unchanged"


def test_a_template_of_the_same_file_does_too(store: ReferenceStore) -> None:
    made = EntitlementRecord(external_id="e4", account="acme", template="gold")
    lines = [
        Line("f", 1, replace(made, given=frozenset({"account", "template"}))),
        Line("f", 2, replace(TEMPLATE, given=frozenset(type(TEMPLATE).__mro__[1].__slots__))),
        *(Line("f", 3 + n, replace(one, given=frozenset({"name"}))) for n, one in enumerate(CUSTOMERS)),
    ]
    first = asyncio.run(Importer(store)(lines, at=NOW)).decisions[0]
    assert isinstance(first.record, EntitlementRecord)
    assert (first.outcome, first.record.total) == ("created", 1.1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"account": None}, "nobody would have it"),
        ({"starts": YEAR["ends"]}, "it would end before it begins"),
        ({"total": 1.5}, "1.5 cases (total) are no whole number"),
        ({"channels": {"phone": 10.5}}, "10.5 cases (phone) are no whole number"),
        ({"channels": {"phone": 16}}, "16 cases on phone are more than the total of 15"),
        ({"only_listed": True}, "it covers only the channels listed, and lists none"),
        ({"account": "nobody"}, '"account" names account "nobody"'),
        ({"contacts": ("eva",)}, '"contacts" names contact "eva"'),
        ({"products": ("P200",)}, '"products" names product "P200"'),
        ({"device": "pump-8"}, '"device" names device "pump-8"'),
        ({"template": "silver"}, '"template" names entitlement_template "silver"'),
    ],
)
def test_what_contradicts_itself_is_refused(store: ReferenceStore, wrong: dict[str, Any], says: str) -> None:
    imported(store, *CUSTOMERS)
    sound = EntitlementRecord(external_id="e1", account="acme", total=15, **YEAR)
    (refused,) = imported(store, replace(sound, **wrong))
    assert (refused.outcome, says in refused.reason) == ("refused", True), refused.reason


def test_two_defaults_of_one_customer_that_run_together_are_refused(store: ReferenceStore) -> None:
    first = EntitlementRecord(external_id="e1", account="acme", default=True, **YEAR)
    beside = replace(first, external_id="e2", starts=YEAR["ends"] - timedelta(days=1), ends=None)
    after = replace(first, external_id="e3", starts=YEAR["ends"], ends=None)
    imported(store, *CUSTOMERS)
    decisions = imported(store, first, beside)
    assert [one.outcome for one in decisions] == ["created", "refused"]
    assert '"e2" and "e1" would both be the default' in decisions[1].reason
    assert imported(store, first)[0].outcome == "created"
    assert imported(store, beside)[0].outcome == "refused"
    assert imported(store, after)[0].outcome == "created"
    assert imported(store, replace(first, ends=None))[0].outcome == "refused"
    both = imported(store, replace(first, default=False), replace(after, starts=None))
    assert [one.outcome for one in both] == ["updated", "updated"]


ASKED = "SELECT external_id, state, ends_at, device, template, total FROM entitlement ORDER BY external_id"


@pytest.mark.integration
def test_a_device_under_warranty_has_an_entitlement_until_the_end_of_its_last_day(
    new_database: Callable[[], str],
) -> None:
    dsn = new_database()
    store = PostgresReference(dsn, "Europe/Berlin")
    pump = Device(external_id="pump-7", name="Pump 7", warranty_until=date(2027, 1, 31))
    imported(store, pump, Device(external_id="pump-8", name="Pump 8"))
    with psycopg.connect(dsn) as connection:
        ends = datetime(2027, 1, 31, 23, tzinfo=UTC)
        assert connection.execute(ASKED).fetchall() == [("warranty of pump-7", "active", ends, "pump-7", None, None)]
    imported(store, replace(pump, warranty_until=date(2027, 2, 28)))
    with psycopg.connect(dsn) as connection:
        (row,) = connection.execute(ASKED).fetchall()
    assert row[2] == datetime(2027, 2, 28, 23, tzinfo=UTC)
    imported(store, replace(pump, warranty_until=None))
    with psycopg.connect(dsn) as connection:
        (row,) = connection.execute(ASKED).fetchall()
    assert row[1] == "cancelled"


@pytest.mark.integration
def test_the_template_called_warranty_gives_a_warranty_its_terms(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    template = TemplateRecord(external_id="warranty", total=3)
    imported(PostgresReference(dsn), template, Device(external_id="p", name="P", warranty_until=date(2027, 1, 31)))
    with psycopg.connect(dsn) as connection:
        (row,) = connection.execute(ASKED).fetchall()
    assert row[4:] == ("warranty", 3)


@pytest.mark.integration
def test_one_that_is_said_to_wait_runs_from_its_beginning_unless_that_is_over(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    store = PostgresReference(dsn)
    to_come = EntitlementRecord(external_id="e1", account="acme", state="waiting", starts=NOW + timedelta(days=1))
    over = replace(to_come, external_id="e2", starts=NOW - timedelta(days=1))
    later = NOW + timedelta(days=2)
    imported(store, *CUSTOMERS, to_come, over)
    assert [one.outcome for one in imported(store, to_come, over, at=later)] == ["unchanged", "unchanged"]
    imported(store, replace(to_come, total=9), at=later)
    with psycopg.connect(dsn) as connection:
        states = connection.execute("SELECT external_id, state FROM entitlement ORDER BY external_id").fetchall()
    assert states == [("e1", "active"), ("e2", "waiting")]
