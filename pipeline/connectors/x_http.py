"""How X asks whether an address is ours, and proves that a delivery is its own.

Source: X, Webhooks API, challenge-response checks and x-twitter-webhooks-signature.
"""

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

from pipeline.config.channels import Social
from pipeline.config.values import read_secret
from pipeline.connectors.door import Answer
from pipeline.errors import Reject

_TOKEN = re.compile(r"[A-Za-z0-9+/=_.-]{1,200}")
_HEADER = "x-twitter-webhooks-signature"


class XDoor:
    """The secret of one app. Raises LookupError when it is named and not there."""

    def __init__(self, page: Social) -> None:
        self._secret = read_secret(page.app_secret).encode() if page.app_secret else b""

    def answer(self, query: Mapping[str, str]) -> Answer:
        """The token, signed. Raises Reject(400) for a token that could be the body of a delivery.

        Whoever asks gets a signature of ours, and a delivery is signed with the same secret: a token of the letters
        that X uses can never be JSON of an object.
        """
        token = query.get("crc_token", "")
        if not self._secret or not _TOKEN.fullmatch(token):
            raise Reject(400, "that is no token of a challenge")
        return Answer(json.dumps({"response_token": self._signature(token.encode())}), "application/json")

    def is_authentic(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the app signed these very bytes."""
        given = headers.get(_HEADER, "")
        wanted = self._signature(raw)
        return bool(self._secret) and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

    def _signature(self, message: bytes) -> str:
        return "sha256=" + b64encode(hmac.new(self._secret, message, sha256).digest()).decode()
