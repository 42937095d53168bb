"""Posts events to a consumer as webhooks, signed as Standard Webhooks says."""

import asyncio
from datetime import UTC, datetime

import httpx
from standardwebhooks.webhooks import Webhook

from pipeline.errors import Stop
from pipeline.events.cloudevents import MEDIA_TYPE
from pipeline.torture.plan import PAUSE_S, Cut, Pause, Step, Tell

TRIES = 3
_BETWEEN_S = 0.2
_TIMEOUT_S = 10.0


class ByWebhook:
    """Each event one POST; one that is not taken comes again some times.

    Raises Stop when not even the first is taken: then there is nothing to judge.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._taken = False
        self._url = url
        self._signer = Webhook(secret)

    async def deliver(self, steps: list[Step]) -> None:
        """All of them, in this order."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
            for step in steps:
                match step:
                    case Tell():
                        await self._post(http, step)
                    case Pause():
                        await asyncio.sleep(PAUSE_S)
                    case Cut():
                        pass  # every POST is a connection of its own

    async def _post(self, http: httpx.AsyncClient, step: Tell) -> None:
        body = step.telling.json().decode()
        name = str(step.telling.id)
        told = ""
        for _ in range(TRIES):
            now = datetime.now(UTC)
            headers = {
                "Content-Type": MEDIA_TYPE, "webhook-id": name, "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self._signer.sign(name, now, body),
            }  # fmt: skip
            try:
                answered = await http.post(self._url, content=body, headers=headers)
                if answered.is_success:
                    self._taken = True
                    return
                told = f"answers {answered.status_code}"
            except httpx.TransportError as error:  # the next try may reach it
                told = f"cannot be reached: {error!r}"
            await asyncio.sleep(_BETWEEN_S)
        if not self._taken:
            raise Stop(f"{self._url} {told}, to the first event already; does it verify with the same --secret?")
