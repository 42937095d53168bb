"""Records that exchanges write when a call is over: Asterisk's CDR and CEL, FreeSWITCH's JSON."""

import json

import pytest

from pipeline.parse.call import CallState
from pipeline.parse.call_fields import Site
from tests.unit.parse.calls import CDR, at, cel, read, read_one

FREESWITCH = {
    "core-uuid": "c0",
    "channel_data": {},
    "callflow": [{"caller_profile": {"caller_id_name": "Ana%20Silva", "caller_id_number": "030123456"}}],
    "variables": {
        "uuid": "f1",
        "call_uuid": "f0",
        "sip_from_user": "030123456",
        "sip_to_user": "100",
        "start_uepoch": "1772442000000000",
        "answer_uepoch": "1772442012000000",
        "end_uepoch": "1772442312000000",
        "duration": "312",
        "billsec": "300",
        "hangup_cause": "NORMAL_CLEARING",
    },
}


def test_a_row_is_a_call_with_its_times_in_the_exchanges_zone() -> None:
    call = read_one(CDR)
    assert (call.call_id, call.state, call.direction) == ("1772442000.1", "completed", "in")
    assert (call.from_, call.from_name, call.to, call.agent) == ("+4930123456", "Ana Silva", "100", "201")
    assert (call.started_at, call.answered_at, call.ended_at) == (at("09:00:00"), at("09:00:12"), at("09:05:12"))
    assert (call.duration_s, call.billable_s, call.defects) == (312, 300, ())


@pytest.mark.parametrize(
    ("disposition", "state"),
    [
        ("NO ANSWER", "missed"),
        ("BUSY", "busy"),
        ("FAILED", "failed"),
        ("CONGESTION", "failed"),
        ("ANSWERED", "completed"),
    ],
)
def test_the_disposition_tells_the_state(disposition: str, state: CallState) -> None:
    call = read_one(CDR.replace("ANSWERED", disposition))
    assert call.state == state
    assert (call.answered_at is not None) == (state == "completed")


def test_what_a_mailbox_records_is_voicemail_and_no_talk() -> None:
    call = read_one(CDR.replace('"Dial"', '"VoiceMail"'))
    assert (call.state, call.billable_s) == ("voicemail", 0)


@pytest.mark.parametrize(
    ("source", "dialled", "caller", "callee", "direction"),
    [
        ("030123456", "4930990000", "SIP/trunk-00000001", "SIP/201-00000002", "in"),
        ("anonymous", "4930990000", "SIP/trunk-00000001", "SIP/201-00000002", "in"),
        ("4930990000", "030123456", "PJSIP/201-00000001", "PJSIP/trunk-00000002", "out"),
        ("201", "202", "SIP/201-00000001", "SIP/202-00000002", "internal"),
        ("4930990000", "4930990001", "Local/201@from-queue-0000001a;1", "SIP/202-00000002", "internal"),
        ("030123456", "4930990000", "SIP/trunk-00000001", "SIP/mobile-00000002", None),
    ],
)
def test_which_way_a_call_went_is_told_by_numbers_and_telephones(
    source: str, dialled: str, caller: str, callee: str, direction: str | None
) -> None:
    row = f"a,{source},{dialled},default,,{caller},{callee},Dial,,,,,1,1,ANSWERED,,7.1\n"
    assert read_one(row, "asterisk-csv").direction == direction


def test_the_column_of_the_linked_id_tells_whose_leg_it_is() -> None:
    assert read_one(CDR.rstrip() + ',"","1772442000.0","7"\n').linked_id == "1772442000.0"


def test_a_file_may_name_its_columns_in_any_order() -> None:
    names = "calldate,clid,src,dst,duration,billsec,disposition,uniqueid"
    call = read_one(f"{names}\n2026-03-02 10:00:00,,100,+4930123456,20,0,NO ANSWER,7.1\n")
    assert (call.call_id, call.state, call.direction, call.started_at) == ("7.1", "missed", "out", at("09:00:00"))


def test_a_field_may_hold_a_line_end() -> None:
    call = read_one(CDR.replace('"acme"', '"acme\nlimited"'))
    assert (call.call_id, call.defects) == ("1772442000.1", ())


def test_a_quote_that_never_ends_takes_no_other_call_with_it() -> None:
    first, second, third = read(CDR + CDR.rstrip()[:-1] + "\n" + CDR)
    assert first.defects == third.defects == ()
    assert second.call_id == "1772442000.1"
    assert second.defects == ("record: the row's quotes do not match",)


def test_a_row_with_nonsense_has_nulls_and_says_why() -> None:
    call = read_one(CDR.replace("2026-03-02 10:00:00", "tomorrow").replace("312", "3x").replace("ANSWERED", "MAYBE"))
    assert (call.started_at, call.duration_s, call.state) == (None, None, None)
    assert len(call.defects) == 3


