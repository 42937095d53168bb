"""Raw messages too large for Kafka, kept in files under their own digest."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

_DIGEST = re.compile(r"[0-9a-f]{64}")


class BlobStore:
    """A folder of immutable files, each named by the SHA-256 of what it holds."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, raw: bytes) -> str:
        """Keep the bytes and return their digest once they are on disk. Raises OSError when the disk refuses.

        Two that put the same bytes at once each write a file of their own, and one replaces the other.
        """
        digest = sha256(raw).hexdigest()
        path = self._path(digest)
        _make_folder(path.parent)
        with self._locked(fcntl.LOCK_SH):
            try:
                os.utime(path)  # it is young again, so that nobody removes it as old before its new owner is known
            except FileNotFoundError:
                _write(path.with_name(f".{uuid4().hex}"), path, raw)
        _sync_folder(path.parent)  # also when the other one wrote it: its rename may not be on disk yet
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises LookupError when they are not there or not what the digest says."""
        if not _DIGEST.fullmatch(digest):
            raise LookupError(f"not a digest: {digest[:80]!r}")
        try:
            raw = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise LookupError(f"no blob {digest}") from error
        if sha256(raw).hexdigest() != digest:
            raise LookupError(f"blob {digest} is damaged")
        return raw

    def older_than(self, before: datetime) -> list[str]:
        """The digests of all blobs that were last put before then."""
        found = (
            path for path in self.root.glob("[0-9a-f][0-9a-f]/*") if _DIGEST.fullmatch(path.parent.name + path.name)
        )
        return [path.parent.name + path.name for path in found if _modified(path) < before.timestamp()]

    def remove(self, digest: str, before: datetime) -> bool:
        """Remove a blob, unless it was put again since; whether it is gone now by this."""
        path = self._path(digest)
        with self._locked(fcntl.LOCK_EX):
            if _modified(path) >= before.timestamp():
                return False
            path.unlink(missing_ok=True)
        return True

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Many put at once, but nobody while one looks at a blob's age and removes it."""
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)

    def _path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest[2:]


def _modified(path: Path) -> float:
    """When it was last put; as if just now when it is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _write(draft: Path, path: Path, raw: bytes) -> None:
    try:
        with draft.open("xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path) -> None:
    """Make the folder and its parents, so that they outlive a loss of power."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
