"""The page of a form as a browser sees it: it needs no script, loses nothing that was written, and runs nothing."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from pathlib import Path

import dns.resolver
import httpx
import pytest
from http_port import http_port

from pipeline.api.app import create_app
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.dns_names import Names
from pipeline.connectors.mail_domain import MailDomains
from pipeline.connectors.space import FreeSpace
from pipeline.connectors.web import FormConnector
from pipeline.connectors.web_http import FormRoutes
from pipeline.log import MemoryLog

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
GOOD = {"name": "Ana", "email": "ana@x.example", "subject": "Jam", "text": "It does not print"}


class Page(HTMLParser):
    """What a page holds: each element's attributes, by tag, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str | None]]] = {}
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(tag, []).append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data

    def field(self, name: str) -> dict[str, str | None]:
        fields = [*self.found.get("input", []), *self.found.get("textarea", [])]
        return next(field for field in fields if field.get("name") == name)


def over_http(
    scenario: Callable[[httpx.AsyncClient], Awaitable[None]],
    data: Path,
    log: MemoryLog | None = None,
    domains: MailDomains | None = None,
    **form: object,
) -> MemoryLog:
    log = log or MemoryLog()
    config = Config.model_validate({"desk": {"language": "de"}, "form": [{"name": "contact", **form}]})
    publisher = Publisher(log, BlobStore(data), FreeSpace(data, 0.15, share=lambda _: 1.0))
    routes = FormRoutes(FormConnector(config, publisher, domains=domains), config.http, 5.0)

    async def run() -> None:
        async with (
            http_port(create_app([routes.router()])) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=BROWSER) as client,
        ):
            await scenario(client)

    asyncio.run(run())
    return log


