"""Each mistake in a configuration is explained with its line and what would be right."""

from typing import NamedTuple

import pytest

from pipeline.config import Config
from pipeline.config.check import Checked, Source, examine


class Wrong(NamedTuple):
    """A configuration, the line of its mistake, a phrase of the explanation."""

    text: str
    line: int | None
    phrase: str


SIGNED = '[desk]\nsecret = "env:PATH"\n'
FAULTS = {
    "an alarm about nothing": Wrong(
        '[[alarm]]\nname = "a"\n', 1, 'an alarm has either "when", on readings, or "silent_s"'
    ),
    "a silence with levels": Wrong(
        '[[alarm]]\nname = "a"\nsilent_s = 60\nlevels = [{ severity = "high" }]\n',
        1,
        'has no "clear", "for_s" or "levels"',
    ),
    "an alarm that asks for a name there is not": Wrong(
        '[[alarm]]\nname = "a"\nwhen = "temperature > 70.0"\n', 3, "temperature"
    ),
    "an alarm with an unknown severity": Wrong(
        '[[alarm]]\nname = "a"\nwhen = "value > 1.0"\nseverity = "hig"\n', 4, 'did you mean "high"?'
    ),
    "an alarm that does something unknown": Wrong(
        '[[alarm]]\nname = "a"\nwhen = "value > 1.0"\non_raise = ["reset"]\n', 4, 'as "command:NAME"'
    ),
    "a group by nothing of a device": Wrong(
        '[[alarm]]\nname = "a"\nwhen = "value > 1.0"\ngroup = { by = "gateway", more_than = 2, within_s = 60 }\n',
        4,
        'for example "device.gateway"',
    ),
    "two alarms of one name": Wrong(
        '[[alarm]]\nname = "a"\nsilent_s = 60\n[[alarm]]\nname = "a"\nsilent_s = 90\n',
        5,
        '[[alarm]] "a" is there twice',
    ),
    "a maintenance for ever": Wrong(
        '[[maintenance]]\nname = "m"\nfrom = 2026-03-02T10:00:00Z\nto = 9999-12-31T23:59:59Z\n',
        1,
        "in the year 9999",
    ),
    "a maintenance that ends before it begins": Wrong(
        '[[maintenance]]\nname = "m"\nfrom = 2026-03-02T10:00:00Z\nto = 2026-03-02T09:00:00Z\n', 1, "must be later"
    ),
    "commands without answers": Wrong(
        '[[device_feed]]\nname = "p"\ntopics = ["p/#"]\nformat = "json"\ncommands = "p/{device}/c"\n',
        5,
        '[[device_feed]] commands needs "answers" too',
    ),
    "a key without a value": Wrong("[desk]\nname = \n", 2, "a value is missing or not in quotes"),
    "text without quotes": Wrong("[desk]\nname = Contoso\n", 2, "not in quotes"),
    "two keys on a line": Wrong('[desk]\nname = "A" country = "DE"\n', 2, "each key needs a line of its own"),
    "a key twice": Wrong('[desk]\nname = "A"\nname = "B"\n', 3, "the key is there twice"),
    "a section twice": Wrong('[desk]\nname = "A"\n[desk]\ncountry = "DE"\n', 3, "[desk] is there twice"),
    "a line that says nothing": Wrong("[desk]\nname\n", 2, "a line is a [section] or key = value"),
    "a list left open": Wrong("[smtp]\ntrusted = [\n", 3, "this is not TOML"),
    "a section nobody knows": Wrong("[kafkaa]\n", 1, "did you mean [kafka]?"),
    "a section unlike any": Wrong("\n[zzz]\n", 2, "there is no section [zzz]; allowed: desk, kafka"),
    "a key before any section": Wrong('servers = "k:9092"\n', 1, "put it under [kafka]"),
    "a key nobody knows": Wrong("[kafka]\n\nreplicaton = 3\n", 3, 'did you mean "replication"?'),
    "a key of another section": Wrong('[desk]\nservers = "k:9092"\n', 2, "it belongs under [kafka]"),
    "a process says that it comes later": Wrong('[[process]]\nname = "repair"\n', 1, "come with a later one"),
    "a goal says that it comes later": Wrong('[[goal]]\nname = "march"\n', 1, "come with a later one"),
    "an unknown key lists what there is": Wrong("[worker]\nxyz = 1\n", 2, "allowed: processes"),
    "an underscore for a hyphen": Wrong('[automatic]\nauto_reply = "open"\n', 2, 'did you mean "auto-reply"?'),
    "a number for text": Wrong("[desk]\nname = 5\n", 2, "[desk] name should be text in quotes, not 5"),
    "text for a number": Wrong('[kafka]\nreplication = "many"\n', 2, 'should be a whole number, not "many"'),
    "a number too small": Wrong("[kafka]\nreplication = 0\n", 2, "must be at least 1, not 0"),
    "a number too large": Wrong("[worker]\nprocesses = 65\n", 2, "must be at most 64, not 65"),
    "a time-out of nothing": Wrong("[smtp]\ndata_timeout = 0\n", 2, "must be more than 0, not 0"),
    "text for a list": Wrong('[smtp]\ntrusted = "10.0.0.0/8"\n', 2, "should be a list in brackets"),
    "two pages without a name": Wrong(
        '[[social]]\nplatform = "x"\n[[social]]\nplatform = "x"\n', 3, '[[social]] "x" is there twice'
    ),
    "a server with a path": Wrong(
        '[[social]]\nplatform = "mastodon"\nserver = "https://m.example/api"\n', 3, "its scheme and host alone"
    ),
    "an element of a list": Wrong(
        '[smtp]\ntrusted = [\n  "10.0.0.0/8",\n  # ours\n  "ten",\n]\n', 5, "write a network like"
    ),
    "a field of a kind nobody knows": Wrong('[fields.device]\npower = "numbr"\n', 2, 'one of "text", "number"'),
    "a field that cannot be named in a condition": Wrong(
        '[fields.account]\n"our tier" = "text"\n', 2, "small letters, digits and _"
    ),
    "a field that every account has": Wrong('[fields.account]\nname = "text"\n', 2, 'has a "name" already'),
    "a length of time in days": Wrong('[billing]\nminimum = "2d"\n', 2, "days are hours here: write 48h for two"),
    "time rounded to nothing": Wrong('[billing]\nround = "0m"\n', 2, 'write "1s" to count to the second'),
    "a reminder after the end": Wrong(
        '[[queue]]\nname = "A"\nwaiting = { remind = "3h", resolve = "2h" }\n', 3, "let resolve be longer than remind"
    ),
    "a port without a host": Wrong('[smtp]\nlisten = "2525"\n', 2, 'write it as "HOST:PORT"'),
    "a certificate without its key": Wrong('[smtp]\ncertificate = "c.pem"\n', 2, '[smtp] certificate needs "key" too'),
    "a key without its certificate": Wrong('[smtp]\nkey = "c.key"\n', 2, '[smtp] key needs "certificate" too'),
    "an encrypted port without a certificate": Wrong(
        '[smtp]\nlisten_tls = "h:465"\n', 2, '[smtp] listen_tls needs "certificate" and "key"'
    ),
    "required encryption without a certificate": Wrong(
        '[smtp]\nstarttls = "required"\n', 2, '[smtp] starttls needs "certificate" and "key"'
    ),
    "a socket without its place": Wrong('[smtp]\nlmtp = "unix:lmtp"\n', 2, 'write a socket as "unix:/PATH"'),
    "a port too high": Wrong('[http]\nlisten = "h:70000"\n', 2, 'write it as "HOST:PORT"'),
    "a word that is none": Wrong(
        '[[queue]]\nname = "A"\nclosed_reply = "reopn"\n',
        3,
        'one of "reopen", "new", not "reopn"; did you mean "reopen"?',
    ),
    "a record without its name": Wrong("\n[[queue]]\nreopen_days = 3\n", 2, '[[queue]] lacks "name"; it is needed'),
    "the second record lacks its address": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\n\n[[mailbox]]\nqueue = "Support"\n', 4, 'lacks "address"'
    ),
    "a mailbox without its password": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\nimap = "imaps://mx.b.example"\n', 3, 'needs "password" or "oauth" too'
    ),
    "a folder that two read": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\nimap = "imaps://u@mx.b.example"\npassword = "env:P"\n'
        '[[mailbox]]\naddress = "c@b.example"\nimap = "imaps://u@mx.b.example/INBOX"\npassword = "env:P"\n',
        7,
        "the first [[mailbox]] reads this very folder",
    ),
    "a way to settle that is none": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\nsettle = "delete"\n', 3, 'write "seen", "flag", "keep"'
    ),
    "a token that cannot be asked for": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\noauth = { client_id = "us" }\n', 3, 'give "access_token"'
    ),
    "a token asked for in the clear": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\n'
        'oauth = { token_url = "http://x.example", client_id = "us", client_secret = "env:S" }\n',
        3,
        "must begin with https://",
    ),
    "a record in single brackets": Wrong('[queue]\nname = "A"\n', 1, "double brackets: [[queue]]"),
    "a section in double brackets": Wrong('[[kafka]]\nservers = "k:1"\n', 1, "single brackets: [kafka]"),
    "a value where a section is": Wrong("kafka = 3\n", 1, "[kafka] should be a section with keys, not 3"),
    "a value where a record is": Wrong('queue = [\n  "A",\n]\n', 2, "[[queue]] should be a section with keys"),
    "a token that can be guessed": Wrong('[[phone]]\nname = "pbx"\ntoken = "secret"\n', 3, "at least 16 characters"),
    "a directory that two read": Wrong(
        '[[phone]]\nname = "a"\nformat = "asterisk-csv"\ndirectory = "/d"\n'
        '[[phone]]\nname = "b"\nformat = "asterisk-cel"\ndirectory = "/d"\n',
        8,
        "the first [[phone]] reads this very directory",
    ),
    "an address without a scheme": Wrong(
        '[http]\nurl = "desk.contoso.example"\n', 2, "write the address that others call"
    ),
    "a queue that is not there": Wrong(
        '[[queue]]\nname = "A"\n[[mailbox]]\naddress = "a@b.example"\nqueue = "B"\n', 5, 'not there; there are: "A"'
    ),
    "a form's queue": Wrong('[[form]]\nname = "f"\nqueue = "B"\n', 3, 'there are: "Support"'),
    "a rule's queue": Wrong('[[route]]\nname = "r"\nwhen = "true"\nqueue = "B"\n', 4, 'there are: "Support"'),
    "a rule twice": Wrong(
        '[[route]]\nname = "r"\nwhen = "true"\n[[route]]\nname = "r"\nwhen = "true"\n',
        5,
        '[[route]] "r" is there twice',
    ),
    "an overflow into nothing": Wrong(
        '[[queue]]\nname = "A"\noverflow = { after = "30m", to = "B" }\n',
        3,
        'no queue "B" to overflow into; there are: "A"',
    ),
    "overflows by a calendar that is not there": Wrong(
        '[[queue]]\nname = "A"\noverflow = { after = "30m", to = "B", calendar = "office" }\n[[queue]]\nname = "B"\n',
        3,
        'there is no calendar "office"; there is none; write a section [calendar.NAME]',
    ),
    "overflows in a ring": Wrong(
        '[[queue]]\nname = "A"\noverflow = { after = "30m", to = "B" }\n'
        '[[queue]]\nname = "B"\noverflow = { after = "1h", to = "A" }\n',
        3,
        "without end: A → B → A; take one overflow away",
    ),
    "an overflow in days": Wrong(
        '[[queue]]\nname = "A"\noverflow = { after = "1d", to = "B" }\n[[queue]]\nname = "B"\n',
        3,
        "days are hours here",
    ),
    "a pattern that is none": Wrong(
        '[[correlate]]\nname = "m"\nwhen = "true"\nkey = ["h"]\nfields = { h = "(" }\n', 5, "no regular expression"
    ),
    "a key that is not cut": Wrong(
        '[[correlate]]\nname = "m"\nwhen = "true"\nkey = ["x"]\nfields = { h = "H" }\n', 1, 'its key names "x"'
    ),
    "a correlation that asks too early": Wrong(
        '[[correlate]]\nname = "m"\nwhen = "account.name == \'x\'"\nkey = ["h"]\nfields = { h = "H" }\n',
        3,
        'there is no "account" here',
    ),
    "a queue twice": Wrong('[[queue]]\nname = "A"\n[[queue]]\nname = "A"\n', 4, '[[queue]] "A" is there twice'),
    "a form twice": Wrong('[[form]]\nname = "f"\n[[form]]\nname = "f"\n', 4, '[[form]] "f" is there twice'),
    "no queue": Wrong("queue = []\n", 1, "at least one [[queue]] is needed"),
    "an address twice": Wrong(
        '[[mailbox]]\naddress = "a@b.example"\n[[mailbox]]\naddress = "c@b.example"\naliases = [\n "A@b.example"]\n',
        6,
        "is in the first already",
    ),
    "no address": Wrong('[[mailbox]]\naddress = "Ana <a@b.example>"\n', 2, "write an address alone"),
    "a form's name": Wrong('[[form]]\nname = "Our Form"\n', 2, "small letters, digits"),
    "a form's site": Wrong('[[form]]\nname = "f"\norigins = ["contoso.example"]\n', 3, "scheme and host alone"),
    "a zone that is none": Wrong('[desk]\ntimezone = "Berlin"\n', 2, 'write one like "Europe/Berlin"'),
    "a country by name": Wrong('[desk]\ncountry = "Germany"\n', 2, "two capital letters"),
    "a short secret": Wrong('[desk]\nsecret = "hush"\n', 2, "at least 16 characters"),
    "a server without its port": Wrong('[kafka]\nservers = "kafka"\n', 2, 'servers as "HOST:PORT,HOST:PORT"'),
    "a database by its name": Wrong('[postgres]\ndsn = "casestream"\n', 2, "a connection string like"),
    "SASL without its mechanism": Wrong(
        '[kafka]\nusername = "u"\npassword = "env:P"\nsecurity_protocol = "SASL_SSL"\n', 4, 'needs "sasl_mechanism" too'
    ),
    "a dotted key": Wrong('kafka.servers = "k:1"\nkafka.replication = 0\n', 2, "must be at least 1"),
    "an inline table": Wrong('desk = { name = "A",  country = "de" }\n', 1, "two capital letters"),
    "an inline record": Wrong(
        'queue = [\n  { name = "A" },\n  { name = "B", reopen_days = -1 },\n]\n', 3, "at least 0"
    ),
    "spans that overlap": Wrong(
        '[calendar.office]\ntimezone = "UTC"\nhours = { mon = [["08:00", "12:00"], ["11:00", "15:00"]] }\n',
        3,
        "[calendar.office] mon: 08:00-12:00 and 11:00-15:00 overlap",
    ),
    "a span over midnight": Wrong(
        '[calendar.shift]\n[calendar.shift.hours]\nmon = [["22:00", "06:00"]]\n', 3, "a span over midnight is two"
    ),
    "a holiday that is an exception": Wrong(
        '[calendar.o]\nholidays = ["2026-12-24"]\nexceptions = { "2026-12-24" = [] }\n', 1, "keep it in one of them"
    ),
    "a calendar that never opens": Wrong("[calendar.o]\nhours = { mon = [] }\n", 1, "it never opens"),
    "a day that is none": Wrong("[calendar.o]\nhours = { monday = [] }\n", 2, "there are: mon, tue"),
    "a calendar's unknown key": Wrong("[calendar.o]\nzone = 1\n", 2, '[calendar.o] has no key "zone"'),
    "a part without its country": Wrong('[calendar.o]\nsubdivision = "BY"\n', 1, 'subdivision needs "country" too'),
    "a part of another country": Wrong('[calendar.o]\ncountry = "FR"\nsubdivision = "BY"\n', 1, 'no subdivision "BY"'),
    "days as a length of business time": Wrong(
        '[[sla]]\nname = "G"\n[[sla.kpi]]\nname = "r"\nmet_when = "true"\nfail_after = "2d"\n',
        6,
        'write working days as fail_at = "2 working days"',
    ),
    "a promise without a deadline": Wrong(
        '[[sla]]\nname = "G"\n[[sla.kpi]]\nname = "r"\nmet_when = "true"\n',
        3,
        'needs one of "fail_after" and "fail_at"',
    ),
    "a warning after the deadline": Wrong(
        '[[sla]]\nname = "G"\n[[sla.kpi]]\nname = "r"\nmet_when = "true"\nwarn_after = "2h"\nfail_after = "1h"\n',
        3,
        "warns after 2h, and fails after 1h already",
    ),
    "an action that is none": Wrong(
        '[[sla]]\nname = "G"\n[[sla.kpi]]\nname = "r"\nmet_when = "true"\nfail_after = "1h"\non_fail = ["call"]\n',
        7,
        '"call" is nothing that can be done; there are: "mail:owner"',
    ),
    "a calendar that is not there": Wrong(
        '[[sla]]\nname = "G"\ncalendar = "office"\n', 3, 'there is no calendar "office"; there is none; write'
    ),
    "two defaults": Wrong(
        '[[sla]]\nname = "G"\ndefault = true\n[[sla]]\nname = "S"\ndefault = true\n', 6, '"G" is the default already'
    ),
    "an SLA twice": Wrong('[[sla]]\nname = "G"\n[[sla]]\nname = "G"\n', 4, '[[sla]] "G" is there twice'),
    "a condition that does not compile": Wrong(
        '[[sla]]\nname = "G"\n[[sla.kpi]]\nname = "r"\nfail_after = "1h"\nmet_when = "case.stat == 1"\n', 6, "stat"
    ),
    "a promise on a message": Wrong('[[sla]]\nname = "G"\npause_when = "message.automatic"\n', 3, "message"),
    "a queue to escalate to that is not there": Wrong(
        '[[queue]]\nname = "A"\nescalate_to = "B"\n', 3, 'there is no queue "B" to escalate to; there are: "A"'
    ),
    "a key in quotes": Wrong('[automatic]\n"auto-reply" = "keep"\n', 2, 'one of "append"'),
    "Windows line ends": Wrong('[desk]\r\nname = "A"\r\ncountry = "de"\r\n', 3, "two capital letters"),
    "below a text of several lines": Wrong('[desk]\nname = """A\nB"""\ncountry = "de"\n', 4, "two capital letters"),
}


