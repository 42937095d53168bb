"""However a journal is cut into batches, the same cases come of it."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from memory_desk import ANA, EVA, RUI, START, SUPPORT, Became, Desk, mail

NAMES = ("a", "b", "c", "d", "e")
SENDERS = (ANA, RUI, EVA, "mara@gmail.com")

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
        to=draw(st.sampled_from((SUPPORT, "sales@desk.example", ""))),
        cc=draw(st.sampled_from(("", "", RUI, EVA))),
        text=draw(st.sampled_from(("It burns.", "It burns.\n\n-- \na footer", "Something else."))),
        answers=draw(st.sampled_from(("", f"<{draw(st.sampled_from(NAMES))}@x>"))),
        references=mentions,
        dated=draw(st.sampled_from((START, None))),
        headers=draw(st.sampled_from(HEADERS)),
    )


def settled(journal: Sequence[bytes], cuts: Sequence[int]) -> tuple[list[Became], list[list[str]], list[object]]:
    """What became of the mails, the events of each case, and who takes part, when cut into batches at these places."""
    desk = Desk()
    desk.account("acme", "acme.example")
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
    return [_told(one) for one in became], [desk.events(case) for case in cases], looks


def _told(became: Became) -> Became:
    """Without what rightly differs: a duplicate names a random id, a new contact is known in the next batch."""
    reason = became.reason if became.outcome != "duplicate" else ""
    matched_by = became.matched_by if became.outcome == "appended" else None
    return Became(became.outcome, reason, became.case, matched_by, became.flags)


@given(st.lists(mails(), min_size=1, max_size=10), st.lists(st.integers(1, 9), max_size=9))
def test_any_batches_give_the_cases_that_mails_one_by_one_give(journal: list[bytes], cuts: list[int]) -> None:
    assert settled(journal, cuts) == settled(journal, range(len(journal)))
