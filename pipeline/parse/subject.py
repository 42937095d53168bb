"""What a subject is about, whatever mail clients and lists put around it."""

import re

from pipeline.parse import phrases

_ANSWERED = (
    r"re|r|aw|antw|antwort|sv|vs|vä|res|resp|rép|rif|ref|odp|yn?t|bls|atb|απ|σχετ|отв|відп|"
    r"回复|回覆|答复|返信|답장|회신"
)
_BEFORE = re.compile(
    rf"\s*(?:\[[^\[\]]{{1,60}}\]|(?:{_ANSWERED}|{phrases.FORWARD_PREFIXES})"
    r"\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3}|\*\d{1,3})?\s?[:\uff1a])",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"\s*\(fwd?\)\s*$", re.IGNORECASE)
_TAG = re.compile(r"\[[^\[\]]{1,60}\]")
MAX_PREFIXES = 20


def base_subject(subject: str) -> str:
    """The subject without the marks of answers and forwards and without tags in brackets, in small letters.

    Source: RFC 5256, section 2.1, with the marks of other languages and counted ones like `RE[2]:`.
    """
    subject = " ".join(subject.split())  # long runs of spaces would take the square of the time
    for _ in range(MAX_PREFIXES):
        found = _BEFORE.match(subject)
        if found is None:
            break
        subject = subject[found.end() :]
    subject = _BEHIND.sub("", subject)
    return " ".join(_TAG.sub(" ", subject).casefold().split())
