"""Likeness of contacts, by name, number and address: it only ever suggests that two may be one person."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from rapidfuzz.distance import OSA, JaroWinkler

from pipeline.domain.contacts import Person

MANY = 60
"""Contacts that share a key and nothing else tell nothing: so many called Silva are not compared with one another."""

ONE_SLIP = 0.9
"""Likeness of two numbers that differ by one slip of a finger."""

NAME_ALONE = 0.9
"""How much of the likeness of two names counts while nothing else is known of either."""

OTHER_NUMBER = 0.7
"""How much of it counts when both have a number, and not the same."""

_SHORTEST = 6
"""Digits below which a number is an extension, which many have."""

_TITLES = frozenset({"dr", "prof", "mr", "mrs", "ms", "herr", "frau", "sr", "sra", "mme", "dipl", "ing"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two contacts that may be one person; `likeness` from 0 to 1, `why` says what is alike."""

    one: str
    other: str
    likeness: float
    why: str


def suggestions(people: Sequence[Person], *, least: float, of: str | None = None) -> list[Suggestion]:
    """The pairs that are at least so much alike, the likest first; of one person only, if asked."""
    read = [_Read(person) for person in people]
    pairs = {pair for block in _blocks(read) for pair in _pairs(read, block, of)}
    found = [_compared(read[one], read[other]) for one, other in pairs]
    return sorted((one for one in found if one.likeness >= least), key=lambda one: (-one.likeness, one.one, one.other))


class _Read:
    """A person as it is compared."""

    __slots__ = ("digits", "locals", "name", "person", "tokens")

    def __init__(self, person: Person) -> None:
        self.person = person
        self.tokens = sorted(_tokens(person.name))
        self.name = " ".join(self.tokens)
        self.digits = [
            digits for digits in (re.sub(r"\D", "", one) for one in person.numbers) if len(digits) >= _SHORTEST
        ]
        self.locals = {local for local in (_local(address) for address in person.addresses) if len(local) > 3}  # noqa: PLR2004


def _tokens(name: str) -> Iterator[str]:
    """The words of a name in small letters, without accents and titles."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return (word for word in re.findall(r"\w+", bare) if word not in _TITLES)


def _local(address: str) -> str:
    """What stands before the @, without what merely separates its words."""
    return re.sub(r"\+.*|[._-]", "", address.partition("@")[0])


def _blocks(people: Sequence[_Read]) -> Iterable[list[int]]:
    """People who may be alike, by what typing and hearing mistakes leave as it was."""
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, person in enumerate(people):
        for key in _keys(person):
            blocks[key].append(place)
    return (block for block in blocks.values() if 1 < len(block) <= MANY)


def _keys(person: _Read) -> set[tuple[str, str]]:
    tokens, account = person.tokens, person.person.account or ""
    keys = {("name", person.name)} if person.name else set()
    keys |= {("pair", f"{one[:3]} {other[:3]}") for one, other in combinations(tokens, 2)}
    keys |= {("account", f"{account} {token[:2]}") for token in tokens if account}
    keys |= {("start", digits[:-3][-_SHORTEST:] + digits[-3:-1]) for digits in person.digits}
    keys |= {("end", digits[-5:]) for digits in person.digits}
    keys |= {("begin", digits[:5]) for digits in person.digits}
    return keys | {("local", local) for local in person.locals}


def _pairs(people: Sequence[_Read], block: Sequence[int], of: str | None) -> Iterator[tuple[int, int]]:
    for one, other in combinations(block, 2):
        if of is None or of in {people[one].person.id, people[other].person.id}:
            yield one, other


def _compared(one: _Read, other: _Read) -> Suggestion:
    name = _names(one, other)
    number = max((_numbers(a, b) for a in one.digits for b in other.digits), default=None)
    shared = one.locals & other.locals
    account = one.person.account is not None and one.person.account == other.person.account
    if number:
        likeness = 0.45 * name + 0.55 * number
    elif number is None or shared or account:
        likeness = NAME_ALONE * name + (0.1 if shared or account else 0)
    else:
        likeness = OTHER_NUMBER * name  # two numbers, and not alike: maybe father and son
    why = [f"names {name:.2f}"]
    why += [f"numbers {number:.2f}"] if number else []
    why += ["same address but for its domain"] if shared else []
    why += ["same account"] if account else []
    return Suggestion(one.person.id, other.person.id, round(likeness, 3), ", ".join(why))


def _names(one: _Read, other: _Read) -> float:
    """Likeness of names, whatever the order of their words."""
    if not one.name or not other.name:
        return 0.0
    return max(JaroWinkler.similarity(one.name, other.name), _by_words(one.tokens, other.tokens))


def _by_words(one: Sequence[str], other: Sequence[str]) -> float:
    """Each word of the shorter name with the one it is likest to; an initial is as good as nine tenths of the word."""
    few, many = (one, other) if len(one) <= len(other) else (other, one)
    if len(few) < 2:  # noqa: PLR2004  # one word alone is half a name
        return 0.0
    left = list(many)
    total = 0.0
    for word in few:
        best = max(left, key=lambda candidate: _words(word, candidate))
        total += _words(word, best)
        left.remove(best)
    return total / len(few)


def _words(one: str, other: str) -> float:
    if 1 in (len(one), len(other)):
        return ONE_SLIP if one[0] == other[0] else 0.0
    return float(JaroWinkler.similarity(one, other))


def _numbers(one: str, other: str) -> float:
    """1 for the same number, less for one slip (a digit wrong, left out, or two swapped), else 0."""
    if one == other:
        return 1.0
    return ONE_SLIP if OSA.distance(one, other, score_cutoff=1) == 1 else 0.0
