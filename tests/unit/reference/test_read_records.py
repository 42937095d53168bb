"""Records are read whole, from JSON lines or a spreadsheet's CSV, and every mistake is told with its line."""

from datetime import date
from pathlib import Path

import orjson
import pytest

from pipeline.config.alarms import Alarm
from pipeline.domain.matching import Identity
from pipeline.domain.reference import Absence, Account, Agent, Article, Contact, Device, Product, Record
from pipeline.domain.vocabulary import vocabulary
from pipeline.reference.importing import read_known
from pipeline.reference.names import Names
from pipeline.reference.reading import read_records
from pipeline.reference.thresholds import Thresholds

NAMES = Names(
    country="DE",
    queues=("Support",),
    calendars=("office",),
    skills=("pump", "motor"),
    thresholds=Thresholds(
        {"overheat": Alarm(name="overheat", when="value > 70.0")}, {"value": vocabulary({})["value"]}
    ),
    fields={"account": {"tier": ("gold", "silver"), "seats": "number"}, "contact": {"vip": "boolean"}},
)


def read(folder: Path, *records: object) -> tuple[list[Record], list[str]]:
    path = folder / "data.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    found = read_records([path], NAMES)
    return [line.record for line in found.lines], [str(one).removeprefix(f"{path}:") for one in found.wrong]


def test_an_account_has_domains_shared_addresses_and_ranges_of_numbers(tmp_path: Path) -> None:
    told = {
        "kind": "account", "external_id": 7, "name": "Acme", "domains": ["@ACME.example", "acme.example"],
        "emails": ["Info@acme.example "], "phones": ["089 12345-0", "+49 (0)89 1234*"], "tier": "gold",
    }  # fmt: skip
    (account,), wrong = read(tmp_path, told)
    assert not wrong
    assert account == Account(external_id="7", name="Acme", domains=("acme.example",), fields={"tier": "gold"})
    assert account.identities == (
        Identity("email", "info@acme.example"),
        Identity("phone", "+4989123450"),
        Identity("phone", "+49891234*"),
    )
    assert account.known_by == {"email", "phone"}


def test_a_contact_is_known_by_addresses_numbers_handles_and_devices(tmp_path: Path) -> None:
    told = {
        "kind": "contact", "external_id": "c1", "emails": ["Ana@X.example"], "phones": ["+351 211 234 567"],
        "social": ["facebook:Ab1", "x:@Ana"], "devices": ["pump-7"], "account": "a1", "fields": {"vip": True},
    }  # fmt: skip
    (contact,), wrong = read(tmp_path, told)
    assert not wrong
    assert contact == Contact(external_id="c1", account="a1", fields={"vip": True})
    assert [tuple(one) for one in contact.identities] == [
        ("email", "ana@x.example"),
        ("phone", "+351211234567"),
        ("social", "facebook:Ab1"),
        ("social", "x:@ana"),
        ("device", "pump-7"),
    ]


