"""Chromium as a person's browser: Debian's, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, async_playwright


def binary() -> str | None:
    """Where Debian's Chromium is."""
    return shutil.which("chromium")


@asynccontextmanager
async def browsing(*, scripts: bool = True) -> AsyncIterator[BrowserContext]:
    """A browser without any past; without `scripts` it runs none."""
    async with async_playwright() as playwright:
        # tests run as root in containers, where Chromium has no sandbox of its own
        browser = await playwright.chromium.launch(executable_path=binary(), args=["--no-sandbox"])
        try:
            context = await browser.new_context(java_script_enabled=scripts, viewport={"width": 720, "height": 900})
            context.set_default_timeout(10_000)
            yield context
        finally:
            await browser.close()
