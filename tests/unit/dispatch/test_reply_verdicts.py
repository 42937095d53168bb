"""What the platforms' documented answers mean for an answer of ours."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dispatch.replies.looking import found_in
from pipeline.dispatch.replies.verdicts import Again, Answered, Never, Sent, Verdict, lost, verdict
from pipeline.parse.strict_json import Malformed
from pipeline.store.reply_queue import WaitingReply

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def judged(platform: str, status: int, body: object, *, unsure: bool = False, **headers: str) -> Verdict:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return verdict(platform, Answered(status, named, raw), NOW, unsure=unsure)


def of_meta(code: int, status: int = 400, **more: object) -> Verdict:
    error = {"message": "said so", "type": "OAuthException", "code": code, **more}
    return judged("facebook", status, {"error": error})


@pytest.mark.parametrize(
    ("platform", "body", "known"),
    [
        ("facebook", {"id": "5_9"}, "5_9"),
        ("messenger", {"recipient_id": "7", "message_id": "m_9"}, "m_9"),
        ("x", {"data": {"id": "501", "text": "Hello"}}, "501"),
        ("x", {"data": {"dm_conversation_id": "1-2", "dm_event_id": "601"}}, "601"),
        ("mastodon", {"id": "901", "uri": "https://s.example/1"}, "901"),
    ],
)
def test_what_was_taken_is_known_by_its_id(platform: str, body: object, known: str) -> None:
    assert judged(platform, 201 if platform == "x" else 200, body) == Sent(known)


@pytest.mark.parametrize("body", [{}, [], b"<html>", b"", {"id": None}, {"data": "x"}])
@pytest.mark.parametrize("platform", ["facebook", "messenger", "x", "mastodon"])
def test_a_success_that_does_not_say_what_it_made_is_looked_after(platform: str, body: object) -> None:
    found = judged(platform, 200, body)
    assert isinstance(found, Again)
    assert found.unsure


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80001])
def test_meta_asks_to_wait_and_the_page_rests(code: int) -> None:
    found = of_meta(code)
    assert isinstance(found, Again)
    assert (found.rests, found.unsure) == (True, False)


def test_how_long_is_what_each_says_in_its_own_way() -> None:
    later = NOW + timedelta(minutes=7)
    usage = json.dumps({"100": [{"type": "pages", "estimated_time_to_regain_access": 7}]})
    answers = [
        judged("facebook", 400, {"error": {"code": 32}}, x_business_use_case_usage=usage),
        judged("x", 429, {"title": "Too Many Requests"}, x_rate_limit_reset=str(int(later.timestamp()))),
        judged("mastodon", 429, {"error": "Too many requests"}, x_ratelimit_reset="2026-03-02T10:07:00.000000Z"),
        judged("mastodon", 429, {}, retry_after="420"),
    ]
    assert [isinstance(one, Again) and (one.at, one.rests) for one in answers] == [(later, True)] * 4


def test_nobody_makes_us_wait_for_ever() -> None:
    found = judged("x", 429, {}, x_rate_limit_reset="99999999999")
    assert isinstance(found, Again)
    assert found.at == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (of_meta(190), "Facebook does not take our access_token any more"),
        (of_meta(102), "Facebook does not take our access_token any more"),
        (of_meta(10, 403), "look at the permissions of its access_token: said so"),
        (of_meta(200, 403), "look at the permissions of its access_token"),
        (of_meta(100, error_subcode=33), "knows no such item or person any more"),
        (of_meta(100), "Facebook refuses it (100): said so"),
        (of_meta(368), "blocks what our page does for a while"),
        (
            judged("messenger", 400, {"error": {"code": 551, "message": "gone"}}),
            "knows no such item or person any more",
        ),
        (judged("messenger", 400, {"error": {"code": 10, "error_subcode": 2018278}}), "within 24 hours"),
        (judged("x", 401, {"title": "Unauthorized"}), "X does not take our access_token any more"),
        (judged("x", 403, {"detail": "You are not permitted to perform this action."}), "does not let our account"),
        (judged("x", 403, {"detail": "… with duplicate content."}), "refuses the same words twice"),
        (
            judged("x", 400, {"errors": [{"message": "Invalid Request"}]}),
            "refuses the answer as it is: Invalid Request",
        ),
        (judged("mastodon", 401, {"error": "The access token is invalid"}), "Mastodon does not take our access_token"),
        (judged("mastodon", 404, {"error": "Record not found"}), "has no such item any more"),
        (judged("mastodon", 422, {"error": "Validation failed"}), "refuses the answer as it is: Validation failed"),
    ],
)
def test_what_will_never_be_says_why_in_words_for_the_desk(found: Verdict, says: str) -> None:
    assert isinstance(found, Never)
    assert says in found.reason


def test_the_same_words_twice_are_there_when_nobody_knew() -> None:
    assert judged("x", 403, {"detail": "duplicate content"}, unsure=True) == Sent(None)


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("platform", ["facebook", "messenger", "x", "mastodon"])
def test_a_platform_in_trouble_may_have_taken_it(platform: str, status: int) -> None:
    found = judged(platform, status, b"<html>Bad gateway</html>")
    assert isinstance(found, Again)
    assert found.unsure


def test_one_that_is_closed_took_nothing() -> None:
    found = judged("mastodon", 503, b"", retry_after="60")
    assert found == Again("Mastodon has trouble of its own (503)", NOW + timedelta(seconds=60))


def test_passing_trouble_of_meta_is_tried_again() -> None:
    assert isinstance(of_meta(2, 500), Again)
    assert isinstance(of_meta(9999, 500, is_transient=True), Again)
    assert of_meta(1200) == Again("Facebook has trouble of its own (1200)")


def test_a_lost_answer_is_unsure_and_a_lost_connection_is_not() -> None:
    assert lost("x", "ReadTimeout", taken=True) == Again("X did not answer: ReadTimeout", unsure=True)
    assert lost("x", "ConnectError", taken=False) == Again("X cannot be reached: ConnectError")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "data", "id", "message", "errors", "detail"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(["facebook", "messenger", "x", "mastodon"]), st.integers(100, 599), anything, st.booleans())
def test_whatever_a_platform_answers_means_something(platform: str, status: int, body: object, unsure: bool) -> None:  # noqa: FBT001  # hypothesis gives it
    assert isinstance(judged(platform, status, body, unsure=unsure), Sent | Again | Never)


def unsure_of(platform: str) -> WaitingReply:
    """An answer to customer 7 that may be there."""
    return WaitingReply(
        id=uuid4(), source="/social/a", platform=platform, kind="message", item="1", conversation="1", recipient="7",
        handle=None, visibility=None, body="Hello", words="hello", asked_at=NOW, created_at=NOW, attempts=1,
        unsure=True,
        begun_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("author", "found"),
    [({"id": "100"}, "9"), ({"id": "8"}, None), ({"id": "7"}, None), (None, "nobody knows"), ({}, "nobody knows")],
)
@pytest.mark.parametrize("platform", ["facebook", "mastodon"])
def test_in_public_what_says_the_same_is_ours_only_from_our_account(
    platform: str, author: dict[str, str] | None, found: str | None
) -> None:
    """A stranger's post would be taken for the answer, which the customer then never gets."""
    named = {"from": author, "account": author} if author is not None else {}
    one = {"id": "9", "message": "Hello", "content": "<p>Hello</p>", "in_reply_to_id": "1", **named,
           "created_time": "2026-03-02T10:00:05+0000", "created_at": "2026-03-02T10:00:05Z"}  # fmt: skip
    body = json.dumps({"data": [one], "descendants": [one]}).encode()
    try:
        assert found_in(body, unsure_of(platform), frozenset(), "100") == found
    except Malformed:
        assert found == "nobody knows"


@given(st.sampled_from(["facebook", "messenger", "x", "mastodon"]), anything)
def test_what_cannot_be_read_is_never_taken_for_an_answer_that_is_there(platform: str, body: object) -> None:
    reply = unsure_of(platform)
    try:
        assert found_in(json.dumps(body).encode(), reply, frozenset(), None) is None
    except Malformed:
        assert not (isinstance(body, dict) and body)
