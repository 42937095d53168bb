"""Puts outgoing mail into a Maildir, where people and programs read it: the default, for trying out."""

import asyncio
import os
from pathlib import Path

from pipeline.dispatch.mail.door import Answer, Away, Mail, Taken
from pipeline.domain.duplicates import digest


class MaildirDoor:
    """A file a mail, named by its Message-ID: the same mail again is the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: Mail) -> Answer:
        """Write it, so that it is there after a loss of power too."""
        try:
            return Taken(await asyncio.to_thread(self._write, mail))
        except OSError as error:
            return Away(f"cannot write into {self._folder}: {error.strerror or error}")

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, mail: Mail) -> str:
        for name in ("tmp", "new", "cur"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        name = f"{digest('maildir', mail.message_id, mail.recipient)}.casestream"
        if (self._folder / "new" / name).exists() or any((self._folder / "cur").glob(f"{name}*")):
            return f"{name} is there already"
        written = self._folder / "tmp" / f"{name}.{os.getpid()}"
        with written.open("wb") as file:
            # RFC 5321, 4.4: who delivers for good writes down what the envelope said
            file.write(f"Return-Path: <{mail.sender}>\r\nDelivered-To: {mail.recipient}\r\n".encode() + mail.raw)
            file.flush()
            os.fsync(file.fileno())
        written.rename(self._folder / "new" / name)
        folder = os.open(self._folder / "new", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return name
