"""Signs a request for X with keys that do not end, as OAuth 1.0a wants it.

Source: RFC 5849, sections 3.4 and 3.5.1. A body of JSON is not signed (3.4.1.3.1).
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Keys:
    """What X knows an app and an account of ours by, each with its secret."""

    app: str
    app_secret: str
    token: str
    token_secret: str


def authorization(  # what is signed
    method: str, url: str, query: Mapping[str, str], keys: Keys, *, nonce: str, timestamp: int
) -> str:
    """The header that proves the request to be ours."""
    own = {
        "oauth_consumer_key": keys.app,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(timestamp),
        "oauth_token": keys.token,
        "oauth_version": "1.0",
    }
    named = sorted((_encoded(name), _encoded(value)) for name, value in (*query.items(), *own.items()))
    base = "&".join(map(_encoded, (method.upper(), url, "&".join(f"{name}={value}" for name, value in named))))
    key = f"{_encoded(keys.app_secret)}&{_encoded(keys.token_secret)}"
    signature = base64.b64encode(hmac.new(key.encode(), base.encode(), sha1).digest()).decode()
    return f"OAuth {_listed((*own.items(), ('oauth_signature', signature)))}"


def _listed(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f'{_encoded(name)}="{_encoded(value)}"' for name, value in pairs)


def _encoded(text: str) -> str:
    return quote(text, safe="")
