"""A form in a real browser: a person fills it in, on our page or on another site's, and the case appears."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import binary, browsing
from fastapi import APIRouter, Response
from http_port import http_port
from playwright.async_api import Page, expect

from pipeline import app
from pipeline.api.app import create_app
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog
from pipeline.store.inventory import Inventory
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Partition, Record

pytestmark = pytest.mark.skipif(binary() is None, reason="Debian's chromium is not installed")

TOPIC = "inbound.web"


@dataclass
class Desk:
    """A desk on one port, a shop's site on another."""

    here: str
    shop: str
    config: Config
    log: MemoryLog


@asynccontextmanager
async def desk(folder: Path, *, allowed: bool = True) -> AsyncIterator[Desk]:
    """The desk with a form, and a shop that has put the form's script into its page."""
    page = {"html": ""}
    shop_routes = APIRouter()
    shop_routes.add_api_route("/help", lambda: Response(page["html"], media_type="text/html"), methods=["GET"])
    log = MemoryLog()
    async with http_port(create_app([shop_routes])) as shop_port:
        shop = f"http://localhost:{shop_port}"
        form = {"name": "contact", "title": "Write to us", "required": ["email", "subject", "serial"]}
        origins = [shop if allowed else "https://contoso.example"]
        config = Config.model_validate(
            {
                "desk": {"domain": "cases.desk.example", "secret": ["a secret of this desk alone"]},
                "blobs": {"url": str(folder)},
                "form": [{**form, "origins": origins, "labels": {"serial": "Serial number"}}],
            }
        )
        publisher = Publisher(log, BlobStore(folder), FreeSpace(folder, 0.15, share=lambda _: 1.0))
        async with http_port(create_app(app.build_routes(config, publisher))) as port:
            here = f"http://127.0.0.1:{port}"
            page["html"] = (
                '<!doctype html><html lang="en"><title>Shop</title><h1>Contoso shop</h1>'
                f'<script src="{here}/form/contact.js"></script><p>Thank you for shopping with us.</p>'
            )
            yield Desk(here, shop, config, log)


async def cases(of: Desk, dsn: str) -> list[tuple[str, str]]:
    """Title and text of the cases that come of what was published, through the code of a worker."""
    records = [
        Record(TOPIC, 0, offset, envelope.key.encode(), envelope.raw, tuple(envelope.headers()))
        for offset, envelope in enumerate(of.log.published)
    ]
    await PostgresLedger(dsn).assign("test", {Partition(TOPIC, 0): Bounds(0, len(records))})
    store = PostgresStore(dsn)
    try:
        await app.build_settler(of.config, store)(records)
    finally:
        await store.close()
    async with Inventory.open(dsn) as inventory:
        texts = {activity.case_number: activity.text for activity in await inventory.activities()}
        return [(case.title, texts[case.number]) for case in await inventory.cases()]


async def fill(page: Page, email: str = "ana@x.example") -> None:
    await page.get_by_label("Name").fill("Ana Silva")
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Subject").fill("The pump leaks")
    await page.get_by_label("Message").fill("Since Monday, at the seal.")
    await page.get_by_label("Serial number").fill("P-7")


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(bounded())


def test_a_customer_writes_on_another_sites_page_and_the_case_appears(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    async def scenario() -> None:
        async with desk(tmp_path) as ours, browsing() as browser:
            page = await browser.new_page()
            await page.goto(f"{ours.shop}/help")
            await fill(page)
            await page.get_by_label("Files").set_input_files(
                {"name": "leak.png", "mimeType": "image/png", "buffer": b"PNG"}
            )
            await page.screenshot(path=tmp_path / "filled.png")
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_role("status")).to_have_text("Thank you. We have your message.")
            await expect(page.get_by_label("Message")).to_have_value("")
            await page.screenshot(path=tmp_path / "thanked.png")
            assert page.url == f"{ours.shop}/help"
            (envelope,) = ours.log.published
            assert envelope.facts["origin"] == ours.shop
            assert b"leak.png" in envelope.raw
            assert await cases(ours, new_database()) == [("The pump leaks", "Since Monday, at the seal.")]

    run(scenario)


def test_what_is_wrong_is_shown_at_its_field_and_sent_again_it_is_one_case(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    async def scenario() -> None:
        async with desk(tmp_path) as ours, browsing() as browser:
            page = await browser.new_page()
            await page.goto(f"{ours.shop}/help")
            await fill(page, email="ana@nowhere")
            await page.get_by_role("button", name="Send").click()
            email = page.get_by_label("Email")
            await expect(email).to_have_attribute("aria-invalid", "true")
            await expect(email).to_be_focused()
            await expect(page.get_by_role("alert")).to_have_text("Some fields are wrong.")
            await page.screenshot(path=tmp_path / "wrong.png")
            assert ours.log.published == []
            await email.fill("ana@x.example")
            await page.get_by_role("button", name="Send").dblclick()
            await expect(page.get_by_role("status")).to_be_visible()
            assert await cases(ours, new_database()) == [("The pump leaks", "Since Monday, at the seal.")]

    run(scenario)


def test_what_cannot_be_taken_now_stays_in_the_form_and_is_one_case_once_it_is_sent_again(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    async def scenario() -> None:
        async with desk(tmp_path) as ours, browsing() as browser:
            page = await browser.new_page()
            await page.goto(f"{ours.shop}/help")
            await fill(page)
            ours.log.away = True
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_role("alert")).to_have_text("We cannot take it now. Please try again in a moment.")
            await expect(page.get_by_label("Message")).to_have_value("Since Monday, at the seal.")
            ours.log.away = False
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_role("status")).to_be_visible()
            assert len(await cases(ours, new_database())) == 1

    run(scenario)


def test_a_site_that_may_not_send_the_form_gets_no_case_out_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with desk(tmp_path, allowed=False) as ours, browsing() as browser:
            page = await browser.new_page()
            await page.goto(f"{ours.shop}/help")
            await fill(page)
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_role("alert")).to_be_visible()
            assert ours.log.published == []

    run(scenario)


def test_our_own_page_needs_no_script_and_nobody_sees_its_trap(tmp_path: Path, new_database: Callable[[], str]) -> None:
    async def scenario() -> None:
        async with desk(tmp_path) as ours, browsing(scripts=False) as browser:
            page = await browser.new_page()
            await page.goto(f"{ours.here}/form/contact")
            await expect(page.get_by_role("heading")).to_have_text("Write to us")
            await expect(page.locator("input[name=website]")).not_to_be_in_viewport()
            await fill(page, email="ana@nowhere")
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_role("alert")).to_be_visible()
            await expect(page.get_by_label("Message")).to_have_value("Since Monday, at the seal.")
            await page.screenshot(path=tmp_path / "page.png")
            await page.get_by_label("Email").fill("ana@x.example")
            await page.get_by_role("button", name="Send").click()
            await expect(page.get_by_role("status")).to_have_text("Thank you. We have your message.")
            await page.reload()
            assert await cases(ours, new_database()) == [("The pump leaks", "Since Monday, at the seal.")]

    run(scenario)
