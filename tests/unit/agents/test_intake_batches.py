"""However a journal is cut into batches, the same cases come of it."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_desk import ANA, EVA, RUI, START, SUPPORT, Became, Desk, mail

NAMES = ("a", "b", "c", "d", "e")
AGENT = "jo@desk.example"
SENDERS = (ANA, ANA, RUI, EVA, "mara@gmail.com", AGENT, SUPPORT)

HEADERS = ("", "", "", "Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated", "List-Id: <l.example>")


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A mail among few names and people, so that answers, duplicates, variants and late roots are common."""
    name = draw(st.sampled_from(NAMES))
    mentions = [f"<{mention}@x>" for mention in draw(st.lists(st.sampled_from(NAMES), max_size=3))]
    return mail(
        name,
        message_id=draw(st.sampled_from((None, None, None, ""))),
        sender=draw(st.sampled_from(SENDERS)),
        to=draw(st.sampled_from((SUPPORT, "sales@desk.example", "info@desk.example", ANA, ""))),
        cc=draw(st.sampled_from(("", "", RUI, EVA, ANA))),
        text=draw(st.sampled_from(("It burns.", "It burns.\n\n-- \na footer", "Job 1 failed.", "Job 2 failed."))),
        answers=draw(st.sampled_from(("", f"<{draw(st.sampled_from(NAMES))}@x>"))),
        references=mentions,
        dated=draw(st.sampled_from((START, None))),
        headers=draw(st.sampled_from(HEADERS)),
    )


CONFIG = """
[threading]
sources = ["token", "message_id", "subject_reference", "same_subject"]
[[mailbox]]
address = "info@desk.example"
acknowledge = true
"""


def settled(journal: Sequence[bytes], cuts: Sequence[int]) -> tuple[list[object], ...]:
    """What became of the mails, the events of each case, who takes part, what was sent, when cut at these places."""
    desk = Desk(CONFIG)
    desk.auth = "dmarc=pass"
    desk.account("acme", "acme.example")
    desk.agent("jo", AGENT)
    became: list[Became] = []
    edges = sorted({0, len(journal), *(cut for cut in cuts if cut < len(journal))})
    for start, end in pairwise(edges):
        became += desk.receive(*journal[start:end])
    cases = sorted(desk.memory.tables.cases.values(), key=lambda case: case.number)
    people = [sorted(a for case_id, a in desk.memory.tables.participants if case_id == case.id) for case in cases]
    looks = [
        (case.title, case.state, case.status, case.flags, case.revision, who)
        for case, who in zip(cases, people, strict=True)
    ]
    sent = [(mail.recipient, mail.message_id, mail.in_reply_to) for mail in desk.memory.tables.outbound.values()]
    return [_told(one) for one in became], [desk.events(case) for case in cases], looks, sent


def _told(became: Became) -> Became:
    """Without what rightly differs: a duplicate names a random id, a new contact is known in the next batch."""
    reason = became.reason if became.outcome != "duplicate" else ""
    matched_by = became.matched_by if became.outcome == "appended" else None
    return Became(became.outcome, reason, became.case, matched_by, became.flags)


@settings(deadline=None)
@given(st.lists(mails(), min_size=1, max_size=16), st.lists(st.integers(1, 15), max_size=12))
def test_any_batches_give_the_cases_that_mails_one_by_one_give(journal: list[bytes], cuts: list[int]) -> None:
    assert settled(journal, cuts) == settled(journal, range(len(journal)))


def test_the_same_journal_gives_the_same_cases_and_the_same_mail_of_ours() -> None:
    journal = [mail(f"m{n}", to="info@desk.example", subject="very " * n) for n in range(1, 6)]
    assert settled(journal, [2]) == settled(journal, [3, 4])
    assert len(settled(journal, [])[3]) == 3


def test_one_delivery_to_two_mailboxes_opens_a_case_in_each_where_the_desk_says_so() -> None:
    desk = Desk('[threading]\ntwo_mailboxes = "each"\n')
    raw = mail("a", to="support@desk.example, sales@desk.example")
    desk.receive(raw, mailbox="support@desk.example,sales@desk.example")
    assert len(desk.memory.tables.cases) == 2
    again = desk.receive(raw, mailbox="sales@desk.example")
    assert [became.outcome for became in again] == ["duplicate"]
    assert len(desk.memory.tables.cases) == 2
