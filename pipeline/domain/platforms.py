"""What platforms allow of an answer: how long it may be, until when it may come, how many may leave at a time.

Source: Meta, Graph API (Comment) and Messenger Platform (messages of at most 2,000 characters; 24 hours after the last
message, agents 7 days with the tag HUMAN_AGENT); X, counting characters (the weights of twitter-text, version 3) and
API v2's rate limits; Mastodon, configuration of an instance (500 characters unless it says otherwise, links as 23).
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

PLATFORMS = {"facebook": "Facebook", "messenger": "Messenger", "x": "X", "mastodon": "Mastodon"}
"""The platforms that answers leave by, as people write them."""

X_POST = 280
X_MESSAGE = 10_000
MASTODON = 500
MESSENGER = 2_000
FACEBOOK = 8_000

RESPONSE_WINDOW = timedelta(hours=24)
HUMAN_WINDOW = timedelta(days=7)

_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_LINK_LENGTH = 23
_BASE = (
    "[\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff]"
)
_MARK = "(?:\ufe0f|[\U0001f3fb-\U0001f3ff]|[\U000e0020-\U000e007f])*"
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[#*0-9]\ufe0f?\u20e3|(?:{_BASE}|[\u00a9\u00ae](?=\ufe0f)){_MARK}(?:\u200d{_BASE}{_MARK})*"
)
_NARROW = ((0x0, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
"""What X counts as one character; all else as two."""

_ADDRESSED = re.compile(r"^(?:\s*@[\w.-]+(?:@[\w.-]+)?)+")
_REMOTE_MENTION = re.compile(r"(@[\w.-]+)@[\w.-]*\w")
_NO_WORD = re.compile(r"\W+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The item that is answered: where it stands, who wrote it, when they wrote last in this conversation."""

    platform: str
    kind: str
    item: str
    conversation: str | None
    author: str
    handle: str | None
    visibility: str | None
    at: datetime

    @property
    def is_message(self) -> bool:
        """Whether it was said in private."""
        return self.kind == "message"


def hindrance(asked: Asked, text: str, at: datetime, longest: int | None = None) -> str | None:
    """Why the platform would not take this answer at that time; None when nothing is known that it would mind.

    `longest` is what the page or its server allows where that is not what all are allowed.
    """
    name = PLATFORMS[asked.platform]
    if not text.strip():
        return f"{name} takes no answer without words"
    most = longest_answer(asked, longest)
    if (length := weight(asked, text)) > most:
        how = ", links as 23, letters beyond Latin as two" if asked.platform == "x" and not asked.is_message else ""
        return f"{name} takes {most} characters{how}; this answer has {length}: write a shorter one, or several"
    if asked.platform == "messenger" and at - asked.at > HUMAN_WINDOW:
        return f"Messenger lets a page answer within 7 days; they wrote last on {asked.at:%Y-%m-%d %H:%M} UTC"
    return None


def longest_answer(asked: Asked, longest: int | None) -> int:
    """How long an answer may be, in the characters that its platform counts."""
    match asked.platform:
        case "x":
            return X_MESSAGE if asked.is_message else longest or X_POST
        case "mastodon":
            return longest or MASTODON
        case "messenger":
            return MESSENGER
    return longest or FACEBOOK


def weight(asked: Asked, text: str) -> int:
    """The length of an answer as its platform counts it."""
    if asked.platform == "x" and not asked.is_message:
        return _weight_on_x(text)
    if asked.platform == "mastodon":
        plain = _REMOTE_MENTION.sub(r"\1", addressed(asked, text))
        short = _EMOJI.sub("x", _LINK.sub("x" * _LINK_LENGTH, unicodedata.normalize("NFC", plain)))
        return sum(not unicodedata.combining(character) for character in short)
    return len(text)


def addressed(asked: Asked, text: str) -> str:
    """The answer as it is posted: Mastodon tells only whom it mentions."""
    if asked.platform != "mastodon" or not asked.handle:
        return text
    return (
        text if re.search(rf"@{re.escape(asked.handle)}(?![\w@])", text, re.IGNORECASE) else f"@{asked.handle} {text}"
    )


def _weight_on_x(text: str) -> int:
    plain = _LINK.sub("x" * _LINK_LENGTH, unicodedata.normalize("NFC", text))
    emoji = len(_EMOJI.findall(plain))
    rest = _EMOJI.sub("", plain)
    narrow = sum(any(first <= ord(one) <= last for first, last in _NARROW) for one in rest)
    return 2 * emoji + narrow + 2 * (len(rest) - narrow)


def words(text: str) -> str:
    """What of an answer is the same when it comes back: platforms add mentions, and change spaces and signs."""
    whole = unicodedata.normalize("NFKC", text)
    bare = _ADDRESSED.sub("", whole)
    return _NO_WORD.sub("", bare).casefold() or "".join((bare.strip() or whole).split())


PACES = {
    ("x", False): (100, timedelta(minutes=15)),
    ("x", True): (15, timedelta(minutes=15)),
    ("mastodon", False): (300, timedelta(minutes=5)),
    ("mastodon", True): (300, timedelta(minutes=5)),
}
"""By platform, and whether they are messages: how many answers an account may send within which time."""


def tag_of(asked_at: datetime, at: datetime) -> str | None:
    """The tag that a message to Messenger needs: none within a day of what it answers, then that an agent wrote it."""
    return "HUMAN_AGENT" if at - asked_at > RESPONSE_WINDOW else None
