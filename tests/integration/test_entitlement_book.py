"""The book of entitlements on PostgreSQL, by its methods and by the verbs that people call."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.domain.entitlement import Terms
from pipeline.domain.entitlement_use import Line
from pipeline.store.entitlement_book import EntitlementBook
from pipeline.store.entitlement_ports import EntitlementChanges
from pipeline.store.entitlement_records import Agreed, Template, upsert_entitlements, upsert_templates
from pipeline.store.entitlements import write_entitlements

pytestmark = pytest.mark.integration

T = TypeVar("T")

BERLIN = ZoneInfo("Europe/Berlin")
CASE = UUID(int=7)
CALL = UUID(int=8)
FIRST, LAST = datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2027, 1, 1, tzinfo=BERLIN)

_CUSTOMERS = """
INSERT INTO account (id, external_id, name) VALUES
    ('00000000-0000-0000-0000-0000000000a1', 'acme', 'Acme'),
    ('00000000-0000-0000-0000-0000000000a2', 'other', 'Other');
INSERT INTO contact (id, external_id, name, account_id, created_at) VALUES
    ('00000000-0000-0000-0000-0000000000c1', 'ana', 'Ana', '00000000-0000-0000-0000-0000000000a1', now()),
    ('00000000-0000-0000-0000-0000000000c2', 'rui', 'Rui', '00000000-0000-0000-0000-0000000000a1', now());
INSERT INTO identity (kind, value, contact_id, origin) VALUES
    ('email', 'ana@x.example', '00000000-0000-0000-0000-0000000000c1', 'import');
INSERT INTO device (id, external_id, name, account_id) VALUES
    ('00000000-0000-0000-0000-0000000000d1', 'pump-7', 'Pump', '00000000-0000-0000-0000-0000000000a1');
INSERT INTO cases (id, number, title, state, status, priority, origin, queue, opened_at, revision, event_seq) VALUES
    ('00000000-0000-0000-0000-000000000007', 1001, 'Printer', 'active', 'in progress', 'normal', 'email', 'Support',
    now(), 1, 1);
