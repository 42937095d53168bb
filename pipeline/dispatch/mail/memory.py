"""Takes mail in memory, as a smarthost or a folder would: for tests and for trying out."""

from collections import deque

from pipeline.dispatch.mail.door import Answer, Mail, Refused, Taken, Unknown


class MemoryDoor:
    """Keeps what it is handed, by Message-ID and recipient; answers as it is told to, one after the other."""

    def __init__(self, *, utf8: bool = True) -> None:
        self.mails: dict[tuple[str, str], Mail] = {}
        self.handed = 0
        self.answers = deque[Answer]()
        self._utf8 = utf8

    async def send(self, mail: Mail) -> Answer:
        """Keep it, unless another answer is due; of what nobody knows it is kept as well."""
        self.handed += 1
        if mail.needs_utf8 and not self._utf8:
            return Refused("it takes no addresses beyond ASCII (SMTPUTF8)")
        answer = self.answers.popleft() if self.answers else Taken("250 kept")
        if isinstance(answer, Taken | Unknown):
            self.mails[mail.message_id, mail.recipient] = mail
        return answer

    async def close(self) -> None:
        """Nothing is open."""
