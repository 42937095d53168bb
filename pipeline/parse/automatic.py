"""Whether a machine sent a mail: loop, bounce, auto-reply, auto-generated, or by way of a list."""

import re

from pipeline.parse.headers import Headers
from pipeline.parse.message import Automatic
from pipeline.parse.mime import Part

_REPORT = frozenset({"delivery-status", "delivery"})
_SUPPRESS = re.compile(r"\b(?:all|oof|autoreply)\b", re.IGNORECASE)
_MACHINE = re.compile(
    r"(?:mail(?:er)?-?daemon|mail\.delivery|mail-delivery|postmaster|mmdf|uucp|microsoftexchange[0-9a-f]+)\b",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"undeliver|delivery (?:status|failure|has failed|report)|returned mail|mail delivery|failure notice|"
    r"delivery notification|not delivered|could not be delivered|returning message|"
    r"unzustellbar|nicht zugestellt|zustell|non remis|échec de|no se ha podido entregar|no entregado|mancata consegna|"
    r"non distribu|niet bezorgd|onbestelbaar|não (?:foi )?(?:entregue|possível entregar)|no se puede entregar|"
    r"non recapitabile|niedostarcz|nie można dostarczyć|не доставлен|недоставлен|не удается доставить|"
    r"не удалось достав|nedoručiteln|kan inte levereras|kan ikke leveres|olevererbar|ei voi toimittaa|teslim edilemedi|"
    r"配信不能|配信できません|未送达|无法投递|無法傳遞|退信|전달할 수 없음|"
    r"(?:message|mail) (?:\S{1,40} )?delayed|delivery delayed|delayed mail|still trying to send|"
    r"rejected:|mail system error",
    re.IGNORECASE,
)
_AUTO_REPLY = (
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply-from", "x-autoreply-from", "x-mail-autoreply",
    "x-vacation",
)  # fmt: skip
_NOBODY = frozenset({"<>", "<mailer-daemon>"})
_LISTS = frozenset({"list-id", "list-unsubscribe", "list-post"})
_TELLING = frozenset({
    *_AUTO_REPLY, *_LISTS, "auto-submitted", "precedence", "x-auto-response-suppress", "x-loop", "x-casestream-loop",
    "x-failed-recipients",
})  # fmt: skip


def classify(
    headers: Headers, whole: Part, sender: str, message_id: str | None, our_domain: str | None
) -> Automatic | None:
    """The first kind that fits; None for a mail that a person wrote to us.

    RFC 3834 (Auto-Submitted), RFC 3464 (delivery reports), RFC 8098 (read receipts), RFC 2919 and 2369 (lists).
    """
    if _is_loop(headers, message_id, our_domain):
        return "loop"
    if is_bounce(headers, whole, sender):
        return "bounce"
    if headers.has_any(_TELLING) or whole.is_multipart:
        return _by_headers(headers, whole)
    return None


def _by_headers(headers: Headers, whole: Part) -> Automatic | None:
    submitted = headers.raw("auto-submitted").partition(";")[0].strip().lower()
    precedence = headers.raw("precedence").strip().lower()
    if (
        submitted == "auto-replied"
        or precedence == "auto_reply"
        or any(name in headers and headers.raw(name).strip().lower() != "no" for name in _AUTO_REPLY)
        or _report_type(whole) == "disposition-notification"
    ):
        return "auto-reply"
    listed = precedence == "list" or headers.has_any(_LISTS)
    if submitted not in {"", "no"} or _report_type(whole) or _SUPPRESS.search(headers.raw("x-auto-response-suppress")):
        return "auto-generated"
    if listed:
        return "list"
    return "auto-generated" if precedence in {"bulk", "junk"} or "x-loop" in headers else None


def is_bounce(headers: Headers, whole: Part, sender: str) -> bool:
    """A delivery report by its type, or what a mail system writes in free text."""
    if whole.content_type == "message/delivery-status" or _report_type(whole) in _REPORT:
        return True
    if "x-failed-recipients" in headers:  # Exim
        return True
    subject = headers.text("subject")
    if _MACHINE.match(sender):
        return _FAILED.search(subject) is not None
    # Nobody's own replies, an absence note's too, quote the subject they answer behind a prefix.
    return headers.raw("return-path").lower() in _NOBODY and _FAILED.match(subject) is not None


def _report_type(whole: Part) -> str:
    if whole.content_type != "multipart/report":
        return ""
    return whole.parameters.get("report-type", "").strip().lower()


def _is_loop(headers: Headers, message_id: str | None, our_domain: str | None) -> bool:
    """Our own domain as the host of the Message-ID, or in a header that we write; a foreign X-Loop is none of ours."""
    if our_domain is None:
        return "x-casestream-loop" in headers
    domain = our_domain.lower()
    if message_id and message_id.lower().endswith(f"@{domain}>"):
        return True
    return any(_names(value, domain) for name in ("x-casestream-loop", "x-loop") for value in headers.all(name))


def _names(value: str, domain: str) -> bool:
    return any(word.rpartition("@")[2] == domain for word in value.lower().replace("<", " ").replace(">", " ").split())
