"""Scale: the drain with rules, SLAs, entitlements and 100,000 contacts; then with a million cases in the database.

    python bench/scale.py [--mails 6046] [--contacts 100000] [--cases 1000000] [--rounds 2]

Real mails, each from one of the contacts, who belong to a thousand accounts; one worker with 20 routing rules, 3 SLAs
and an entitlement for each account. One round: the plain desk (no rules, no contacts), the desk with all of it, the
desk with all of it and the cases; each counted from the first settled record to the last published event.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
from drain import part, prepare, rate
from servers import MAILBOX, Servers, real_mails, running

ACCOUNTS = 1000
HERE = Path(__file__).resolve().parent
_FROM = re.compile(rb"^From:.*?(?=\n\S|\n\n)", re.MULTILINE | re.DOTALL | re.IGNORECASE)

_RULES = "".join(
    f"""
[[route]]
name = "rule {number}"
when = "{when}"
queue = "{queue}"
"""
    for number, (when, queue) in enumerate(
        [
            *(
                (f"message.subject.contains('matter {word}') && account.tier == 'gold'", "Priority")
                for word in range(9)
            ),
            *((f"message.text.matches('(?i)outage of system {word}[0-9]+')", "Priority") for word in range(5)),
            *((f"message.from.address.endsWith('@d{word}.customer.example')", "Priority") for word in range(5)),
            ("case.priority == 'urgent'", "Priority"),
        ]
    )
)
_SLAS = "".join(
    f"""
[[sla]]
name = "{name}"
default = {str(name == "Silver").lower()}
calendar = "office"
[[sla.kpi]]
name = "first_response"
counts_from = "case.opened_at"
warn_after = "45m"
fail_after = "{hours}h"
met_when = "case.first_response_at != null"
[[sla.kpi]]
name = "resolve"
counts_from = "case.opened_at"
warn_after = "{hours * 5}h"
fail_after = "{hours * 10}h"
met_when = "case.state == 'resolved'"
"""
    for name, hours in (("Gold", 1), ("Silver", 4), ("Bronze", 8))
)
CONFIG = f"""
[[queue]]
name = "Support"
[[queue]]
name = "Priority"
[[mailbox]]
address = "{MAILBOX}"
[fields.account]
tier = ["gold", "silver"]
[calendar.office]
timezone = "Europe/Berlin"
country = "DE"
[calendar.office.hours]
mon = [["08:00", "18:00"]]
tue = [["08:00", "18:00"]]
wed = [["08:00", "18:00"]]
thu = [["08:00", "18:00"]]
fri = [["08:00", "16:00"]]
{_RULES}
{_SLAS}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """A desk to measure: whether it has rules and contacts, and how many cases it begins with."""

    name: str
    ruled: bool
    cases: int = 0


def from_contacts(mails: list[bytes], contacts: int) -> list[bytes]:
    """Each mail from one of the contacts."""
    sender = b"From: Customer <c%d@d%d.customer.example>"
    return [
        _FROM.sub(sender % (n * 37 % contacts, n * 37 % contacts % ACCOUNTS), raw, 1) for n, raw in enumerate(mails)
    ]


def reference_data(path: Path, contacts: int) -> None:
    """Accounts with an entitlement each, and their contacts."""
    with path.open("wb") as file:
        for number in range(ACCOUNTS):
            tier = "gold" if number % 10 == 0 else "silver"
            account = {"kind": "account", "external_id": f"a{number}", "name": f"Account {number}",
                       "domains": [f"d{number}.customer.example"], "fields": {"tier": tier}}  # fmt: skip
            terms = {"kind": "entitlement", "external_id": f"e{number}", "account": f"a{number}", "allotment": "cases",
                     "total": 1_000_000, "from": "2000-01-01", "to": "2099-12-31", "state": "active",
                     "sla": ("Gold", "Bronze")[number % 2]}  # fmt: skip
            file.write(orjson.dumps(account) + b"\n" + orjson.dumps(terms) + b"\n")
        for number in range(contacts):
            contact = {"kind": "contact", "external_id": f"c{number}", "name": f"Customer {number}",
                       "emails": [f"c{number}@d{number % ACCOUNTS}.customer.example"],
                       "account": f"a{number % ACCOUNTS}"}  # fmt: skip
            file.write(orjson.dumps(contact) + b"\n")


