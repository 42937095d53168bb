"""Reference data is read whole, and every mistake is told with its line."""

from pathlib import Path

import orjson

from pipeline.replay.reference import ReferenceData, read_reference
from pipeline.store.reference import Account, Contact, Device


def read(folder: Path, *records: object) -> tuple[ReferenceData, list[str]]:
    path = folder / "data.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    data, mistakes = read_reference(path)
    return data, [str(mistake).removeprefix(f"{path}:") for mistake in mistakes]


def test_accounts_and_contacts_are_read_as_the_store_keeps_them(tmp_path: Path) -> None:
    data, mistakes = read(
        tmp_path,
        {
            "kind": "contact",
            "external_id": "c1",
            "emails": ["Ana@X.example "],
            "phones": ["+351 21 1"],
            "account": "a1",
        },
        {"kind": "account", "external_id": "a1", "name": "Acme", "domains": ["@ACME.example"]},
    )
    assert not mistakes
    assert data.accounts == [Account("a1", "Acme", ("acme.example",))]
    assert data.contacts == [Contact("c1", "c1", ("ana@x.example",), ("+351211",), "a1")]


def test_a_number_is_of_the_desks_country_unless_it_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(
        orjson.dumps({"kind": "contact", "external_id": "c1", "phones": ["030 12345678", "+351 211234567"]})
    )
    data, _ = read_reference(path, "DE")
    assert data.contacts[0].phones == ("+493012345678", "+351211234567")


def test_a_device_belongs_to_an_account(tmp_path: Path) -> None:
    account = {"kind": "account", "external_id": "a1"}
    data, mistakes = read(tmp_path, account, {"kind": "device", "external_id": "pump-7", "account": "a1"})
    assert (data.devices, mistakes) == ([Device("pump-7", "a1")], [])


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    _, mistakes = read(
        tmp_path,
        {"kind": "robot", "external_id": "pump-7"},
        ["account"],
        {"kind": "account", "external_id": ""},
        {"kind": "contact", "external_id": "c1", "email": "ana@x.example"},
        {"kind": "contact", "external_id": "c2", "account": "a9"},
    )
    told = "\n".join(mistakes)
    assert len(mistakes) == 5
    assert '1: no kind "robot" can be rehearsed; there are: account, contact, device' in told
    assert "2: a line is a JSON object" in told
    assert '3: "external_id"' in told
    assert '4: "email"' in told
    assert '5: it names the account "a9", which is not in this file' in told


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    _, (mistake,) = read_reference(tmp_path / "none")
    assert "cannot read it" in mistake.says
