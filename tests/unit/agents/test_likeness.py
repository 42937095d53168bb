"""Likeness suggests who may be one person; what it finds and misses is measured on records with known answers."""

import csv
import os
import re
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from pipeline.agents.people.likeness import suggestions
from pipeline.domain.contacts import Person

CORPUS = Path(__file__).parents[4] / "shared" / "corpora" / "record_linkage"


def like(one: Person, other: Person) -> float:
    found = suggestions([one, other], least=0)
    return found[0].likeness if found else 0.0


def person(name: str, number: str = "", address: str = "", account: str | None = None) -> Person:
    return Person(f"{name} {number} {address}", name, (number,) * bool(number), (address,) * bool(address), account)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Ana Silva", "+493012345678"), person("Silva, Ana", "+493012345678")),
        (person("Ana Silva", "+493012345678"), person("Anna Silva", "+493012345687")),
        (person("Dr. José Müller", "+493012345678"), person("Jose Muller", "+493012345678")),
        (person("A. Silva", "+493012345678"), person("Ana Silva", "+493012345678")),
        (person("Ana Silva", address="ana.silva@a.example"), person("Ana Silva", address="anasilva@b.example")),
        (person("Ana Silva", account="acme"), person("Ana Sylva", account="acme")),
        (person("Ana Silva"), person("Silva Ana")),
    ],
)
def test_one_person_in_two_records_is_suggested(one: Person, other: Person) -> None:
    assert like(one, other) >= 0.75


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Ana Silva", "+493012345678"), person("Ana Silva", "+498912399999")),
        (person("Ana Silva", "+493012345678"), person("Peter Hoffmann", "+493012345679")),
        (person("Ana Silva", account="acme"), person("Eva Rossi", account="acme")),
        (person("Ana", "21"), person("Rui", "21")),
        (person("", "+493012345678"), person("", "+493012345678")),
        (person("Ana Silva", address="info@a.example"), person("Rui Costa", address="info@b.example")),
    ],
)
def test_two_people_are_not(one: Person, other: Person) -> None:
    assert like(one, other) < 0.75


def test_the_likest_come_first_and_of_one_person_only_theirs() -> None:
    people = [
        Person("a", "Ana Silva", ("+493012345678",)),
        Person("b", "Ana Silva", ("+493012345678",)),
        Person("c", "Ana Silva", ("+493012345679",)),
        Person("d", "Rui Costa"),
        Person("e", "Rui Costa"),
    ]
    assert [(one.one, one.other) for one in suggestions(people, least=0.75)] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
        ("d", "e"),
    ]
    found = suggestions(people, least=0.75, of="c")
    assert [(one.one, one.other, one.why) for one in found] == [
        ("a", "c", "names 1.00, numbers 0.90"),
        ("b", "c", "names 1.00, numbers 0.90"),
    ]


@pytest.mark.skipif(not CORPUS.is_dir() and "CI" not in os.environ, reason="the shared corpora are not here")
@pytest.mark.parametrize(
    ("files", "precision", "recall"),
    [
        (["dataset1.csv"], 0.99, 0.9),
        (["dataset2.csv"], 0.98, 0.9),
        (["dataset3.csv"], 0.98, 0.88),
        (["dataset4a.csv", "dataset4b.csv"], 0.97, 0.92),
    ],
    ids=str,
)
def test_of_records_with_known_answers_nearly_all_are_found_and_hardly_any_wrong_one(
    files: list[str], precision: float, recall: float
) -> None:
    people: list[Person] = []
    entities: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for row in csv.DictReader((CORPUS / file).read_text("utf-8").splitlines(), skipinitialspace=True):
            told = {name.strip(): (value or "").strip() for name, value in row.items()}
            name = f"{told['given_name']} {told['surname']}"
            people.append(Person(told["rec_id"], name, (told["soc_sec_id"],)))
            entities[re.sub(r"-(org|dup-\d+)$", "", told["rec_id"])].append(told["rec_id"])
    same = {frozenset(pair) for records in entities.values() for pair in combinations(records, 2)}
    found = {frozenset({one.one, one.other}) for one in suggestions(people, least=0.75)}
    right = len(found & same)
    assert right / len(found) >= precision
    assert right / len(same) >= recall
