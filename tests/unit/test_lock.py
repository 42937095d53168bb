"""The lock files hold what pyproject.toml asks for, by digest, from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME = PROJECT["project"]["dependencies"]
ASKED = {"requirements.lock": RUNTIME, "requirements-dev.lock": [*RUNTIME, *PROJECT["dependency-groups"]["dev"]]}


def _locked(name: str) -> dict[str, list[str]]:
    """The versions of each package; several where markers tell them apart."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / name).read_text("utf-8").replace("\\\n", " ").splitlines():
        requirement, *digests = line.split(" --hash=")
        parsed = Requirement(requirement.strip())
        assert digests, requirement
        found.setdefault(canonicalize_name(parsed.name), []).append(str(parsed.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize("name", ASKED)
def test_it_is_up_to_date(name: str) -> None:
    locked = _locked(name)
    for text in ASKED[name]:
        asked = Requirement(text)
        versions = locked.get(canonicalize_name(asked.name), [])
        assert versions, f"{asked.name} is not in {name}; run `make lock`"
        assert all(version in asked.specifier for version in versions), f"{name} is too old; run `make lock`"


@pytest.mark.parametrize("name", ASKED)
def test_it_names_no_place(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|^/|@ ", text, re.MULTILINE)


def test_tools_change_no_version_of_the_product() -> None:
    tools = _locked("requirements-dev.lock")
    assert {name: tools[name] for name in _locked("requirements.lock")} == _locked("requirements.lock")
