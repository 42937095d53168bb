"""A scenario: what a support lead would say, and a journal that holds the desk to it.

A mail of a journal is written by its headers' names: `from`, `to`, `cc`, `subject`, `in_reply_to`, `references`,
`message_id`, `date`, `text`, and any others under `headers`; `auth` is what was found out about its sender. What it
leaves out is filled in: its Message-ID is `<ID@mail.example>`, its date is its `at`. A mail may be `like` an earlier
one, or come so many `times`, `every` so many seconds, with `{n}` as its number (ID1, ID2 …) and `{letters}` as that in
letters; ids of mails stand for their Message-IDs. `{token of 1001}`, `{address of 1001}` and `{reference in 1001}` are
what our own mail about a case would bear, `{notice of 1001 to rui}` what a notification to an agent would; cases are
numbered from 1001, in the order in which they are opened. `outbound` are the mails that we sent, in order.

An agent's step has an `id` where the expectation says what became of it: `done`, `unchanged`, or `refused` with part of
the reason. `case 1001` says what became of a case, `has` which activities it has; `mails` what we sent.

`call: ID` is a call of so many `minutes` that somebody answered, `from` a number; without `minutes` it goes on.
`data` is what `casestream import` takes, known before the first step; what of it is refused, by line, is expected as
`refused`. `contacts` are expected by external id or name, with what they are known by and the `origins` of that;
`entitlements` by external id, as they are at the end.

On Facebook, `by` someone, or `us`: `comment: ID` stands `under` our post and may be what `answers` another comment;
`edit: ID` and `remove: ID` change it; `direct: ID` is a message in the talk `with` someone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
import yaml

from pipeline.config import Config
from pipeline.domain.importing import Line
from pipeline.domain.tokens import TokenKeys
from pipeline.reference.importing import read_known
from pipeline.reference.names import Names
from pipeline.reference.reading import Wrong
from pipeline.replay.lines import Desk, read_line
from pipeline.replay.steps import Arrival, Deed

MAILBOX = "support@desk.example"
PAGE = "our-page"
KEYS = (b"the newer secret of this desk", b"the older secret of this desk")

_TOKENS = TokenKeys("cases.desk.example", KEYS)
_DEFAULTS: Mapping[str, Any] = {
    "desk": {"domain": "cases.desk.example", "secret": [key.decode() for key in KEYS]},
    "mailbox": [{"address": MAILBOX}],
}
_HEADERS = {"from": "From", "to": "To", "cc": "Cc", "subject": "Subject", "message_id": "Message-ID",
            "in_reply_to": "In-Reply-To", "references": "References", "date": "Date"}  # fmt: skip
_OURS = re.compile(r"\{(forged |foreign |older |retired )?(token of|address of|reference in) (\d+)\}")
_NOTICE = re.compile(r"\{notice of (\d+) to (\w+)\}")
_SAID = {"comment": "add", "edit": "edited", "remove": "remove", "direct": ""}
_PLAIN = {"auth", "at", "id", "like", "text", "headers", "mailbox", "channel", "payload", "do"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A sentence, and how it is shown."""

    name: str
    says: str
    config: Config
    data: Sequence[Line]
    refused: Sequence[Wrong]
    steps: list[Arrival | Deed]
    expect: Mapping[str, Any]


def load(path: Path, scratch: Path) -> list[Scenario]:
    """The scenarios of a file, a YAML document each; `desk.yml` beside it is the desk of all in its folder."""
    documents = yaml.safe_load_all(path.read_text("utf-8"))
    desk = path.with_name("desk.yml")
    config = yaml.safe_load(desk.read_text("utf-8")) if desk.exists() else {}
    name = f"{path.parent.name}/{path.stem}"
    return [
        _scenario(name, {**document, "config": {**config, **document.get("config", {})}}, scratch)
        for document in documents
    ]


def _scenario(name: str, told: dict[str, Any], scratch: Path) -> Scenario:
    assert told.keys() <= {"says", "config", "data", "journal", "expect"}, told.keys()
    config = Config.model_validate({**_DEFAULTS, **told.get("config", {})})
    reference = scratch / "data.jsonl"
    reference.write_bytes(b"\n".join(orjson.dumps(record) for record in told.get("data", [])))
    data, mistakes = read_known([reference], Names.of(config))
    assert not mistakes or "refused" in told["expect"], mistakes
    desk, mails, steps = Desk.of(config), dict[str, dict[str, Any]](), []
    for number, line in enumerate(_spelled_out(told.get("journal", [])), start=1):
        found = read_line(orjson.dumps(_line(line, mails)), name, number, desk)
        assert found.step is not None, found.mistakes
        steps.append(found.step)
    return Scenario(name, told["says"], config, data, mistakes, steps, told["expect"])