@pytest.mark.parametrize("wrong", FAULTS.values(), ids=FAULTS.keys())
def test_a_mistake_is_explained(wrong: Wrong) -> None:
    checked = examine(Source(wrong.text, "casestream.toml"))

    (mistake,) = checked.mistakes
    assert wrong.phrase in mistake.says
    assert (mistake.source, mistake.line) == ("casestream.toml", wrong.line)
    assert checked.config is None


def test_all_mistakes_are_listed_at_once_in_the_order_of_lines() -> None:
    text = """[desk]
nam = "A"
[kafka]
replication = 0
[[queue]]
name = "A"
[[mailbox]]
address = "a@b.example"
queue = "B"
[[mailbox]]
queue = "A"
[[form]]
name = "f"
queue = "C"
"""
    assert [mistake.line for mistake in examine(Source(text, "c.toml")).mistakes] == [2, 4, 9, 10, 14]


def test_a_finding_reads_like_a_compilers() -> None:
    (mistake,) = examine(Source("[worker]\nprocesses = 0\n", "c.toml")).mistakes
    assert str(mistake) == "c.toml:2: [worker] processes must be at least 1, not 0"


@pytest.mark.parametrize(
    ("when", "line", "column", "phrase"),
    [
        ("\"account.teir == 'gold'\"", 4, 17, 'account has no field "teir"; did you mean "tier"?'),
        ('"account.tier == \\"gold\\" || acount.x == 1"', 4, 37, 'did you mean "account"?'),
        ("'''message.text.matches('(')'''", 4, 32, "no regular expression"),
        ('"""\naccount.tier == \'gold\'\n  && \\u006dessage.txt == \'\'"""', 6, 19, 'did you mean "text"?'),
        ('"""\\\n   account.tier"""', 5, 4, "must be true or false"),
        ('"fields.nmae == 1"', 4, 16, 'did you mean "name"?'),
        ('"value > 3"', 4, 9, 'there is no "value" here'),
    ],
)
def test_a_mistake_in_a_condition_has_its_line_and_column(when: str, line: int, column: int, phrase: str) -> None:
    text = f'[fields.account]\ntier = ["gold"]\n[[route]]\nwhen = {when}\nname = "ü"\n[[form]]\nname = "f"\n'
    text += 'required = ["name"]\n'
    (mistake,) = examine(Source(text, "c.toml")).mistakes
    assert phrase in mistake.says
    assert (mistake.line, mistake.column) == (line, column)
    assert str(mistake).startswith(f"c.toml:{line}:{column}: [[route]] when: ")


