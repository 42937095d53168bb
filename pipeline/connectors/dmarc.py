"""Judges by DMARC (RFC 7489) whether a mail comes from the domain in its From."""

import importlib.resources
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from authheaders.dmarc_lookup import DMARCException, lookup_receiver_record
from publicsuffix2 import PublicSuffixList

from pipeline.connectors.dkim_check import check_dkim
from pipeline.connectors.dns_names import DnsAwayError, Names
from pipeline.connectors.spf_check import check_spf
from pipeline.domain.speaker import Dmarc, Policy, Verdict
from pipeline.parse.email import read_author

SPARED = 1_048_576
"""Bytes from which no signature is looked at when SPF has passed already."""

_POLICIES: dict[str, Policy] = {"none": "none", "quarantine": "quarantine", "reject": "reject"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A mail, and what SMTP said about where it comes from; `mail_from` is empty for the null sender."""

    raw: bytes
    ip: str
    helo: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class _Record:
    """What a domain publishes: what to do with mail that fails, and how strictly other domains must agree with it."""

    policy: Policy
    spf: Literal["strict", "relaxed"]
    dkim: Literal["strict", "relaxed"]


_NOTHING = _Record("none", "relaxed", "relaxed")


def judge(delivery: Delivery, names: Names, deadline: float) -> Verdict:
    """The verdict, with what could be found out until `deadline` (of time.monotonic). Never raises for a broken mail.

    What the owner of the domain publishes is asked first, since whoever sends the mail has no hand in how long that
    takes. Only what could prove the From is judged: SPF and DKIM of a domain that agrees with it, the others are
    `unaligned`, however good.
    """
    author = read_author(delivery.raw)
    domain = ascii_domain(author.rpartition("@")[2]) if author else None
    if domain is None:
        return Verdict(why="there is no From whose domain could be asked")
    try:
        record = _published(domain, names, deadline)
    except DnsAwayError as error:
        return Verdict(why=str(error))
    known = record or _NOTHING
    spf, dkim = _spf(delivery, domain, known, names, deadline), "none"
    if spf != "pass" or len(delivery.raw) <= SPARED:
        dkim = check_dkim(delivery.raw, lambda other: agree(domain, other, known.dkim), names, deadline)
    if record is None:
        shown = (domain,) if "pass" in (spf, dkim) else ()
        return Verdict(spf=spf, dkim=dkim, of=shown, why=f"{domain} publishes no DMARC")
    return Verdict(dmarc=_result(spf, dkim), policy=record.policy, spf=spf, dkim=dkim, why=_why(domain, spf, dkim))


def _result(spf: str, dkim: str) -> Dmarc:
    if "pass" in (spf, dkim):
        return "pass"
    return "temperror" if "temperror" in (spf, dkim) else "fail"


def _why(domain: str, spf: str, dkim: str) -> str:
    passed = [name for name, result in (("SPF", spf), ("DKIM", dkim)) if result == "pass"]
    if passed:
        return f"{' and '.join(passed)} of {domain}"
    if "temperror" in (spf, dkim):
        return f"DNS did not tell all that {domain} publishes"
    return f"neither SPF ({spf}) nor DKIM ({dkim}) of {domain}"


def _spf(delivery: Delivery, domain: str, record: _Record, names: Names, deadline: float) -> str:
    """SPF of MAIL FROM, of the null sender that of HELO (RFC 7489, 4.1)."""
    local, _, given = delivery.mail_from.rpartition("@")
    sending = ascii_domain(given or delivery.helo)
    if sending is None:
        return "none"
    if not agree(domain, sending, record.spf):
        return "unaligned"
    sender = f"{local.replace('@', '.') or 'postmaster'}@{sending}"  # pyspf cuts at the first @
    return check_spf(delivery.ip, sender, delivery.helo, names, deadline)


def _published(domain: str, names: Names, deadline: float) -> _Record | None:
    """What the domain publishes, else what its organization does for it. Raises DnsAwayError."""

    def only(name: str) -> str | None:
        found = [text for text in names.text(name, deadline) if text.startswith(b"v=DMARC1")]
        return found[0].decode("utf-8", "replace") if len(found) == 1 else None

    own = True
    for place in dict.fromkeys((domain, organization(domain))):
        try:
            tags = lookup_receiver_record(place, only)
        except DMARCException:
            return None
        if tags:
            asked = tags.get("p", "") if own else tags.get("sp", tags.get("p", ""))
            return _Record(
                _POLICIES.get(asked, "none"),
                "strict" if tags.get("aspf") == "s" else "relaxed",
                "strict" if tags.get("adkim") == "s" else "relaxed",
            )
        own = False
    return None


def agree(domain: str, other: str, how: Literal["strict", "relaxed"]) -> bool:
    """Whether two domains are the same, or (relaxed) of one organization."""
    ascii_other = ascii_domain(other)
    if ascii_other is None:
        return False
    return domain == ascii_other or (how == "relaxed" and organization(domain) == organization(ascii_other))


@lru_cache(maxsize=20_000)
def organization(domain: str) -> str:
    """The domain that an organization registered (RFC 7489, 3.2); under an unknown ending, its last two labels."""
    found = str(_public_suffixes().get_sld(domain) or domain)
    return found if "." in found else ".".join(domain.rsplit(".", 2)[-2:])


@lru_cache(maxsize=1)
def _public_suffixes() -> PublicSuffixList:
    source = importlib.resources.files("authheaders") / "public_suffix_list.txt"
    with source.open(encoding="utf-8") as lines:
        return PublicSuffixList(lines)


@lru_cache(maxsize=20_000)
def ascii_domain(domain: str) -> str | None:
    """A domain as DNS knows it, in lower case; None for what can be none, such as an address in brackets."""
    try:
        known = domain.strip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    plain = all(label and label.replace("-", "").replace("_", "").isalnum() for label in known.split("."))
    return known if plain and "." in known and not known.rpartition(".")[2].isdecimal() else None
