"""How connectors fare, as Prometheus and people read it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from http_port import http_port
from prometheus_client.parser import text_string_to_metric_families

from pipeline.api.app import create_app
from pipeline.api.port import serving
from pipeline.app import build_monitor, build_routes
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Health, Publisher
from pipeline.connectors.space import FreeSpace
from pipeline.errors import Stop
from pipeline.log import MemoryLog
from pipeline.metrics import exposition

CONFIG = Config.model_validate(
    {
        "http": {"proxies": ["127.0.0.1/32"]},
        "form": [{"name": "contact"}],
        "phone": [{"name": "pbx", "token": "a-token-nobody-guesses"}],
    }
)
SENT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name, connector, source, and reason if it has one."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    order = ("connector", "source", "reason")
    return {(s.name, *(s.labels[label] for label in order if label in s.labels)): s.value for s in samples}


def over_http(scenario: Callable[[httpx.AsyncClient], Awaitable[None]], data: Path) -> None:
    publisher = Publisher(MemoryLog(), BlobStore(data), FreeSpace(data, 0.15, share=lambda _: 1.0))

    async def run() -> None:
        async with (
            http_port(create_app(build_routes(CONFIG, publisher))) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            await scenario(client)

    asyncio.run(run())


def test_what_each_connector_did_is_counted(tmp_path: Path) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        await http.post("/form/contact", json={"email": "a@b.example", "text": "hello"})
        await http.post("/form/contact", json={"email": "nowhere", "text": "hello"})
        await http.post("/phone/pbx/guess", json={})
        reply = await http.get("/metrics")
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        told = figures(reply.text)
        assert told["casestream_connector_received_total", "web", ""] == 1
        assert told["casestream_connector_published_total", "web", ""] == 1
        assert told["casestream_connector_refused_total", "web", "", "invalid"] == 1
        assert told["casestream_connector_refused_total", "phone", "", "unknown exchange"] == 1
        assert told["casestream_connector_last_success_timestamp_seconds", "web", ""] > 0
        assert ("casestream_connector_last_success_timestamp_seconds", "phone", "") not in told
        health = (await http.get("/health")).json()
        assert health["web"]["refused"] == {"invalid": 1}
        assert (await http.get("/healthz")).json() == {"status": "ok"}

    over_http(scenario, tmp_path)


@pytest.mark.parametrize("path", ["/metrics", "/health"])
def test_for_strangers_there_are_no_figures(tmp_path: Path, path: str) -> None:
    async def scenario(http: httpx.AsyncClient) -> None:
        assert (await http.get(path, headers={"X-Forwarded-For": "203.0.113.9"})).status_code == 404

    over_http(scenario, tmp_path)


def test_every_source_of_a_connector_has_figures_of_its_own() -> None:
    parts = {
        "a@desk.example": Health(received=2, published=1, refused=Counter(retry=1), lag=7, last_success=SENT),
        'b"\n@desk.example': Health(),
    }
    told = figures(exposition(lambda: {"imap": Health.of_parts(parts)}).decode())
    assert told["casestream_connector_lag", "imap", "a@desk.example"] == 7
    assert told["casestream_connector_received_total", "imap", 'b"\n@desk.example'] == 0
    sent = told["casestream_connector_last_success_timestamp_seconds", "imap", "a@desk.example"]
    assert datetime.fromtimestamp(sent, UTC) == SENT


def test_every_figure_has_a_sentence() -> None:
    families = list(text_string_to_metric_families(exposition(lambda: {"smtp": Health(last_success=SENT)}).decode()))
    assert len(families) >= 4
    assert all(family.documentation.endswith(".") for family in families)


def test_a_connector_that_serves_no_http_may_have_a_port_for_them() -> None:
    async def scenario() -> None:
        health = Health(received=3, state="reading", parts={"pbx": Health(received=3, state="reading")})
        app = create_app([build_monitor(CONFIG, lambda: {"calls": health})])
        async with (
            serving(app, "127.0.0.1:0") as address,
            httpx.AsyncClient(base_url=f"http://{address}") as http,
        ):
            assert "casestream_connector_received_total" in (await http.get("/metrics")).text
            assert (await http.get("/health")).json()["calls"]["sources"]["pbx"]["state"] == "reading"
            with pytest.raises(Stop, match="cannot listen"):
                async with serving(app, address):
                    pass

    asyncio.run(scenario())


def told_of_rules(dsn: str) -> str:
    """The figures of a desk with a rule whose database is there."""
    route = {"name": "VIP", "when": "int(message.subject) > 3"}
    config = Config.model_validate({"postgres": {"dsn": dsn}, "route": [route]})

    async def ask() -> str:
        async with (
            http_port(create_app([build_monitor(config, dict, rules_too=True)])) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            return (await client.get("/metrics")).text

    return asyncio.run(ask())


def test_rules_that_failed_are_counted_where_http_is_served(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO rule_failure (rule, count, reason) VALUES ('VIP', 3, 'no number')")
    assert 'casestream_rule_failures_total{rule="VIP"} 3.0' in told_of_rules(dsn)


def test_while_postgres_is_away_the_other_figures_are_told() -> None:
    text = told_of_rules("postgresql://nobody@127.0.0.1:1/none")
    assert "casestream_connector_received" in text
    assert "casestream_rule_failures" not in text


def test_how_many_listen_to_events_is_told_where_they_do() -> None:
    told = figures(exposition(dict, listeners=3).decode())
    assert told["casestream_event_listeners",] == 3
    assert "casestream_event_listeners" not in exposition(dict).decode()
