"""Where a signature starts: the delimiter of RFC 3676, or what a device adds by itself."""

import re

MAX_LINES_AFTER = 4

_DELIMITER = re.compile(r"^(?:--|—|––)\s?$")
_FOOTER = re.compile(r"^_{20,}\s*$")
_DEVICE = re.compile(
    r"[\s*_[(<]{0,4}(?:Sent (?:from|via|using) (?:my |the |a |an |an? )?[\w\[<*]|Sent by \w+ (?:for|from|on) |"
    r"(?:Diese Nachricht wurde |Diese E-?Mail wurde )?(?:Gesendet|gesendet) (?:von|mit|aus|über) |Von (?:meinem|meiner) .{1,40} gesendet|"
    r"Envoyé (?:de|depuis|à partir de|avec) |Enviado (?:desde|do|de|a partir d[eo]|com|con) |Inviato (?:da|dal|con) |"
    r"Verzonden (?:vanaf|met|van) |Verstuurd (?:vanaf|met) |Skickat från |Sendt fra |Lähetetty |Wysłan[eo] (?:z|przez) |"
    r"Отправлено (?:с|из) |Odesláno z |iPhoneから送信|发自|發自|從我的|From my (?:i?Phone|mobile|Android)|Get Outlook for |Hol dir Outlook|Outlook für (?:iOS|Android)|"
    r"Télécharger Outlook|Obtener Outlook|Ottieni Outlook|Download Outlook)",
    re.IGNORECASE,
)
_FIRST_LETTERS = frozenset({
    "sen", "die", "ges", "von", "env", "inv", "ver", "ski", "läh", "wys", "отп", "ode", "iph", "get", "hol", "out", "tél",
    "obt", "ott", "dow", "发自我", "發自我", "從我的", "发自 ", "fro",
})  # fmt: skip
_MAX_DEVICE = 100
_SENTENCE = re.compile(r"[.,;!?] +\w+ \w+ \w+|\b(?:is|are|was|but|because|which|ist|weil|aber)\b", re.IGNORECASE)


def is_delimiter(line: str) -> bool:
    """Whether the signature follows: `-- ` (RFC 3676, 4.3), also with its blank lost."""
    return _DELIMITER.match(line) is not None


def is_footer(line: str) -> bool:
    """Whether a mailing list's footer follows, which starts with a long underline."""
    return _FOOTER.match(line) is not None


def is_device_line(line: str) -> bool:
    """Whether a device or program says that it sent this, and not the author in a sentence."""
    if len(line) > _MAX_DEVICE or line.lstrip(" \t*_[(<")[:3].lower() not in _FIRST_LETTERS:
        return False
    return _DEVICE.match(line) is not None and not _SENTENCE.search(line)
