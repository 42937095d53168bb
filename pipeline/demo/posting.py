"""Posts over HTTP as sites, telephone exchanges and social platforms do."""

import hmac
from hashlib import sha256

import httpx

from pipeline.demo.traffic import Delivery
from pipeline.errors import Reject, Retry

_SETTLED = {"web": {202}, "phone": {200, 204}, "social": {200}}
_TOO_MANY, _SERVER_ERROR = 429, 500


class Poster:
    """Proves who it is by `secret`: the exchange's token, and what the platform signs with."""

    def __init__(self, client: httpx.AsyncClient, secret: str) -> None:
        self._client = client
        self._secret = secret

    async def deliver(self, delivery: Delivery) -> str:
        """The id that the desk has it under.

        Raises Retry when the desk asks for it or does not answer, Reject when it says no.
        """
        path, headers = self._address(delivery)
        headers["Content-Type"] = delivery.content_type
        try:
            answer = await self._client.post(path, content=delivery.body, headers=headers)
        except httpx.TransportError as error:
            raise Retry(f"no answer: {error!r}") from error
        if answer.status_code >= _SERVER_ERROR or answer.status_code == _TOO_MANY:
            raise Retry(answer.text)
        if answer.status_code not in _SETTLED[delivery.channel]:
            raise Reject(answer.status_code, answer.text)
        return str(answer.json()["receipt"]) if delivery.channel == "web" else delivery.id

    def _address(self, delivery: Delivery) -> tuple[str, dict[str, str]]:
        match delivery.channel:
            case "web":
                return f"/form/{delivery.to}", {"Idempotency-Key": delivery.id}
            case "phone":
                return f"/phone/{delivery.to}/{self._secret}", {}
            case _:
                signature = hmac.new(self._secret.encode(), delivery.body, sha256).hexdigest()
                return f"/social/{delivery.to}", {"X-Hub-Signature-256": f"sha256={signature}"}