CASES = """
WITH made AS (
    SELECT gen_random_uuid() AS id, n, c.id AS contact_id, c.account_id, now() - n * interval '10 seconds' AS at
    FROM generate_series(1, %(cases)s) AS n
    JOIN (SELECT id, account_id, row_number() OVER () - 1 AS place FROM contact) AS c
        ON c.place = n %% (SELECT count(*) FROM contact)
), cases AS (
    INSERT INTO cases (id, number, title, state, status, priority, origin, queue, contact_id, account_id, opened_at,
        resolved_at, revision, event_seq)
    SELECT id, nextval('case_number'), 'Printer ' || n, CASE WHEN n %% 20 = 0 THEN 'active' ELSE 'resolved' END,
        CASE WHEN n %% 20 = 0 THEN 'in progress' ELSE 'problem solved' END, 'normal', 'email', 'Support', contact_id,
        account_id, at, CASE WHEN n %% 20 = 0 THEN NULL ELSE at END, 1, 1
    FROM made
), activities AS (
    INSERT INTO activity (id, case_id, kind, direction, state, subject, body, sender, contact_id, at)
    SELECT gen_random_uuid(), id, 'email', 'in', 'closed', 'Printer ' || n, repeat('It does not print. ', 20),
        'c@customer.example', contact_id, at
    FROM made
), ids AS (
    INSERT INTO thread_id (id) SELECT '<old' || n || '@customer.example>' FROM made
), links AS (
    INSERT INTO thread_link (id, case_id, own, contact_id)
    SELECT '<old' || n || '@customer.example>', id, true, contact_id FROM made
), messages AS (
    INSERT INTO message (id, channel, source, source_id, dedupe_key, outcome, reason, case_id, contact_id, received_at,
        content_type, facts, topic, partition, log_offset)
    SELECT gen_random_uuid(), 'email', '/email/a', '<old' || n || '@customer.example>', md5('old' || n), 'opened', '',
        id, contact_id, at, 'message/rfc822', '{}', 'old', 0, n
    FROM made
)
SELECT count(*) FROM made
"""


def load(dsn: str, cases: int) -> None:
    """Cases with a mail each, as if they had come over the years."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for first in range(0, cases, 100_000):
            numbers = CASES.replace("generate_series(1, %(cases)s)", "generate_series(%(first)s + 1, %(last)s)")
            connection.execute(numbers.encode(), {"first": first, "last": min(cases, first + 100_000)})
        connection.execute("ANALYZE")


async def measure(servers: Servers, side: Side, number: int, mails: list[bytes], contacts: int) -> float:
    """Mails a second."""
    name = f"{side.name}{number}"
    config = await prepare(servers, name, mails, 1)
    options: list[str] = []
    if side.ruled:
        file, data = servers.folder / f"{name}.toml", servers.folder / f"{name}.jsonl"
        file.write_text(CONFIG, "utf-8")
        reference_data(data, contacts)
        options = ["--config", str(file)]
        await finished(part(config, "-m", "pipeline", "import", str(data), *options))
        load(config.postgres.dsn, side.cases)
    expected = sum(len(raw) <= 262_144 for raw in mails)
    work = ["-m", "pipeline", "work", "--channels", "email", *options]
    return await rate(config, side.name, expected, work, within_s=300)


async def finished(process: subprocess.Popen[bytes]) -> None:
    """Wait for a verb that must do."""
    if await asyncio.to_thread(process.wait, 600):
        sys.exit(f"{process.args} failed; see {os.environ.get('PARTS_LOG', 'parts.log')}")


def main() -> None:
    """Measure the sides in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=None)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    mails = from_contacts(real_mails(arguments.mails), arguments.contacts)
    sides = (Side("plain", ruled=False), Side("ruled", ruled=True), Side("loaded", ruled=True, cases=arguments.cases))
    rates: Mapping[str, list[float]] = {side.name: [] for side in sides}
    with running() as servers:
        asyncio.run(measure(servers, Side("warm", ruled=False), 0, mails, 0))
        for number in range(arguments.rounds):
            for side in sides:
                rates[side.name].append(asyncio.run(measure(servers, side, number, mails, arguments.contacts)))
    plain, ruled, loaded = (statistics.median(rates[side.name]) for side in sides)
    print(f"rules: {ruled:.0f} per s, ratio {ruled / plain:.2f} to the desk without rules")
    print(f"scale: {loaded:.0f} per s, ratio {loaded / ruled:.2f} to the same desk without {arguments.cases:,} cases")


if __name__ == "__main__":
    main()
