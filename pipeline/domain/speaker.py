"""Who speaks: how far the From of a mail is believed.

Source: RFC 7489 (DMARC), section 6.6.2 for the results and 6.3 for the policy that a domain's owner publishes.
"""

from dataclasses import dataclass
from typing import Literal, cast, get_args

Dmarc = Literal["pass", "fail", "none", "temperror"]
Policy = Literal["none", "quarantine", "reject"]
Standing = Literal["proven", "unproven", "refuted"]
Doubt = Literal["flag", "quarantine", "accept"]

FLAG = "unproven sender"
MAX_WHY = 300

_CLEAN = str.maketrans({";": ",", "\r": " ", "\n": " ", "\0": " "})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found out about the From of a mail; `policy` is what its domain's owner asks for mail that fails.

    Where DMARC says nothing, `of` are the domains that SPF or DKIM showed it to come from.
    As text, in a header of its record: `spf=pass; dkim=none; dmarc=pass; policy=reject; why=SPF of acme.example`.
    """

    dmarc: Dmarc = "none"
    policy: Policy = "none"
    spf: str = "none"
    dkim: str = "none"
    why: str = ""
    of: tuple[str, ...] = ()

    def __str__(self) -> str:
        of = f"; of={' '.join(self.of)}" if self.of else ""
        why = f"; why={self.why.translate(_CLEAN)[:MAX_WHY]}" if self.why else ""
        return f"spf={self.spf}; dkim={self.dkim}; dmarc={self.dmarc}; policy={self.policy}{of}{why}"


def read_verdict(text: str) -> Verdict:
    """The verdict that a text says; what it leaves out, or says in words that we do not know, is none."""
    said = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in text.split(";"))}
    dmarc, policy = said.get("dmarc"), said.get("policy")
    return Verdict(
        dmarc=cast(Dmarc, dmarc) if dmarc in get_args(Dmarc) else "none",
        policy=cast(Policy, policy) if policy in get_args(Policy) else "none",
        spf=said.get("spf", "none"),
        dkim=said.get("dkim", "none"),
        why=said.get("why", ""),
        of=tuple(said.get("of", "").split()),
    )


def passed_on(verdict: Verdict, domain: str) -> Verdict:
    """The verdict on whoever wrote a mail whose From is a list of ours, of this domain.

    That the list sent it proves nothing of them. Where something was found out, and nothing of it shows that it came by
    the list, the list's name is as forged as any other; where nothing could be found out, that refutes nobody.
    """
    if verdict.dmarc == "pass" or any(_agree(domain, other) for other in verdict.of):
        return Verdict(why=verdict.why)
    found_out = {verdict.spf, verdict.dkim} - {"none", "temperror"}
    if verdict.dmarc == "none" and found_out:
        why = f"it does not come from our list: SPF is {verdict.spf}, DKIM is {verdict.dkim} of {domain}"
        return Verdict(dmarc="fail", policy=verdict.policy, spf=verdict.spf, dkim=verdict.dkim, why=why)
    return verdict


def _agree(domain: str, other: str) -> bool:
    """Whether one of two domains lies in the other."""
    return domain == other or f".{domain}".endswith(f".{other}") or f".{other}".endswith(f".{domain}")


@dataclass(frozen=True, slots=True)
class Belief:
    """How far a From is believed, and what the mailbox wants done about one that is not."""

    standing: Standing
    flags: tuple[str, ...] = ()
    quarantine: str | None = None


def believe(verdict: Verdict, *, as_us: bool, doubt: Doubt) -> Belief:
    """How far a From is believed; `as_us` when it is an address of our own, `doubt` is the mailbox's policy.

    A mailbox that accepts what is refuted takes it like a mail about which nothing was found out: as anybody's, but
    as nobody's proof.
    """
    found = standing(verdict, as_us=as_us)
    if found != "refuted":
        return Belief(found)
    if doubt == "accept":
        return Belief("unproven")
    if doubt == "quarantine":
        return Belief(found, (FLAG,), quarantine=f"its sender is unproven: {_refutation(verdict)}")
    return Belief(found, (FLAG,))


def may_end(verdict: Verdict, *, doubt: Doubt) -> bool:
    """Whether a mail of another system may end what it tells of.

    Not one that is refuted, even where it is accepted; where the mailbox sets aside what is refuted, only a proven one.
    """
    found = standing(verdict, as_us=False)
    return found == "proven" or (found == "unproven" and doubt != "quarantine")


def standing(verdict: Verdict, *, as_us: bool) -> Standing:
    """What a verdict makes of a From.

    Only a pass proves. A fail refutes, and so does a pass that is missing where the owner asks for quarantine or
    rejection. No verdict proves nothing and refutes nobody, but who speaks as us needs a proof.
    """
    if verdict.dmarc == "pass":
        return "proven"
    if as_us or verdict.dmarc == "fail" or verdict.policy != "none":
        return "refuted"
    return "unproven"


def _refutation(verdict: Verdict) -> str:
    why = f", {verdict.why}" if verdict.why else ""
    if verdict.dmarc == "fail":
        return f"DMARC fails{why}"
    if verdict.policy != "none":
        return f"its domain asks to {verdict.policy} mail that does not pass DMARC, and this did not{why}"
    return "it comes from an address of ours, and nothing shows that we sent it"
