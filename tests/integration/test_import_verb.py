"""`casestream import` and `casestream contact` on a real database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from desk import Desk

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(tmp_path: Path, new_database: Callable[[], str]) -> Desk:
    return Desk(tmp_path, new_database())


def write(desk: Desk, name: str, *records: dict[str, Any]) -> str:
    path = desk.folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


ACME = {"kind": "account", "external_id": "a1", "name": "Acme", "domains": ["acme.example"]}
ANA = {"kind": "contact", "external_id": "c1", "name": "Ana", "emails": ["ana@acme.example"], "account": "a1"}
EVA = {"kind": "contact", "external_id": "c2", "name": "Eva", "emails": ["eva@acme.example"], "account": "a1"}


def test_all_lines_go_in_and_the_second_time_nothing_changes(desk: Desk) -> None:
    file = write(desk, "customers.jsonl", ANA, ACME)
    dry = desk.casestream("import", file, "--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[-1]) == (0, "nothing was written")
    first = desk.casestream("import", file, "--json")
    assert first.returncode == 0
    *told, total = [json.loads(line) for line in first.stdout.splitlines()]
    assert [(one["line"], one["kind"], one["external_id"], one["outcome"]) for one in told] == [
        (1, "contact", "c1", "created"),
        (2, "account", "a1", "created"),
    ]
    assert (total["total"]["created"], total["written"]) == (2, True)
    again = desk.casestream("import", file)
    assert again.returncode == 0
    assert again.stdout.endswith(": 2 unchanged\n")


def test_one_refused_line_keeps_the_others_out_unless_told_otherwise(desk: Desk) -> None:
    csv = desk.folder / "contacts.csv"
    csv.write_text("external_id,name,account\nc1,Ana,a9\nc2,Eva,\nc3,Rui,,,\n", "utf-8")
    refused = desk.casestream("import", str(csv))
    assert refused.returncode == 1
    says = '"account" names account "a9", which is neither known nor in these files; import it too'
    assert refused.stdout.splitlines()[0] == f"{csv}:2: refused, {says}"
    assert refused.stdout.splitlines()[-1] == "nothing was written"
    partial = desk.casestream("import", str(csv), "--partial")
    assert partial.returncode == 0
    assert partial.stdout.endswith(": 2 created, 1 refused\n")


def test_a_file_that_cannot_be_read_is_wrong_usage(desk: Desk) -> None:
    file = write(desk, "customers.jsonl", ACME)
    result = desk.casestream("import", file, str(desk.folder / "none.jsonl"))
    assert result.returncode == 2
    assert "none.jsonl: refused, cannot read it: No such file or directory" in result.stdout
    assert desk.casestream("import", file, "--json").stdout.count('"created"') >= 1


def test_contacts_are_merged_and_taken_apart_again(desk: Desk) -> None:
    assert desk.casestream("import", write(desk, "customers.jsonl", ACME, ANA, EVA)).returncode == 0
    merged = desk.casestream("contact", "merge", "ana@acme.example", "c2", "--by", "rui")
    assert (merged.returncode, merged.stdout) == (0, "done\n")
    assert desk.casestream("contact", "merge", "c1", "c2").stdout == "it is so already\n"
    with psycopg.connect(desk.dsn) as connection:
        held = connection.execute(
            "SELECT value, external_id FROM identity JOIN contact ON contact.id = contact_id ORDER BY value"
        )
        assert held.fetchall() == [("ana@acme.example", "c2"), ("eva@acme.example", "c2")]
        events = connection.execute("SELECT data -> 'actor' ->> 'id', data -> 'other' ->> 'external_id' FROM event")
        assert events.fetchall() == [("rui", "c2")]
    for told in (ANA, EVA):  # neither list says anything of the other one's address
        assert desk.casestream("import", write(desk, "one.jsonl", told)).stdout.endswith(": 1 unchanged\n")
    assert desk.casestream("contact", "unmerge", "c1").returncode == 0
    refused = desk.casestream("contact", "unmerge", "c1")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


def test_suggestions_change_nothing(desk: Desk) -> None:
    twin = {"kind": "contact", "external_id": "c3", "name": "Silva, Ana", "phones": ["+493012345679"]}
    ana = {"kind": "contact", "external_id": "c1", "name": "Ana Silva", "phones": ["+493012345678"]}
    assert desk.casestream("import", write(desk, "customers.jsonl", ana, twin)).returncode == 0
    (found,) = [json.loads(line) for line in desk.casestream("contact", "suggest", "--json").stdout.splitlines()]
    assert (found["one"], found["other"], found["why"]) == ("c1", "c3", "names 1.00, numbers 0.90")
    assert desk.casestream("contact", "suggest", "c3").stdout.startswith("0.94")
    assert desk.casestream("contact", "suggest", "--least", "0.99").stdout == "no two contacts are that much alike\n"
    assert desk.casestream("contact", "suggest", "nobody").returncode == 1
