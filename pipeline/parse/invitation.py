"""An invitation to a meeting: what is asked, about what, when, by whom (RFC 5545 and 5546)."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.parse.addresses import is_usable
from pipeline.parse.charset import decode
from pipeline.parse.message import Invitation

MAX_SIZE = 262_144
MAX_LINES = 5_000
MAX_SUMMARY = 500
MAX_DESCRIPTION = 20_000
MAX_UID = 500

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"""([A-Za-z-]{1,60})((?:;[A-Za-z-]{1,60}=(?:"[^"]{0,500}"|[^";:]{0,500})){0,20}):(.*)""")
_ZONE = re.compile(r""";TZID="?([^";:]{1,60})""", re.IGNORECASE)
_STATUS = re.compile(r";PARTSTAT=([A-Za-z-]{1,20})", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([\\;,nN])")
_MOMENT = "%Y%m%dT%H%M%S"


def read_invitation(data: bytes, charset: str, method: str) -> tuple[Invitation | None, str]:
    """The first event in it and its description; None when there is none.

    `method` is what the part's Content-Type says, which the calendar's own METHOD repeats. A time in a zone that has no
    IANA name, or on a whole day, is left out.
    """
    text = _FOLD.sub("", decode(data[:MAX_SIZE], charset or "utf-8")[0])
    found: dict[str, tuple[str, str]] = {}
    inside = False
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        read = _LINE.match(line.rstrip("\r"))
        if read is None:
            continue
        name, parameters, value = read[1].upper(), read[2], read[3]
        if name in {"BEGIN", "END"} and value.strip().upper() in {"VEVENT", "VTODO"}:
            if inside:
                break
            inside = True
        elif inside or name == "METHOD":
            found.setdefault(name, (parameters, value))
    if not inside:
        return None, ""
    method = method or found.get("METHOD", ("", ""))[1]
    return _invitation(found, method.strip().lower()), _written(found, "DESCRIPTION")[:MAX_DESCRIPTION].strip()


def _invitation(found: dict[str, tuple[str, str]], method: str) -> Invitation:
    organizer = found.get("ORGANIZER", ("", ""))[1].strip()
    organizer = organizer[7:] if organizer[:7].lower() == "mailto:" else organizer
    status = _STATUS.search(found.get("ATTENDEE", ("", ""))[0]) if method == "reply" else None
    return Invitation(
        method=method[:20] or "publish",
        uid=_written(found, "UID")[:MAX_UID] or None,
        summary=_written(found, "SUMMARY")[:MAX_SUMMARY],
        starts_at=_moment(*found.get("DTSTART", ("", ""))),
        organizer=organizer if is_usable(organizer) else None,
        answer=status[1].lower() if status else None,
    )


def _written(found: dict[str, tuple[str, str]], name: str) -> str:
    value = found.get(name, ("", ""))[1]
    return _ESCAPED.sub(lambda escaped: "\n" if escaped[1] in "nN" else escaped[1], value)


def _moment(parameters: str, value: str) -> datetime | None:
    value = value.strip()
    zone = _ZONE.search(parameters)
    try:
        if value.endswith(("Z", "z")):
            return datetime.strptime(value[:-1], _MOMENT).replace(tzinfo=UTC)
        if zone:
            return datetime.strptime(value, _MOMENT).replace(tzinfo=ZoneInfo(zone[1])).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
        return None
    return None
