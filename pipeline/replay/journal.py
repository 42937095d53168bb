"""Reads a journal: what arrived and what agents did, in order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.config import Config
from pipeline.parse.email import parse_email
from pipeline.replay.lines import Desk, Found, mail_envelope, read_line
from pipeline.replay.steps import Arrival, Deed, Mistake, makes_activity

_UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
"""When a mail without a Date came, if none before it has one either."""

_MBOX_START = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\n]*\n")
_MBOX_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Journal:
    """The steps of a rehearsal in order, or what is wrong with them."""

    steps: Sequence[Arrival | Deed]
    mistakes: Sequence[Mistake]


def read_journal(paths: Sequence[Path], config: Config) -> Journal:
    """The journal in these files: folders of `.eml`, mboxes, JSON lines; a step may name any message before it."""
    desk = Desk.of(config)
    steps: list[Arrival | Deed] = []
    mistakes: list[Mistake] = []
    known: dict[str, str] = {}
    for path in paths:
        try:
            for found in _read(path, desk, several=len(paths) > 1):
                mistakes += found.mistakes
                if found.step is not None:
                    mistakes += _contradictions(found, known)
                    steps.append(found.step)
        except OSError as error:
            mistakes.append(Mistake(str(path), None, f"cannot read it: {error.strerror}"))
    return Journal(steps, mistakes)


def _contradictions(found: Found, known: dict[str, str]) -> Iterator[Mistake]:
    step = found.step
    if isinstance(step, Arrival):
        if step.id in known:
            yield found.mistake(f'the id "{step.id}" is that of {known[step.id]} already; ids must differ')
        known.setdefault(step.id, found.place)
    elif step is not None:
        for name in (step.case_of, step.other):
            if name is not None and name not in known:
                what = "case_of" if name == step.case_of else "it"
                yield found.mistake(f'{what} names "{name}", but no message before this line has that id')
        if step.id is not None and makes_activity(step.order):
            known.setdefault(step.id, found.place)


def _read(path: Path, desk: Desk, *, several: bool) -> Iterator[Found]:
    prefix = f"{path.name}/" if several else ""
    if path.is_dir():
        files = sorted(path.glob("*.eml"))
        if not files:
            yield Found(str(path), None, mistakes=(Mistake(str(path), None, "there is no .eml file in this folder"),))
        yield from _mails(str(path), ((prefix + file.stem, file.read_bytes()) for file in files), desk)
    elif path.suffix == ".eml":
        yield from _mails(str(path), [(prefix + path.stem, path.read_bytes())], desk)
    else:
        content = path.read_bytes()
        if content.startswith(b"From "):
            mails = enumerate(_mbox(content), start=1)
            yield from _mails(str(path), ((f"{prefix}{number}", raw) for number, raw in mails), desk)
        else:
            for number, line in enumerate(content.splitlines(), start=1):
                if line.strip():
                    yield read_line(line, str(path), number, desk)


def _mails(place: str, mails: Iterator[tuple[str, bytes]] | Sequence[tuple[str, bytes]], desk: Desk) -> Iterator[Found]:
    """Mails without a line of their own came when their Date says, else a second after the one before."""
    at = _UNDATED
    for name, raw in mails:
        at = parse_email(raw, with_html=False).date or at + timedelta(seconds=1)
        envelope = mail_envelope(raw, name=name, at=at, mailbox=desk.first_mailbox, facts={})
        yield Found(f"{place} ({name})", None, Arrival(name, envelope))


def _mbox(content: bytes) -> Iterator[bytes]:
    """The mails of an mbox (mboxrd: a quoted `>From ` in a body loses one `>`)."""
    starts = [(match.start(), match.end()) for match in _MBOX_START.finditer(content)]
    ends = [start for start, _ in starts[1:]] + [len(content)]
    for (_, begin), end in zip(starts, ends, strict=True):
        yield _MBOX_QUOTED.sub(rb"\1", content[begin:end].removesuffix(b"\n"))
