"""`casestream token` makes tokens that are shown once, lists them without their texts, revokes them."""

from pathlib import Path

import psycopg
import pytest
from desk import Desk, lines

from pipeline.domain.access import digest_of

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(tmp_path: Path, migrated: str) -> Desk:
    return Desk(tmp_path, migrated)


def test_its_text_is_shown_once_and_kept_nowhere(desk: Desk) -> None:
    made = desk.casestream("token", "create", "dashboard", "--scope", "events:read")
    assert made.returncode == 0, made.stderr
    text = made.stdout.strip()
    assert text.startswith("cs_")
    assert len(text) == 46
    with psycopg.connect(desk.dsn) as connection:
        ((digest, row),) = connection.execute("SELECT digest, token::text FROM token").fetchall()
    assert digest == digest_of(text)
    assert text not in row
    assert text not in desk.casestream("token", "list").stdout


def test_from_its_making_to_its_end(desk: Desk) -> None:
    scopes = ["--scope", "events:read", "--scope", "cases:read"]
    (made,) = lines(desk.casestream("token", "create", "dashboard", *scopes, "--expires", "90d", "--json"))
    assert (made["state"], made["scopes"], made["last_used_at"]) == ("valid", ["cases:read", "events:read"], None)
    (listed,) = lines(desk.casestream("token", "list", "--json"))
    assert listed == {name: value for name, value in made.items() if name != "token"}
    again = desk.casestream("token", "create", "dashboard", "--scope", "admin")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "there is a token dashboard already" in again.stderr
    (revoked,) = lines(desk.casestream("token", "revoke", "dashboard", "--json"))
    assert (revoked["id"], revoked["state"]) == (made["id"], "revoked")
    assert desk.casestream("token", "revoke", "dashboard").returncode == 1
    assert "revoked" in desk.casestream("token", "list").stdout


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (("create", "x"), "Missing option '--scope'"),
        (("create", "x", "--scope", "events:eat"), "there is no scope events:eat"),
        (("create", "x", "--scope", "admin", "--expires", "soon"), "write 90d, 12h or 30m"),
        (("create", " ", "--scope", "admin"), "a name has 1 to 100 characters"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, told: tuple[str, ...], says: str) -> None:
    result = desk.casestream("token", *told)
    assert result.returncode == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())