def test_products_devices_agents_and_articles_are_records_too(tmp_path: Path) -> None:
    told = [
        {"kind": "product", "external_id": "P100", "parent": "pumps", "thresholds": {"overheat": {"for_s": 30}}},
        {"kind": "device", "external_id": "pump-7", "account": "a1", "product": "P100", "gateway": "gw-1",
         "warranty_until": "2027-01-31"},
        {"kind": "agent", "external_id": "ana", "name": "Ana", "emails": ["ana@desk.example"], "phones": ["21"],
         "queues": ["Support"], "skills": {"pump": 3}, "capacity": 50, "calendar": "office", "manager": "rui",
         "away": ["2026-08-01/2026-08-14", {"from": "2026-09-01T12:00:00+02:00", "to": "2026-09-01T18:00:00+02:00"}]},
        {"kind": "article", "external_id": "reset", "title": "How to reset", "body": "Press.", "keywords": ["reset"],
         "state": "published"},
    ]  # fmt: skip
    records, wrong = read(tmp_path, *told)
    assert not wrong
    assert records == [
        Product(external_id="P100", parent="pumps", thresholds={"overheat": {"for_s": 30}}),
        Device(
            external_id="pump-7", account="a1", product="P100", gateway="gw-1", warranty_until=date(2027, 1, 31)
        ),
        Agent(
            external_id="ana", name="Ana", queues=("Support",), skills={"pump": 3}, capacity=50, calendar="office",
            manager="rui",
            away=(
                Absence("2026-08-01", "2026-08-14"),
                Absence("2026-09-01T12:00:00+02:00", "2026-09-01T18:00:00+02:00"),
            ),
        ),
        Article(external_id="reset", state="published", title="How to reset", body="Press.", keywords=("reset",)),
    ]  # fmt: skip
    assert records[2].identities == (Identity("email", "ana@desk.example"), Identity("phone", "21"))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"kind": "robot"}, 'there is no kind "robot"; there are: account, product, agent, contact, '),
        ({"external_id": "a"}, "there is no kind that it names; there are: account, product"),
        (["account"], "a line is a JSON object"),
        ({"kind": "account"}, '"external_id" is missing'),
        ({"kind": "account", "external_id": ""}, '"external_id": string should have at least 1 character'),
        (
            {"kind": "contact", "external_id": "c", "email": "a@x"},
            '"email" is nothing that contacts have; did you mean',
        ),
        ({"kind": "account", "external_id": "a", "teir": "gold"}, 'did you mean "tier"? They have: kind, external_id'),
        ({"kind": "account", "external_id": "a", "tier": "brass"}, '"tier" should be one of: gold, silver'),
        (
            {"kind": "contact", "external_id": "c", "fields": {"tier": "gold"}},
            'no field "tier" of its own; declared are',
        ),
        ({"kind": "contact", "external_id": "c", "emails": ["ana"]}, '"ana" is no mail address'),
        ({"kind": "contact", "external_id": "c", "phones": ["none"]}, '"none" is no telephone number'),
        (
            {"kind": "contact", "external_id": "c", "phones": ["+49891*"]},
            "is a range of numbers; give it to the account",
        ),
        (
            {"kind": "account", "external_id": "a", "phones": ["+49*"]},
            '"+49*" is no range of numbers; write at least 4',
        ),
        (
            {"kind": "contact", "external_id": "c", "social": ["ana"]},
            '"ana" is no handle; write the platform and the id',
        ),
        ({"kind": "account", "external_id": "a", "domains": ["x@y.example"]}, '"x@y.example" is no mail domain'),
        ({"kind": "agent", "external_id": "a", "queues": ["VIP"]}, 'no queue "VIP"; the configuration has: Support'),
        ({"kind": "agent", "external_id": "a", "calendar": "lab"}, 'no calendar "lab"; the configuration has: office'),
        (
            {"kind": "agent", "external_id": "a", "skills": {"pump": "high"}},
            '"skills.pump": input should be a valid int',
        ),
        ({"kind": "agent", "external_id": "a", "away": ["tomorrow"]}, '"tomorrow" is neither a day like "2026-08-01"'),
        (
            {"kind": "agent", "external_id": "a", "away": ["2026-08-02/2026-08-01"]},
            "ends (2026-08-01) before it begins",
        ),
        ({"kind": "device", "external_id": "d", "warranty_until": "soon"}, '"warranty_until"'),
        (
            {"kind": "product", "external_id": "p", "thresholds": {"heat": {}}},
            '"thresholds" names the alarm "heat", which is no [[alarm]]; there are: overheat',
        ),
        (
            {"kind": "device", "external_id": "d", "thresholds": {"overheat": {"above": 80}}},
            '"thresholds" of overheat: above: Extra inputs are not permitted',
        ),
        (
            {"kind": "device", "external_id": "d", "thresholds": {"overheat": {"when": "volue > 80.0"}}},
            '"thresholds" of overheat: "volue > 80.0":',
        ),
        ({"kind": "article", "external_id": "a", "language": "English!"}, '"English!" is no language'),
        ({"kind": "article", "external_id": "a", "body": "a\0b"}, "text cannot hold the character NUL"),
    ],
)
def test_every_mistake_is_told_with_what_would_be_right(tmp_path: Path, told: object, says: str) -> None:
    _, (wrong,) = read(tmp_path, told)
    assert wrong.startswith("1: ")
    assert says in wrong