"""


class Desk:
    """A desk with an account, a contact of it, a device of it, and one entitlement."""

    def __init__(self, dsn: str, folder: Any) -> None:  # noqa: ANN401  # a path
        self.dsn = dsn
        self.book = EntitlementBook(dsn)
        self.config = folder / "casestream.toml"
        self.config.write_text(
            f'[desk]\ntimezone = "Europe/Berlin"\n[kafka]\nservers = "127.0.0.1:9"\n[postgres]\ndsn = "{dsn}"\n'
        )
        asyncio.run(self._customers())

    async def _customers(self) -> None:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            await connection.execute(_CUSTOMERS)

    def agree(self, *agreed: Agreed) -> None:
        async def write() -> None:
            async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
                await upsert_entitlements(connection, agreed)

        asyncio.run(write())

    def templates(self, *templates: Template) -> None:
        async def write() -> None:
            async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
                await upsert_templates(connection, templates)

        asyncio.run(write())

    def draw(self, *lines: Line) -> None:
        async def write() -> None:
            async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
                at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
                moments = [at + timedelta(minutes=number) for number in range(len(lines))]
                await write_entitlements(connection, EntitlementChanges(list(zip(lines, moments, strict=True))))

        asyncio.run(write())

    def call(self, *arguments: str) -> Result:
        config = ["--config", str(self.config)]
        return CliRunner().invoke(app, ["entitlements", *arguments, *config], env={"COLUMNS": "200"})


@pytest.fixture
def desk(new_database: Callable[[], str], tmp_path: Any) -> Desk:  # noqa: ANN401  # a path
    return Desk(new_database(), tmp_path)


def an(name: str = "e1", **fields: Any) -> Agreed:  # noqa: ANN401  # any field of it
    return Agreed(**{"external_id": name, "terms": Terms(total=15, channels={"phone": 10}), "account": "acme",
                     "starts": FIRST, "ends": LAST, **fields})  # fmt: skip


def run(asked: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asked)


def names(desk: Desk, customer: str) -> list[str]:
    return [held.entitlement.external_id for held in run(desk.book.of(customer))]


def test_a_customer_is_found_by_any_of_its_names(desk: Desk) -> None:
    desk.agree(
        an("e1"), an("e2", contacts=("ana",), default=True), an("e3", account="other"), an("e4", contacts=("rui",)),
        an("e5", account=None, device="pump-7", ends=None),
    )  # fmt: skip
    assert names(desk, "acme") == ["e2", "e1", "e4", "e5"]
    assert names(desk, "ana") == names(desk, "Ana@x.example") == ["e2", "e1"]
    assert (names(desk, "rui"), names(desk, "pump-7"), names(desk, "other")) == (["e1", "e4"], ["e5"], ["e3"])
    with pytest.raises(LookupError, match='there is no customer "nobody"'):
        names(desk, "nobody")


def test_every_line_is_told_with_what_was_left_after_it(desk: Desk) -> None:
    desk.agree(an())
    desk.draw(
        Line(CASE, "e1", "open", 1, 1, "phone"), Line(CASE, "e1", "cancel", 2, -1, "phone"),
        Line(CASE, "e1", "reactivate", 3, 1, "phone"),
    )  # fmt: skip
    told = json.loads(desk.call("--for", "acme", "--json").output)
    assert [(line["case"], line["transition"], line["amount"], line["remaining"]) for line in told["ledger"]] == [
        (1001, "open", 1, 14), (1001, "cancel", -1, 15), (1001, "reactivate", 1, 14),
    ]  # fmt: skip
    assert (told["total"], told["used"], told["remaining"]) == (15, 1, 14)
    assert told["channels"] == {"phone": {"total": 10, "used": 1, "remaining": 9}}
    assert (told["from"], told["to"]) == ("2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00")


def test_it_is_told_as_a_receipt(desk: Desk) -> None:
    desk.agree(an(default=True, sla="Gold", products=("P100",)))
    desk.draw(Line(CASE, "e1", "open", 1, 1, "phone"))
    lines = desk.call("--for", "acme").output.splitlines()
    assert lines[0].endswith("14 of 15 left (cases) from 2026-01-01 to 2026-12-31")
    assert lines[1:] == [
        "  for account acme; the default",
        "  phone: 9 of 10 left",
        "  a case is drawn when it opens; not below zero; for P100 only; SLA Gold",
        "  2026-03-02 10:00:00+01:00  case 1001  open        phone           -1        14 left",
    ]


def test_hours_are_told_in_hours_and_minutes(desk: Desk) -> None:
    desk.agree(an(terms=Terms(allotment="hours", total=36_000)))
    desk.draw(Line(CASE, "e1", "resolve", 1, 2700, "phone", CALL))
    assert "9:15 of 10:00 left (hours)" in (output := desk.call("--for", "acme").output)
    assert "-0:45" in output
    told = json.loads(desk.call("--for", "acme", "--json").output)
    assert (told["remaining"], told["ledger"][0]["amount"], told["ledger"][0]["activity"]) == (9.25, 0.75, str(CALL))


def test_one_that_no_case_gets_says_why(desk: Desk) -> None:
    early, late = datetime(2020, 1, 1, tzinfo=BERLIN), datetime(2999, 1, 1, tzinfo=BERLIN)
    desk.agree(
        an("e1", ends=datetime(2020, 3, 1, tzinfo=BERLIN), starts=early), an("e2", starts=late, ends=None),
        an("e3", state="draft"), an("e4", state="cancelled"),
        an("e5", terms=Terms(total=0), starts=None, ends=None), an("e6", starts=None, ends=None),
    )  # fmt: skip
    told = [json.loads(line) for line in desk.call("--for", "acme", "--json").output.splitlines()]
    assert {one["external_id"]: (one["state"], one["idle"]) for one in told} == {
        "e1": ("expired", "it expired after 2020-02-29"),
        "e2": ("waiting", "it begins on 2999-01-01"),
        "e3": ("draft", "it is a draft, until `casestream entitlements activate e3`"),
        "e4": ("cancelled", "it was cancelled"),
        "e5": ("active", "nothing is left"),
        "e6": ("active", None),
    }
    assert "  no case gets it: it expired after 2020-02-29" in desk.call("--for", "acme").output


def test_one_without_end_is_said_to_be_so(desk: Desk) -> None:
    desk.agree(an(terms=Terms(), starts=None, ends=None))
    assert "e1  active  without end (cases)" in desk.call("--for", "acme").output


def test_who_has_none_and_who_is_nobody(desk: Desk) -> None:
    assert desk.call("--for", "acme").output == "acme has no entitlement\n"
    result = desk.call("--for", "nobody")
    assert (result.exit_code, "there is no customer" in result.output) == (1, True)


def test_renewing_makes_a_draft_once(desk: Desk) -> None:
    desk.agree(an(default=True, contacts=("ana",)))
    desk.draw(Line(CASE, "e1", "open", 1, 1, "phone"))
    told = json.loads(desk.call("renew", "e1", "--json").output)
    assert (told["external_id"], told["state"], told["renews"], told["remaining"]) == ("e1-2", "draft", "e1", 15)
    assert (told["from"], told["to"]) == ("2027-01-01T00:00:00+01:00", "2028-01-01T00:00:00+01:00")
    assert (told["contacts"], told["default"]) == (["ana"], True)
    again = desk.call("renew", "e1")
    assert (again.exit_code, "e1 is renewed already, by e1-2" in again.output) == (1, True)
    assert json.loads(desk.call("renew", "e1-2", "--id", "next", "--json").output)["external_id"] == "next"


def test_what_cannot_be_renewed_says_why(desk: Desk) -> None:
    desk.agree(an(), an("for ever", ends=None))
    assert "has no end" in desk.call("renew", "for ever").output
    assert 'there is no entitlement "e9"' in desk.call("renew", "e9").output
    assert 'there is an entitlement "for ever" already' in desk.call("renew", "e1", "--id", "for ever").output


def test_a_draft_runs_once_it_is_activated_and_no_more_when_it_is_cancelled(desk: Desk) -> None:
    desk.agree(an(state="draft", starts=None, ends=None))
    assert "e1  draft" in desk.call().output
    assert "e1  active" in desk.call("activate", "e1").output
    assert "e1  cancelled" in desk.call("cancel", "e1").output
    result = desk.call("activate", "e1")
    assert (result.exit_code, "e1 was cancelled" in result.output) == (1, True)


def test_two_defaults_of_one_customer_are_refused(desk: Desk) -> None:
    desk.agree(an("a", default=True), an("b", default=True, state="draft", starts=LAST - timedelta(days=1), ends=None))
    result = desk.call("activate", "b")
    assert result.exit_code == 1
    assert "b and a would both be the default of one customer" in result.output
    assert run(desk.book.of("acme"))[1].entitlement.state == "draft"


def test_a_template_makes_one(desk: Desk) -> None:
    terms = Terms(allotment="hours", total=36_000, channels={"phone": 18_000}, only_listed=True, restrict=False)
    desk.templates(Template(external_id="gold", terms=terms, products=("P100",), sla="Gold"))
    result = desk.call(
        "make", "gold", "--id", "e1", "--account", "acme", "--from", "2026-01-01", "--to", "2026-12-31", "--default"
    )
    assert result.exit_code == 0, result.output
    (held,) = run(desk.book.of("acme"))
    assert (held.entitlement.terms, held.entitlement.sla, held.template) == (terms, "Gold", "gold")
    assert (held.entitlement.starts, held.entitlement.ends) == (FIRST, LAST)
    assert held.entitlement.products == {"P100"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["make", "silver", "--id", "e2", "--account", "acme"], 'there is no template "silver"'),
        (["make", "gold", "--id", "e1", "--account", "acme"], 'there is an entitlement "e1" already'),
        (["make", "gold", "--id", "e2", "--account", "nobody"], 'there is no account "nobody"'),
        (["make", "gold", "--id", "e2", "--account", "acme", "--contact", "eva"], 'there is no contact "eva"'),
        (["make", "gold", "--id", "e2", "--device", "pump-8"], 'there is no device "pump-8"'),
        (["make", "gold", "--id", "e2"], "nobody would have it"),
        (["make", "gold", "--id", "e2", "--account", "acme", "--from", "tomorrow"], '"tomorrow" is no day'),
        (
            ["make", "gold", "--id", "e2", "--account", "acme", "--from", "2026-02-01", "--to", "2026-01-01"],
            "it would end (2026-01-01) before it begins (2026-02-01)",
        ),
        (["make", "gold", "--id", "e2", "--account", "acme", "--default"], "e2 and e1 would both be the default"),
        (["cancel", "e9"], 'there is no entitlement "e9"'),
    ],
)
def test_what_cannot_be_made_says_why(desk: Desk, arguments: list[str], says: str) -> None:
    desk.templates(Template(external_id="gold", terms=Terms(total=15)))
    desk.agree(an(default=True))
    result = desk.call(*arguments)
    assert (result.exit_code, says in result.output) == (1, True), result.output
    assert [held.entitlement.external_id for held in run(desk.book.all())] == ["e1"]


def test_agreeing_on_more_lets_it_be_told_again_that_it_is_used_up(desk: Desk) -> None:
    desk.agree(an(terms=Terms(total=1)))
    desk.draw(Line(CASE, "e1", "open", 1, 1, "email"))
    with psycopg.connect(desk.dsn) as connection:
        connection.execute("UPDATE entitlement SET exhausted_at = now()")
    desk.agree(an(terms=Terms(total=1)))
    assert run(desk.book.all())[0].entitlement.exhausted
    desk.agree(an(terms=Terms(total=2)))
    held = run(desk.book.all())[0].entitlement
    assert (held.exhausted, held.remaining) == (False, 1)
