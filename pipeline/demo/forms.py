"""Writes the posts of the demonstration's web form, as a site's script and as a browser do."""

import json
from collections.abc import Mapping

BOUNDARY = "casestream-demo-7c1f"


def as_json(fields: Mapping[str, str]) -> tuple[str, bytes]:
    """Content type and body of a post by a script."""
    return "application/json", json.dumps(fields, ensure_ascii=False).encode()


def as_browser(fields: Mapping[str, str], filename: str, content: bytes) -> tuple[str, bytes]:
    """Content type and body of a post by a browser, with a file."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    )
    tail = f"\r\n--{BOUNDARY}--\r\n"
    return f"multipart/form-data; boundary={BOUNDARY}", b"".join((*parts, head.encode(), content, tail.encode()))
