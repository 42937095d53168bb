"""A journal's files are read in order; every mistake in them is told with its line."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from pipeline.config import Config, parse_config
from pipeline.domain.orders import Resolve, SetField
from pipeline.replay.journal import Journal, read_journal
from pipeline.replay.steps import Arrival, Deed

AT = "2026-03-02T11:00:00+01:00"
RAW = "From: ana@x.example\nMessage-ID: <a@x>\nDate: Mon, 02 Mar 2026 09:00:00 +0000\n\nHelp.\n"


@pytest.fixture
def config() -> Config:
    return parse_config(
        '[desk]\ntimezone = "Europe/Berlin"\n'
        '[[mailbox]]\naddress = "support@desk.example"\n[[form]]\nname = "contact"\n'
    )


def read(folder: Path, config: Config, *lines: object) -> Journal:
    path = folder / "journal.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines))
    return read_journal([path], config)


def arrivals(journal: Journal) -> list[Arrival]:
    assert not journal.mistakes
    return [step for step in journal.steps if isinstance(step, Arrival)]


def test_a_mail_is_an_envelope_as_its_connector_makes_it(tmp_path: Path, config: Config) -> None:
    (mail,) = arrivals(read(tmp_path, config, {"at": AT, "id": "m1", "channel": "email", "raw": RAW}))
    envelope = mail.envelope
    assert (mail.id, envelope.id, envelope.key) == ("m1", "<a@x>", "<a@x>")
    assert (envelope.source, envelope.facts["envelopeto"]) == ("/email/support@desk.example", "support@desk.example")
    assert (envelope.time, envelope.raw) == (datetime(2026, 3, 2, 10, tzinfo=UTC), RAW.encode())


def test_a_mail_may_be_given_as_base64_or_by_a_file_beside_the_journal(tmp_path: Path, config: Config) -> None:
    (tmp_path / "a.eml").write_text(RAW)
    journal = read(
        tmp_path,
        config,
        {"at": AT, "id": "m1", "channel": "email", "raw_base64": base64.b64encode(RAW.encode()).decode()},
        {"at": AT, "id": "m2", "channel": "email", "file": "a.eml"},
    )
    assert [mail.envelope.raw for mail in arrivals(journal)] == [RAW.encode()] * 2


def test_a_time_without_a_zone_is_the_desks(tmp_path: Path, config: Config) -> None:
    (mail,) = arrivals(read(tmp_path, config, {"at": "2026-03-02T11:00", "id": "m", "channel": "email", "raw": RAW}))
    assert mail.at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_a_form_filled_in_by_a_robot_is_marked(tmp_path: Path, config: Config) -> None:
    payload = {"form": "contact", "email": "a@x.example", "text": "Buy!", "website": "spam"}
    (form,) = arrivals(read(tmp_path, config, {"at": AT, "id": "w1", "channel": "web", "payload": payload}))
    assert (form.envelope.source, form.envelope.key) == ("/web/contact", "a@x.example")
    assert form.envelope.facts == {"form": "contact", "honeypot": "true"}


def test_deeds_are_read_with_what_they_need(tmp_path: Path, config: Config) -> None:
    journal = read(
        tmp_path,
        config,
        {"at": AT, "id": "m1", "channel": "email", "raw": RAW},
        {"at": AT, "do": "set", "case_of": "m1", "field": "priority", "value": "high"},
        {"at": AT, "id": "s1", "do": "resolve", "case_of": "m1", "resolution": "done"},
        {"at": AT, "do": "tick"},
    )
    at = datetime.fromisoformat(AT)
    assert journal.steps[1:] == [
        Deed(at, SetField("priority", "high"), "m1", verb="set"),
        Deed(at, Resolve(text="done"), "m1", id="s1", verb="resolve"),
        Deed(at),
    ]


def test_every_mistake_is_told_with_its_line(tmp_path: Path, config: Config) -> None:
    mail = {"at": AT, "id": "m1", "channel": "email", "raw": RAW}
    journal = read(
        tmp_path,
        config,
        mail,
        b"{",
        b"[]",
        {**mail, "id": "m2", "channel": "fax"},
        {**mail, "id": "m3", "at": "yesterday"},
        {"at": AT, "id": "m4", "channel": "email", "file": "missing.eml"},
        {**mail, "id": "m5", "mailbox": "nobody@desk.example"},
        {"at": AT, "id": "m6", "channel": "email"},
        {"at": AT, "id": "m7", "channel": "email", "raw_base64": "?"},
        mail,
        {"at": AT, "id": "w1", "channel": "web", "payload": {"form": "order"}},
        {"at": AT, "do": "merge", "case_of": "m1", "into": "m99"},
        {"at": AT, "do": "resolve", "case_of": "later"},
        {"at": AT, "do": "set", "case_of": "m1", "field": "status", "value": "asleep"},
        {"at": AT, "do": "set", "case_of": "m1", "field": "colour", "value": "red"},
        {"at": AT, "channel": "email", "raw": RAW},
        {**mail, "id": "m8", "auth": "maybe"},
    )
    told = {mistake.line: mistake.says for mistake in journal.mistakes}
    for line, says in {
        2: "not JSON",
        3: "a line is a JSON object",
        4: '"channel" is "fax", which cannot be rehearsed; there are: email, phone, web, social, iot',
        5: '"at" is "yesterday"; write a time like',
        6: "cannot read",
        7: 'no [[mailbox]] takes mail to "nobody@desk.example"; there are: support@desk.example',
        8: 'a mail is given by one of "file", "raw", "raw_base64"',
        9: '"raw_base64" is no base64',
        10: f'the id "m1" is that of {tmp_path}/journal.jsonl:1 already',
        11: '"payload" must be an object whose "form" names a [[form]]; there are: contact',
        12: 'it names "m99", but no message before this line has that id',
        13: 'case_of names "later", but no message before this line has that id',
        14: '"value" is "asleep", which is no status; there are: in progress',
        15: '"field" is "colour", which cannot be set; there are: status, priority, queue, severity',
        16: '"id" must be text, and is missing',
        17: '"auth" is "maybe"; there are: pass, fail, none',
    }.items():
        assert says in told.pop(line)
    assert not told


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path, config: Config) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.eml").write_text(f"Message-ID: <{name}@x>\n\n")
    (tmp_path / "notes.txt").write_text("no mail")
    mails = arrivals(read_journal([tmp_path], config))
    assert [mail.id for mail in mails] == ["a", "b", "c"]
    assert sorted({mail.at for mail in mails}) == [mail.at for mail in mails]


def test_a_mail_of_a_folder_came_when_its_date_says(tmp_path: Path, config: Config) -> None:
    (tmp_path / "a.eml").write_text(RAW)
    (mail,) = arrivals(read_journal([tmp_path], config))
    assert mail.at == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_an_mbox_is_split_into_its_mails(tmp_path: Path, config: Config) -> None:
    path = tmp_path / "mbox"
    path.write_text(
        f"From ana Mon Mar  2 09:00:00 2026\n{RAW}>From here on.\n\nFrom rui Mon Mar  2\nSubject: 2\n\nHi\n"
    )
    first, second = arrivals(read_journal([path], config))
    assert (first.id, first.envelope.raw) == ("1", f"{RAW}From here on.\n".encode())
    assert (second.id, second.envelope.raw) == ("2", b"Subject: 2\n\nHi")


def test_mails_of_several_journals_keep_apart(tmp_path: Path, config: Config) -> None:
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.eml").write_text(RAW)
    mails = arrivals(read_journal([tmp_path / "monday", tmp_path / "tuesday"], config))
    assert [mail.id for mail in mails] == ["monday/a", "tuesday/a"]


def test_a_journal_that_is_not_there_is_a_mistake(tmp_path: Path, config: Config) -> None:
    (mistake,) = read_journal([tmp_path / "none.jsonl"], config).mistakes
    assert str(mistake) == f"{tmp_path}/none.jsonl: cannot read it: No such file or directory"
