"""Dovecot as a process of the test's own: its configuration, users and mail in a folder that goes with it."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from signal import SIGTERM

from pipeline.embedded import ports
from pipeline.embedded.child import Child

BINARY = "/usr/sbin/dovecot"
PASSWORD = "Sesam, öffne dich"
READY_WITHIN = 20.0

_CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = {ssl}
disable_plaintext_auth = no
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
auth_failure_delay = 0
first_valid_uid = 1
mail_max_userip_connections = 100
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  # else each wrong login makes the next ones wait
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


def installed() -> bool:
    """Whether Debian's dovecot-imapd is here."""
    return Path(BINARY).exists()


class Dovecot:
    """A server with one user; it can be stopped, killed and started again on the same port and mail."""

    def __init__(self, user: str = "support@desk.example", *, tls: bool = False) -> None:
        self.user = user
        self.port = ports.free()
        self.tls_port = ports.free(avoid=[self.port]) if tls else 0
        self._folder = Path(tempfile.mkdtemp(prefix="dovecot-"))  # short, since sockets lie in it
        self._folder.chmod(0o755)
        self._owner = _owner()
        for name in ("run", "state", "mail", "home"):
            (self._folder / name).mkdir()
        for name in ("mail", "home"):
            os.chown(self._folder / name, self._owner.pw_uid, self._owner.pw_gid)
        root = os.getuid() == 0
        (self._folder / "dovecot.conf").write_text(
            _CONFIG.format(
                folder=self._folder,
                port=self.port,
                tls_port=self.tls_port,
                ssl=f"yes\nssl_cert = <{self.certificate}\nssl_key = <{self._folder}/key.pem" if tls else "no",
                internal="dovecot" if root else self._owner.pw_name,
                group="dovecot" if root else grp.getgrgid(self._owner.pw_gid).gr_name,
                login="dovenull" if root else self._owner.pw_name,
                uid=self._owner.pw_uid,
                gid=self._owner.pw_gid,
            )
        )
        (self._folder / "users").write_text(f"{user}:{{PLAIN}}{PASSWORD}\n", "utf-8")
        self._delivered = 0
        self._child: Child | None = None
        self._make_maildir()
        if tls:
            self._make_certificate()

    @property
    def certificate(self) -> Path:
        """What clients must trust, with `tls`."""
        return self._folder / "certificate.pem"

    @property
    def url(self) -> str:
        """The address of the user's INBOX, as a configuration has it."""
        return f"imap://127.0.0.1:{self.port}/INBOX"

    def start(self) -> None:
        """Start it unless it runs, and return when it greets."""
        if self._child is not None and self._child.running:
            return
        command = [BINARY, "-F", "-c", str(self._folder / "dovecot.conf")]
        self._child = Child.spawn(command, log=self._folder / "start.log")
        deadline = time.monotonic() + READY_WITHIN
        while not self._greets():
            assert self._child.running, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        """End it with every connection, as a machine that goes down does."""
        child, self._child = self._child, None
        if child is not None and child.running:
            os.killpg(child.pid, SIGTERM)  # its children too: the master alone waits for those that idle
            deadline = time.monotonic() + READY_WITHIN
            while child.running:
                assert time.monotonic() < deadline, "dovecot does not end"
                time.sleep(0.02)

    def remove(self) -> None:
        """End it, and take its folder away."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log(self) -> str:
        """What it said."""
        return "".join(
            (self._folder / name).read_text("utf-8", "replace")
            for name in ("start.log", "dovecot.log")
            if (self._folder / name).exists()
        )

    def deliver(self, mails: Iterable[bytes]) -> None:
        """Put mails into the INBOX as a delivery agent does: written whole, then named into `new`."""
        for raw in mails:
            self._delivered += 1
            name = f"{time.time_ns() // 1_000_000_000}.M{self._delivered:09d}P{os.getpid()}.test"
            written = self._maildir / "tmp" / name
            written.write_bytes(raw)
            os.chown(written, self._owner.pw_uid, self._owner.pw_gid)
            written.rename(self._maildir / "new" / name)

    def files(self, folder: str = "") -> list[str]:
        """The names of the mails in a folder, with their flags behind the comma."""
        place = self._maildir / f".{folder}" if folder else self._maildir
        return [file.name for name in ("new", "cur") if (place / name).exists() for file in (place / name).iterdir()]

    def empty(self) -> None:
        """Take every mail and folder away, as when the mailbox was made."""
        self.stop()
        shutil.rmtree(self._maildir)
        self._make_maildir()
        self.start()

    def renumber(self) -> None:
        """Lose the index with its UIDs, as a restored backup does: UIDVALIDITY changes."""
        for file in [*self._maildir.glob("dovecot.*"), self._maildir / "dovecot-uidlist"]:
            file.unlink()  # dovecot-uidvalidity stays, which has the next one differ within the same second, too

    @property
    def _maildir(self) -> Path:
        return self._folder / "mail" / self.user

    def _make_maildir(self) -> None:
        for place in (self._maildir, *(self._maildir / name for name in ("tmp", "new", "cur"))):
            place.mkdir()
            os.chown(place, self._owner.pw_uid, self._owner.pw_gid)

    def _make_certificate(self) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(self._folder / "key.pem")]
        command += ["-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # Dovecot's package brings openssl along

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                return connection.recv(64).startswith(b"* OK")
        except OSError:
            return False


def _owner() -> pwd.struct_passwd:
    """Who owns the mail: Dovecot refuses that to root."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
