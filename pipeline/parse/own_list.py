"""Mail that came by way of a list of our own: who wrote it, and its headers without the list's."""

from collections.abc import Collection

from pipeline.parse.addresses import read_addresses, read_speaker
from pipeline.parse.headers import Headers
from pipeline.parse.message import Address

LIST_HEADERS = frozenset({
    "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-post", "list-help", "list-subscribe", "list-owner",
    "list-archive", "mailing-list", "x-mailing-list", "x-beenthere", "x-google-group-id", "x-loop", "precedence",
})  # fmt: skip
"""What a list adds (RFC 2369, RFC 2919, and what Google Groups, Mailman and Sympa add beside)."""

_PRECEDENCES_OF_LISTS = frozenset({"list", "bulk"})
_NAMING = ("from", "sender", "list-post", "x-beenthere", "mailing-list", "x-mailing-list")
_TELLING = LIST_HEADERS - {"precedence", "x-loop"} | {"x-original-sender", "x-original-from"}
_VIA = (" via ", " über ", " par ", " por ", " tramite ")


def came_by(headers: Headers, lists: Collection[str]) -> bool:
    """Whether one of these addresses is the list that the mail came by."""
    if not lists:
        return False
    author = headers.raw("from").lower()
    if not (headers.has_any(_TELLING) or any(address in author for address in lists)):
        return False
    named = " ".join(headers.raw(name).lower() for name in _NAMING)
    ids = headers.raw("list-id").lower()
    return any(address in named or f"<{address.replace('@', '.')}>" in ids for address in lists)


def without_list(headers: Headers) -> Headers:
    """The headers as the writer's program sent them, as far as one can tell."""
    dropped = set(LIST_HEADERS)
    if headers.raw("precedence").strip().lower() not in _PRECEDENCES_OF_LISTS:
        dropped.discard("precedence")
    return headers.without(dropped)


def writer(headers: Headers, author: Address | None, ours: Collection[str]) -> Address | None:
    """X-Original-Sender, else the first address in Reply-To that is not ours, else `author`.

    Only where the list wrote itself into From: what stands there otherwise is judged by DMARC, which nobody gets
    around by naming somebody else beside it.
    """
    if author is not None and author.address.lower() not in ours:
        return author
    said = read_speaker(headers.raw("x-original-sender"))[0] if "x-original-sender" in headers else None
    replies = (person for value in headers.all("reply-to") for person in read_addresses(value))
    found = said or next((person for person in replies if person.address and person.address.lower() not in ours), None)
    if found is None or found.name:
        return found or author
    shown = read_addresses(headers.raw("from"))
    name = shown[0].name if shown else ""
    for word in _VIA:
        name = name.partition(word)[0]
    return Address(name.strip(" '\""), found.address)
