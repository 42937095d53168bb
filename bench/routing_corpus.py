"""Routes the mails of OTOBO's PostMaster tests by what their headers and texts say.

The collection holds no expectations about routing; these were worked out from the mails by hand.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pipeline.agents.queues.explain import Explained, explain_route
from pipeline.agents.reading.mail import read_mail
from pipeline.agents.rules import compile_rules
from pipeline.config import parse_config
from pipeline.replay.lines import mail_envelope
from pipeline.store.memory import Memory, MemoryStore
from pipeline.wire import Record

RULES = r"""
[desk]
secret = "a-secret-of-the-test-desk"
[[queue]]
name = "Support"
[[queue]]
name = "Fax"
[[queue]]
name = "Junk"
[[queue]]
name = "Tests"
[[queue]]
name = "Lists"
[[route]]
name = "owner"
when = "message.headers['x-otobo-owner'] == 'root@localhost'"
owner = "root"
[[route]]
name = "field"
when = "message.headers['x-otobo-dynamicfield-ticketfreekey1'] == 'Test' && 'x-otobo-tickettime1' in message.headers"
type = "Test"
[[route]]
name = "list"
when = "message.headers['precedence'] == 'list'"
queue = "Lists"
[[route]]
name = "fax"
when = "message.from.address.endsWith('@otobo.fax')"
queue = "Fax"
[[route]]
name = "bounce"
when = "message.auto == 'bounce'"
severity = "bounce"
[[route]]
name = "junk"
when = "(message.subject + message.from.name).matches('(?i)viagra|pfizer|88% 0ff')"
queue = "Junk"
priority = "low"
[[route]]
name = "umlauts"
when = "message.subject.matches('NOT REGEX [ÜÄÖ]+$') && message.to.exists(a, a == 'darthvader@otobo.org')"
priority = "high"
[[route]]
name = "tests"
when = "message.from.address == 'skywalker@otobo.org' && message.subject == 'test 1'"
queue = "Tests"
"""
DECIDED = {
    "PostMaster-Test-Owner": "owner",
    "PostMaster-Test5": "field",
    "UTF8Filename": "list",
    "PostMaster-Test8": "fax",
    "PostMaster-Test10": "bounce",
    "PostMaster-Test14": "junk",
    "PostMaster-Test18": "junk",
    "PostMaster-Test23": "umlauts",
    **dict.fromkeys([f"PostMaster-Test{number}" for number in (1, 19, 24, 25, 27)], "tests"),
}


def figure(folder: Path) -> tuple[int, int]:
    """How many of the mails go where they should, of how many."""
    mails = sorted(folder.glob("*.box"))
    return sum(_by(path) == DECIDED.get(path.stem) for path in mails), len(mails)


def _by(path: Path) -> str | None:
    explained = asyncio.run(_explained(path.read_bytes()))
    assert not explained.routed.failures
    return explained.routed.held[0].rule.name if explained.routed.held else None


async def _explained(raw: bytes) -> Explained:
    rules = compile_rules(parse_config(RULES))
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    envelope = mail_envelope(raw, name="m", at=at, mailbox="support@localhost", facts={})
    message = read_mail(rules, Record("t", 0, 0, b"", raw, ()), envelope, raw)
    async with MemoryStore(Memory()).transaction() as tx:
        return await explain_route(message, rules, tx)
