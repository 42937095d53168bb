"""An answer as the request that a platform's API wants.

Source: Meta, Graph API (POST /COMMENT/comments) and Messenger Platform's Send API (messaging_type, HUMAN_AGENT); X, API
v2 (POST /2/tweets, POST /2/dm_conversations/with/ID/messages); Mastodon, API (POST /api/v1/statuses, Idempotency-Key).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from pipeline.domain.platforms import addressed, tag_of
from pipeline.store.reply_queue import WaitingReply

GRAPH = "/v24.0"

SERVERS = {
    "facebook": "https://graph.facebook.com",
    "messenger": "https://graph.facebook.com",
    "x": "https://api.x.com",
}
"""The platforms' own servers; Mastodon has none."""

SAME_KEY = timedelta(minutes=55)
"""How long Mastodon knows an Idempotency-Key, a little less than its hour: the same status is the answer to both."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an API; the token travels in a header of its own."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def request_of(reply: WaitingReply, now: datetime) -> Request:
    """The request that posts the answer."""
    item, recipient = quote(reply.item, safe=""), quote(reply.recipient, safe="")
    match reply.platform, reply.asked.is_message:
        case "messenger", _:
            tag = tag_of(reply.asked_at, now)
            kind = {"messaging_type": "MESSAGE_TAG", "tag": tag} if tag else {"messaging_type": "RESPONSE"}
            message = {"recipient": {"id": reply.recipient}, "message": {"text": reply.body}}
            return Request("POST", f"{GRAPH}/me/messages", {**kind, **message})
        case "x", True:
            return Request("POST", f"/2/dm_conversations/with/{recipient}/messages", {"text": reply.body})
        case "x", False:
            return Request("POST", "/2/tweets", {"text": reply.body, "reply": {"in_reply_to_tweet_id": reply.item}})
        case "mastodon", _:
            text = addressed(reply.asked, reply.body)
            visible = {"visibility": reply.visibility} if reply.visibility else {}
            key = {"Idempotency-Key": str(reply.id)}
            return Request("POST", "/api/v1/statuses", {"status": text, "in_reply_to_id": reply.item, **visible},
                           headers=key)  # fmt: skip
    return Request("POST", f"{GRAPH}/{item}/comments", {"message": reply.body})


def question_of(reply: WaitingReply, now: datetime) -> Request | None:
    """What tells whether an answer is there of which nobody knows; None where posting it again tells that itself.

    Mastodon answers the same key with the same status for an hour; X refuses a post that is there already.
    """
    item, recipient = quote(reply.item, safe=""), quote(reply.recipient, safe="")
    match reply.platform, reply.asked.is_message:
        case "messenger", _:
            fields = "messages.limit(25){id,message,from,created_time}"
            query = {"platform": "messenger", "user_id": reply.recipient, "fields": fields}
            return Request("GET", f"{GRAPH}/me/conversations", query=query)
        case "x", True:
            query = {"event_types": "MessageCreate", "dm_event.fields": "id,text,sender_id,created_at"}
            return Request("GET", f"/2/dm_conversations/with/{recipient}/dm_events", query=query)
        case "x", False:
            return None
        case "mastodon", _:
            fresh = reply.begun_at is not None and now - reply.begun_at < SAME_KEY
            return None if fresh else Request("GET", f"/api/v1/statuses/{item}/context")
    post = quote(reply.conversation or reply.item, safe="")
    fields = "id,message,from,created_time"
    query = {"filter": "stream", "order": "reverse_chronological", "limit": "100", "fields": fields}
    return Request("GET", f"{GRAPH}/{post}/comments", query=query)


def introduction_of(reply: WaitingReply) -> Request | None:
    """What tells whose our token is, where others than the customer may write; None in a conversation of two."""
    match reply.platform:
        case "facebook":
            return Request("GET", f"{GRAPH}/me", query={"fields": "id"})
        case "mastodon":
            return Request("GET", "/api/v1/accounts/verify_credentials")
    return None
