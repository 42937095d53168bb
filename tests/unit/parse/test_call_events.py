"""Events that exchanges push while a call goes on, in their several dialects."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.channels import PhoneFormat
from pipeline.parse.call import CallEvent, CallState
from pipeline.parse.phone import CONTENT_TYPES, format_of, guess_format, parse_phone
from tests.unit.parse.calls import BERLIN, CDR, at, cel, read, read_one

RING = {"event": "newCall", "callId": "77", "direction": "in", "from": "030123456", "to": "493099"}


@pytest.mark.parametrize("body", [json.dumps(RING), urlencode(RING)])
def test_an_event_comes_as_json_or_as_a_form(body: str) -> None:
    call = read_one(body)
    assert (call.call_id, call.event, call.state, call.direction) == ("77", "ring", "ringing", "in")
    assert call.from_ == "+4930123456"


def test_whom_an_answer_names_is_our_agent() -> None:
    answered = {**RING, "event": "answer"}
    assert read_one(json.dumps({**answered, "user": "Rui"})).agent == "Rui"
    assert read_one(json.dumps({**answered, "user": ["Rui", "Eva"]})).agent == "Rui"
    assert read_one(urlencode({**answered, "user[]": "Rui"})).agent == "Rui"


def test_a_call_that_rings_at_several_has_no_agent_yet() -> None:
    assert read_one(urlencode([*RING.items(), ("user[]", "Rui"), ("user[]", "Eva")])).agent is None


def test_a_mailbox_that_answers_is_voicemail() -> None:
    call = read_one(json.dumps({**RING, "event": "answer", "user": "voicemail"}))
    assert (call.state, call.agent) == ("voicemail", None)


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        ("normalClearing", "completed"),
        ("cancel", "missed"),
        ("noAnswer", "missed"),
        ("busy", "busy"),
        ("congestion", "failed"),
        ("notFound", "failed"),
        ("", "completed"),
    ],
)
def test_the_cause_of_the_end_tells_the_state(cause: str, state: CallState) -> None:
    assert read_one(json.dumps({**RING, "event": "hangup", "cause": cause})).state == state


@pytest.mark.parametrize(
    ("fields", "event", "state", "direction"),
    [
        ({"event": "IncomingCall"}, "ring", "ringing", "in"),
        ({"event": "OutgoingCall"}, "ring", "ringing", "out"),
        ({"event": "CallAccepted", "peer": "7777abc@fpbx.example"}, "answer", "answered", None),
        ({"event": "HungUp", "type": "missed"}, "hangup", "missed", None),
        ({"event": "HungUp", "type": "voicemail"}, "hangup", "voicemail", None),
        ({"event": "HungUp", "type": "accepted"}, "hangup", "completed", None),
    ],
)
def test_placetel_has_its_own_words(
    fields: dict[str, str], event: CallEvent, state: CallState, direction: str | None
) -> None:
    call = read_one(urlencode({**fields, "call_id": "a1", "from": "022129191999", "to": "022129191998"}))
    assert (call.call_id, call.event, call.state, call.direction) == ("a1", event, state, direction)


def test_an_event_that_dates_itself_happened_then() -> None:
    call = read_one(json.dumps({**RING, "event": "hangup", "timestamp": "2026-03-02T10:00:00+01:00"}))
    assert (call.started_at, call.ended_at) == (None, at("09:00:00"))


def test_an_event_we_do_not_know_is_told_and_changes_nothing() -> None:
    call = read_one(json.dumps({**RING, "event": "dtmf"}))
    assert (call.event, call.state) == ("other", None)
    assert call.defects


def test_events_may_come_many_in_a_file() -> None:
    lines = "\n".join(json.dumps({**RING, "callId": str(number)}) for number in range(3))
    assert [call.call_id for call in read(lines)] == ["0", "1", "2"]
    assert len(read(json.dumps([RING, RING]))) == 2


TWILIO = {"CallSid": "CA1", "From": "+4930123456", "To": "+493099", "Direction": "inbound", "CallStatus": "ringing"}


def test_a_status_callback_is_an_event() -> None:
    call = read_one(urlencode(TWILIO))
    assert (call.call_id, call.event, call.state, call.direction) == ("CA1", "ring", "ringing", "in")


def test_a_completed_call_was_talked_as_long_as_it_says() -> None:
    ended = {"CallStatus": "completed", "CallDuration": "300", "Timestamp": "Mon, 02 Mar 2026 09:05:12 +0000"}
    call = read_one(urlencode({**TWILIO, **ended}))
    assert (call.state, call.billable_s) == ("completed", 300)
    assert (call.answered_at, call.ended_at) == (at("09:00:12"), at("09:05:12"))


def test_a_caller_without_a_number_is_withheld_there_too() -> None:
    call = read_one(urlencode({**TWILIO, "From": "+266696687"}))
    assert (call.from_, call.defects) == (None, ("from: withheld",))


@pytest.mark.parametrize(
    ("raw", "format_"),
    [
        (CDR, "asterisk-csv"),
        (cel("CHAN_START 0 a"), "asterisk-cel"),
        ('{"core-uuid": "c"}', "freeswitch-json"),
        (json.dumps(RING), "cti"),
        (urlencode(TWILIO), "twilio"),
        ("hello", "cti"),
    ],
)
def test_the_format_is_guessed_from_what_is_there(raw: str, format_: PhoneFormat) -> None:
    assert guess_format(raw.encode()) == format_
    assert format_of(CONTENT_TYPES[format_]) == format_


HOSTILE = [
    b"", b"{", b"[" * 100_000, b'{"a":' * 50_000, b'{"event":"newCall","event":"answer"}', b"\xff\xfe\x00", b"null",
    b'{"callId":"\\u0000","from":"\\ud800"}', b'{"callId":NaN}', b'{"duration":' + b"9" * 100_000 + b"}", b"[1,2]",
    b'"' * 70_000, b'{"variables":[]}', b'{"variables":{"uuid":"\\ud800","start_uepoch":"99999999999999999999"}}',
]  # fmt: skip


@pytest.mark.parametrize("format_", [None, *CONTENT_TYPES])
@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_comes_is_a_call_that_says_what_is_wrong(raw: bytes, format_: PhoneFormat | None) -> None:
    calls = read(raw, format_)
    assert calls
    assert any(call.defects for call in calls)


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace"))))
def test_nothing_is_raised_and_all_can_be_stored(raw: bytes) -> None:
    for format_ in CONTENT_TYPES:
        for call in parse_phone(raw, BERLIN, format_):
            for text in (call.call_id, call.from_, call.to, call.from_name, call.agent, *call.defects):
                assert text is None or "\0" not in text
                assert text is None or text.encode()


@given(st.dictionaries(st.sampled_from(["event", "callId", "from", "to", "direction", "user", "cause"]), st.text()))
def test_an_event_may_say_anything(fields: dict[str, str]) -> None:
    (call,) = parse_phone(json.dumps(fields).encode(), BERLIN, "cti")
    assert call.call_id is None or call.call_id.encode()
