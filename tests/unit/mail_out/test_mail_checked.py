"""`casestream check` looks at all that mail is sent, signed and worded with."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app

DESK = '[desk]\nsecret = "a secret of the test desk"\n'


def check(folder: Path, text: str) -> Result:
    file = folder / "casestream.toml"
    file.write_text(DESK + text.replace("HERE", str(folder)), "utf-8")
    return CliRunner().invoke(app, ["check", "--config", str(file), "--data", str(folder)])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[mail]\nsmarthost = "mail.contoso.example"', 'write "maildir", "smtp://HOST:PORT" or "smtps://HOST:PORT"'),
        ('[mail]\nusername = "desk"', '[mail] username needs "password" too'),
        (
            '[mail]\nsmarthost = "smtp://mail.contoso.example"\nstarttls = "offered"\npassword = "env:PASSWORD"',
            'starttls = "offered" may send the password in the open',
        ),
        ('[templates]\npath = "HERE/none"', "HERE/none: there is no such folder of templates"),
        ('[templates]\npath = "HERE/templates"', "HERE/templates/reply.de.txt:3: reply knows no nam;"),
        (
            '[[mail.dkim]]\ndomain = "contoso.example"\nselector = "s"\nkey = "file:HERE/casestream.toml"',
            "[[mail.dkim]] key of s._domainkey.contoso.example signs nothing",
        ),
        ('[[mail.dkim]]\ndomain = "contoso example"\nselector = "s"\nkey = "env:K"', "write a name of DNS in ASCII"),
        ('[mail.dkim]\ndomain = "contoso.example"\nselector = "s"', 'lacks "key"'),
    ],
)
def test_a_mistake_is_explained(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "reply.de.txt").write_text("Subject: {{ subject }}\n\n{{ nam }}\n")
    result = check(tmp_path, text)
    assert result.exit_code == 2
    assert says.replace("HERE", str(tmp_path)) in result.stderr
    assert "Traceback" not in result.output


SIGNED = '[mail.dkim]\ndomain = "contoso.example"\nselector = "s"\nkey = '
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'{SIGNED}"file:HERE/none"', "cannot read the secret file"),
        (f'{SIGNED}"{SEED}"', "is the domain of no [[mailbox]]: what leaves is not signed with it"),
        (f'{SIGNED}"{SEED}"', "a secret stands here in the open"),
    ],
)
def test_what_may_be_right_elsewhere_is_a_warning(text: str, says: str, tmp_path: Path) -> None:
    result = check(tmp_path, text)
    assert result.exit_code == 0
    assert says in result.output
    assert SEED not in result.output