def _spelled_out(journal: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A call is a line for each event: its ring, its answer ten seconds later, its hang-up."""
    hang_ups: list[dict[str, Any]] = []
    for line in journal:
        yield from (end for end in hang_ups if end["at"] <= line["at"])
        hang_ups = [end for end in hang_ups if end["at"] > line["at"]]
        if "times" in line:
            yield from _repeated(line)
            continue
        if "call" not in line:
            yield line
            continue
        rings = datetime.fromisoformat(line["at"])
        answers = rings + timedelta(seconds=10)
        who = {"callId": line["call"], "direction": "in", "from": line["from"], "to": "+4930111"}
        yield _event(line["call"], rings, {"event": "newCall", **who})
        yield _event(f"{line['call']} answered", answers, {"event": "answer", **who})
        if "minutes" in line:
            ends = answers + timedelta(minutes=line["minutes"])
            hang_ups.append(_event(f"{line['call']} over", ends, {"event": "hangup", **who}))
    yield from hang_ups


def _repeated(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A mail or form that comes many times; the numbers count from 1."""
    once = {key: value for key, value in line.items() if key not in {"times", "every"}}
    for n in range(1, line["times"] + 1):
        letters = str(n).translate(str.maketrans("0123456789", "abcdefghij"))
        text = orjson.dumps(once).decode().replace("{n}", str(n)).replace("{letters}", letters)
        at = datetime.fromisoformat(line["at"]) + timedelta(seconds=line["every"] * (n - 1))
        yield {**orjson.loads(text), "id": f"{line['id']}{n}", "at": at.isoformat().replace("+00:00", "Z")}


def _event(name: str, at: datetime, payload: dict[str, Any]) -> dict[str, Any]:
    return {"at": at.isoformat().replace("+00:00", "Z"), "id": name, "channel": "phone", "payload": payload}


def _line(line: dict[str, Any], mails: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if line.keys() & _SAID.keys():
        return _social(line)
    if "do" in line or line.get("channel", "email") != "email":
        return line
    whole = {**mails.get(line.get("like", ""), {}), **line}
    mails[line["id"]] = {key: value for key, value in whole.items() if key not in {"at", "id", "like"}}
    mails[line["id"]].setdefault("message_id", f"<{line['id']}@mail.example>")
    mails[line["id"]].setdefault("date", format_datetime(datetime.fromisoformat(line["at"])))
    headers = {"to": MAILBOX, "subject": "Printer", **mails[line["id"]]}
    envelope = {"at": line["at"], "id": line["id"], "channel": "email", "mailbox": line.get("mailbox", MAILBOX)}
    envelope["auth"] = whole.get("auth", "none")
    return {**envelope, "raw": _mail(headers, mails)}


def _social(line: dict[str, Any]) -> dict[str, Any]:
    """What Facebook sends when someone comments, edits, removes a comment; or writes to us, or we to them."""
    verb = next(iter(line.keys() & _SAID.keys()))
    at = int(datetime.fromisoformat(line["at"]).timestamp())
    who = {"id": PAGE if line["by"] == "us" else line["by"].lower(), "name": line["by"]}
    if verb == "direct":
        us, them = {"id": PAGE}, {"id": line["with"].lower()}
        sender, recipient = (us, them) if line["by"] == "us" else (them, us)
        message = {"mid": line["direct"], "text": line["says"], **({"is_echo": True} if line["by"] == "us" else {})}
        event = {"sender": sender, "recipient": recipient, "timestamp": at * 1000, "message": message}
        entry: dict[str, Any] = {"id": PAGE, "time": at * 1000, "messaging": [event]}
    else:
        value = {"item": "comment", "verb": _SAID[verb], "comment_id": line[verb], "from": who, "created_time": at,
                 "post_id": line["under"], "parent_id": line.get("answers", line["under"])}  # fmt: skip
        value |= {"message": line["says"]} if "says" in line else {}
        entry = {"id": PAGE, "time": at, "changes": [{"field": "feed", "value": value}]}
    payload = {"object": "page", "entry": [entry]}
    return {"at": line["at"], "id": line["id"], "channel": "social", "payload": payload}


def _mail(whole: Mapping[str, Any], mails: Mapping[str, Any]) -> str:
    assert whole.keys() <= _HEADERS.keys() | _PLAIN, whole.keys()
    headers = {
        _HEADERS[key]: _ids(value, mails) for key, value in whole.items() if key in _HEADERS and value is not None
    }
    headers |= whole.get("headers", {})
    return (
        "".join(f"{name}: {_ours(value)}\n" for name, value in headers.items())
        + "\n"
        + _ours(whole.get("text", "Help.\n"))
    )


def _ids(value: object, mails: Mapping[str, Any]) -> str:
    """Ids of the journal's mails as Message-IDs; other text as it is."""
    parts = value if isinstance(value, list) else [value]
    return " ".join(mails[part]["message_id"] if part in mails else str(part) for part in parts)


def _ours(text: str) -> str:
    text = _NOTICE.sub(lambda match: _TOKENS.notice_id(int(match[1]), "u", match[2]), text)
    return _OURS.sub(lambda match: _signed((match[1] or "").strip(), match[2], int(match[3])), text)


def _signed(how: str, what: str, number: int) -> str:
    keys = {"older": KEYS[1:], "retired": (b"a secret we no longer have", *KEYS)}.get(how, KEYS)
    tokens = TokenKeys("cases.other.example" if how == "foreign" else "cases.desk.example", keys)
    made = {
        "token of": lambda: tokens.message_id(number, "u"),
        "address of": lambda: f"support+{tokens.plus(number)}@desk.example",
        "reference in": lambda: tokens.reference(number),
    }[what]()
    return re.sub(r"[0-9a-f]{32}", "0" * 32, made) if how == "forged" else made
