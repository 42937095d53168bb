"""An IMAP server that a test scripts: it does what is asked, unless the script does something else instead."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

ARRIVED = "02-Mar-2026 09:00:00 +0000"
CAPABILITIES = "IMAP4rev1 IDLE MOVE UIDPLUS AUTH=XOAUTH2"


@dataclass
class Mail:
    """A mail in a folder; `size` is what the server says of it, when that is not so."""

    raw: bytes
    flags: set[str] = field(default_factory=set)
    size: int | None = None
    arrived: str = ARRIVED


@dataclass
class Folder:
    """A folder with its UIDs."""

    uidvalidity: int = 7
    uidnext: int = 1
    mails: dict[int, Mail] = field(default_factory=dict)

    def add(self, raw: bytes, size: int | None = None, arrived: str = ARRIVED) -> int:
        """Put a mail into it; the UID it got."""
        uid = self.uidnext
        self.mails[uid] = Mail(raw, size=size, arrived=arrived)
        self.uidnext += 1
        return uid


Script = Callable[["Session", str, str, str], Awaitable[bool]]
"""Given the session, a command's tag, its verb, the rest; True when it answered in the server's stead."""


async def as_usual(session: "Session", tag: str, verb: str, rest: str) -> bool:  # noqa: ARG001  # a Script
    """Leave everything to the server."""
    return False


class Standin:
    """The server; `changed` is set whenever a client changed something, `said` holds every command."""

    def __init__(self, script: Script = as_usual, capabilities: str = CAPABILITIES) -> None:
        self.folders = {"INBOX": Folder()}
        self.password = "open sesame"
        self.token = "a-token"
        self.script = script
        self.capabilities = capabilities
        self.changed = asyncio.Condition()
        self.said: list[str] = []
        self.sessions: set[Session] = set()
        self.logins = 0
        self._server: asyncio.Server | None = None

    @property
    def inbox(self) -> Folder:
        """Where mail arrives."""
        return self.folders["INBOX"]

    async def start(self, host: str = "127.0.0.1") -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._serve, host, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Cut every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        for session in list(self.sessions):
            session.cut()
        await asyncio.gather(*(session.ended.wait() for session in list(self.sessions)))

    async def deliver(self, raw: bytes, size: int | None = None) -> int:
        """Mail arrives: who idles is told."""
        uid = self.inbox.add(raw, size)
        for session in self.sessions:
            session.tell_of_mail()
        return uid

    async def until(self, condition: Callable[[], bool], within: float = 20.0) -> None:
        """Return once a condition holds; it is asked whenever a client said something."""
        async with asyncio.timeout(within), self.changed:
            await self.changed.wait_for(condition)

    async def until_changed(self, at_most: float) -> None:
        """Return when a client said something, or after a while: a client's own state may change without."""
        async with self.changed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), at_most)

    async def notify(self) -> None:
        """Have the conditions asked again."""
        async with self.changed:
            self.changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self.sessions.add(session)
        try:
            await session.run()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            self.sessions.discard(session)
            session.cut()
            with suppress(ConnectionError):
                await writer.wait_closed()
            session.ended.set()
            await self.notify()


