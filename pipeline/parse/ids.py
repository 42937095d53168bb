"""Message-IDs as mails carry them, and what in a mail names a case of ours."""

import hashlib
import re

MAX_ID = 500
MAX_IDS = 200

_ANGLED = re.compile(r"<([^<>]*)>")
_BLANK = re.compile(r"\s+")
_SUBJECT = re.compile(r"(?<![^\W_])\[#[1-9]\d{0,17}-[a-z2-7]{8}\](?![^\W_])")
_TOKEN = re.compile(r"(?:[\w-]{1,64}\.)?[1-9]\d{0,17}\.\d{1,4}\.[0-9a-f]{32}", re.ASCII)


def read_ids(value: str) -> tuple[str, ...]:
    """The ids in a header, with their `<>`; of very many the first, which is the root, and the newest."""
    if not value:
        return ()
    found = _ANGLED.findall(value)
    if not found:
        found = value.split() if "@" in value else [value]
    ids = tuple(dict.fromkeys(_id(text) for text in found if text.strip()))
    return ids if len(ids) <= MAX_IDS else (ids[0], *ids[1 - MAX_IDS :])


def read_message_id(value: str, defects: list[str]) -> str | None:
    """The mail's own id; what is wrong with it goes to the defects."""
    ids = read_ids(value)
    if not ids:
        defects.append("no Message-ID")
        return None
    if "@" not in ids[0]:
        defects.append("Message-ID without @")
    if len(value) > MAX_ID:
        defects.append("Message-ID too long")
    return ids[0]


def read_case_references(
    subject: str, ids: tuple[str, ...], addresses: tuple[str, ...], domain: str | None
) -> tuple[str, ...]:
    """Everything that looks like a case of ours: references in the subject, then tokens in ids and plus-addresses.

    Whether a signature holds is for the domain to say. Without our own domain, tokens of any domain are taken.
    """
    found = _SUBJECT.findall(subject) if "[#" in subject else []
    for id_ in ids:
        local, _, host = id_[1:-1].rpartition("@")
        if local.count(".") >= 2 and _is_ours(host, domain) and _TOKEN.fullmatch(local):  # noqa: PLR2004 - case.key.hmac
            found.append(id_)
    for address in addresses:
        local, _, host = address.rpartition("@")
        token = local.partition("+")[2]
        if token and _is_ours(host, domain) and _TOKEN.fullmatch(token):
            found.append(f"<{token}@{host}>")
    return tuple(dict.fromkeys(found))


def _is_ours(host: str, domain: str | None) -> bool:
    return domain is None or host.lower() == domain.lower()


def _id(text: str) -> str:
    """One id without the blanks that folding left; a long one keeps its start and becomes unique by a digest."""
    if not text.isprintable() or " " in text:
        text = _BLANK.sub("", text)
    if len(text) > MAX_ID:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
        text = f"{text[: MAX_ID - 40]}.{digest}"
    return f"<{text}>"
