"""Collects what a batch of calls, social items and readings asks of the store, and what it writes."""

from collections.abc import Sequence

from pipeline.agents.batch import Incoming
from pipeline.agents.channels.told import CallMessage, ChannelState, Ongoing, PostMessage
from pipeline.domain.duplicates import digest
from pipeline.store.channel_ports import ChannelChanges, ChannelFacts, ChannelWanted


def claims_of(message: Incoming) -> set[str]:
    """What must be claimed so that two workers decide one after the other: the call or item, its conversation."""
    if message.call is not None:
        caller = {caller_claim(message.sender)} if message.sender else set()
        return {*_keys(message.call), *caller}
    if message.post is not None:
        return {key for key in (*_keys(message.post), message.post.talk, message.post.place) if key}
    if message.alarm is not None:
        return {digest("alarm", message.alarm.device, message.alarm.name)}
    return {message.correlated.key} if message.correlated is not None else set()


def caller_claim(number: str) -> str:
    """What is claimed for whatever is decided about the calls with a number."""
    return digest("caller", number)


def channel_wanted(messages: Sequence[Incoming], telemetry: Sequence[Incoming]) -> ChannelWanted:
    """What is asked beside what every message asks; nothing for mail and forms."""
    posts = [message.post for message in messages if message.post]
    about = [key for message in messages for key in _keys(message.call or message.post)]
    return ChannelWanted(
        about=set(about),
        callers={message.sender for message in messages if message.call and message.sender},
        echoes={key for post in posts if post.own and post.key for key in (post.answers, post.talk, post.place) if key},
        conversations={
            *(key for post in posts for key in (post.talk, post.place) if key),
            *(message.correlated.key for message in messages if message.correlated is not None),
        },
        alarms={(message.alarm.device, message.alarm.name) for message in messages if message.alarm},
        states={
            (observed.state.device, observed.state.name)
            for record in telemetry
            if record.telemetry
            for item in record.telemetry.plain
            for observed in item.readings
        },
    )


def channels_of(facts: ChannelFacts) -> ChannelState:
    """What a batch begins with; keys of one activity share it."""
    ongoing = {
        stored.id: Ongoing(stored.id, stored.message_id, stored.case_id, stored.party, tuple(stored.told), stored.ours)
        for stored in facts.activities.values()
    }
    return ChannelState(
        ongoing={key: ongoing[stored.id] for key, stored in facts.activities.items()},
        awaited=list(facts.awaited),
        callers=dict(facts.callers),
        conversations=dict(facts.conversations),
        alarms=dict(facts.alarms),
        states=dict(facts.states),
    )


def channel_changes(channels: ChannelState) -> ChannelChanges:
    """What is new, in the order in which rows are locked."""
    return ChannelChanges(
        activities=list(channels.activities.values()),
        about=[channels.about[key] for key in sorted(channels.about)],
        callers=[channels.callers[number] for number in sorted(channels.called)],
        closed=sorted(channels.closed),
        conversations=sorted(channels.conversed.items()),
        alarms=[channels.alarms[name] for name in sorted(channels.judged)],
        states=[channels.states[name] for name in sorted(channels.observed)],
        receipts=dict(sorted(channels.receipts.items())),
    )


def _keys(about: CallMessage | PostMessage | None) -> tuple[str, ...]:
    """The keys under which a call or item may be known; those of an item it answers too."""
    if isinstance(about, CallMessage):
        return (about.key, *about.known_as, *about.alike)
    if isinstance(about, PostMessage):
        return tuple(key for key in (about.key, about.answers) if key)
    return ()
