"""What our own mail server found out about a sender, as its Authentication-Results headers say it (RFC 8601)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

ANY = "*"
"""Stands for the name of a server that writes none into its header, as Microsoft's does not."""

_LIMIT = 65_536
_NAME = "authentication-results"
_RESULT = re.compile(r"\s*([a-z0-9-]+)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)")
_POLICY = re.compile(r"\bp\s*=\s*(none|quarantine|reject)\b")
_WHOSE = re.compile(r"\b(?:smtp\.mailfrom|header\.[di])\s*=\s*\"?(?:[^\s;@\"]*@)?([a-z0-9.-]{1,253})")
_MOST_DOMAINS = 10
_METHODS = frozenset({"spf", "dkim", "dmarc"})


@dataclass(frozen=True, slots=True)
class Results:
    """The result of each method that was tried; `policy` is what the sender's domain asks for.

    `of` are the domains for which SPF or DKIM passed; they need not be that of the sender.
    """

    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    policy: str = "none"
    of: tuple[str, ...] = ()

    def __str__(self) -> str:
        of = f"; of={' '.join(self.of)}" if self.of and self.dmarc == "none" else ""
        return f"spf={self.spf}; dkim={self.dkim}; dmarc={self.dmarc}; policy={self.policy}{of}"


def authentication_results(raw: bytes, authserv: str) -> Results | None:
    """What the server of that name wrote, if anything.

    Its headers are the topmost that bear the name, up to the next Received: what stands below that was in the mail
    when it reached the server, and a sender may write there what they like (RFC 8601, section 7.1).
    """
    found: dict[str, str] = {}
    passed: dict[str, None] = {}
    heard = False
    for name, value in _headers(raw):
        if name == "received" and heard:
            break
        if name != _NAME:
            continue
        server, _, rest = _uncommented(value).lstrip().partition(";")
        named = server.split()[0].lower() if server.split() else ""
        if authserv == ANY:
            rest = f"{server};{rest}" if "=" in server else rest
        elif named != authserv.lower():
            continue
        heard = True
        _collect(rest, value, found, passed)
    return Results(**found, of=tuple(passed)[:_MOST_DOMAINS]) if heard else None


def _collect(results: str, value: str, found: dict[str, str], passed: dict[str, None]) -> None:
    for part in results.lower().split(";"):
        said = _RESULT.match(part)
        if said is None or said[1] not in _METHODS:
            continue
        if said[1] != "dmarc" and said[2] == "pass" and (whose := _WHOSE.search(part)):
            passed[whose[1]] = None
        if found.get(said[1]) is None or (said[1] == "dkim" and said[2] == "pass"):  # one good signature is enough
            found[said[1]] = said[2]
        if said[1] == "dmarc" and (policy := _POLICY.search(value.lower())):
            found.setdefault("policy", policy[1])


def _uncommented(value: str) -> str:
    """The value without what stands in parentheses; quoted text stays."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif not quoted and letter == "(":
            depth += 1
        elif not quoted and letter == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(" " if quoted and letter == ";" else letter)
    return "".join(kept)


def _headers(raw: bytes) -> Iterator[tuple[str, str]]:
    """Each header of the mail in its order, unfolded."""
    head = re.split(rb"\r?\n\r?\n", raw[:_LIMIT], maxsplit=1)[0]
    text = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "replace"))
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value