def test_the_good_lines_are_read_beside_the_bad_ones(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"kind":"account","external_id":"a1"}\n\n{"kind":\n\xff\n{"kind":"account","external_id":"a2"}'
    )
    found = read_records([path], NAMES)
    assert [(line.number, line.record.external_id) for line in found.lines] == [(1, "a1"), (5, "a2")]
    assert [(one.number, one.says[:8]) for one in found.wrong] == [(3, "not JSON"), (4, "not JSON")]


def test_a_spreadsheet_has_a_heading_and_says_its_kind_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "Contacts-2026.csv"
    path.write_text(
        "external_id;name;emails;account;vip\n"
        'c1;"Silva; Ana";"ana@x.example; a.silva@x.example";a1;yes\n'
        ";;;;\n"
        "c2;Rui;;;\n"
        'c3;"two\nlines";c3@x.example;;no\n'
        "c4;Eva;eva@x.example;a1;yes;more\n",
        "utf-8-sig",
    )
    found = read_records([path], NAMES)
    assert [line.record for line in found.lines] == [
        Contact(external_id="c1", name="Silva; Ana", account="a1", fields={"vip": True}),
        Contact(external_id="c2", name="Rui"),
        Contact(external_id="c3", name="two\nlines", fields={"vip": False}),
    ]
    assert [one.value for one in found.lines[0].record.identities] == ["ana@x.example", "a.silva@x.example"]
    assert found.lines[1].record.given == {"name"}
    assert [str(one) for one in found.wrong] == [f"{path}:7: it has 6 cells, and the heading 5; put text in quotes"]


def test_cells_hold_skills_and_anything_deeper_as_json(tmp_path: Path) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(
        "kind,external_id,skills,away,fields.tier,seats,phones\n"
        'agent,ana,pump=3;motor,"[""2026-08-01""]",,,\n'
        "account,a1,,,gold,12,+49 89 1234*\n",
        "utf-8",
    )
    found = read_records([path], NAMES)
    assert not found.wrong
    agent, account = (line.record for line in found.lines)
    assert agent == Agent(
        external_id="ana", skills={"pump": 3, "motor": 1}, away=(Absence("2026-08-01", "2026-08-01"),)
    )
    assert account == Account(external_id="a1", fields={"tier": "gold", "seats": 12})


def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    latin = tmp_path / "accounts.csv"
    latin.write_bytes("external_id,name\na1,Acme\na2,Müller".encode("latin-1"))
    found = read_records([tmp_path / "none.jsonl", latin], NAMES)
    assert [(one.number, one.says.partition(";")[0]) for one in found.wrong] == [
        (None, "cannot read it: No such file or directory"),
        (3, "this is not UTF-8"),
    ]


def test_a_desk_that_knows_nothing_refuses_what_names_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"kind":"contact","external_id":"c1","account":"a9"}\n{"kind":"robot"}\n', "utf-8")
    _, wrong = read_known([path], NAMES)
    assert [str(one).removeprefix(f"{path}:")[:60] for one in wrong] == [
        '1: "account" names account "a9", which is neither known nor ',
        '2: there is no kind "robot"; there are: account, product, ag',
    ]


def test_a_skill_that_no_rule_asks_for_is_noted(tmp_path: Path) -> None:
    (agent,), wrong = read(tmp_path, {"kind": "agent", "external_id": "ana", "skills": {"pmup": 3, "motor": 1}})
    assert not wrong
    assert agent.notes == ('no rule asks for the skill "pmup"; rules ask for: pump, motor',)