@pytest.mark.parametrize(
    ("variable", "value", "phrase"),
    [
        ("CASESTREAM_KAFKA__REPLICATION", "none", "[kafka] replication should be a whole number"),
        ("CASESTREAM_KAFKA__SERVERS", "kafka", "HOST:PORT"),
        ("CASESTREAM_KAFKA__SERVRES", "kafka:9092", 'did you mean "servers"?'),
        ("CASESTREAM_KAFAK__SERVERS", "kafka:9092", "did you mean [kafka]?"),
        ("CASESTREAM_QUEUE__NAME", "Support", "write it in the file"),
        ("CASESTREAM_SMTP__TRUSTED", "10.0.0.0/8", "should be a list in brackets"),
        ("CASESTREAM_SMTP__TRUSTED", '["ten"]', "write a network like"),
        ("CASESTREAM_AUTOMATIC__AUTO_REPLY", "keep", "[automatic] auto-reply must be one of"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, phrase: str) -> None:
    (mistake,) = examine(Source('[desk]\nname = "A"\n', "c.toml", environ={variable: value})).mistakes

    assert str(mistake).startswith(f"{variable}: ")
    assert phrase in mistake.says


def test_variables_set_what_the_file_could() -> None:
    environ = {
        "CASESTREAM_KAFKA__SERVERS": "k1:9092,k2:9092",
        "CASESTREAM_KAFKA__REPLICATION": "3",
        "CASESTREAM_SMTP__TRUSTED": '["10.0.0.0/8"]',
        "CASESTREAM_AUTOMATIC__AUTO_REPLY": "suppress",
        "CASESTREAM_SECRET": "is no setting",
    }
    config = _config(examine(Source("[kafka]\nreplication = 2\n", environ=environ)))

    assert (config.kafka.servers, config.kafka.replication) == ("k1:9092,k2:9092", 3)
    assert config.smtp.trusted == ("10.0.0.0/8",)
    assert config.automatic.auto_reply == "suppress"


def test_mistakes_of_file_and_environment_are_listed_together() -> None:
    checked = examine(Source("[desk]\nname =\n", "c.toml", environ={"CASESTREAM_HTTP__LISTEN": "8025"}))
    assert [mistake.source for mistake in checked.mistakes] == ["c.toml", "CASESTREAM_HTTP__LISTEN"]


def test_addresses_of_embedded_parts_win_and_leave_other_settings_alone() -> None:
    environ = {"CASESTREAM_KAFKA__SERVERS": "k:9092", "CASESTREAM_KAFKA__TOPIC_PREFIX": "a-"}
    config = _config(examine(Source(environ=environ, overlay={"kafka": {"servers": "127.0.0.1:1"}})))
    assert (config.kafka.servers, config.kafka.topic_prefix) == ("127.0.0.1:1", "a-")


def test_a_wrong_address_of_an_embedded_part_names_its_file() -> None:
    (mistake,) = examine(Source(overlay={"smtp": {"listen": "2525"}}, overlay_name="d/addresses.json")).mistakes
    assert mistake.source == "d/addresses.json"


def test_a_correlation_that_asks_who_wrote_is_no_reason_to_warn() -> None:
    for when in ("message.from.address == 'a@b.example'", "message.proven && message.subject == 'x'"):
        text = f'{SIGNED}[[correlate]]\nname = "noc"\nwhen = "{when}"\nfields = {{h = "a"}}\nkey = ["h"]\n'
        assert examine(Source(text, "c.toml")).findings == ()


@pytest.mark.parametrize(
    ("text", "line", "phrase"),
    [
        ('[desk]\nsecret = ["env:PATH",\n "0123456789abcdef"]\n', 3, "[desk] secret: a secret stands here in the open"),
        ('[desk]\nsecret = "env:PATH"\n[kafka]\npassword = "p"\n', 4, "write env:NAME or file:PATH"),
        ('\n[desk]\nname = "A"\n', 2, "secret is not set"),
        ('[desk]\nsecret = "env:NO_SUCH_NAME"\n', 2, "the environment variable NO_SUCH_NAME is not set"),
        (
            f'{SIGNED}[[route]]\nname = "a"\nwhen = "true"\n[[route]]\nname = "b"\nwhen = "case.number > 1"\n',
            6,
            '"b" is never asked: "a" above it holds always',
        ),
        (
            f'{SIGNED}[[correlate]]\nname = "noc"\nfields = {{h = "a"}}\nkey = ["h"]\nwhen = "message.auto == null"\n',
            7,
            "let its when ask for message.from.address or message.proven",
        ),
        (f'{SIGNED}[[phone]]\nname = "pbx"\n', 3, 'has no "token", so that nothing tells of its calls'),
        (f'{SIGNED}[[phone]]\nname = "pbx"\nformat = "asterisk-csv"\n', 3, 'has no "directory"'),
        (f'{SIGNED}[[phone]]\nname = "pbx"\ndirectory = "/d"\n', 3, "its directory is not read"),
        ('[desk]\nsecret = "file:no/such/file"\n', 2, "cannot read the secret file no/such/file"),
    ],
)
def test_what_is_unwise_is_a_warning(text: str, line: int, phrase: str) -> None:
    checked = examine(Source(text, "c.toml"))

    (warning,) = checked.findings
    assert phrase in warning.says
    assert (warning.line, warning.mistake) == (line, False)
    assert "warning: " in str(warning)
    assert checked.config is not None


@pytest.mark.parametrize(
    ("page", "lacks"),
    [
        ('platform = "facebook"', "access_token"),
        ('platform = "x"\naccess_token = "env:T"\napi_key = "env:K"', "access_token_secret"),
        ('platform = "x"\naccess_token = "env:T"\naccess_token_secret = "env:S"', "api_key"),
    ],
)
def test_what_a_page_lacks_to_answer_is_told(page: str, lacks: str) -> None:
    keys = 'app_secret = "env:A"\nverify_token = "env:V"\n'
    said = [one.says for one in examine(Source(f"[[social]]\n{keys}{page}\n")).findings if "answer" in one.says]
    name = page.partition('"')[2].partition('"')[0]
    assert said == [f'[[social]] "{name}" lacks "{lacks}"; until it is there, no answer leaves by it']


def test_no_secret_is_ever_shown() -> None:
    text = "[desk]\nsecret = [12345678]\n[kafka]\npassword = 87654321\nusername = 4\n"
    said = " ".join(map(str, examine(Source(text)).findings))
    assert "12345678" not in said
    assert "87654321" not in said


def test_a_secret_from_a_variable_is_no_warning() -> None:
    checked = examine(Source(environ={"CASESTREAM_DESK__SECRET": "0123456789abcdef"}))
    assert checked.findings == ()


def _config(checked: Checked) -> Config:
    assert checked.config is not None, checked.findings
    return checked.config


def test_a_page_that_nothing_can_be_taken_from_is_told() -> None:
    secret = '[desk]\nsecret = "a secret of the desk"\n'
    says = [finding.says for finding in examine(Source(f'{secret}[[social]]\nplatform = "mastodon"\n')).findings]
    assert '[[social]] "mastodon" lacks "server"; until it is there, nothing is taken from it' in says
    assert '[[social]] "mastodon" lacks "access_token"; until it is there, nothing is taken from it' in says
