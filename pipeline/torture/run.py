"""Runs all trials of a consumer, up to its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx

from pipeline.errors import Stop
from pipeline.torture.judge import Wrong, first_wrong
from pipeline.torture.plan import Step, Trial

ASK_EVERY_S = 0.2


async def torture(
    trials: Sequence[Trial], deliver: Callable[[list[Step]], Awaitable[None]], answer: str, patience: float
) -> Wrong | None:
    """What is wrong after all events and so many seconds of patience; None as soon as nothing is.

    Raises Stop when the consumer gives no answer at all.
    """
    for trial in trials:
        await deliver([*trial.steps])
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    async with httpx.AsyncClient(timeout=10) as http:
        while True:
            told, why = await _ask(http, answer)
            wrong = first_wrong(trials, told)
            if wrong is None:
                return None
            if loop.time() >= until:
                if why:
                    raise Stop(f"GET {answer} gives no answer: {why}")
                return wrong
            await asyncio.sleep(ASK_EVERY_S)


async def _ask(http: httpx.AsyncClient, answer: str) -> tuple[object, str]:
    """The answer, or why there is none."""
    try:
        told = await http.get(answer)
        told.raise_for_status()
        return told.json(), ""
    except (httpx.HTTPError, ValueError) as error:
        return None, str(error) or type(error).__name__
