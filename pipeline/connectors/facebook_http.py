"""How Facebook and Messenger ask whether an address is ours, and prove that a delivery is theirs.

Source: Meta, Webhooks, getting started (verification requests, X-Hub-Signature-256).
"""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256

from pipeline.config.channels import Social
from pipeline.config.values import read_secret
from pipeline.connectors.door import Answer
from pipeline.errors import Reject

_CHALLENGE = re.compile(r"[\w-]{1,200}")
_HEADER = "x-hub-signature-256"


class FacebookDoor:
    """The secrets of one page's app. Raises LookupError when one that is named is not there."""

    def __init__(self, page: Social) -> None:
        self._secret = read_secret(page.app_secret).encode() if page.app_secret else b""
        self._token = read_secret(page.verify_token).encode() if page.verify_token else b""

    def answer(self, query: Mapping[str, str]) -> Answer:
        """The challenge itself, for whom knows the token. Raises Reject(403) for anybody else."""
        token, challenge = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
        known = bool(self._token) and hmac.compare_digest(token.encode("utf-8", "replace"), self._token)
        if query.get("hub.mode") != "subscribe" or not known or not _CHALLENGE.fullmatch(challenge):
            raise Reject(403, "the verify token is not ours")
        return Answer(challenge, "text/plain")

    def is_authentic(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the app signed these very bytes."""
        wanted = "sha256=" + hmac.new(self._secret, raw, sha256).hexdigest()
        given = headers.get(_HEADER, "")
        return bool(self._secret) and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
