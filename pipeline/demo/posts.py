"""Writes what Facebook delivers in the demonstration: comments, messages, edits, and some of it twice."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random

from pipeline.demo.texts import PEOPLE

CONTENT_TYPE = "application/json"
PAGE = "102345678901234"

_KINDS = {"comment": 45, "message": 25, "edit": 15, "again": 15}
_POSTS = 20
_REMEMBERED = 100

Written = tuple[str, bytes]


class Posts:
    """A page under whose posts people comment, and to which they write messages."""

    def __init__(self, random: Random, now: Callable[[], datetime]) -> None:
        self._random = random
        self._now = now
        self._comments: deque[dict[str, object]] = deque(maxlen=_REMEMBERED)
        self._sent: deque[Written] = deque(maxlen=_REMEMBERED)

    def next(self, new_id: str) -> Written:
        """The id of an item and the delivery that holds it; an item that is new gets `new_id`."""
        (kind,) = self._random.choices(list(_KINDS), list(_KINDS.values()))
        if kind == "again" and self._sent:
            return self._random.choice(self._sent)
        if kind == "edit" and self._comments:
            written = self._edit()
        elif kind == "message":
            written = self._message(new_id)
        else:
            written = self._comment(new_id)
        self._sent.append(written)
        return written

    def _author(self) -> tuple[dict[str, object], str]:
        """Who writes, and what."""
        person = self._random.choice(PEOPLE)
        text = self._random.choice(person.topics).opening.format(number=self._random.randrange(20_000, 99_999))
        return {"id": str(7000 + PEOPLE.index(person)), "name": person.name}, text

    def _comment(self, new_id: str) -> Written:
        author, text = self._author()
        comment: dict[str, object] = {
            "item": "comment",
            "verb": "add",
            "comment_id": new_id,
            "post_id": f"{PAGE}_{self._random.randrange(_POSTS)}",
            "from": author,
            "message": text,
            "created_time": int(self._now().timestamp()),
        }
        self._comments.append(comment)
        return new_id, self._feed(comment)

    def _edit(self) -> Written:
        comment = self._random.choice(self._comments)
        comment["message"] = f"{comment['message']} !"
        return str(comment["comment_id"]), self._feed({**comment, "verb": "edited"})

    def _message(self, new_id: str) -> Written:
        author, text = self._author()
        event = {
            "sender": author,
            "recipient": {"id": PAGE},
            "timestamp": int(self._now().timestamp() * 1000),
            "message": {"mid": new_id, "text": text},
        }
        return new_id, self._delivery({"messaging": [event]})

    def _feed(self, value: Mapping[str, object]) -> bytes:
        return self._delivery({"changes": [{"field": "feed", "value": value}]})

    def _delivery(self, entry: Mapping[str, object]) -> bytes:
        whole = {"id": PAGE, "time": int(self._now().timestamp()), **entry}
        return json.dumps({"object": "page", "entry": [whole]}).encode()
