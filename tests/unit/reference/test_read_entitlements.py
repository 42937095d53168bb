"""Entitlements are read with their days by the desk's clock, and every mistake is told with its line."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.domain.agreed import EntitlementRecord, TemplateRecord
from pipeline.domain.reference import Record
from pipeline.reference.names import Names
from pipeline.reference.reading import read_records

NAMES = Names(timezone="Europe/Berlin", slas=("Gold",))


def read(folder: Path, *records: object) -> tuple[list[Record], list[str]]:
    path = folder / "data.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    found = read_records([path], NAMES)
    return [line.record for line in found.lines], [str(one).removeprefix(f"{path}:") for one in found.wrong]


def one(folder: Path, **told: Any) -> EntitlementRecord:  # noqa: ANN401  # what JSON can say
    (record,), wrong = read(folder, {"kind": "entitlement", "external_id": "e1", "account": "a1", **told})
    assert not wrong
    assert isinstance(record, EntitlementRecord)
    return record


def test_an_entitlement_is_read_whole(tmp_path: Path) -> None:
    record = one(
        tmp_path, allotment="cases", total=15, channels={"phone": 10}, only_listed=False, state="active", default=False,
        decrement_on="open", restrict=True, sla="Gold", products=["P2", "P1", "P2"], contacts=[],
        **{"from": "2026-01-01", "to": "2026-12-31"},
    )  # fmt: skip
    assert record == EntitlementRecord(
        external_id="e1", account="a1", total=15, channels={"phone": 10}, sla="Gold", products=("P1", "P2"),
        starts=datetime(2025, 12, 31, 23, tzinfo=UTC), ends=datetime(2026, 12, 31, 23, tzinfo=UTC),
    )  # fmt: skip
    assert {"starts", "ends", "total", "account"} <= record.given
    assert "device" not in record.given


def test_its_last_day_belongs_to_it_and_an_instant_is_when_it_ends(tmp_path: Path) -> None:
    summer = one(tmp_path, **{"from": "2026-07-01", "to": "2026-07-01"})
    assert (summer.starts, summer.ends) == (datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 7, 1, 22, tzinfo=UTC))
    instants = one(tmp_path, **{"from": "2026-07-01T12:00:00+00:00", "to": "2026-07-01T15:00:00"})
    assert (instants.starts, instants.ends) == (
        datetime(2026, 7, 1, 12, tzinfo=UTC),
        datetime(2026, 7, 1, 13, tzinfo=UTC),
    )


@pytest.mark.parametrize(("told", "channel"), [("x", "twitter"), ("messenger", "facebook"), ("mastodon", "web")])
def test_a_channel_may_be_called_as_its_messages_are(tmp_path: Path, told: str, channel: str) -> None:
    assert one(tmp_path, channels={told: 3}).channels == {channel: 3}


@pytest.mark.parametrize("told", ["resolution", "resolve", "resolved"])
def test_what_is_drawn_at_the_resolution(tmp_path: Path, told: str) -> None:
    assert one(tmp_path, decrement_on=told).decrement_on == "resolution"


def test_a_template_has_terms_alone(tmp_path: Path) -> None:
    told = {"kind": "entitlement_template", "external_id": "gold", "allotment": "hours", "total": 1.5}
    (record,), wrong = read(tmp_path, told, {**told, "account": "a1"})
    assert record == TemplateRecord(external_id="gold", allotment="hours", total=1.5)
    assert wrong[0].startswith('2: "account" is nothing that entitlement_templates have')


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"channels": {"fax": 3}}, 'there is no channel "fax"; there are: phone, email, web, facebook, twitter, iot'),
        ({"channels": {"x": 3, "twitter": 1}}, '"twitter" counts as twitter, which is there already'),
        ({"channels": {"phone": -1}}, "greater than or equal to 0"),
        ({"sla": "Silver"}, 'there is no [[sla]] "Silver"; the configuration has: Gold'),
        ({"from": "soon"}, '"soon" is neither a day like "2026-01-01" nor an instant'),
        ({"from": "2026-02-30"}, '"2026-02-30" is neither a day'),
        ({"state": "running"}, "'draft', 'waiting', 'active', 'expired' or 'cancelled'"),
        ({"allotment": "minutes"}, "'cases' or 'hours'"),
        ({"decrement_on": "never"}, "'open' or 'resolution'"),
        ({"total": -1}, "greater than or equal to 0"),
        ({"total": "many"}, "valid number"),
        ({"totl": 3}, 'did you mean "total"?'),
        ({"form": "2026-01-01"}, 'did you mean "from"?'),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, told: dict[str, Any], says: str) -> None:
    records, wrong = read(tmp_path, {"kind": "entitlement", "external_id": "e1", "account": "a1", **told})
    assert records == []
    assert says in wrong[0]
    assert wrong[0].startswith("1: ")


def test_a_spreadsheet_has_them_too(tmp_path: Path) -> None:
    path = tmp_path / "entitlements.csv"
    path.write_text(
        "external_id,account,total,channels,products,from,to,default\n"
        "e1,a1,15,phone=10;web=5,P1;P2,2026-01-01,2026-12-31,true\n"
    )
    found = read_records([path], NAMES)
    assert not found.wrong
    (line,) = found.lines
    assert isinstance(line.record, EntitlementRecord)
    assert (line.record.total, line.record.channels, line.record.products, line.record.default) == (
        15,
        {"phone": 10, "web": 5},
        ("P1", "P2"),
        True,
    )
