"""Sends one answer: looks whether it is there, where nobody knows, posts it, and says what that means."""

from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

from pipeline.config.channels import Social
from pipeline.config.values import read_secret
from pipeline.dispatch.replies.api import Api, Unanswered
from pipeline.dispatch.replies.looking import found_in, whose
from pipeline.dispatch.replies.oauth1 import Keys, authorization
from pipeline.dispatch.replies.requests import SERVERS, Request, introduction_of, question_of, request_of
from pipeline.dispatch.replies.verdicts import Again, Answered, Never, Sent, Verdict, lost, verdict
from pipeline.domain.platforms import PLATFORMS, hindrance
from pipeline.parse.strict_json import Malformed
from pipeline.store.reply_queue import Begun

_OK = 200


@dataclass(frozen=True, slots=True)
class _Account:
    """A server, and what it knows us by: a token, or keys that requests are signed with."""

    server: str
    token: str
    keys: Keys | None
    api: Api

    async def ask(self, request: Request, now: datetime) -> Answered | Unanswered:
        return await self.api.ask(self.server, self._authorization(request, now), request)

    def _authorization(self, request: Request, now: datetime) -> str:
        if self.keys is None:
            return f"Bearer {self.token}"
        nonce, timestamp, url = token_hex(16), int(now.timestamp()), f"{self.server}{request.path}"
        return authorization(request.method, url, request.query, self.keys, nonce=nonce, timestamp=timestamp)


async def send(begun: Begun, page: Social | None, api: Api, now: datetime) -> Verdict:
    """What became of it. Nothing is posted while it may be there and nobody could be asked."""
    if begun.echo is not None:
        return Sent(begun.echo)
    account = _account(begun.reply.source, begun.reply.platform, page, api)
    if isinstance(account, Never):
        return account
    question = question_of(begun.reply, now) if begun.reply.unsure else None
    there = await _look(begun, question, account, now) if question is not None else None
    found = there or await _post(begun, page, account, now)
    unknown = begun.reply.unsure and question is None  # no question answers it: what we post next does
    if isinstance(found, Again | Never):
        hidden = found.reason.replace(account.token, "…")  # which a platform may quote
        return replace(found, reason=hidden, unsure=found.unsure or unknown)
    return found


def _account(source: str, platform: str, page: Social | None, api: Api) -> _Account | Never:
    if page is None:
        return Never(f"there is no [[social]] for {source} any more")
    server = page.server or SERVERS.get(platform)
    lacking = [*page.lacking_to_answer, *(() if server else ("server",))]
    if lacking or server is None:
        return Never(f'[[social]] "{page.name}" lacks "{lacking[0]}", without which nothing can be answered')
    try:
        token, *others = (read_secret(one or "") for one in _secrets(page))
    except LookupError as error:
        return Never(f'[[social]] "{page.name}": {error}')
    return _Account(server, token, Keys(others[0], others[1], token, others[2]) if others else None, api)


def _secrets(page: Social) -> tuple[str | None, ...]:
    signed = (page.api_key, page.app_secret, page.access_token_secret) if page.signs else ()
    return (page.access_token, *signed)


async def _post(begun: Begun, page: Social | None, account: _Account, now: datetime) -> Verdict:
    reply = begun.reply
    if (says := hindrance(reply.asked, reply.body, now, page.max_length if page else None)) is not None:
        return Never(says)
    answered = await account.ask(request_of(reply, now), now)
    if isinstance(answered, Unanswered):
        return lost(reply.platform, answered.error, taken=answered.taken)
    return verdict(reply.platform, answered, now, unsure=reply.unsure)


async def _look(begun: Begun, question: Request, account: _Account, now: datetime) -> Verdict | None:
    """Whether it is there already; None when it is not."""
    reply = begun.reply
    own: str | None = None
    introduction = introduction_of(reply)
    try:
        if introduction is not None:
            told = await _told(reply.platform, introduction, account, now)
            if isinstance(told, Again):
                return told
            own = whose(told)
        told = await _told(reply.platform, question, account, now)
        if isinstance(told, Again):
            return told
        there = found_in(told, reply, begun.known, own)
    except Malformed as error:
        return Again(f"{_did_not_say(reply.platform)}: {error}", unsure=True)
    return Sent(there) if there is not None else None


async def _told(platform: str, question: Request, account: _Account, now: datetime) -> bytes | Again:
    """The answer to a question, else that nobody knows."""
    did_not_say, answered = _did_not_say(platform), await account.ask(question, now)
    if isinstance(answered, Unanswered):
        return Again(f"{did_not_say}: {answered.error}", unsure=True)
    if answered.status == _OK:
        return answered.body
    refused = verdict(platform, answered, now)
    if isinstance(refused, Again):
        return replace(refused, reason=f"{did_not_say}: {refused.reason}", unsure=True)
    return Again(f"{did_not_say}: {refused.reason if isinstance(refused, Never) else answered.status}", unsure=True)


def _did_not_say(platform: str) -> str:
    return f"{PLATFORMS[platform]} did not say whether it is there"
