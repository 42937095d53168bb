"""Answers leave by platforms that answer as documented: once, in order, and known again when they come back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import psycopg
import pytest
from answering_platforms import TOKEN, Answering, Swallowed, answer, meta_error, x_problem
from http_port import http_port

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.rules import compile_rules
from pipeline.config import Config
from pipeline.dispatch.dispatch import Dispatch
from pipeline.dispatch.replies.api import Api
from pipeline.dispatch.replies.way import ReplyWay
from pipeline.domain.orders import Done, Reply
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.store.reply_queue import ReplyQueue
from pipeline.wire import Bounds, Envelope, Partition, Record

pytestmark = pytest.mark.integration

LANE = Partition("inbound.social", 0)
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECONDS = int(START.timestamp())
PLATFORMS = ("facebook", "messenger", "x", "mastodon")


def comment(id_: str, text: str, *, by: str = "7", under: str = "100_5") -> dict[str, Any]:
    value = {"item": "comment", "verb": "add", "comment_id": id_, "post_id": "100_5", "parent_id": under,
             "from": {"id": by, "name": by}, "message": text, "created_time": SECONDS}  # fmt: skip
    return {"object": "page", "entry": [{"id": "100", "time": SECONDS, "changes": [{"field": "feed", "value": value}]}]}


def message(id_: str, text: str, *, by: str = "7", at: datetime = START) -> dict[str, Any]:
    parties = {"sender": {"id": by}, "recipient": {"id": "7" if by == "100" else "100"}}
    told = {"mid": id_, "text": text, **({"is_echo": True} if by == "100" else {})}
    event = {**parties, "timestamp": int(at.timestamp() * 1000), "message": told}
    return {"object": "page", "entry": [{"id": "100", "messaging": [event]}]}


def received(until: datetime) -> dict[str, Any]:
    watermark = {"watermark": int(until.timestamp() * 1000)}
    event = {"sender": {"id": "7"}, "recipient": {"id": "100"}, "timestamp": SECONDS * 1000, "delivery": watermark}
    return {"object": "page", "entry": [{"id": "100", "messaging": [event]}]}


def tweet(id_: str, text: str, *, by: str = "7", answers: str | None = None) -> dict[str, Any]:
    told = {"id_str": id_, "text": text, "user": {"id_str": by, "screen_name": f"u{by}"},
            "entities": {"user_mentions": [{"id_str": "11"}]}, "in_reply_to_status_id_str": answers}  # fmt: skip
    return {"for_user_id": "11", "tweet_create_events": [told]}


def direct(id_: str, text: str) -> dict[str, Any]:
    said = {"sender_id": "7", "target": {"recipient_id": "11"}, "message_data": {"text": text}}
    event = {"type": "message_create", "id": id_, "created_timestamp": str(SECONDS * 1000), "message_create": said}
    return {"for_user_id": "11", "direct_message_events": [event]}


def mention(id_: str, text: str, *, visibility: str = "unlisted") -> dict[str, Any]:
    ana = {"id": "7", "acct": "ana@fedi.example"}
    status = {"id": id_, "visibility": visibility, "content": f"<p>{text}</p>", "account": ana,
              "mentions": [{"id": "11"}], "created_at": "2026-03-02T09:00:00Z"}  # fmt: skip
    return {"id": f"n{id_}", "type": "mention", "created_at": "2026-03-02T09:00:00Z", "account": ana, "status": status}


class Desk:
    """A desk on a database of its own, and the platforms it answers on; its clock is told, and nothing waits."""

    def __init__(self, dsn: str, data: Path, port: int, server: Answering) -> None:
        page = {"access_token": TOKEN, "server": f"http://127.0.0.1:{port}", "page_id": "100"}
        self.config = Config.model_validate(
            {
                "desk": {"domain": "desk.example", "secret": "a-secret-of-the-test-desk"},
                "postgres": {"dsn": dsn},
                "blobs": {"url": str(data)},
                "queue": [{"name": "Support", "notify": "lead@desk.example"}],
                "social": [{"platform": platform, **page} for platform in PLATFORMS],
            }
        )
        self.dsn, self.server, self.now = dsn, server, START
        self.rules = compile_rules(self.config)
        self.stores = [PostgresStore(dsn) for _ in range(2)]
        self.settle = app.build_settler(self.config, self.stores[0])
        self.casework = app.build_casework(self.rules, self.stores[1])
        self.ways: list[ReplyWay] = []
        self.way = self.new_way()
        self.offset = 0

    def new_way(self, config: Config | None = None) -> ReplyWay:
        """Whoever sends, as started anew."""
        stores = [PostgresStore(self.dsn) for _ in range(3)]
        telling = app.build_deliveries
        way = ReplyWay(
            ReplyQueue(self.dsn), (config or self.config).social, stores, lambda store: telling(self.rules, store),
            Api(httpx.Timeout(5.0, read=0.5)), lambda: 0.0,
        )  # fmt: skip
        self.ways.append(way)
        return way

    async def comes(self, platform: str, payload: dict[str, Any]) -> tuple[str, UUID | None]:
        """What becomes of a delivery, and the case that it belongs to."""
        raw = orjson.dumps(payload)
        envelope = Envelope(
            id=f"d{self.offset}", channel="social", source=f"/social/{platform}", key="k", time=self.now,
            content_type="application/json", raw=raw, facts={"account": "100" if platform in PLATFORMS[:2] else "11"},
        )  # fmt: skip
        record = Record(*LANE, self.offset, b"k", raw, tuple(envelope.headers()))
        self.offset += 1
        await self.settle([record])
        ((outcome, case),) = await self.rows(
            "SELECT outcome, case_id FROM message WHERE log_offset = %s", self.offset - 1
        )
        return outcome, case

    async def answers(self, case: UUID | None, text: str) -> UUID:
        """An agent answers; the activity that it is."""
        assert case is not None
        done = await self.casework.do(case, Reply(text=text), Deed(self.now, actor_id="rui"))
        assert isinstance(done, Done), done
        assert done.activity is not None
        return done.activity

    async def leave(self, way: ReplyWay | None = None) -> int:
        """Look once and do the jobs there are; how many."""
        way = way or self.way
        await way.look(self.now)
        jobs = await self.rows("DELETE FROM jobs.procrastinate_jobs RETURNING args, id")
        for args, _ in sorted(jobs, key=lambda job: job[1]):
            await way.work(args, self.now)
        return len(jobs)

    async def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            return await (await connection.execute(statement.encode(), values)).fetchall()

    async def standing(self, activity: UUID) -> tuple[str, str | None, str | None]:
        """How far an answer has come, why, and its id on the platform."""
        (row,) = await self.rows("SELECT delivery, delivery_reason, platform_id FROM activity WHERE id = %s", activity)
        return row[0], row[1], row[2]

    async def told(self) -> list[str]:
        """What was told of deliveries, in order."""
        rows = await self.rows("SELECT type FROM outbox JOIN event ON event.id = event_id ORDER BY ord")
        names = [name.removeprefix("dev.casestream.").removesuffix(".v1") for (name,) in rows]
        return [name for name in names if name.startswith("delivery")]

    async def later(self, **time: float) -> None:
        self.now += timedelta(**time)
        self.server.now = (self.now + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%S+0000")

    async def close(self) -> None:
        for way in self.ways:
            await way.close()
        for store in self.stores:
            await store.close()


Story = Callable[[Desk], Awaitable[None]]


@pytest.fixture
def play(new_database: Callable[[], str], tmp_path: Path) -> Callable[[Story], Answering]:
    """Plays a story on a new desk, with its platforms."""

    def run(story: Story) -> Answering:
        async def whole() -> Answering:
            dsn, server = new_database(), Answering()
            await PostgresLedger(dsn).assign("c", {LANE: Bounds(0, 100)})
            async with http_port(server.app) as port:
                desk = Desk(dsn, tmp_path, port, server)
                try:
                    await story(desk)
                finally:
                    await desk.close()
            return server

        return asyncio.run(whole())

    return run


ITEMS: Sequence[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("facebook", comment("5_1", "It burns."), "/v24.0/5_1/comments", {"message": "Pull the plug."}),
    (
        "messenger",
        message("m_1", "It burns."),
        "/v24.0/me/messages",
        {"messaging_type": "RESPONSE", "recipient": {"id": "7"}, "message": {"text": "Pull the plug."}},
    ),
    ("x", tweet("501", "@us it burns"), "/2/tweets",
     {"text": "Pull the plug.", "reply": {"in_reply_to_tweet_id": "501"}}),
    ("x", direct("601", "It burns."), "/2/dm_conversations/with/7/messages", {"text": "Pull the plug."}),
    ("mastodon", mention("901", "It burns."), "/api/v1/statuses",
     {"status": "@ana@fedi.example Pull the plug.", "in_reply_to_id": "901", "visibility": "unlisted"}),
    ("mastodon", mention("902", "It burns.", visibility="direct"), "/api/v1/statuses",
     {"status": "@ana@fedi.example Pull the plug.", "in_reply_to_id": "902", "visibility": "direct"}),
]  # fmt: skip
PARAMETERS = ("platform", "payload", "path", "body")


@pytest.mark.parametrize(PARAMETERS, ITEMS)
def test_each_platform_gets_the_answer_as_its_api_wants_it(
    play: Callable[[Story], Answering], platform: str, payload: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes(platform, payload)
        made = await desk.answers(case, "Pull the plug.")
        assert await desk.standing(made) == ("queued", None, None)
        assert await desk.leave() == 1
        assert await desk.standing(made) == ("sent", None, "900")
        assert await desk.told() == ["delivery.sent"]
        assert await desk.leave() == 0

    server = play(story)
    (posted,) = server.posted
    assert (posted.path, posted.body) == (path, body)


@pytest.mark.parametrize(PARAMETERS, ITEMS)
def test_what_was_taken_without_an_answer_is_not_posted_twice(
    play: Callable[[Story], Answering], platform: str, payload: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes(platform, payload)
        made = await desk.answers(case, "Pull the plug.")
        desk.server.next.append(Swallowed())
        await desk.leave()
        state, reason, _ = await desk.standing(made)
        assert (state, "trouble of its own (502)" in (reason or "")) == ("queued", True)
        await desk.later(minutes=1)
        await desk.leave()
        state, reason, known = await desk.standing(made)
        assert (state, reason) == ("sent", None)
        assert known == (None if path == "/2/tweets" else "900"), "X says that it is there, and not as what"

    server = play(story)
    assert len(server.stands) == 1, body


def test_an_hour_later_mastodon_knows_the_key_no_more_and_is_asked(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("mastodon", mention("901", "It burns."))
        made = await desk.answers(case, "Pull the plug.")
        desk.server.next.append(Swallowed())
        await desk.leave()
        await desk.later(hours=2)
        await desk.leave()
        assert await desk.standing(made) == ("sent", None, "900")

    assert play(story).asked == ["/api/v1/statuses/901/context"]


def test_a_server_that_hangs_is_asked_before_anything_is_posted_again(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        made = await desk.answers(case, "Pull the plug.")
        hangs = desk.server.hangs = asyncio.Event()
        await desk.leave()
        hangs.set()
        assert await desk.standing(made) == ("queued", "Facebook did not answer: ReadTimeout", None)
        await desk.later(minutes=1)
        desk.server.next.append(meta_error(2, "temporarily unavailable", 503, is_transient=True))
        await desk.leave()
        state, reason, _ = await desk.standing(made)
        assert state == "queued"
        assert (reason or "").startswith("Facebook did not say whether it is there")
        await desk.later(minutes=5)
        await desk.leave()
        assert await desk.standing(made) == ("sent", None, "900")

    server = play(story)
    assert (len(server.posted), len(server.stands)) == (1, 1)


def test_a_sender_that_was_killed_while_it_sent_looks_before_it_posts_again(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("messenger", message("m_1", "It burns."))
        made = await desk.answers(case, "Pull the plug.")
        hangs = desk.server.hangs = asyncio.Event()
        killed = asyncio.create_task(desk.leave())
        await asyncio.wait_for(desk.server.taken.wait(), 10)
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        hangs.set()
        await desk.later(minutes=11)
        assert await desk.leave(desk.new_way()) == 1
        assert await desk.standing(made) == ("sent", None, "900")

    assert len(play(story).posted) == 1


def test_one_that_is_not_there_is_posted_again(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        made = await desk.answers(case, "Pull the plug.")
        desk.server.next.append(answer(500))
        await desk.leave()
        await desk.later(minutes=1)
        await desk.leave()
        assert (await desk.standing(made))[0] == "sent"
        assert await desk.told() == ["delivery.sent"]

    server = play(story)
    assert (len(server.posted), len(server.asked), len(server.stands)) == (2, 1, 1)


ECHOES = [
    ("facebook", comment("5_1", "It burns."), comment("900", "Pull the plug.", by="100", under="5_1")),
    ("messenger", message("m_1", "It burns."), message("900", "Pull the plug.", by="100")),
    ("x", tweet("501", "@us it burns"), tweet("900", "@u7 Pull the plug.", by="11", answers="501")),
]


@pytest.mark.parametrize(("platform", "payload", "echo"), ECHOES)
def test_what_comes_back_after_the_api_answered_is_the_answer_that_left(
    play: Callable[[Story], Answering], platform: str, payload: dict[str, Any], echo: dict[str, Any]
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes(platform, payload)
        await desk.answers(case, "Pull the plug.")
        await desk.leave()
        assert await desk.comes(platform, echo) == ("duplicate", case)
        assert await desk.comes(platform, echo) == ("duplicate", case)
        assert await desk.rows("SELECT count(*) FROM activity") == [(2,)]

    play(story)


@pytest.mark.parametrize(("platform", "payload", "echo"), ECHOES)
def test_what_comes_back_before_the_api_answered_is_the_answer_that_left(
    play: Callable[[Story], Answering], platform: str, payload: dict[str, Any], echo: dict[str, Any]
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes(platform, payload)
        made = await desk.answers(case, "Pull the plug.")
        desk.server.next.append(Swallowed())
        await desk.leave()
        assert await desk.comes(platform, echo) == ("duplicate", case)
        await desk.later(minutes=1)
        await desk.leave()
        assert await desk.standing(made) == ("sent", None, "900")
        assert await desk.comes(platform, echo) == ("duplicate", case)
        assert await desk.rows("SELECT count(*) FROM activity") == [(2,)]
        assert await desk.told() == ["delivery.sent"]

    server = play(story)
    assert (len(server.posted), server.asked) == (1, [])


def test_one_that_was_given_up_and_comes_back_was_sent(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("x", tweet("501", "@us it burns"))
        made = await desk.answers(case, "Pull the plug.")
        desk.server.next.append(Swallowed())
        await desk.leave()
        await desk.later(minutes=1)
        desk.server.stands.clear()
        desk.server.next.append(x_problem(403, "You are not permitted to perform this action."))
        await desk.leave()
        assert (await desk.standing(made))[0] == "failed"
        assert await desk.comes("x", tweet("900", "@u7 Pull the plug.", by="11", answers="501")) == ("duplicate", case)
        await desk.leave()
        assert await desk.standing(made) == ("sent", None, "900")
        assert await desk.told() == ["delivery.failed", "delivery.sent"]
        assert await desk.rows("SELECT first_response_at, waiting_since FROM cases") == [(desk.now, None)]

    play(story)


def test_the_only_answer_that_fails_is_taken_back_with_its_reason(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        made = await desk.answers(case, "Pull the plug.")
        asked = "SELECT first_response_at, waiting_since, flags FROM cases"
        assert await desk.rows(asked) == [(START, None, [])]
        desk.server.next.append(meta_error(100, f"no such object for {TOKEN}", error_subcode=33))
        await desk.leave()
        state, reason, _ = await desk.standing(made)
        assert state == "failed"
        assert (reason or "").startswith("Facebook knows no such item or person any more; it may have been removed")
        assert (reason or "").endswith("no such object for …"), "our token is quoted to nobody"
        assert await desk.rows(asked) == [(None, START, ["answer not delivered"])]
        assert await desk.rows("SELECT recipient, template FROM outbound") == [("lead@desk.example", "delivery_failed")]
        assert await desk.told() == ["delivery.failed"]
        assert await desk.leave() == 0

    play(story)


def test_a_second_answer_never_overtakes_the_first_and_others_go_on(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, ana = await desk.comes("mastodon", mention("901", "It burns."))
        _, eva = await desk.comes("facebook", comment("5_1", "Mine too.", by="8"))
        first = await desk.answers(ana, "One.")
        second = await desk.answers(ana, "Two.")
        other = await desk.answers(eva, "Three.")
        desk.server.next.append(answer(503, retry_after="60"))
        await desk.leave()
        assert [(await desk.standing(one))[0] for one in (first, second, other)] == ["queued", "queued", "sent"]
        await desk.later(seconds=59)
        assert await desk.leave() == 0
        await desk.later(seconds=1)
        await desk.leave()
        await desk.leave()
        assert [(await desk.standing(one))[0] for one in (first, second)] == ["sent", "sent"]

    server = play(story)
    assert [one["text"] for one in server.stands] == ["Three.", "@ana@fedi.example One.", "@ana@fedi.example Two."]


def test_an_account_rests_as_long_as_its_platform_says_and_others_do_not(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, ana = await desk.comes("x", tweet("501", "@us it burns"))
        _, eva = await desk.comes("x", tweet("502", "@us mine too", by="8"))
        _, rui = await desk.comes("facebook", comment("5_1", "Hello."))
        answers = [await desk.answers(case, f"Answer {number}.") for number, case in enumerate((ana, eva, rui))]
        reset = str(int((START + timedelta(minutes=15)).timestamp()))
        desk.server.next.append(x_problem(429, "Too Many Requests", x_rate_limit_reset=reset))
        await desk.way.look(START)
        jobs = await desk.rows("DELETE FROM jobs.procrastinate_jobs RETURNING args, id")
        await desk.way.work(min(jobs, key=lambda job: job[1])[0], START)
        await desk.rows("UPDATE reply SET handed_at = NULL RETURNING id")
        assert await desk.leave() == 1
        assert [(await desk.standing(one))[0] for one in answers] == ["queued", "queued", "sent"]
        await desk.later(minutes=15)
        assert await desk.leave() == 2
        assert [(await desk.standing(one))[0] for one in answers] == ["sent"] * 3

    play(story)


def test_an_account_sends_no_faster_than_its_platform_allows(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("x", direct("601", "It burns."))
        made = [await desk.answers(case, f"Answer {number}.") for number in range(16)]
        for _ in made:
            await desk.leave()
        assert [(await desk.standing(one))[0] for one in made] == ["sent"] * 15 + ["queued"]
        await desk.later(minutes=15)
        await desk.leave()
        assert (await desk.standing(made[-1]))[0] == "sent"

    play(story)


def test_what_messenger_says_was_received_is_delivered(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("messenger", message("m_1", "It burns."))
        first = await desk.answers(case, "One.")
        await desk.leave()
        await desk.later(minutes=5)
        second = await desk.answers(case, "Two.")
        await desk.leave()
        assert await desk.comes("messenger", received(START + timedelta(minutes=1))) == ("recorded", None)
        await desk.leave()
        assert [(await desk.standing(one))[0] for one in (first, second)] == ["delivered", "sent"]
        await desk.comes("messenger", received(desk.now + timedelta(seconds=1)))
        await desk.leave()
        await desk.leave()
        assert [(await desk.standing(one))[0] for one in (first, second)] == ["delivered", "delivered"]
        assert await desk.rows("SELECT count(*) FROM reply_receipt") == [(0,)]
        assert await desk.told() == ["delivery.sent", "delivery.sent"]

    play(story)


def test_a_receipt_that_comes_before_the_answer_of_the_api_waits_for_it(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("messenger", message("m_1", "It burns."))
        made = await desk.answers(case, "One.")
        desk.server.next.append(Swallowed())
        await desk.leave()
        await desk.comes("messenger", received(desk.now + timedelta(seconds=1)))
        await desk.leave()
        await desk.later(minutes=1)
        await desk.leave()
        await desk.leave()
        assert (await desk.standing(made))[0] == "delivered"
        assert await desk.told() == ["delivery.sent"]

    play(story)


def test_after_a_day_messenger_is_told_that_a_person_answers_and_after_a_week_nothing_is_sent(
    play: Callable[[Story], Answering],
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("messenger", message("m_1", "It burns."))
        await desk.later(days=2)
        await desk.answers(case, "One.")
        await desk.leave()
        await desk.later(days=4, hours=23)
        late = await desk.answers(case, "Two.")
        await desk.later(hours=2)
        await desk.leave()
        state, reason, _ = await desk.standing(late)
        assert (state, "within 7 days" in (reason or "")) == ("failed", True)

    (posted,) = play(story).posted
    assert (posted.body["messaging_type"], posted.body["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


def test_a_platform_that_stays_away_is_given_up_after_three_days(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("mastodon", mention("901", "It burns."))
        made = await desk.answers(case, "One.")
        tries = 0
        while (await desk.standing(made))[0] == "queued":
            desk.server.next.append(answer(503))
            await desk.leave()
            await desk.later(hours=1)
            tries += 1
            assert tries < 100
        state, reason, _ = await desk.standing(made)
        assert (state, reason) == ("failed", "given up after three days: Mastodon has trouble of its own (503)")
        assert desk.now - START > timedelta(days=3)

    play(story)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (
            [{"platform": "facebook"}],
            '[[social]] "facebook" lacks "access_token", without which nothing can be',
        ),
        ([{"platform": "facebook", "access_token": "env:NOT_THERE"}], "NOT_THERE"),
        ([{"platform": "x"}], "there is no [[social]] for /social/facebook any more"),
    ],
)
def test_a_page_that_cannot_answer_says_what_it_lacks(
    play: Callable[[Story], Answering], page: list[dict[str, str]], says: str
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        made = await desk.answers(case, "One.")
        await desk.leave(desk.new_way(Config.model_validate({"social": page})))
        state, reason, _ = await desk.standing(made)
        assert (state, says in (reason or "")) == ("failed", True), reason

    assert play(story).posted == []


def test_the_same_words_twice_in_one_conversation_are_two_answers(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        first = await desk.answers(case, "Thanks.")
        await desk.leave()
        second = await desk.answers(case, "Thanks.")
        desk.server.next.append(answer(500))
        await desk.leave()
        await desk.later(minutes=1)
        await desk.leave()
        assert [(await desk.standing(one))[2] for one in (first, second)] == ["900", "901"]

    assert len(play(story).stands) == 2


def test_two_processes_send_one_answer_once(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        await desk.answers(case, "One.")
        other = desk.new_way()
        await asyncio.gather(desk.way.look(desk.now), other.look(desk.now))
        jobs = await desk.rows("DELETE FROM jobs.procrastinate_jobs RETURNING args, id")
        assert len(jobs) == 1
        await desk.way.work(jobs[0][0], desk.now)
        await other.work(jobs[0][0], desk.now)

    assert len(play(story).posted) == 1


def test_the_process_that_dispatches_sends_what_waits(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        made = [await desk.answers(case, text) for text in ("One.", "Two.", "Three.")]
        ready = asyncio.Event()
        process = asyncio.create_task(Dispatch(desk.dsn, [desk.new_way()], ready.set).run())
        await asyncio.wait_for(ready.wait(), 20)
        async with asyncio.timeout(30):
            while (await desk.standing(made[-1]))[0] != "sent":  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.05)
        process.cancel()
        await asyncio.gather(process, return_exceptions=True)

    assert [one["text"] for one in play(story).stands] == ["One.", "Two.", "Three."]


def test_requests_to_x_are_signed_where_there_are_keys(play: Callable[[Story], Answering]) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("x", tweet("501", "@us it burns"))
        made = await desk.answers(case, "Pull the plug.")
        keys = {"api_key": "our key", "app_secret": "s", "access_token_secret": "t"}
        page = desk.config.social[2].model_dump() | keys
        await desk.leave(desk.new_way(Config.model_validate({"social": [page]})))
        assert (await desk.standing(made))[0] == "sent"

    (posted,) = play(story).posted
    assert posted.headers["authorization"].startswith('OAuth oauth_consumer_key="our%20key", oauth_nonce="')
    assert f'oauth_timestamp="{SECONDS}", oauth_token="{TOKEN}"' in posted.headers["authorization"]


@pytest.mark.parametrize("waits", [True, False])
def test_what_is_told_while_the_api_still_answers_is_the_answer_that_leaves(
    play: Callable[[Story], Answering], *, waits: bool
) -> None:
    async def story(desk: Desk) -> None:
        _, case = await desk.comes("facebook", comment("5_1", "It burns."))
        telling: list[asyncio.Task[tuple[str, UUID | None]]] = []

        async def tell() -> None:
            echo = comment(desk.server.stands[-1]["id"], "Pull the plug.", by="100", under="5_1")
            telling.append(asyncio.create_task(desk.comes("facebook", echo)))
            if waits:
                await telling[-1]

        desk.server.meanwhile = tell
        for number in range(1, 9):
            made = await desk.answers(case, "Pull the plug.")
            await desk.leave()
            assert await telling[-1] == ("duplicate", case)
            assert (await desk.standing(made))[0] == "sent"
            assert await desk.rows("SELECT count(*) FROM activity") == [(1 + number,)]
        known = await desk.rows("SELECT count(DISTINCT activity_id), count(*) FROM activity_key")
        assert known == [(9, 9)], "each answer is known by its own id"

    play(story)
