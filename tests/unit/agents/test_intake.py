"""What becomes of a mail: matched, opened, appended, doubled, set aside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from memory_desk import ANA, EVA, RUI, SUPPORT, Desk, mail

from pipeline.errors import Retry
from pipeline.store.memory import MemoryStore
from pipeline.store.ports import Store, Transaction

# ---- duplicates


def test_the_same_mail_again_is_a_duplicate_of_the_first() -> None:
    desk = Desk()
    first, again = desk.one(mail("a")), desk.one(mail("a"))
    assert (first.outcome, again.outcome) == ("opened", "duplicate")
    assert again.case == first.case


def test_the_same_mail_twice_in_a_batch_is_a_duplicate_too() -> None:
    first, again = Desk().receive(mail("a"), mail("a"))
    assert (again.outcome, again.case) == ("duplicate", first.case)


def test_a_duplicate_appends_nothing_and_tells_nobody() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"), mail("a"))
    assert len(desk.memory.tables.activities) == 1
    assert desk.events(case) == ["case.opened"]


def test_a_footer_that_a_list_added_makes_no_other_mail_of_it() -> None:
    desk = Desk()
    desk.one(mail("a", text="It burns."))
    assert desk.one(mail("a", text="It burns.\n\n-- \nUnsubscribe at list.example")).outcome == "duplicate"


def test_a_message_id_reused_for_another_text_is_kept_as_a_variant() -> None:
    desk = Desk()
    desk.one(mail("a", text="It burns."))
    other = desk.one(mail("a", text="Something else entirely."))
    assert other.outcome == "appended"
    assert other.flags == ("variant",)
    assert desk.case(other).flags == ("variant",)


def test_a_variant_that_comes_again_is_a_duplicate() -> None:
    desk = Desk()
    desk.one(mail("a", text="It burns."))
    variant = mail("a", text="Something else entirely.")
    assert [desk.one(variant).outcome, desk.one(variant).outcome] == ["appended", "duplicate"]


def test_a_message_id_reused_at_another_date_is_another_mail() -> None:
    desk = Desk()
    first = desk.one(mail("a"))
    other = desk.one(mail("a", dated=desk.now))
    assert other.outcome != "duplicate"
    assert "variant" not in (*first.flags, *other.flags)


def test_a_mail_without_a_message_id_is_known_by_what_it_says() -> None:
    desk = Desk()
    nameless = mail("a", message_id="")
    assert [desk.one(nameless).outcome, desk.one(nameless).outcome] == ["opened", "duplicate"]
    assert desk.one(mail("a", message_id="", text="Another.")).outcome == "opened"


def test_mails_without_message_id_and_date_are_never_guessed_to_be_the_same() -> None:
    desk = Desk()
    nameless = mail("a", message_id="", dated=None)
    assert [desk.one(nameless).outcome, desk.one(nameless).outcome] == ["opened", "opened"]


def test_a_mail_to_two_mailboxes_is_one_message() -> None:
    desk = Desk()
    both = mail("a", to=f"{SUPPORT}, sales@desk.example")
    first, second = desk.one(both), desk.one(both, mailbox="sales@desk.example")
    assert (first.outcome, second.outcome, second.case) == ("opened", "duplicate", first.case)


# ---- whose it is


def test_a_known_address_is_its_contacts() -> None:
    desk = Desk()
    acme = desk.account("acme")
    ana = desk.contact("Ana", ANA, account=acme)
    became = desk.one(mail("a", sender=f"Someone <{ANA.upper()}>"))
    case = desk.case(became)
    assert (case.contact and case.contact.id, case.account) == (ana, acme)
    assert became.matched_by == "identity"


def test_an_unknown_address_becomes_a_contact_of_the_account_that_owns_its_domain() -> None:
    desk = Desk()
    acme = desk.account("acme", "acme.example")
    became = desk.one(mail("a", sender=f"Ana Silva <{ANA}>"))
    case = desk.case(became)
    assert case.account == acme
    assert case.contact is not None
    assert case.contact.name == "Ana Silva"
    assert became.matched_by == "mail domain"


def test_a_freemail_domain_belongs_to_no_account() -> None:
    desk = Desk()
    desk.account("wrong", "gmail.com")
    assert desk.case(desk.one(mail("a", sender="ana@gmail.com"))).account is None


def test_two_mails_of_a_new_sender_in_one_batch_make_one_contact() -> None:
    desk = Desk()
    desk.receive(mail("a"), mail("b", subject="Scanner"))
    assert len(desk.memory.tables.contacts) == 1


def test_a_mail_from_nobody_opens_a_case_without_a_contact() -> None:
    desk = Desk()
    became = desk.one(mail("a", sender=None))
    assert became.outcome == "opened"
    assert desk.case(became).contact is None


@pytest.mark.parametrize(("policy", "outcome"), [("quarantine", "quarantined"), ("reject", "suppressed")])
def test_an_unknown_sender_is_taken_as_the_queue_says(policy: str, outcome: str) -> None:
    desk = Desk(f'[[queue]]\nname = "Support"\nnew_sender = "{policy}"\n')
    desk.account("acme", "acme.example")
    assert desk.one(mail("a", sender=EVA)).outcome == outcome
    assert not desk.memory.tables.contacts
    assert desk.one(mail("b", sender=ANA)).outcome == "opened", "its domain is an account's"


# ---- automatic mail

KINDS = {
    "auto-reply": "Auto-Submitted: auto-replied",
    "auto-generated": "Auto-Submitted: auto-generated",
    "list": "List-Id: <news.example>",
    "bounce": "X-Failed-Recipients: x@y.example",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("policy", "answers", "outcome"),
    [
        ("append", False, "suppressed"),
        ("append", True, "appended"),
        ("open", False, "opened"),
        ("open", True, "appended"),
        ("person", False, "opened"),
        ("person", True, "appended"),
        ("suppress", False, "suppressed"),
        ("suppress", True, "suppressed"),
    ],
)
def test_automatic_mail_becomes_what_the_policy_of_its_kind_says(
    kind: str, policy: str, *, answers: bool, outcome: str
) -> None:
    desk = Desk(f'[automatic]\n{kind} = "{policy}"\n')
    desk.one(mail("a"))
    automatic = mail("b", answers="<a@x>" if answers else "", headers=KINDS[kind])
    assert desk.one(automatic).outcome == outcome


def test_a_robot_gets_no_contact() -> None:
    desk = Desk()
    became = desk.one(mail("a", sender="nagios@noc.example", headers=KINDS["auto-generated"]))
    assert became.outcome == "opened"
    assert not desk.memory.tables.contacts


@pytest.mark.parametrize("kind", ["auto-reply", "bounce"])
def test_automatic_mail_neither_wakes_nor_reopens(kind: str) -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.set_field(case, "status", "waiting for details")
    desk.one(mail("b", answers="<a@x>", headers=KINDS[kind]))
    assert desk.memory.tables.cases[case.id].status == "waiting for details"
    desk.resolve(case)
    assert desk.one(mail("c", answers="<a@x>", headers=KINDS[kind])).outcome == "appended"
    assert desk.memory.tables.cases[case.id].state == "resolved"


def test_a_bounce_joins_the_case_of_the_mail_that_came_back() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.set_field(case, "status", "waiting for details")
    report = mail(
        "b",
        sender="MAILER-DAEMON@mx.example",
        subject="Undelivered Mail Returned to Sender",
        headers='MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"',
        text="--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ana@acme.example\nAction: failed\nStatus: 5.1.1\n"
        "--b\nContent-Type: message/rfc822\n\nMessage-ID: <a@x>\nSubject: Re: Printer\n\nHello\n--b--",
    )
    became = desk.one(report)
    assert (became.outcome, became.case) == ("appended", case.number)
    assert desk.memory.tables.cases[case.id].status == "waiting for details"


def test_our_own_mail_that_comes_back_is_a_loop_only_with_our_signature() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    ours = mail("b", message_id=desk.tokens.message_id(case.number, "u"))
    assert desk.one(ours).outcome == "suppressed"
    forged = mail("c", message_id="<u.1001.2.00000000000000000000000000000000@cases.desk.example>")
    assert desk.one(forged).outcome == "opened"


# ---- threads


def test_an_answer_joins_the_case_of_the_mail_it_answers() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"), mail("b", answers="<a@x>"), mail("c", answers="<b@x>"))
    assert desk.events(case) == ["case.opened", "case.appended", "case.appended"]


def test_an_answer_in_the_same_batch_joins_too() -> None:
    opened, appended = Desk().receive(mail("a"), mail("b", references=["<a@x>"]))
    assert (opened.outcome, appended.outcome, appended.matched_by) == ("opened", "appended", "message_id")


def test_references_count_from_the_newest() -> None:
    desk = Desk()
    desk.one(mail("a"))
    newer = desk.one(mail("b", subject="Scanner"))
    assert desk.one(mail("c", references=["<a@x>", "<b@x>"])).case == newer.case


def test_the_same_subject_alone_joins_nothing() -> None:
    desk = Desk()
    assert desk.one(mail("a")).case != desk.one(mail("b", subject="Re: Printer")).case


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("place", ["address", "In-Reply-To", "References"])
def test_a_token_of_ours_joins_wherever_it_stands_with_any_key_we_have(place: str, version: int) -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    keys = desk.tokens if version == 2 else type(desk.tokens)(desk.tokens.domain, desk.tokens.keys[1:])
    token = keys.message_id(case.number, "u")
    answer = {
        "address": mail("b", to=f"support+{keys.plus(case.number)}@desk.example"),
        "In-Reply-To": mail("b", answers=token),
        "References": mail("b", references=["<x@y>", token]),
    }[place]
    became = desk.one(answer)
    assert (became.outcome, became.case, became.matched_by) == ("appended", case.number, "token")


def test_a_reference_of_ours_in_the_subject_joins() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    became = desk.one(mail("b", subject=f"Re: {desk.tokens.reference(case.number)} Printer"))
    assert (became.outcome, became.case) == ("appended", case.number)


def test_a_forged_token_joins_nothing_and_does_no_harm_beside_a_true_one() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    forged = f"<u.{case.number}.2.{'0' * 32}@cases.desk.example>"
    assert desk.one(mail("b", answers=forged)).outcome == "opened"
    true = desk.tokens.message_id(case.number, "u")
    assert desk.one(mail("c", references=[forged, true])).case == case.number


def test_a_token_of_another_desk_joins_nothing() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    other = type(desk.tokens)("cases.other.example", desk.tokens.keys)
    assert desk.one(mail("b", answers=other.message_id(case.number, "u"))).outcome == "opened"


def test_a_token_of_a_key_that_was_retired_joins_nothing() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    newer = type(desk.tokens)(desk.tokens.domain, (b"a third key", *desk.tokens.keys))
    retired = newer.message_id(case.number, "u")
    assert desk.one(mail("b", answers=retired)).outcome == "opened"


# ---- who may


def test_a_strangers_answer_opens_a_linked_case_with_a_flag() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    became = desk.one(mail("b", sender=EVA, answers="<a@x>"))
    own = desk.case(became)
    assert (became.outcome, own.linked_to, own.flags) == ("opened", case.id, ("not a participant",))
    assert desk.events(own) == ["case.opened", "case.linked"]


def test_a_colleague_of_the_same_account_may_answer() -> None:
    desk = Desk()
    desk.account("acme", "acme.example")
    desk.case_with(mail("a"), mail("b", sender=RUI, answers="<a@x>"))


def test_a_colleague_may_not_where_only_the_cases_people_may() -> None:
    desk = Desk('[threading]\nparticipants = "case"\n')
    desk.account("acme", "acme.example")
    desk.one(mail("a"))
    assert desk.one(mail("b", sender=RUI, answers="<a@x>")).outcome == "opened"


def test_anyone_may_where_the_desk_says_so() -> None:
    desk = Desk('[threading]\nparticipants = "anyone"\n')
    desk.case_with(mail("a"), mail("b", sender=EVA, answers="<a@x>"))


def test_whoever_was_copied_may_answer() -> None:
    desk = Desk()
    desk.case_with(mail("a", cc=EVA), mail("b", sender=EVA, answers="<a@x>"))


def test_whoever_was_copied_later_may_answer_from_then_on() -> None:
    desk = Desk()
    desk.case_with(mail("a"), mail("b", cc=EVA, answers="<a@x>"), mail("c", sender=EVA, answers="<a@x>"))


# ---- mails out of order


def test_a_late_root_joins_its_answers_of_the_same_contact() -> None:
    desk = Desk()
    desk.case_with(mail("b", answers="<a@x>"), mail("a"))


def test_answers_to_a_mail_we_never_saw_are_one_case_of_one_contact() -> None:
    desk = Desk()
    desk.case_with(mail("b", references=["<a@x>"]), mail("c", references=["<a@x>"]))
    assert desk.one(mail("d", sender=EVA, references=["<a@x>"])).outcome == "opened"


def test_a_newsletter_that_many_contacts_mention_joins_nothing() -> None:
    desk = Desk()
    answers = [mail(f"m{n}", sender=f"c{n}@c{n}.example", references=["<news@list>"]) for n in range(6)]
    assert {became.outcome for became in desk.receive(*answers)} == {"opened"}
    again = desk.one(mail("again", sender="c0@c0.example", references=["<news@list>"]))
    assert again.outcome == "opened"


# ---- open or append


def test_an_answer_to_an_active_case_leaves_its_status() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.set_field(case, "status", "on hold")
    desk.one(mail("b", answers="<a@x>"))
    assert desk.memory.tables.cases[case.id].status == "on hold"


def test_an_answer_wakes_a_case_that_waits_for_details() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.set_field(case, "status", "waiting for details")
    desk.one(mail("b", answers="<a@x>"))
    assert desk.memory.tables.cases[case.id].status == "in progress"
    assert desk.events(case)[-2:] == ["case.appended", "case.status_changed"]


def test_an_answer_within_the_reopen_days_reopens() -> None:
    desk = Desk('[[queue]]\nname = "Support"\nreopen_days = 14\n')
    case = desk.case_with(mail("a"))
    desk.resolve(case)
    resolved = desk.now
    became = desk.one(mail("b", answers="<a@x>"), at=resolved.replace(day=resolved.day + 14))
    after = desk.memory.tables.cases[case.id]
    assert (became.case, after.state, after.status, after.resolved_at) == (case.number, "active", "in progress", None)
    assert desk.events(case) == ["case.opened", "case.resolved", "case.appended", "case.reopened"]


def test_an_answer_after_the_reopen_days_opens_a_case_that_follows() -> None:
    desk = Desk('[[queue]]\nname = "Support"\nreopen_days = 14\n')
    case = desk.case_with(mail("a"))
    desk.resolve(case)
    resolved = desk.now
    late = resolved.replace(day=resolved.day + 14, second=1)
    became = desk.one(mail("b", answers="<a@x>"), at=late)
    assert (became.outcome, desk.case(became).follow_up_of) == ("opened", case.id)
    assert desk.memory.tables.cases[case.id].state == "resolved"


def test_a_queue_may_want_a_new_case_for_each_late_answer() -> None:
    desk = Desk('[[queue]]\nname = "Support"\nclosed_reply = "new"\n')
    case = desk.case_with(mail("a"))
    desk.resolve(case)
    assert desk.case(desk.one(mail("b", answers="<a@x>"))).follow_up_of == case.id


def test_an_answer_to_a_cancelled_case_opens_one_that_follows() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.cancel(case)
    assert desk.case(desk.one(mail("b", answers="<a@x>"))).follow_up_of == case.id


def test_the_next_answer_joins_the_case_that_followed() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.cancel(case)
    following = desk.one(mail("b", answers="<a@x>"))
    assert desk.one(mail("c", answers="<b@x>")).case == following.case


def test_an_answer_to_a_merged_case_joins_the_last_survivor() -> None:
    desk = Desk()
    first, second, third = (desk.case_with(mail(name, subject=name)) for name in ("a", "b", "c"))
    desk.merge(first, into=second)
    desk.merge(second, into=third)
    assert desk.one(mail("d", answers="<a@x>")).case == third.number


def test_a_case_that_an_agent_reactivated_takes_answers_again() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.cancel(case)
    desk.reactivate(case)
    assert desk.one(mail("b", answers="<a@x>")).case == case.number
    assert desk.events(case) == ["case.opened", "case.cancelled", "case.reopened", "case.appended"]


def test_a_deed_that_changes_nothing_tells_nobody() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    desk.cancel(case)
    desk.cancel(case)
    desk.resolve(case)
    desk.set_field(case, "priority", "normal")
    desk.set_field(case, "status", "on hold")  # no status of a cancelled case
    assert desk.events(case) == ["case.opened", "case.cancelled"]


# ---- where it goes


def test_a_case_goes_to_the_queue_of_the_first_mailbox_named() -> None:
    desk = Desk(
        '[[mailbox]]\naddress = "field@desk.example"\nqueue = "Field"\n'
        '[[queue]]\nname = "Support"\n[[queue]]\nname = "Field"\n'
    )
    became = desk.one(mail("a", to=f"someone@else.example, field@desk.example, {SUPPORT}"))
    assert desk.case(became).queue == "Field"


def test_a_case_always_has_a_title() -> None:
    desk = Desk()
    assert desk.case(desk.one(mail("a", subject="", text="It burns.\nHelp."))).title == "It burns."
    assert desk.case(desk.one(mail("b", subject="", text=""))).title == "(no subject)"


# ---- conflicts with other workers


class Conflicting:
    """A store whose first transactions are undone at their end, as when another worker was in the way."""

    def __init__(self, store: Store, conflicts: int) -> None:
        self._store = store
        self._left = conflicts
        self.begin = store.begin

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._store.transaction() as tx:
            yield tx
            if self._left:
                self._left -= 1
                raise Retry("another worker was in the way")


def test_a_batch_that_met_a_conflict_becomes_what_it_would_have_become() -> None:
    batch = (mail("a"), mail("a"), mail("a", text="Another."), mail("b", answers="<a@x>"), mail("c", sender=EVA))
    told = []
    for conflicts in (0, 2):
        desk = Desk(store=lambda memory, left=conflicts: Conflicting(MemoryStore(memory), left))
        became = desk.receive(*batch)
        first = min(one.case for one in became if one.case is not None)
        told.append([(one.outcome, one.case and one.case - first, one.matched_by, one.flags) for one in became])
        assert len(desk.memory.tables.messages) == len(batch)
    assert told[0] == told[1]
