"""How far a folder was read, in the terms of IMAP: UIDVALIDITY and UID (RFC 3501, section 2.3.1.1)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pipeline.store.bookmarks import Place

_MARGIN = timedelta(days=1)
"""How far a server's clock and ours may differ, when only a mail's time can tell whether it was there before us."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What a server says of a folder when it is selected; `uidvalidity` is 0 when it gives none."""

    uidvalidity: int
    uidnext: int
    mails: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail of the folder that was not read yet."""

    uid: int
    size: int
    arrived: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Mails up to `uid` were dealt with; those up to `floor`, or older than `since`, were there before us."""

    uidvalidity: int
    uid: int = 0
    floor: int = 0
    since: datetime | None = None

    @classmethod
    def of(cls, place: Place) -> "Progress":
        """The progress that a bookmark tells."""
        since = place.get("since")
        return cls(
            uidvalidity=int(place.get("uidvalidity") or 0),
            uid=int(place.get("uid") or 0),
            floor=int(place.get("floor") or 0),
            since=datetime.fromisoformat(since) if isinstance(since, str) else None,
        )

    def place(self) -> Place:
        """The bookmark that tells it."""
        since = self.since.isoformat() if self.since else None
        return {"uidvalidity": self.uidvalidity, "uid": self.uid, "floor": self.floor, "since": since}

    def at(self, uid: int) -> "Progress":
        """The progress once the mails up to a UID are dealt with."""
        return replace(self, uid=max(uid, self.uid))

    def concerns(self, mail: Listed) -> bool:
        """Whether a mail came after we began; where UIDs cannot tell, its time does."""
        if mail.uid <= self.floor:
            return False
        return self.floor > 0 or self.since is None or mail.arrived is None or mail.arrived >= self.since - _MARGIN


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where reading goes on, and why the whole folder is read again, if it is."""

    progress: Progress
    again: str | None = None


def resume(kept: Progress | None, folder: Folder, *, first_read: Literal["all", "new"], now: datetime) -> Resumed:
    """Where to go on in a folder.

    UIDs that no longer mean what they meant make us read all of it again: what is published twice is found, what is
    never published is lost.
    """
    if kept is None and first_read == "new":
        last = folder.uidnext - 1
        return Resumed(Progress(folder.uidvalidity, uid=last, floor=last, since=now))
    if kept is None:
        return Resumed(Progress(folder.uidvalidity))
    afresh = Progress(folder.uidvalidity, since=kept.since)
    if not folder.uidvalidity:
        return Resumed(afresh, "the server gives no UIDVALIDITY")
    if folder.uidvalidity != kept.uidvalidity:
        return Resumed(afresh, f"UIDVALIDITY was {kept.uidvalidity}, is {folder.uidvalidity}")
    if folder.uidnext <= kept.uid:
        return Resumed(afresh, f"UIDNEXT went back to {folder.uidnext}, mails up to {kept.uid} had been read")
    return Resumed(kept)


def portions(mails: Iterable[Listed], *, most: int, most_bytes: int, alone: int = 0) -> Iterator[Sequence[Listed]]:
    """The mails in order, in portions of at most so many mails and bytes; those up to the UID `alone` one by one."""
    portion: list[Listed] = []
    size = 0
    for mail in mails:
        if portion and (len(portion) >= most or size + mail.size > most_bytes or portion[-1].uid <= alone):
            yield portion
            portion, size = [], 0
        portion.append(mail)
        size += mail.size
    if portion:
        yield portion
