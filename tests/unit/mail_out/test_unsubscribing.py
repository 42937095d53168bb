"""Asking for no more reminders: by one click of a mail program, or on a page; by nobody else."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pipeline.dispatch.mail.unsubscribing import ONE_CLICK, PATH, UnsubscribeRoutes
from pipeline.domain.tokens import TokenKeys
from pipeline.errors import Retry

TOKENS = TokenKeys("cases.desk.example", (b"a secret of the test desk",))
ANA = "ana+<b>@client.example"
LINK = f"{PATH}/{TOKENS.farewell(ANA)}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Here:
    """The routes, and who left."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.away = False
        self._application = FastAPI()
        self._application.include_router(UnsubscribeRoutes(TOKENS, self._leave, "de").router())

    def get(self, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401  # what the client takes
        return asyncio.run(self._ask("GET", path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401  # the same
        return asyncio.run(self._ask("POST", path, **more))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401  # the same
        transport = httpx.ASGITransport(self._application)
        async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as client:
            return await client.request(method, path, **more)

    async def _leave(self, address: str, at: datetime) -> None:
        assert at.tzinfo is not None
        if self.away:
            raise Retry("PostgreSQL is away")
        self.left.append(address)


@pytest.fixture
def here() -> Here:
    return Here()


def test_one_click_of_a_mail_program_is_enough(here: Here) -> None:
    answer = here.post(LINK, content=ONE_CLICK, headers=FORM)
    assert answer.status_code == 200
    assert here.left == [ANA]


def test_looking_at_the_link_changes_nothing_and_shows_a_button(here: Here) -> None:
    page = here.get(LINK, headers={"Accept-Language": "fr-CH, fr;q=0.9"})
    assert here.left == []
    assert "Ne plus recevoir de rappels" in page.text
    assert "&lt;b&gt;" in page.text
    assert "<b>" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert 'lang="de"' in here.get(LINK, headers={"Accept-Language": "nl"}).text


@pytest.mark.parametrize("token", ["x", "x.y", TOKENS.farewell(ANA)[:-1], f"x{TOKENS.farewell(ANA)}", "%00.a", "é.a"])
def test_a_made_up_link_is_none(here: Here, token: str) -> None:
    assert here.get(f"{PATH}/{token}").status_code == 404
    assert here.post(f"{PATH}/{token}", content=ONE_CLICK, headers=FORM).status_code == 404
    assert here.left == []


def test_another_desks_or_an_older_keys_link() -> None:
    older = TokenKeys(TOKENS.domain, (b"the newer secret of it", *TOKENS.keys))
    assert older.leaving(TOKENS.farewell(ANA)) == ANA
    assert TokenKeys("cases.other.example", TOKENS.keys).leaving(TOKENS.farewell(ANA)) is None


def test_what_is_posted_must_say_so(here: Here) -> None:
    assert here.post(LINK, content=b"x" * 1_000_000, headers=FORM).status_code == 422
    assert here.post(LINK).status_code == 422
    assert here.left == []


def test_while_it_cannot_be_written_down_it_is_to_be_tried_again(here: Here) -> None:
    here.away = True
    answer = here.post(LINK, content=ONE_CLICK, headers=FORM)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
