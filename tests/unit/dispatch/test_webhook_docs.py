"""The receiver that docs/webhooks.md shows takes what we post, and nobody else's."""

import asyncio
import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from http_port import http_port

from pipeline.dispatch.webhooks.sending import Post, Sender
from pipeline.events.cloudevents import MEDIA_TYPE, structured
from pipeline.events.examples import examples

PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()


def test_the_receiver_of_the_page_verifies_and_answers() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(re.sub(r"whsec_[^\"]+", SECRET, program), names)  # noqa: S102  # the page's own program
    one = examples()["case.opened"]
    body = structured(
        event_id=one.id, source="/casestream/desk.example", kind=one.type, subject=one.subject, at=one.at,
        key=one.key, seq=one.seq, pos=one.position, data=orjson.dumps(one.data),
    )  # fmt: skip

    async def story() -> list[int | None]:
        sender = Sender(("127.0.0.0/8",))
        async with http_port(names["app"]) as port:
            url = f"http://127.0.0.1:{port}/cases"
            posts = [Post(str(one.id), body, MEDIA_TYPE, [secret]) for secret in (SECRET, SECRET, "whsec_b3RoZXI=")]
            answers = [await sender.post(url, post, datetime.now(UTC)) for post in posts]
            await sender.close()
        return [answer.status for answer in answers]

    assert asyncio.run(story()) == [204, 204, 401]
    assert names["seen"] == {str(one.id)}
