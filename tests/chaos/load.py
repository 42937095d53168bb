"""The load: independent mails and forms, ordered conversations, and conversations that reach two workers at once."""

import threading
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

from .desk import UpDesk
from .oracle import Oracle
from .senders import AGAIN_AFTER, FormSender, Mail, MailSender, dice

PAUSE = 0.02
CHAIN = 25
"""Mails of one ordered conversation."""
SQUAD = 4
"""Sessions over which one scattered conversation is sent at the same time."""


class Load:
    """Everybody who sends, each in a thread of its own; `refused` counts what was not acknowledged, by reason."""

    def __init__(self, desk: UpDesk, oracle: Oracle, seed: str) -> None:
        self.refused: Counter[str] = Counter()
        self.conversations = 0
        self._desk = desk
        self._oracle = oracle
        self._seed = seed
        self._stop = threading.Event()
        self._threads = [
            *(self._thread(self._independent, f"mail{number}") for number in range(3)),
            *(self._thread(self._ordered, f"chain{number}") for number in range(3)),
            *(self._thread(self._forms, f"form{number}") for number in range(2)),
            *(thread for number in range(2) for thread in self._squad(f"squad{number}")),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when the last answer has come or is given up."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), f"{thread.name} hangs"

    def _thread(self, work: Callable[[str], None], name: str) -> threading.Thread:
        return threading.Thread(target=work, args=(name,), name=name, daemon=True)

    def _mail_sender(self) -> MailSender:
        return MailSender(self._desk.smtp_port, self._oracle, self.refused)

    def _independent(self, name: str) -> None:
        """Mails of their own: most are sent again until they are taken, some given up, some sent twice."""
        chance, sender = dice(self._seed + name), self._mail_sender()
        while not self._stop.wait(PAUSE):
            mail = Mail(f"{uuid4()}@{name}.example", f"{name}-{chance.randrange(50)}@client.example",
                        filler=chance.randrange(4000))  # fmt: skip
            taken = sender.send(mail)
            if taken and chance.random() < 0.04:  # the sender lost our 250
                sender.send(mail)
            elif not taken and chance.random() < 0.8:
                sender.send_until_taken(mail, self._stop)
        sender.close()

    def _ordered(self, name: str) -> None:
        """Conversations of which each mail is sent after the 250 of the one before, on one session and one key."""
        sender = self._mail_sender()
        while not self._stop.is_set():
            root = f"{uuid4()}@{name}.example"
            for place in range(CHAIN):
                one = root if place == 0 else f"{uuid4()}@{name}.example"
                references = () if place == 0 else (root,)
                mail = Mail(one, f"{name}@client.example", references=references, conversation=root, place=place)
                if not sender.send_until_taken(mail, self._stop) or self._stop.wait(PAUSE):
                    break
        sender.close()

    def _forms(self, name: str) -> None:
        """Forms: most are posted again until they are taken, some given up, some posted twice."""
        chance, sender = dice(self._seed + name), FormSender(self._desk.http_port, self._oracle, self.refused)
        while not self._stop.wait(PAUSE * 2):
            key = uuid4().hex
            taken = sender.post(key)
            if taken and chance.random() < 0.04:
                sender.post(key)
            while not taken and chance.random() < 0.9 and not self._stop.wait(AGAIN_AFTER):
                taken = sender.post(key)
        sender.close()

    def _squad(self, name: str) -> list[threading.Thread]:
        """Sessions that send the mails of one conversation at the same time, then those of the next."""
        waiting: list[Mail] = []

        def next_conversation() -> None:
            waiting[:] = scattered(name)
            self.conversations += 1

        together = threading.Barrier(SQUAD, next_conversation)

        def work(member: int) -> None:
            sender = self._mail_sender()
            while not self._stop.is_set():
                try:
                    together.wait(120)
                except threading.BrokenBarrierError:
                    break
                sender.send_until_taken(waiting[member], self._stop)
                self._stop.wait(PAUSE * 2)
            together.abort()  # the others wait for nobody
            sender.close()

        return [threading.Thread(target=work, args=(n,), name=f"{name}-{n}", daemon=True) for n in range(SQUAD)]


def scattered(name: str) -> list[Mail]:
    """Mails of one conversation whose keys differ, each knowing the mail in the middle.

    The middle mail travels under the root's key, an answer that has nothing but In-Reply-To under the middle's, and
    those that a mail client broke under ids of their own. Whichever is settled first, the others join it.
    """
    root, middle, first, second, third = (f"{uuid4()}@{name}.example" for _ in range(5))
    who = f"{uuid4().hex[:12]}@client.example"
    return [
        Mail(middle, who, answers=root, conversation=root),
        Mail(first, who, answers=middle, conversation=root),
        Mail(second, who, answers=middle, references=(first, middle), conversation=root),
        Mail(third, who, answers=middle, references=(second, middle), conversation=root),
    ]
