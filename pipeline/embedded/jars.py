"""Apache Kafka's jars: fetched once per user, and verified by checksum at every start."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from pipeline.errors import Stop

RELEASE = "kafka-4.3.0"
_ARTIFACTS = "org.apache.kafka:kafka_2.13:4.3.0+org.slf4j:slf4j-simple:1.7.36"


def cache_folder() -> Path:
    """Where a user's downloads are kept: $CASESTREAM_CACHE, else ~/.cache/casestream."""
    named = os.environ.get("CASESTREAM_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "casestream"


def checksums() -> Mapping[str, str]:
    """The SHA-256 of each jar, by file name."""
    text = resources.files(__package__).joinpath(f"{RELEASE}.sha256").read_text("ascii")
    return {name: digest for digest, name in (line.split() for line in text.splitlines())}


def damaged(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """The names of those jars that are missing in a folder or are not what they should be."""
    return [name for name, digest in wanted.items() if _digest(folder / name) != digest]


def ensure(fetched: Callable[[Path], None] = lambda _: None) -> list[Path]:
    """Every jar of Kafka's class path, downloaded if it is not there whole.

    `fetched` is called with the folder after a download. Raises Stop with one sentence when the network does not give
    what is missing.
    """
    folder, wanted = cache_folder() / RELEASE, checksums()
    with _alone(folder.parent):
        if missing := damaged(folder, wanted):
            _download(folder, wanted, missing)
            fetched(folder)
    return [folder / name for name in wanted]


def _download(folder: Path, wanted: Mapping[str, str], missing: list[str]) -> None:
    """Fetch with the user's Maven repository as a source; when that one holds the damage, without it."""
    folder.mkdir(parents=True, exist_ok=True)
    reason = "the repository gave other files than expected"
    for private in (False, True):
        try:
            _fetch(folder, missing, private=private)
        except OSError:  # what requests raises is one
            reason = "the Maven repository cannot be reached"
        except Exception as error:  # noqa: BLE001  # jgo raises what it likes
            reason = f"{error or type(error).__name__}".splitlines()[0]
        missing = damaged(folder, wanted)
        if not missing:
            return
    raise Stop(
        f"{len(missing)} of Kafka's {len(wanted)} jars in {folder} are missing or damaged (first: {missing[0]}) "
        f"and were not downloaded: {reason}; start again with a network, or put whole ones there."
    )


def _fetch(folder: Path, missing: list[str], *, private: bool) -> None:
    from jgo.config import GlobalSettings  # noqa: PLC0415  # only a first start needs jgo
    from jgo.env import EnvironmentBuilder  # noqa: PLC0415  # the same
    from jgo.maven import MavenContext  # noqa: PLC0415  # the same

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        repository = Path(scratch) / "repository" if private else GlobalSettings.load().repo_cache
        builder = EnvironmentBuilder(
            context=MavenContext(repo_cache=repository), cache_dir=Path(scratch) / "environment"
        )
        for jar in builder.from_endpoint(_ARTIFACTS).all_jars:
            if jar.name in missing:
                new = shutil.copyfile(jar, folder / f".{jar.name}.new")
                new.replace(folder / jar.name)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time looks and downloads."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
