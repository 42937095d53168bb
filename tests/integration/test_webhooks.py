"""Webhooks: every event arrives at least once, every try is in the log, whatever the endpoint does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from itertools import cycle
from uuid import UUID

import pytest
from sinks import Received, Sink, listening
from webhook_desk import DAY, MONDAY, WebhookDesk, desk_of, publish_many, publish_story

from pipeline.agents.subscriptions import Asked
from pipeline.errors import Reject

pytestmark = pytest.mark.integration

Story = Callable[[WebhookDesk, Sink], Awaitable[None]]


def told(dsn: str, story: Story, sink: Sink, *, timeout_s: float = 10.0) -> None:
    async def run() -> None:
        async with listening(sink), desk_of(dsn, timeout_s=timeout_s) as desk:
            await story(desk, sink)

    asyncio.run(run())


def in_turns(*answers: int | str) -> Callable[[Received], int | str]:
    turns: Iterator[int | str] = cycle(answers)
    return lambda _: next(turns)


def test_every_event_of_the_story_arrives_once(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        ids = publish_story(migrated)
        await desk.deliver()
        assert sorted(one.id for one in sink.delivered) == sorted(map(str, ids))
        first = next(one for one in sink.delivered if one.event["type"] == "dev.casestream.case.opened.v1")
        assert first.event["specversion"] == "1.0"
        assert first.event["id"] == first.id
        assert first.headers["content-type"] == "application/cloudevents+json"
        assert {outcome for _, _, outcome, *_ in desk.log()} == {"delivered"}

    told(migrated, story, Sink())


def test_an_endpoint_that_fails_in_every_way_gets_every_event_and_the_log_tells_each_try(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        publish_many(migrated, 1, 60)
        await desk.deliver(MONDAY + DAY)
        arrived = Counter(one.event["position"] for one in sink.delivered)
        assert set(arrived) == {str(number) for number in range(1, 61)}
        log = desk.log()
        assert len(log) == len(sink.received)
        outcomes = Counter(outcome for _, _, outcome, *_ in log)
        assert outcomes["delivered"] == 60
        assert outcomes["failed"] == len(log) - 60 > 50
        errors = {error for *_, error in log}
        assert {"500 said", "no answer within 1.5 s", ""} < errors
        assert "302 leads to http://127.0.0.1:1/; redirects are not followed" in errors
        assert any("broke off" in error for error in errors)
        for position in range(1, 61):
            attempts = [attempt for pos, attempt, *_ in log if pos == position]
            assert attempts == sorted(set(attempts))
        assert desk.rows("SELECT waiting, retrying, failing_since, state FROM subscription") == [(0, 0, None, "active")]

    answers = in_turns(500, 302, "close", "slow", 503, 404, "hang", 200, 200, 200, 200)
    told(migrated, story, Sink(answers), timeout_s=1.5)


def test_after_410_nothing_comes_any_more_and_everybody_is_told(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url, ordered=True), MONDAY, after=0)
        publish_many(migrated, 1, 30)
        await desk.deliver(MONDAY + DAY)
        assert [one.event["position"] for one in sink.received] == ["1", "2", "3"]
        found = await desk.subscriptions.find(added.id)
        assert (found.state, found.reason) == ("disabled", "410 Gone: the endpoint wants to hear no more")
        (event,) = desk.rows("SELECT key, data FROM event WHERE type = 'dev.casestream.delivery.failed.v1'")
        assert event[0] == f"/subscription/{added.id}"
        assert event[1]["delivery"]["kind"] == "webhook"
        assert event[1]["delivery"]["target"] == str(added.id)
        held = [pos for pos, _, outcome, *_ in desk.log() if outcome == "held"]
        assert held == list(range(3, 21))

        sink.answer = lambda _: 200
        await desk.subscriptions.enable(added.id)
        await desk.deliver(MONDAY + 2 * DAY)
        assert [one.event["position"] for one in sink.delivered] == [str(number) for number in range(1, 31)]

    told(migrated, story, Sink(in_turns(200, 200, 410)))


def test_a_person_gets_a_mail_about_a_subscription_that_the_desk_disables(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url, description="ERP"), MONDAY, after=0)
        publish_many(migrated, 1, 5)
        await desk.deliver(MONDAY + 4 * DAY)
        ((recipient, template, headers, values),) = desk.rows("SELECT recipient, template, headers, data FROM outbound")
        assert (recipient, template) == ("lead@desk.example", "webhook_disabled")
        assert headers["Auto-Submitted"] == "auto-generated"
        assert values == {
            "name": "ERP",
            "url": sink.url,
            "since": "2026-03-02T09:00:00+00:00",
            "reason": "nothing arrived for 3 days; the last answer: 500 said",
        }

    told(migrated, story, Sink(lambda _: 500))


def test_a_filter_that_can_be_read_no_more_disables_its_subscription_and_no_other(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url + "/old", filter="case.title == 'x'"), MONDAY, after=0)
        await desk.subscriptions.add(Asked(url=sink.url + "/well"), MONDAY, after=0)
        desk.rows("UPDATE subscription SET filter = 'case.gone == 1' WHERE id = %s RETURNING id", added.id)
        publish_many(migrated, 1, 5)
        await desk.deliver()
        assert [one.target for one in sink.delivered] == ["/hooks/well"] * 5
        found = await desk.subscriptions.find(added.id)
        assert found.state == "disabled"
        assert found.reason.startswith("its filter can be read no more: ")
        assert found.pos == 0, "it missed nothing"
        assert desk.rows("SELECT data ->> 'reason' FROM outbound") == [(found.reason,)]
        events = desk.rows("SELECT key FROM event WHERE type = 'dev.casestream.delivery.failed.v1'")
        assert events == [(f"/subscription/{added.id}",)]
        assert desk.way.departures.failed == {"filter": 1}

    told(migrated, story, Sink())


def test_no_more_than_ten_replays_are_open_and_a_look_goes_on_with_them_where_the_last_one_left(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        publish_many(migrated, 1, 20)
        wanted = Asked(url=sink.url, types=["case.opened"])
        for _ in range(3):
            added = await desk.subscriptions.add(wanted, MONDAY)
            for _ in range(10):
                await desk.subscriptions.replay_range(added.id, MONDAY, MONDAY + DAY)
            with pytest.raises(Reject, match="10 replays of it are open") as refused:
                await desk.subscriptions.replay_range(added.id, MONDAY, MONDAY + DAY)
            assert refused.value.status == 409
        left = []
        for _ in range(2):
            assert await desk.way.look(MONDAY)
            left += desk.rows("SELECT count(*) FROM subscription_replay")
        assert left == [(10,), (0,)]
        await desk.subscriptions.replay_range(added.id, MONDAY, MONDAY + DAY)

    told(migrated, story, Sink())


def test_side_by_side_no_more_than_was_under_way_comes_after_410(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        publish_many(migrated, 1, 200)
        await desk.deliver(MONDAY + DAY)
        assert len(sink.received) <= 20, "those of one job"
        assert (await desk.subscriptions.find(added.id)).state == "disabled"
        assert desk.rows("SELECT count(*) FROM delivery WHERE outcome = 'held'") == [(200,)]
        sink.answer = lambda _: 200
        await desk.subscriptions.enable(added.id)
        await desk.deliver()
        assert {int(one.event["position"]) for one in sink.delivered} >= set(range(1, 201))

    told(migrated, story, Sink(lambda _: 410))


def test_a_day_of_outage_loses_nothing_and_ends_at_once_when_the_endpoint_is_back(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        for hour in range(24):
            publish_many(migrated, 50 * hour + 1, 50 * hour + 50)
            await desk.deliver(MONDAY + timedelta(hours=hour + 1))
        assert sink.delivered == []
        assert len(sink.received) < 24 * 10, "an endpoint that is down is left in peace"
        sink.answer = lambda _: 200
        await desk.deliver(MONDAY + timedelta(hours=25))
        assert {int(one.event["position"]) for one in sink.delivered} == set(range(1, 1201))
        assert len(sink.delivered) == 1200
        assert desk.rows("SELECT waiting, retrying, failing_since FROM subscription") == [(0, 0, None)]

    told(migrated, story, Sink(lambda _: 500))


def test_after_three_days_without_any_success_it_is_disabled_and_nothing_is_lost(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        publish_many(migrated, 1, 5)
        await desk.deliver(MONDAY + 2 * DAY)
        assert (await desk.subscriptions.find(added.id)).state == "active"
        await desk.deliver(MONDAY + 4 * DAY)
        found = await desk.subscriptions.find(added.id)
        assert found.state == "disabled"
        assert found.reason == "nothing arrived for 3 days; the last answer: 500 said"
        tries = len(sink.received)
        await desk.deliver(MONDAY + 10 * DAY)
        assert len(sink.received) == tries
        sink.answer = lambda _: 200
        await desk.subscriptions.enable(added.id)
        await desk.deliver()
        # among them the event that told everybody of the end
        assert {int(one.event["position"]) for one in sink.delivered} >= set(range(1, 6))

    told(migrated, story, Sink(lambda _: 500))


def test_one_event_that_is_refused_for_three_days_is_given_up_and_stands_in_nobodys_way(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        for day in range(5):
            publish_many(migrated, 10 * day + 1, 10 * day + 10)
            await desk.deliver(MONDAY + (day + 1) * DAY)
        assert {int(one.event["position"]) for one in sink.delivered} == set(range(1, 51)) - {7}
        assert [outcome for pos, _, outcome, *_ in desk.log() if pos == 7][-1] == "given up"
        assert desk.rows("SELECT waiting, retrying, state FROM subscription") == [(0, 0, "active")]

    told(migrated, story, Sink(lambda one: 500 if one.event["position"] == "7" else 200))


def test_an_ordered_subscription_gets_no_event_before_the_former_was_taken(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url, ordered=True), MONDAY, after=0)
        publish_many(migrated, 1, 70)
        await desk.deliver(MONDAY + DAY)
        assert [int(one.event["position"]) for one in sink.delivered] == list(range(1, 71))
        tried = [int(one.event["position"]) for one in sink.received]
        assert tried == sorted(tried)

    told(migrated, story, Sink(in_turns(200, 500, "close", 200, 200)))


def test_types_and_filter_choose(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        await desk.subscriptions.add(Asked(url=sink.url + "/a", types=["case.opened", "case.routed"]), MONDAY, after=0)
        asked = "case.priority == 'high' && 'escalated' in changed && actor.kind == 'clock'"
        await desk.subscriptions.add(Asked(url=sink.url + "/b", filter=asked), MONDAY, after=0)
        publish_story(migrated)
        await desk.deliver()
        by_target = Counter((one.target[-1], one.event["type"].split(".", 2)[2]) for one in sink.delivered)
        assert by_target == {("a", "case.opened.v1"): 4, ("a", "case.routed.v1"): 1, ("b", "case.escalated.v1"): 1}

    told(migrated, story, Sink())


def test_what_was_delivered_can_be_replayed_by_id_and_by_time(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url, types=["message.recorded"]), MONDAY, after=0)
        publish_many(migrated, 1, 110, at=MONDAY)
        publish_many(migrated, 111, 180, at=MONDAY + DAY)
        await desk.deliver()
        assert len(sink.delivered) == 180
        again = sink.delivered[3]
        sink.delivered.clear()
        desk.now += timedelta(hours=1)
        run = await desk.subscriptions.replay_event(added.id, UUID(again.id))
        await desk.deliver()
        assert [(one.id, one.body) for one in sink.delivered] == [(again.id, again.body)]
        tries = await desk.subscriptions.deliveries(added.id, 10, event=UUID(again.id))
        assert [(one.run, one.attempt, one.outcome) for one in tries] == [(run, 1, "delivered"), (0, 1, "delivered")]
        sink.delivered.clear()
        await desk.subscriptions.replay_range(added.id, MONDAY, MONDAY + DAY)
        await desk.deliver()
        assert sorted(int(one.event["position"]) for one in sink.delivered) == list(range(1, 111))

    told(migrated, story, Sink())


def test_a_job_that_was_done_before_the_process_died_is_not_counted_twice(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        publish_many(migrated, 1, 3)
        await desk.deliver()
        job = {"subscription": str(added.id), "run": 0, "attempt": 1, "first_at": None, "positions": [1, 2, 3]}
        await desk.way.work(job, MONDAY)
        assert len(sink.received) == 3
        assert desk.rows("SELECT waiting, retrying FROM subscription") == [(0, 0)]

    told(migrated, story, Sink())


def test_what_is_disabled_by_hand_waits_and_goes_on_from_there_or_from_now(migrated: str) -> None:
    async def story(desk: WebhookDesk, sink: Sink) -> None:
        added = await desk.subscriptions.add(Asked(url=sink.url), MONDAY, after=0)
        publish_many(migrated, 1, 3)
        await desk.way.look(MONDAY)  # they are queued by now
        await desk.subscriptions.disable(added.id, "by hand")
        publish_many(migrated, 4, 6)
        await desk.deliver(MONDAY + DAY)
        assert sink.received == []
        await desk.subscriptions.enable(added.id)
        await desk.deliver()
        assert sorted(int(one.event["position"]) for one in sink.delivered) == [1, 2, 3, 4, 5, 6]
        publish_many(migrated, 7, 8)
        await desk.way.look(desk.now)
        await desk.subscriptions.disable(added.id, "by hand")
        publish_many(migrated, 9, 9)
        await desk.subscriptions.enable(added.id, "now")
        publish_many(migrated, 10, 10)
        await desk.deliver()
        assert int(sink.delivered[-1].event["position"]) == 10
        assert len(sink.delivered) == 7
        assert desk.rows("SELECT waiting, retrying FROM subscription") == [(0, 0)]

    told(migrated, story, Sink())
