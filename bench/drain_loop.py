"""The peer of drain.py: the shortest loop by hand that does what the worker does, with the same parser and statements.

aiokafka and psycopg, nothing between: no Faust, no steps, no ports, no dead letters, no retries, no policies beyond
the default ones. It does what is owed for each mail: dedupe, identity, thread, case, activity, raw bytes, event and
outbox, counts, ledger, in one transaction a batch.
"""

import os
import re
import signal
from collections import defaultdict
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
import psycopg
import uvloop
from aiokafka import AIOKafkaConsumer
from uuid_utils.compat import uuid7

from pipeline.domain.duplicates import mail_key, same_text
from pipeline.domain.outcomes import OUTCOMES
from pipeline.parse.email import parse_email
from pipeline.store.adapting import text_array
from pipeline.store.postgres import _CASE_COLUMNS
from pipeline.store.queries import load_queries
from pipeline.wire import Envelope

SQL = load_queries("intake.sql")
COPY = load_queries("copying.sql")
DEFAULTS = {b"description": ""}
LEDGER = load_queries("ledger.sql")
OF_CONTACT = len(_CASE_COLUMNS)
SPACE = uuid5(NAMESPACE_URL, "bench")
QUEUE = {"id": str(uuid5(SPACE, "Support")), "external_id": None, "name": "Support"}


def clean(text: str) -> str:
    """Text that PostgreSQL takes."""
    return text.replace("\0", "\ufffd")


async def copy(connection: psycopg.AsyncConnection, name: str, rows: list[dict[str, Any]]) -> None:
    """New rows of a table, by the columns that the statement names."""
    if not rows:
        return
    columns = re.findall(rb"\w+", COPY[name].partition(b"(")[2].partition(b")")[0])
    async with connection.cursor() as cursor, cursor.copy(COPY[name]) as writing:
        if name == "raws":
            writing.set_types(["uuid", "bytea"])
        for row in rows:
            await writing.write_row([written(row.get(column.decode(), DEFAULTS.get(column))) for column in columns])


def written(value: object) -> object:
    """A value as COPY takes it."""
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return text_array(value) if isinstance(value, list | tuple) else value


