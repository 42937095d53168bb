"""Follows the files of a directory that another program appends to, renames, cuts and copies."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipeline.store.bookmarks import Place

HEAD = 1024
"""Bytes at a file's beginning that tell it from another one which got its number."""

_TELLING_HEAD = 256
"""Bytes of a head that no two files have in common unless one is a copy."""

_NOT_TEXT = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4")


@dataclass(slots=True)
class Followed:
    """One file by its device and number, whatever it is called, and how far it was read.

    What lies before `settled` was given out already; it is read again only for calls that went on there.
    """

    path: Path
    device: int
    inode: int
    position: int
    settled: int
    size: int
    changed: float
    head: str
    head_size: int

    @property
    def key(self) -> str:
        """What stays the same when it is renamed."""
        return f"{self.device}:{self.inode}"

    @property
    def is_read_again(self) -> bool:
        """Whether what comes next was given out already."""
        return self.position < self.settled

    def place(self, needed: int | None = None) -> Place:
        """What must be known to go on another time: from where to read, and up to where that was settled."""
        return {
            "offset": self.position if needed is None else needed,
            "settled": max(self.position, self.settled),
            "head": self.head,
            "head_size": self.head_size,
            "name": self.path.name,
        }


class Directory:
    """Knows the files of a directory by what they are, so that none is read twice and none is left out."""

    def __init__(self, path: Path, places: Mapping[str, Place]) -> None:
        self._path = path
        self._places = dict(places)
        self._files: dict[str, Followed] = {}
        self._present: set[str] = set()

    def look(self) -> list[Followed]:
        """The files that hold more than was read, the longest unchanged first. Raises OSError without the directory."""
        seen: dict[str, Followed] = {}
        self._present = set()
        for path, status in self._regular():
            key = f"{status.st_dev}:{status.st_ino}"
            self._present.add(key)
            if key not in seen:
                try:
                    seen[key] = self._same_or_new(key, path, status)
                except OSError:  # it went while we looked, or is not ours to read: the next look tells
                    continue
        self._files = seen
        unread = [file for file in seen.values() if file.size > file.position]
        return sorted(unread, key=lambda file: (file.changed, file.path.name))

    def gone(self) -> list[str]:
        """The keys of places whose files are no longer there; they are forgotten."""
        lost = [key for key in self._places if key not in self._present]
        for key in lost:
            del self._places[key]
        return lost

    def read(self, file: Followed, limit: int) -> bytes:
        """What comes next in a file, its head told anew while it is still short. Raises OSError."""
        with file.path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            begins = stream.read(HEAD)
            renamed = f"{status.st_dev}:{status.st_ino}" != file.key
            if renamed or not _continues(file.place(), begins, status.st_size):
                return b""  # it is another file since the look; the next one finds both
            file.head, file.head_size = _head(begins)
            stream.seek(file.position)
            return stream.read(min(limit, file.settled - file.position) if file.is_read_again else limit)

    def first_row(self, file: Followed) -> bytes:
        """The file's first line, where it may name its columns. Raises OSError."""
        with file.path.open("rb") as stream:
            return stream.readline(4 * HEAD)

    def files(self) -> list[Followed]:
        """Every file that was there at the last look."""
        return list(self._files.values())

    def kept(self, file: Followed) -> Place | None:
        """The place of a file as it was last remembered."""
        return self._places.get(file.key)

    def keep(self, file: Followed, place: Place) -> None:
        """Remember a place, as the bookmark does."""
        self._places[file.key] = place

    def _regular(self) -> Iterator[tuple[Path, os.stat_result]]:
        with os.scandir(self._path) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(_NOT_TEXT):
                    continue
                try:
                    if entry.is_file():
                        yield Path(entry.path), entry.stat()
                except OSError:
                    continue

    def _same_or_new(self, key: str, path: Path, status: os.stat_result) -> Followed:
        known = self._files.get(key)
        place = known.place() if known else self._places.get(key)
        with path.open("rb") as stream:
            begins = stream.read(HEAD)
        if place is None or not _continues(place, begins, status.st_size):
            place = {"offset": 0} if place is not None else self._copied(begins, status.st_size)
        head, size = _head(begins)
        return Followed(
            path,
            status.st_dev,
            status.st_ino,
            position=int(place["offset"] or 0),
            settled=_settled(place),
            size=status.st_size,
            changed=status.st_mtime,
            head=head,
            head_size=size,
        )

    def _copied(self, begins: bytes, size: int) -> Place:
        """The place of the file of which this one is a copy: rotation by copying and cutting makes such."""
        places = [*self._places.values(), *(file.place() for file in self._files.values())]
        copied = [
            place
            for place in places
            if int(place.get("head_size") or 0) >= _TELLING_HEAD and _continues(place, begins, size)
        ]
        return max(copied, key=_settled, default={"offset": 0})


def _continues(place: Place, begins: bytes, size: int) -> bool:
    """Whether a file that begins so is the one whose place this is, grown or unchanged."""
    known = int(place.get("head_size") or 0)
    return size >= _settled(place) and _head(begins[:known])[0] == place.get("head")


def _settled(place: Place) -> int:
    return int(place.get("settled") or place["offset"] or 0)


def _head(begins: bytes) -> tuple[str, int]:
    return sha256(begins).hexdigest(), len(begins)
