"""Importing: what becomes of records that other systems tell, beside what is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from pipeline.domain.matching import Identity
from pipeline.domain.reference import Account, Contact, Key, Record

Outcome = Literal["created", "updated", "unchanged", "refused"]

_CALLED = {"email": "address", "phone": "number", "social": "handle", "device": "device"}


@dataclass(frozen=True, slots=True)
class Line:
    """A record, and where it is told."""

    file: str
    number: int
    record: Record

    @property
    def place(self) -> str:
        """As other lines name it."""
        return f"line {self.number} of {self.file}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose an identity is: a stored record's by `id`, or that of one told in the same import.

    `account` is the external id of a contact's account; `imported` holds when the identity came by an import.
    """

    kind: str
    id: UUID | None
    external_id: str | None
    account: str | None = None
    imported: bool = False

    @property
    def is_unnamed(self) -> bool:
        """Whether it is a contact that a message made, and no other system knows of."""
        return self.kind == "contact" and self.external_id is None

    def is_same(self, other: "Holder") -> bool:
        """Whether both are one record."""
        named = self.external_id is not None and self.external_id == other.external_id
        return self.kind == other.kind and (named or (self.id is not None and self.id == other.id))


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it is known; `holder` is whose its identities are: its own, or that it was merged into."""

    id: UUID
    holder: UUID
    record: Record
    identities: frozenset[Identity] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows about what an import names.

    `keys` are the ids of records that others name, `above` tells each record's parent, of the kinds that have some.
    """

    records: Mapping[Key, Stored] = field(default_factory=dict)
    holders: Mapping[Identity, Holder] = field(default_factory=dict)
    domains: Mapping[str, str | None] = field(default_factory=dict)
    keys: Mapping[Key, UUID] = field(default_factory=dict)
    above: Mapping[Key, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """An identity that gets a holder: `moved` from someone else, `shared` by contacts of the account that holds it."""

    identity: Identity
    holder: Holder
    moved: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a line; `record` is what is known after it, `adopts` the unnamed contact that it gives a name."""

    line: Line
    outcome: Outcome
    reason: str
    record: Record
    adopts: UUID | None = None
    claims: tuple[Claim, ...] = ()
    drops: tuple[Identity, ...] = ()


def decide(lines: Sequence[Line], known: Known) -> list[Decision]:
    """What becomes of each line when all that are not refused are written as one."""
    refused = dict(_doubled(lines))
    while True:
        while more := {
            **_dangling(lines, known, refused),
            **_looped(lines, known, refused),
            **_contradicting(lines, known, refused),
        }:
            refused |= more
        judged = _Identities(lines, known, refused)
        if not judged.refused:
            break
        refused |= judged.refused
    return [_decided(place, line, known, refused, judged) for place, line in enumerate(lines)]


def _decided(place: int, line: Line, known: Known, refused: Mapping[int, str], judged: "_Identities") -> Decision:
    stored = known.records.get(line.record.key)
    if place in refused:
        return Decision(line, "refused", refused[place], line.record)
    record = _after(line, known, judged.told)
    claims, drops = tuple(judged.claims.get(place, ())), tuple(judged.drops.get(place, ()))
    adopts = judged.adopts.get(place)
    notes = [*line.record.notes, *judged.notes.get(place, ())]
    same = stored is not None and record == stored.record and not claims and not drops
    outcome: Outcome = "unchanged" if same else "updated" if stored or adopts else "created"
    return Decision(line, outcome, "; ".join(notes), record, adopts, claims, drops)


def _after(line: Line, known: Known, told: Mapping[Key, Line]) -> Record:
    """What is known of a line's record once it is imported; a new one is made of its model, where it has one."""
    stored = known.records.get(line.record.key)
    record = line.record.onto(stored.record if stored else None)
    if stored is not None or record.model is None:
        return record
    model = known.records.get(record.model)
    by = _after(told[record.model], known, {}) if record.model in told else model.record if model else None
    return record.like(by, line.record.given)


def _contradicting(lines: Sequence[Line], known: Known, refused: Mapping[int, str]) -> dict[int, str]:
    """Lines whose record contradicts itself, one that is known, or one of an earlier line."""
    told = {line.record.key: line for place, line in enumerate(lines) if place not in refused}
    rivals: dict[object, list[Record]] = {}
    for key, stored in known.records.items():
        if key not in told and stored.record.rivals is not None:
            rivals.setdefault((key[0], stored.record.rivals), []).append(stored.record)
    found: dict[int, str] = {}
    for place, line in enumerate(lines):
        if place in refused:
            continue
        record = _after(line, known, told)
        others = rivals.setdefault((record.kind, record.rivals), []) if record.rivals is not None else []
        says = record.unsound() or next(filter(None, map(record.contradicts, others)), None)
        if says:
            found[place] = says
        elif record.rivals is not None:
            others.append(record)
    return found


def _doubled(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """Lines whose record an earlier line tells already."""
    first: dict[Key, Line] = {}
    for place, line in enumerate(lines):
        earlier = first.setdefault(line.record.key, line)
        if earlier is not line:
            yield place, f"{_name(line.record.key)} is told on {earlier.place} already; keep one of them"


def _dangling(lines: Sequence[Line], known: Known, refused: Mapping[int, str]) -> dict[int, str]:
    """Lines that name a record that is neither known nor told; forward references are fine."""
    told = {line.record.key for place, line in enumerate(lines) if place not in refused}
    found: dict[int, str] = {}
    for place, line in enumerate(lines):
        if place in refused:
            continue
        for name, key in line.record.references():
            if key not in told and key not in known.keys:
                found[place] = f'"{name}" names {_name(key)}, which is neither known nor in these files; import it too'
    return found


def _looped(lines: Sequence[Line], known: Known, refused: Mapping[int, str]) -> dict[int, str]:
    """Lines that put a record below itself."""
    above = dict(known.above)
    places: dict[Key, int] = {}
    for place, line in enumerate(lines):
        record = line.record
        if place not in refused and record.parent_field in record.given:
            places[record.key] = place
            above.pop(record.key, None)
            if record.above is not None:
                above[record.key] = record.above
    sound: set[Key] = set()
    found: dict[int, str] = {}
    for start in places:
        way: dict[Key, None] = {}
        key = start
        while key in above and key not in way and key not in sound:
            way[key] = None
            key = (key[0], above[key])
        if key in way:
            loop = [*way][[*way].index(key) :]
            chain = " → ".join(f'"{name}"' for _, name in (*loop, loop[0]))
            says = f"it is above itself: {chain}; give one of them another {lines[places[start]].record.parent_field}"
            found |= {places[one]: says for one in loop if one in places}
        sound |= way.keys()
    return found


class _Identities:
    """Whose each address, number, handle and domain is after the import, line by line."""

    def __init__(self, lines: Sequence[Line], known: Known, refused: Mapping[int, str]) -> None:
        self.refused: dict[int, str] = {}
        self.told = {line.record.key: line for place, line in enumerate(lines) if place not in refused}
        self.claims: dict[int, list[Claim]] = {}
        self.drops: dict[int, list[Identity]] = {}
        self.adopts: dict[int, UUID] = {}
        self.notes: dict[int, list[str]] = {}
        self._known = known
        self._adopted: dict[UUID, Holder] = {}
        self._holders = dict(known.holders)
        self._domains = dict(known.domains)
        accepted = [(place, line) for place, line in enumerate(lines) if place not in refused]
        self._accounts = {
            line.record.external_id: line.record.account
            for _, line in accepted
            if isinstance(line.record, Contact) and "account" in line.record.given
        }
        for place, line in accepted:
            self._give_up(place, line.record)
        for place, line in accepted:
            if says := self._claim(place, line.record):
                self.refused[place] = says

    def _give_up(self, place: int, record: Record) -> None:
        """What came by an import and is not listed any more goes; what a message told stays."""
        stored = self._known.records.get(record.key)
        if stored is None:
            return
        gone = [
            one for one in sorted(stored.identities) if one.kind in record.known_by and one not in record.identities
        ]
        if gone:
            self.drops[place] = gone
            for identity in gone:
                self._holders.pop(identity, None)
        if isinstance(record, Account) and isinstance(stored.record, Account) and "domains" in record.given:
            for domain in {*stored.record.domains} - {*record.domains}:
                self._domains.pop(domain, None)

    def _claim(self, place: int, record: Record) -> str | None:
        """Give the record what it names, unless something of it is someone else's; why, if so."""
        if says := self._foreign_domain(record):
            return says
        me = self._holder_of(record)
        claims: list[Claim] = []
        notes: list[str] = []
        adopts: UUID | None = None
        for identity in record.identities:
            holder = self._now(identity)
            if holder is not None and holder.is_unnamed and me.kind == "contact" and me.id is None:
                adopts = holder.id
                me = replace(me, id=holder.id)
                notes.append("a message had made this contact before; it keeps its cases")
            if holder is not None and holder.is_same(me):
                continue
            claim = _settled(identity, me, holder)
            if isinstance(claim, str):
                return claim
            claims += [claim] if claim else []
            notes += _noted(claim, holder)
        if isinstance(record, Account):
            self._domains |= dict.fromkeys(record.domains, record.external_id)
        self._holders |= {claim.identity: claim.holder for claim in claims}
        if adopts is not None:
            self.adopts[place] = adopts
            self._adopted[adopts] = me
        self.claims[place], self.notes[place] = claims, notes
        return None

    def _now(self, identity: Identity) -> Holder | None:
        holder = self._holders.get(identity)
        return self._adopted.get(holder.id, holder) if holder is not None and holder.id is not None else holder

    def _holder_of(self, record: Record) -> Holder:
        stored = self._known.records.get(record.key)
        account = None
        if isinstance(record, Contact):
            known = stored.record.account if stored and isinstance(stored.record, Contact) else None
            account = self._accounts.get(record.external_id, known)
        return Holder(record.kind, stored.holder if stored else None, record.external_id, account, imported=True)

    def _foreign_domain(self, record: Record) -> str | None:
        for domain in record.domains if isinstance(record, Account) else ():
            owner = self._domains.get(domain, record.external_id)
            if owner != record.external_id:
                return f'the domain {domain} is that of account "{owner}"; it belongs to one alone, take it away there'
        return None


def _settled(identity: Identity, me: Holder, holder: Holder | None) -> Claim | str | None:
    """The claim of an identity beside who holds it; None where it may stay, else why it is refused."""
    if holder is None:
        return Claim(identity, me)
    if holder.is_unnamed:
        return Claim(identity, me, moved=True)
    if me.kind == "account" and holder.kind == "contact" and holder.account == me.external_id:
        return Claim(identity, me, moved=True)
    if me.kind == "contact" and me.account is not None:
        if holder.kind == "account" and holder.external_id == me.account:
            return None  # what an account shares with its people points to the account
        if identity.kind == "phone" and holder.kind == "contact" and holder.account == me.account:
            account = Holder("account", None, me.account)
            return Claim(identity, account, moved=True, shared=True)
    whose = f'{holder.kind} "{holder.external_id or holder.id}"'
    hint = "give it to their account instead" if {me.kind, holder.kind} == {"contact"} else "take it away there first"
    return f"the {_CALLED.get(identity.kind, identity.kind)} {identity.value} is that of {whose}; {hint}"


def _noted(claim: Claim | None, holder: Holder | None) -> list[str]:
    if claim is None or holder is None:
        return []
    if claim.shared:
        return [f'{claim.identity.value} is shared, and so is that of account "{claim.holder.external_id}"']
    if holder.is_unnamed:
        return [
            f"{claim.identity.value} was that of contact {holder.id}, whom a message had made; merge them if need be"
        ]
    return [f'{claim.identity.value} was that of {holder.kind} "{holder.external_id}"']


def _name(key: Key) -> str:
    return f'{key[0]} "{key[1]}"'