async def settle(connection: psycopg.AsyncConnection, records: list[Any], known_parts: set[int]) -> None:
    """One batch, one transaction."""
    read = []
    for record in records:
        envelope = Envelope.of_record(record.key, record.value, record.headers)
        mail = parse_email(envelope.raw, our_domain="cases.desk.example", with_html=False, with_reply=False)
        sender = mail.from_.address.lower() if mail.from_ else None
        key = mail_key(message_id=mail.message_id, sender=sender or "", date=mail.date, subject=mail.subject,
                       text=mail.text, connector_id=envelope.id,
                       files=[a.sha256 for a in mail.attachments])  # fmt: skip
        mentioned = tuple(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))[:24]
        read.append((record, envelope, mail, sender, key, mentioned))
    topic = records[0].topic
    parts = sorted({record.partition for record in records})
    own = {"topics": [topic] * len(parts), "partitions": parts}
    if fresh := set(parts) - known_parts:
        begun = sorted(fresh)
        await connection.execute(
            LEDGER["add_missing"],
            {"topics": [topic] * len(begun), "partitions": begun, "starts": [0] * len(begun), "cluster_id": "bench"},
        )
        known_parts |= fresh
    async with connection.transaction():
        positions = {p: n for _, p, n, *_ in await (await connection.execute(SQL["lock_positions"], own)).fetchall()}
        taken = []
        following = dict(positions)
        for one in read:
            if one[0].offset == following[one[0].partition]:
                following[one[0].partition] += 1
                taken.append(one)
        ids = {
            "ids": list(
                {i for one in taken for i in (one[4], *one[5], *([one[2].message_id] * bool(one[2].message_id)))}
            )
        }
        async with connection.pipeline():
            await connection.execute(SQL["claim_thread_ids"], ids)
            await connection.execute(SQL["lock_thread_ids"], ids)
            c_links = await connection.execute(SQL["thread_links"], {**ids, "most": 20})
            c_known = await connection.execute(SQL["known_messages"], {"keys": [one[4] for one in taken]})
            senders = list({one[3] for one in taken if one[3]})
            c_party = await connection.execute(SQL["parties"], {"kind": "email", "values": senders})
            c_acct = await connection.execute(
                SQL["accounts"], {"domains": list({s.rpartition("@")[2] for s in senders})}
            )
            links: dict[str, list[Any]] = defaultdict(list)
            for row in await c_links.fetchall():
                links[row[0]].append(row[1:4])
            known = {row[0]: (row[1], row[4]) for row in await c_known.fetchall()}
            contacts = {row[1]: (row[2], row[4]) for row in await c_party.fetchall()}
            await c_acct.fetchall()
        new: dict[str, dict[str, Any]] = {}
        for _, envelope, mail, sender, _, _ in taken:
            if sender and sender not in contacts and sender not in new and (not mail.auto or mail.auto == "list"):
                new[sender] = {"id": uuid7(), "name": clean(mail.from_.name or sender), "kind": "email",
                               "value": sender, "account_id": None, "origin": "message",
                               "created_at": envelope.time}  # fmt: skip
        if new:
            rows = orjson.dumps([new[a] for a in sorted(new)]).decode()
            await connection.execute(SQL["insert_contacts"], {"rows": rows})
            found = await (await connection.execute(SQL["parties"], {"kind": "email", "values": list(new)})).fetchall()
            contacts |= {row[1]: (row[2], row[4]) for row in found}
        named = sorted(
            {link[0] for one in taken for i in (one[2].message_id, *one[5]) if i for link in links.get(i, ())}
        )
        cases: dict[UUID, dict[str, Any]] = {}
        people: dict[UUID, set[str]] = defaultdict(set)
        if named:
            for row in await (await connection.execute(SQL["lock_cases"], {"ids": named})).fetchall():
                cases[row[0]] = dict(zip(_CASE_COLUMNS, row, strict=False)) | {
                    "contact_id": row[OF_CONTACT], "name": row[OF_CONTACT + 2], "account_id": row[OF_CONTACT + 3],
                    "owner_id": row[OF_CONTACT + 6],
                }  # fmt: skip
            for case_id, address in await (await connection.execute(SQL["participants"], {"ids": named})).fetchall():
                people[case_id].add(address)
        opened: list[dict[str, Any]] = []
        changed: dict[UUID, dict[str, Any]] = {}
        out: dict[str, list[Any]] = defaultdict(list)
        drafts = []
        counts: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for record, envelope, mail, sender, key, mentioned in taken:
            message_id, contact = uuid7(), contacts.get(sender or "", (None, ""))
            text = clean(mail.text)
            outcome, case, activity = "opened", None, None
            if (stored := known.get(key)) and same_text(text, stored[1]):
                outcome = "duplicate"
            else:
                known[key] = (message_id, text)
                for i in (*mentioned, mail.message_id):
                    for case_id, own_id, contact_id in links.get(i or "", ()):
                        other = cases[case_id]
                        if (own_id or (contact_id and contact_id == contact[0])) and (
                            other["contact_id"] == contact[0] or sender in people[case_id]
                        ):
                            case = case or other
                if case:
                    outcome = "appended"
                elif mail.auto in ("loop", "bounce", "auto-reply"):
                    outcome = "suppressed"
            if outcome == "opened":
                case = {"id": uuid7(), "title": clean(mail.subject)[:300] or "(no subject)", "state": "active",
                        "status": "in progress", "priority": "normal", "origin": "email", "queue": "Support",
                        "contact_id": contact[0], "name": contact[1], "account_id": None, "opened_at": envelope.time,
                        "resolved_at": None, "follow_up_of": None, "linked_to": None, "flags": [], "revision": 0,
                        "event_seq": 0, "escalated": False, "decrement": True,
                        "only_answer": {}, "fields": {}}  # fmt: skip
                cases[case["id"]] = case
                opened.append(case)
            elif case:
                changed[case["id"]] = case
            if case:
                case["revision"] += 1
                activity = uuid7()
                out["activities"].append(
                    {"id": activity, "case_id": case["id"], "kind": "email", "direction": "in", "state": "closed",
                     "subject": clean(mail.subject), "body": text, "sender": sender, "contact_id": contact[0],
                     "at": envelope.time}
                )  # fmt: skip
                for i, own_id in ((mail.message_id, True), *((m, False) for m in mentioned)):
                    if i and not any(link[0] == case["id"] for link in links.get(i, ())):
                        links[i].append((case["id"], own_id, contact[0]))
                        out["insert_links"].append(
                            {"id": i, "case_id": case["id"], "own": own_id, "contact_id": contact[0], "people": []}
                        )
                added = {a.address.lower() for a in (*mail.to, *mail.cc)} | ({sender} if sender else set())
                for address in sorted(added - people[case["id"]]):
                    people[case["id"]].add(address)
                    out["people"].append((case["id"], address))
            out["messages"].append(
                {"id": message_id, "channel": "email", "source": envelope.source,
                 "source_id": mail.message_id or envelope.id, "dedupe_key": None if outcome == "duplicate" else key,
                 "outcome": outcome, "reason": outcome, "matched_by": "identity", "case_id": case and case["id"],
                 "contact_id": contact[0], "activity_id": activity, "received_at": envelope.time, "flags": [],
                 "defects": mail.defects, "body": None if case else text, "content_type": envelope.content_type,
                 "facts": envelope.facts, "topic": topic, "partition": record.partition, "log_offset": record.offset,
                 "dataref": None}
            )  # fmt: skip
            out["raws"].append({"message_id": message_id, "raw": envelope.raw})
            hour = envelope.time.replace(minute=0, second=0, microsecond=0)
            sums = counts[(record.partition, envelope.source, hour)]
            sums["received"] += 1
            sums[outcome] += 1
            if outcome != "duplicate":
                drafts.append((case, message_id, activity, outcome, envelope, mail))
        if opened:
            rows_ = await (await connection.execute(SQL["case_numbers"], {"count": len(opened)})).fetchall()
            for case, (number,) in zip(opened, rows_, strict=True):
                case["number"] = number
        without = [envelope.source for case, *_, envelope, _ in drafts if case is None]
        last: dict[str, int] = {}
        if without:
            values = {"keys": list(set(without)), "counts": [without.count(k) for k in set(without)]}
            last = {
                k: n - without.count(k)
                for k, n in await (await connection.execute(SQL["next_sequences"], values)).fetchall()
            }
        for case, message_id, activity, outcome, envelope, mail in drafts:
            if case:
                key, kind = str(case["id"]), f"case.{outcome}"
                case["event_seq"] += 1
                seq = case["event_seq"]
            else:
                key, kind = envelope.source, f"message.{outcome}"
                last[key] += 1
                seq = last[key]
            view = case and {
                "id": key, "number": case["number"], "title": case["title"], "status": case["status"],
                "state": case["state"], "priority": case["priority"], "queue": QUEUE, "owner": None,
                "contact": {"id": case["contact_id"], "external_id": None, "name": case["name"]}, "account": None,
            }  # fmt: skip
            data = {
                "case": view, "changed": {}, "actor": {"kind": "customer", "id": case and case["contact_id"]},
                "cause": message_id,
                "message": {"id": message_id, "channel": "email", "source_id": mail.message_id or envelope.id,
                            "activity": activity, "outcome": outcome, "reason": outcome},
            }  # fmt: skip
            out["events"].append(
                {"id": uuid5(SPACE, f"{key}{seq}"), "key": key, "seq": seq, "type": f"dev.casestream.{kind}.v1",
                 "subject": case and str(case["number"]), "data": data, "at": envelope.time}
            )  # fmt: skip
        out["cases"] = opened
        out["outbox"] = [{"event_id": one["id"], "at": one["at"]} for one in out["events"]]
        out["update_cases"] = list({i: c for i, c in changed.items() if c not in opened}.values()) if changed else []
        out["add_counts"] = [
            {"topic": topic, "partition": p, "source": s, "hour": h,
             **dict.fromkeys(OUTCOMES, 0), **n}
            for (p, s, h), n in counts.items()
        ]  # fmt: skip
        new = {case["id"] for case in opened}
        out["participants"] = [dict(zip(("case_id", "address"), pair, strict=True)) for pair in out["people"]]
        joined = [one for one in out["participants"] if one["case_id"] not in new]
        out["participants"] = [one for one in out["participants"] if one["case_id"] in new]
        for name in ("cases", "participants", "activities", "messages", "events", "outbox", "raws"):
            await copy(connection, name, out[name])
        async with connection.pipeline():
            for name in ("update_cases", "insert_links", "add_counts"):
                if out[name]:
                    await connection.execute(SQL[name], {"rows": orjson.dumps(out[name]).decode()})
            if joined:
                columns = {f"{name}es" if name == "address" else f"{name}s": [one[name] for one in joined]
                           for name in ("case_id", "address")}  # fmt: skip
                await connection.execute(SQL["insert_participants"], columns)
            await connection.execute(SQL["notify_relay"])
            nexts = [following[p] for p in parts]
            await connection.execute(
                SQL["advance"], {**own, "nexts": nexts, "settled": [following[p] - positions[p] for p in parts]}
            )


async def main() -> None:
    """Consume for ever."""
    prefix = os.environ["CASESTREAM_KAFKA__TOPIC_PREFIX"]
    consumer = AIOKafkaConsumer(
        f"{prefix}inbound.email", bootstrap_servers=os.environ["CASESTREAM_KAFKA__SERVERS"], group_id=f"{prefix}loop",
        enable_auto_commit=False, auto_offset_reset="earliest", max_poll_records=500, fetch_max_wait_ms=100,
    )  # fmt: skip
    await consumer.start()
    connection = await psycopg.AsyncConnection.connect(os.environ["CASESTREAM_POSTGRES__DSN"], autocommit=True)
    known: set[int] = set()
    while True:
        fetched = await consumer.getmany(timeout_ms=1000, max_records=500)
        if records := [record for part in fetched.values() for record in part]:
            await settle(connection, records, known)
            await consumer.commit()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    uvloop.run(main())
