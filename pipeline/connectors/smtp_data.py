"""Finds where a mail ends in what follows DATA, strictly, without looking at single lines."""

from pipeline.errors import Reject

LINE_LIMIT = 1_048_576
"""Bytes of one line. RFC 5321 asks for 1,000 to be taken; real mails hold lines of some 100 kB."""

_END = b"\r\n.\r\n"
_PATIENCE = 4
"""How many times the size limit is read and thrown away before the connection is given up."""


class DataReader:
    """Takes the bytes after DATA as they come and yields one message (RFC 5321, 4.5.2).

    Only CR LF `.` CR LF ends it. All other dots among line ends belong to it, and because a line end other than
    CR LF is refused, no two readers of the same bytes can see a different number of mails ("SMTP smuggling").
    """

    def __init__(self, limit: int, line_limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._line_limit = line_limit
        self._at_start = True
        self._scanned = 0
        self._line_start = 0
        self._refusal: Reject | None = None
        self._content = b""
        self.received = 0

    def feed(self, inbox: bytearray) -> bool:
        """Look at what is in `inbox`; True when the mail is complete, then what follows it is left there."""
        if self._at_start and inbox.startswith(b".\r\n"):
            del inbox[:3]
            return True
        found = inbox.find(_END, max(0, self._scanned - len(_END) + 1))
        until = len(inbox) if found < 0 else found + 2
        self.received += max(0, until - self._scanned)
        self._measure(inbox, until)
        if found >= 0:
            if self._refusal is None:
                self._content = bytes(memoryview(inbox)[:until])
            del inbox[: found + len(_END)]
            return True
        self._scanned = until
        if self._refusal is not None:
            self._forget(inbox)
        return False

    @property
    def hopeless(self) -> bool:
        """Whether so much more than the limit came that no end of it is worth waiting for."""
        return self.received > _PATIENCE * self._limit

    def message(self) -> bytes:
        """The complete mail, without transparency dots. Raises Reject with the SMTP status of what is wrong."""
        if self._refusal is not None:
            raise self._refusal
        raw = self._content
        lines = raw.count(b"\r\n")
        if raw.count(b"\n") != lines or raw.count(b"\r") != lines:
            raise Reject(550, "5.6.0 Every line must end with CR LF, and neither may stand alone")
        if raw.startswith(b"."):
            raw = raw[1:]
        return raw.replace(b"\r\n.", b"\r\n") if b"\r\n." in raw else raw

    def _measure(self, inbox: bytearray, until: int) -> None:
        if self._refusal is not None:
            return
        if self.received > self._limit:
            self._refusal = Reject(552, "5.3.4 The mail is larger than we take")
            return
        while until - self._line_start > self._line_limit:
            next_line = inbox.find(b"\n", self._line_start, self._line_start + self._line_limit) + 1
            if not next_line:
                self._refusal = Reject(500, "5.5.2 A line is longer than we take")
                return
            self._line_start = inbox.rfind(b"\n", next_line - 1, self._line_start + self._line_limit) + 1

    def _forget(self, inbox: bytearray) -> None:
        """Keep only what the end of the mail may begin with."""
        self._at_start = False
        del inbox[: -(len(_END) - 1)]
        self._scanned = len(inbox)
