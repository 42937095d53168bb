"""What fuzzing begins with: an example of each kind, so that what reads it is reached at once."""

import base64
from collections.abc import Mapping, Sequence

import orjson

from pipeline.parse.sparkplug_payload import Payload

_ANA = {"id_str": "1", "name": "Ana", "screen_name": "ana"}
_TWEET = {
    "id_str": "9", "text": "@we help https://t.co/a", "user": _ANA, "created_at": "Mon Dec 16 23:54:38 +0000 2019",
    "in_reply_to_status_id_str": "8", "in_reply_to_user_id_str": "2", "quoted_status": {"id_str": "7", "text": "q"},
    "entities": {"user_mentions": [{"id_str": "2"}], "urls": [{"url": "https://t.co/a", "expanded_url": "https://a.b"}]},
    "extended_tweet": {"full_text": "long"},
    "extended_entities": {"media": [{"type": "photo", "media_url_https": "u"}]},
}  # fmt: skip
_DIRECT = {
    "type": "message_create", "id": "5", "created_timestamp": "1542039186292",
    "message_create": {"sender_id": "1", "target": {"recipient_id": "2"}, "message_data": {"text": "Hi"}},
}  # fmt: skip
_ACTIVITY = {
    "event_uuid": "e1", "filter": {"user_id": "2"}, "event_type": "post.mention.create",
    "payload": {"id": "9", "conversation_id": "8", "author_id": "1", "text": "@we",
                "created_at": "2026-03-02T09:00:00Z",
                "attachments": {"media_keys": ["3_1"]}, "referenced_posts": [{"type": "replied_to", "id": "8"}]},
    "includes": {"users": [{"id": "1", "username": "ana"}],
                 "media": [{"media_key": "3_1", "type": "photo", "url": "u"}]},
}  # fmt: skip
_STATUS = {
    "id": "3", "created_at": "2026-03-02T09:00:00.000Z", "content": "<p>Hi</p>", "visibility": "direct",
    "account": {"id": "22", "acct": "ana@fedi.example", "display_name": "Ana"}, "in_reply_to_id": "2",
    "mentions": [{"id": "11", "acct": "we"}], "spoiler_text": "cw",
    "media_attachments": [{"type": "image", "url": "u"}],
}  # fmt: skip
_COMMENT = {
    "item": "comment", "verb": "add", "comment_id": "1_2", "post_id": "9_1", "parent_id": "9_1", "message": "Hi",
    "from": {"id": "3", "name": "Ana"}, "created_time": 1772442000, "photo": "https://p.example/a.jpg",
}  # fmt: skip
_SOCIAL: Sequence[object] = (
    {"for_user_id": "2", "users": {"1": {"id": "1", "name": "Ana"}}, "tweet_create_events": [_TWEET]},
    {"for_user_id": "2", "users": {"1": {"id": "1", "screen_name": "ana"}}, "direct_message_events": [_DIRECT]},
    {"for_user_id": "2", "favorite_events": [{"id": "f", "favorited_status": _TWEET, "user": _ANA}]},
    {"for_user_id": "2", "tweet_delete_events": [{"status": {"id": "9", "user_id": "1"}, "timestamp_ms": "1"}]},
    {"data": _ACTIVITY},
    {"data": {**_ACTIVITY, "event_type": "dm.received", "payload": {"id": "9", "sender_id": "1", "text": "Hi"}}},
    {"data": {**_ACTIVITY, "event_type": "post.delete", "payload": {"id": "9"}}},
    {"id": "4", "type": "mention", "created_at": "2026-03-02T09:00Z", "account": _STATUS["account"], "status": _STATUS},
    {"event": "status.update", "payload": _STATUS},
    {"object": "page", "entry": [{"id": "9", "time": 1, "changes": [{"field": "feed", "value": _COMMENT}]}]},
    {"object": "page", "entry": [{"id": "9", "changes": [{"field": "ratings", "value": {"reviewer_name": "A"}}]}]},
)  # fmt: skip

_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\nana@x.example\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n'
    b"--b\r\nContent-Disposition: form-data; name*=utf-8''te%78t\r\n\r\nHello\r\n--b--\r\n"
)
_DEVICE: Sequence[bytes] = (
    b'{"temperature":{"inside":21.5,"outside":3},"time":"2026-03-02T09:00:00+01:00","severity":"major","text":"hot"}',
    b'{"status":"down","time":1772442000,"pid":7}',
    b'{"name":"rpm","value":1e3,"units":{"value":"1/min"},"ts":1772442000000,"device":"other"}',
    b"1",
    b"",
)


def _sparkplug() -> bytes:
    message = Payload(timestamp=1772442000000, seq=1)
    message.metrics.add(name="temp", datatype=9, float_value=2.5, alias=3)
    message.metrics.add(name="bdSeq", datatype=8, long_value=1)
    return bytes(message.SerializeToString())


_TOPICS = ("m/t", "a/hot", "e/opened", "twin/firmware", "status/health", "cmd/restart/1", "m/t/meta", "")


def _records() -> list[bytes]:
    plain = [{"topic": f"te/device/pump///{topic}", "payload": _DEVICE[0].decode()} for topic in _TOPICS]
    births = [
        {"topic": f"spBv1.0/g/{kind}/e/pump", "payload64": base64.b64encode(_sparkplug()).decode()}
        for kind in ("DBIRTH", "DDATA", "DDEATH", "NBIRTH", "NDEATH")
    ]
    state = {"topic": "plant/pump/state", "payload": "offline", "retained": True, "dup": True}
    cut = {"topic": "plant/pump/t", "payload": "", "truncated": 70_000}
    return [orjson.dumps([*plain, state, cut]), orjson.dumps(births), *(orjson.dumps([one]) for one in plain)]


SEEDS: Mapping[str, Sequence[bytes]] = {
    "social": [orjson.dumps(one) for one in _SOCIAL],
    "web": [
        _FORM,
        b"form=contact&email=ana%40x.example&text=Hi",
        b'{"form":"contact","email":"a@x.example","tags":["a"]}',
    ],
    "iot": [*_DEVICE, _sparkplug()],
    "readings": _records(),
}
"""By target; the others begin with the files of `--seeds`."""
