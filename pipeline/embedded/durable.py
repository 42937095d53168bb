"""Writes a file so that a crash leaves either the old one or the new one."""

import os
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
    """Replace `path` by `content`; with `sync` it outlives a power cut once this returns."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)
    if sync:
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a new folder that only its owner may open."""
    folder.mkdir(mode=0o700, parents=True)


def rename(old: Path, new: Path) -> None:
    """Rename for good: the new name outlives a power cut once this returns."""
    old.rename(new)
    sync_folder(new.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
