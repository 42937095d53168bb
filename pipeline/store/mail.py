"""What intake asks and writes for mail, on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.letters import TO_A_CUSTOMER
from pipeline.domain.storms import Arrival
from pipeline.store.mail_ports import ANSWER, MailChanges, MailFacts, MailWanted, Newcomer, Reach, Sent
from pipeline.store.queries import load_queries

_SQL = load_queries("mail.sql")

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


async def read_mail_facts(connection: psycopg.AsyncConnection, wanted: MailWanted) -> MailFacts:
    """What is known; asks only what there is something to ask about."""
    if wanted.at is None:
        return MailFacts()
    facts = _Asked(connection)
    addresses = list(wanted.recipients)
    async with connection.pipeline():
        await facts.ask("sent", wanted.ours, ids=list(wanted.ours))
        await facts.ask("likes", wanted.likes, keys=list(wanted.likes))
        await facts.ask("acknowledged", addresses, addresses=addresses, since=wanted.at - _DAY)
        await facts.ask("bounced", addresses, addresses=addresses)
        await facts.ask("misses", wanted.guessers, senders=list(wanted.guessers), since=wanted.at - _HOUR)
        await facts.ask("answers", wanted.returned, ids=list(wanted.returned))
        await facts.ask("form_newcomers", wanted.newcomers, since=wanted.at - _HOUR)
        return MailFacts(
            sent={row[0]: Sent(*row[1:]) for row in await facts.rows("sent")},
            likes={key: tuple(_arrival(one) for one in arrivals) for key, arrivals in await facts.rows("likes")},
            acknowledged=_times(await facts.rows("acknowledged")),
            bounced=frozenset(row[0] for row in await facts.rows("bounced")),
            misses=_times(await facts.rows("misses")),
            newcomers=[row[0] for row in await facts.rows("form_newcomers")],
            answers={row[0]: Sent(row[1], row[2], ANSWER) for row in await facts.rows("answers")},
        )


class _Asked:
    """Questions that are asked at once, where there is something to ask."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._answers: dict[str, psycopg.AsyncCursor[tuple[Any, ...]]] = {}

    async def ask(self, name: str, about: object, **values: object) -> None:
        if about:
            self._answers[name] = await self._connection.execute(_SQL[name], values)

    async def rows(self, name: str) -> list[tuple[Any, ...]]:
        return await self._answers[name].fetchall() if name in self._answers else []


class PostgresMail:
    """What intake asks about mail where it must."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    async def newcomers(self, keys: Collection[str], since: datetime) -> Sequence[Newcomer]:
        """Who else sent one of these texts first, since a time."""
        return [Newcomer(*row) for row in await self._rows("newcomers", keys=list(keys), since=since)]

    async def touched(self, cases: Collection[UUID]) -> Mapping[UUID, datetime]:
        """When people of ours last did something on these cases."""
        return dict(await self._rows("touched", ids=list(cases)))

    async def reach(self, agents: Collection[UUID]) -> Mapping[UUID, Reach]:
        """Where these agents and their managers get mail."""
        return {row[0]: Reach(*row[1:]) for row in await self._rows("reach", ids=list(agents))}

    async def wrote_to(self, cases: Collection[UUID], addresses: Collection[str]) -> Collection[tuple[UUID, str]]:
        """To which of these addresses we wrote on these cases, as to customers."""
        asked = {"ids": list(cases), "addresses": list(addresses), "templates": sorted(TO_A_CUSTOMER)}
        return {(row[0], row[1]) for row in await self._rows("wrote_to", **asked)}

    async def _rows(self, name: str, **values: object) -> list[tuple[Any, ...]]:
        return await (await self._connection.execute(_SQL[name], values)).fetchall()


async def write_mail(connection: psycopg.AsyncConnection, changes: MailChanges) -> None:
    """Write what there is; within a pipeline of the caller's."""
    likes = [
        {"key": key, "arrivals": list(arrivals), "at": arrivals[-1].at}
        for key, arrivals in sorted(changes.likes.items())
        if arrivals
    ]
    for name, rows in (
        ("write_likes", likes),
        ("write_misses", [{"sender": sender, "at": at} for sender, at in changes.misses]),
        ("write_newcomers", changes.newcomers),
        ("write_bounced", changes.bounced),
        ("write_suppressed", list({one.address: one for one in changes.bounced}.values())),
        ("write_watches", changes.watches),
    ):
        if rows:
            await connection.execute(_SQL[name], {"rows": orjson.dumps(rows).decode()})
    if returned := [one.message_id for one in changes.bounced if one.message_id]:
        await connection.execute(_SQL["write_returned"], {"ids": returned})


def _arrival(row: Mapping[str, Any]) -> Arrival:
    return Arrival(datetime.fromisoformat(row["at"]), row["but_digits"], UUID(row["case_id"]), row["folded"])


def _times(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for key, at in rows:
        found.setdefault(key, []).append(at)
    return found