def test_a_row_cut_short_is_still_a_call() -> None:
    call = read_one("a,b,c\n", "asterisk-csv")
    assert call.call_id is None
    assert any("columns" in defect for defect in call.defects)


def test_a_linked_id_is_one_call_answered_when_the_callee_answered() -> None:
    call = read_one(
        cel(
            "CHAN_START 0 a cid_num=030123456 exten=100 context=from-trunk",
            "ANSWER 1 a appname=Playback",
            "CHAN_START 2 b",
            "CHAN_START 2 c",
            "ANSWER 12 b appname=AppDial",
            "HANGUP 12.5 c",
            "HANGUP 312 b",
            "HANGUP 312 a extra=16,SIP/201,ANSWER",
            "CHAN_END 312 a",
            "LINKEDID_END 312.1 a",
        )
    )
    assert (call.call_id, call.linked_id, call.state, call.direction) == ("1.0", "1.0", "completed", "in")
    assert (call.from_, call.to, call.agent) == ("+4930123456", "100", "201")
    assert (call.started_at, call.answered_at, call.ended_at) == (at("09:00:00"), at("09:00:12"), at("09:05:12"))
    assert (call.duration_s, call.billable_s) == (312, 300)


@pytest.mark.parametrize(
    ("extra", "state"),
    [
        ("16,,NOANSWER", "missed"),
        ("16,,CANCEL", "missed"),
        ("17,,BUSY", "busy"),
        ("34,,CONGESTION", "failed"),
        ('{"hangupcause":17,"dialstatus":"BUSY"}', "busy"),
        ("17,,", "busy"),
        ("{", "missed"),
    ],
)
def test_a_menu_that_answered_is_no_answer_when_nobody_took_the_call(extra: str, state: CallState) -> None:
    call = read_one(
        cel(
            "CHAN_START 0 a exten=100",
            "ANSWER 1 a appname=BackGround",
            "CHAN_START 2 b",
            "HANGUP 30 b",
            f"HANGUP 30 a extra={extra}",
            "LINKEDID_END 30 a",
        )
    )
    assert (call.state, call.answered_at, call.billable_s) == (state, None, None)


def test_a_mailbox_after_nobody_took_the_call_is_voicemail() -> None:
    call = read_one(cel("CHAN_START 0 a", "CHAN_START 1 b", "ANSWER 20 a appname=VoiceMail", "CHAN_END 40 a"))
    assert (call.state, call.billable_s) == ("voicemail", 0)


def test_a_call_that_goes_on_has_no_end() -> None:
    call = read_one(cel("CHAN_START 0 a", "CHAN_START 1 b", "ANSWER 2 b"))
    assert (call.state, call.ended_at, call.billable_s) == ("answered", None, None)
    assert read_one(cel("CHAN_START 0 a", "CHAN_START 1 b")).state == "ringing"


def test_calls_that_run_at_once_are_told_apart_and_noise_is_told() -> None:
    other = cel("CHAN_START 1 a", "CHAN_END 2 a").replace('"1.0"', '"9.0"')
    calls = read(cel("CHAN_START 0 a") + other + "nonsense\n" + cel("CHAN_END 9 a"), "asterisk-cel")
    assert [call.call_id for call in calls] == [None, "1.0", "9.0"]
    assert calls[0].defects


def test_a_freeswitch_record_is_a_call() -> None:
    call = read_one(json.dumps(FREESWITCH))
    assert (call.call_id, call.linked_id, call.state, call.direction) == ("f1", "f0", "completed", "in")
    assert (call.from_, call.from_name, call.to) == ("+4930123456", "Ana Silva", "100")
    assert (call.started_at, call.answered_at, call.ended_at) == (at("09:00:00"), at("09:00:12"), at("09:05:12"))
    assert (call.duration_s, call.billable_s, call.defects) == (312, 300, ())


@pytest.mark.parametrize(
    ("cause", "state"),
    [("USER_BUSY", "busy"), ("ORIGINATOR_CANCEL", "missed"), ("UNALLOCATED_NUMBER", "failed"), ("", "missed")],
)
def test_a_freeswitch_call_that_nobody_answered_says_why(cause: str, state: CallState) -> None:
    variables = {**FREESWITCH["variables"], "answer_uepoch": "0", "hangup_cause": cause}
    assert read_one(json.dumps({**FREESWITCH, "variables": variables})).state == state


def test_several_freeswitch_records_may_share_a_file_and_a_broken_one_harms_no_other() -> None:
    one = json.dumps(FREESWITCH)
    assert [call.call_id for call in read(f"[{one},{one}]\n{one}\n")] == ["f1"] * 3
    broken = read(f"{one}\n{one[:-2]}\n{one}\n", "freeswitch-json")
    assert [call.call_id for call in broken] == ["f1", None, "f1"]


def test_a_file_that_holds_nothing_is_told() -> None:
    for format_ in ("asterisk-csv", "asterisk-cel", "freeswitch-json"):
        assert read_one(b"", format_, Site()).defects