class Session:
    """One client."""

    def __init__(self, server: Standin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.ended = asyncio.Event()
        self.folder = Folder()
        self.idling: str | None = None

    def say(self, line: str) -> None:
        """A line to the client."""
        self.writer.write(line.encode() + b"\r\n")

    def cut(self) -> None:
        """End the connection at once."""
        self.writer.transport.abort()

    def tell_of_mail(self) -> None:
        """What a server says while a client idles."""
        if self.idling:
            self.say(f"* {len(self.folder.mails)} EXISTS")

    async def run(self) -> None:
        """Answer until the client goes."""
        self.say(f"* OK [CAPABILITY {self.server.capabilities}] ready")
        while line := await self.reader.readline():
            text = line.decode().rstrip("\r\n")
            if text == "DONE":
                self.say(f"{self.idling} OK idle ended")
                self.idling = None
                continue
            self.server.said.append(text.partition(" ")[2])
            tag, verb, rest = (*text.split(" ", 2), "")[:3]
            if verb == "UID":
                more, _, rest = rest.partition(" ")
                verb = f"UID {more}"
            verb = verb.upper()
            if not await self.server.script(self, tag, verb, rest):
                await self._answer(tag, verb, rest)
            await self.writer.drain()
            await self.server.notify()
            if verb == "LOGOUT":
                return

    async def _answer(self, tag: str, verb: str, rest: str) -> None:
        handlers: dict[str, Callable[[str], str]] = {
            "CAPABILITY": self._capability,
            "NOOP": lambda _: "OK",
            "LOGIN": self._login,
            "SELECT": self._select,
            "EXAMINE": self._select,
            "CREATE": self._create,
            "UID SEARCH": self._search,
            "UID FETCH": self._fetch,
            "UID STORE": self._store,
            "UID MOVE": self._move,
            "UID COPY": self._copy,
            "UID EXPUNGE": self._expunge,
            "LOGOUT": self._logout,
        }
        if verb == "IDLE":
            self.idling = tag
            self.say("+ idling")
        elif verb == "AUTHENTICATE":
            await self._authenticate(tag)
        elif verb in handlers:
            self.say(f"{tag} {handlers[verb](rest)} {verb}")
        else:
            self.say(f"{tag} BAD unknown")

    def _capability(self, _: str) -> str:
        self.say(f"* CAPABILITY {self.server.capabilities}")
        return "OK"

    def _login(self, rest: str) -> str:
        self.server.logins += 1
        return "OK" if rest.endswith(f'"{self.server.password}"') else "NO [AUTHENTICATIONFAILED]"

    async def _authenticate(self, tag: str) -> None:
        import base64  # noqa: PLC0415  # here alone

        self.server.logins += 1
        self.say("+ ")
        said = base64.b64decode(await self.reader.readline())
        if f"auth=Bearer {self.server.token}\1".encode() in said:
            self.say(f"{tag} OK in")
            return
        self.say("+ " + base64.b64encode(b'{"status":"400","scope":"https://mail.example/"}').decode())
        await self.reader.readline()
        self.say(f"{tag} NO AUTHENTICATE failed")

    def _logout(self, _: str) -> str:
        self.say("* BYE see you")
        return "OK"

    def _select(self, rest: str) -> str:
        name = rest.strip('"')
        if name not in self.server.folders:
            return "NO [NONEXISTENT]"
        self.folder = self.server.folders[name]
        self.say(f"* {len(self.folder.mails)} EXISTS")
        self.say(r"* FLAGS (\Seen \Flagged \Deleted)")
        self.say(f"* OK [UIDVALIDITY {self.folder.uidvalidity}] valid")
        self.say(f"* OK [UIDNEXT {self.folder.uidnext}] next")
        return "OK [READ-WRITE]"

    def _create(self, rest: str) -> str:
        self.server.folders[rest.strip('"')] = Folder()
        return "OK"

    def uids(self, text: str) -> list[int]:
        """The UIDs of the folder that a set means."""
        last = max(self.folder.mails, default=0)
        wanted: set[int] = set()
        for part in text.split(","):
            low, _, high = part.replace("*", str(last)).partition(":")
            first, final = sorted((int(low), int(high or low)))
            wanted |= {uid for uid in self.folder.mails if first <= uid <= final}
        return sorted(wanted)

    def _search(self, rest: str) -> str:
        found = re.search(r"UID (\S+)", rest)
        assert found
        uids = [uid for uid in self.uids(found[1]) if r"\Deleted" not in self.folder.mails[uid].flags]
        self.say(" ".join(["* SEARCH", *map(str, uids)]))
        return "OK"

    def _fetch(self, rest: str) -> str:
        uids, _, items = rest.partition(" ")
        for uid in self.uids(uids):
            mail = self.folder.mails[uid]
            sequence = list(self.folder.mails).index(uid) + 1
            if "RFC822.SIZE" in items:
                size = len(mail.raw) if mail.size is None else mail.size
                self.say(f'* {sequence} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE "{mail.arrived}")')
            elif "HEADER" in items:
                header = mail.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                self._literal(f"* {sequence} FETCH (UID {uid} BODY[HEADER]<0>", header)
            else:
                self._literal(f"* {sequence} FETCH (UID {uid} BODY[]", mail.raw)
        return "OK"

    def _literal(self, before: str, literal: bytes) -> None:
        self.writer.write(f"{before} {{{len(literal)}}}\r\n".encode() + literal + b")\r\n")

    def _store(self, rest: str) -> str:
        uids, _, more = rest.partition(" ")
        for uid in self.uids(uids):
            self.folder.mails[uid].flags |= set(re.findall(r"\\\w+", more))
        return "OK"

    def _copy(self, rest: str) -> str:
        uids, _, target = rest.partition(" ")
        if target.strip('"') not in self.server.folders:
            return "NO [TRYCREATE]"
        for uid in self.uids(uids):
            self.server.folders[target.strip('"')].add(self.folder.mails[uid].raw)
        return "OK"

    def _move(self, rest: str) -> str:
        answer = self._copy(rest)
        if answer == "OK":
            for uid in self.uids(rest.partition(" ")[0]):
                del self.folder.mails[uid]
        return answer

    def _expunge(self, rest: str) -> str:
        for uid in self.uids(rest):
            if r"\Deleted" in self.folder.mails[uid].flags:
                del self.folder.mails[uid]
        return "OK"