def test_the_page_asks_for_what_the_form_needs_and_can_be_used_by_everyone(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.get("/form/contact")
        page = Page(reply.text)
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert page.found["html"] == [{"lang": "de"}]
        labelled = {label.get("for") for label in page.found["label"]}
        asked = ["name", "email", "subject", "text", "serial", "attachments"]
        assert all(page.field(name)["id"] in labelled for name in asked)
        assert [name for name in asked if "required" in page.field(name)] == ["email", "serial"]
        assert (page.field("website")["tabindex"], "script" in page.found) == ("-1", False)

    over_http(scenario, tmp_path, required=["email", "serial"])


def test_a_form_without_files_does_not_ask_for_them(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        assert 'type="file"' not in (await http.get("/form/contact")).text

    over_http(scenario, tmp_path, max_files=0)


def test_what_a_visitor_sends_is_published_and_thanked_for(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        token = Page((await http.get("/form/contact")).text).field("casestream_token")["value"]
        for _ in range(2):
            files = {"attachments": ("jam.png", b"PNG", "image/png")}
            reply = await http.post("/form/contact", data={**GOOD, "casestream_token": token}, files=files)
            assert (reply.status_code, reply.headers["location"]) == (303, "contact/thanks")
        thanks = await http.get("/form/contact/thanks")
        assert "Danke!" in Page(thanks.text).text

    first, second = over_http(scenario, tmp_path, labels={"thanks": "Danke!"}).published
    assert first.facts["idempotencykey"] == second.facts["idempotencykey"]
    assert len(first.facts["idempotencykey"]) == 24


def test_every_page_has_a_token_of_its_own_and_is_not_kept(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        replies = [await http.get("/form/contact") for _ in range(2)]
        tokens = {Page(reply.text).field("casestream_token")["value"] for reply in replies}
        assert len(tokens) == 2
        assert replies[0].headers["cache-control"] == "no-store"

    over_http(scenario, tmp_path)


def test_what_is_wrong_is_said_at_its_field_and_nothing_written_is_lost(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", data={**GOOD, "email": "nowhere", "name": '"><b>Ana'})
        page = Page(reply.text)
        assert reply.status_code == 422
        email = page.field("email")
        assert (email["aria-invalid"], email["value"]) == ("true", "nowhere")
        assert email["aria-describedby"] in {line.get("id") for line in page.found["p"]}
        assert page.field("name")["value"] == '"><b>Ana'
        assert "It does not print" in page.text
        assert {line.get("role") for line in page.found["p"]} == {"alert", None}
        assert "b" not in page.found

    assert over_http(scenario, tmp_path).published == []


@pytest.mark.parametrize("away", [True, False])
def test_a_refusal_keeps_what_was_written_too(tmp_path: Path, *, away: bool) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        replies = [await http.post("/form/contact", data=GOOD) for _ in range(2)]
        page = Page(replies[-1].text)
        assert replies[-1].status_code == (503 if away else 429)
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert "try again" in page.text
        if away:
            assert "It does not print" in page.text

    over_http(scenario, tmp_path, MemoryLog(away=away), per_minute=60 if away else 1)


def test_a_site_that_may_not_send_it_is_shown_nothing(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", data=GOOD, headers={"Origin": "https://evil.example"})
        assert (reply.status_code, reply.headers["content-type"]) == (403, "application/problem+json")
        assert (await http.post("/form/nothing", data=GOOD)).status_code == 404
        assert (await http.get("/form/nothing")).status_code == 404
        assert (await http.get("/form/nothing.js")).status_code == 404

    assert over_http(scenario, tmp_path, origins=["https://contoso.example"]).published == []


def test_nothing_runs_on_the_page_and_only_the_sites_of_the_form_may_frame_it(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.get("/form/contact")
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'self' https://contoso.example" in policy
        assert "Fish &lt;script&gt;" in reply.text
        assert reply.headers["x-content-type-options"] == "nosniff"

    over_http(scenario, tmp_path, origins=["https://contoso.example"], title="Fish <script>")


def test_a_script_puts_the_form_into_another_page(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.get("/form/contact.js")
        assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
        assert re.search(r"var form = \{.*\"name\": \"contact\"", reply.text)
        assert "<" not in re.sub(r" < ", "", reply.text.partition("var form = ")[2].partition("\n")[0])

    over_http(scenario, tmp_path, labels={"send": "</script><b>"})


def test_a_program_that_posts_still_gets_json(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", data=GOOD, headers={"Accept": "application/json"})
        assert (reply.status_code, list(reply.json())) == (202, ["receipt"])

    over_http(scenario, tmp_path)


def test_a_sites_own_names_may_mean_ours(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", json={"absender": "Ana@x.example", "anliegen": "Help"})
        assert reply.status_code == 202

    (envelope,) = over_http(scenario, tmp_path, fields={"absender": "email", "anliegen": "text"}).published
    assert envelope.key == "ana@x.example"


class Answers(Names):
    """A DNS that knows these names only."""

    def __init__(self, known: dict[tuple[str, str], list[object]]) -> None:
        super().__init__(dns.resolver.Resolver(configure=False))
        self._known = known

    def ask(self, name: str, kind: str, deadline: float) -> list[object]:  # noqa: ARG002  # it answers at once
        return self._known.get((name, kind), [])


@pytest.mark.parametrize(
    ("domain", "status"), [("mail.example", 202), ("host.example", 202), ("null.example", 422), ("gone.example", 422)]
)
def test_an_address_to_which_no_mail_can_go_is_said_to_be_wrong(tmp_path: Path, domain: str, status: int) -> None:
    class Mx:
        def __init__(self, exchange: str) -> None:
            self.exchange = exchange

    known: dict[tuple[str, str], list[object]] = {
        ("mail.example", "MX"): [Mx("mx.mail.example.")],
        ("host.example", "A"): ["192.0.2.1"],
        ("null.example", "MX"): [Mx(".")],
        ("null.example", "A"): ["192.0.2.1"],
    }

    async def scenario(http: httpx.AsyncClient) -> None:
        reply = await http.post("/form/contact", json={**GOOD, "email": f"ana@{domain}"})
        assert reply.status_code == status
        if status == 422:
            assert reply.json()["errors"] == {"email": "unreachable"}

    over_http(scenario, tmp_path, domains=MailDomains(Answers(known)), check_domain=True)
