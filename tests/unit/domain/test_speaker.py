"""How far the From of a mail is believed."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.speaker import Belief, Dmarc, Doubt, Policy, Verdict, believe, read_verdict, standing

words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
verdicts = st.builds(
    Verdict,
    dmarc=st.sampled_from(get_args(Dmarc)),
    policy=st.sampled_from(get_args(Policy)),
    spf=words,
    dkim=words,
    why=st.text(max_size=400),
)


@given(verdicts)
def test_a_verdict_survives_its_header(verdict: Verdict) -> None:
    text = str(verdict)
    again = read_verdict(text)

    assert (again.dmarc, again.policy, again.spf, again.dkim) == (
        verdict.dmarc,
        verdict.policy,
        verdict.spf,
        verdict.dkim,
    )
    assert not {"\r", "\n", "\0"} & set(text)


@given(st.text(max_size=200))
def test_what_is_no_verdict_proves_nothing(text: str) -> None:
    if "dmarc" not in text and "policy" not in text:
        assert standing(read_verdict(text), as_us=False) == "unproven"


@pytest.mark.parametrize("text", ["dmarc=PASS", "dmarc=passed", "xdmarc=pass", "dmarc", "why=dmarc=pass", ""])
def test_only_the_very_word_is_a_pass(text: str) -> None:
    assert read_verdict(text).dmarc == "none"


@given(verdicts, st.booleans(), st.sampled_from(get_args(Doubt)))
def test_only_a_pass_proves_and_a_pass_always_does(verdict: Verdict, as_us: bool, doubt: Doubt) -> None:  # noqa: FBT001  # hypothesis passes by name
    belief = believe(verdict, as_us=as_us, doubt=doubt)

    assert (belief.standing == "proven") == (verdict.dmarc == "pass")
    if belief.standing != "refuted":
        assert belief == Belief(belief.standing)
    else:
        assert belief.flags
        assert bool(belief.quarantine) == (doubt == "quarantine")
