"""Imports records as one set: judged beside what is known, written whole or, if asked, without what is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import stamina
from uuid_utils.compat import uuid7

from pipeline.domain.importing import Claim, Decision, Holder, Known, Line, decide
from pipeline.domain.reference import Account, Key
from pipeline.errors import Retry
from pipeline.reference.kinds.all import KINDS
from pipeline.reference.names import Names
from pipeline.reference.reading import Wrong, read_records
from pipeline.store.reference_ports import (
    HeldIdentity,
    ReferenceChanges,
    ReferenceStore,
    WantedRecords,
    WrittenRecord,
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of each line, and whether anything was written."""

    decisions: Sequence[Decision]
    written: bool

    @property
    def refused(self) -> int:
        """How many lines were refused."""
        return sum(decision.outcome == "refused" for decision in self.decisions)


class Importer:
    """Writes records into a store, each import a transaction; the same file again changes nothing."""

    def __init__(self, store: ReferenceStore) -> None:
        self._store = store

    async def __call__(
        self, lines: Sequence[Line], *, at: datetime, partial: bool = False, dry_run: bool = False
    ) -> Imported:
        """Import the lines: all, or with `partial` those that are not refused. Raises Retry when the store is away."""
        async for attempt in stamina.retry_context(on=Retry, attempts=5, timeout=60.0, wait_initial=0.05):
            with attempt:
                return await self._import(lines, at=at, partial=partial, dry_run=dry_run)
        raise AssertionError("the last attempt raises")

    async def _import(self, lines: Sequence[Line], *, at: datetime, partial: bool, dry_run: bool) -> Imported:
        async with self._store.transaction() as tx:
            known = await tx.known(wanted_by(lines))
            decisions = decide(lines, known)
            refused = any(decision.outcome == "refused" for decision in decisions)
            if dry_run or (refused and not partial):
                return Imported(decisions, written=False)
            await tx.write(changes_of(decisions, known), at)
            return Imported(decisions, written=True)


def read_known(paths: Sequence[Path], names: Names) -> tuple[Sequence[Line], Sequence[Wrong]]:
    """The records of some files for a desk that knows none yet, and everything that is wrong with them."""
    reading = read_records(paths, names)
    refused = [
        Wrong(one.line.file, one.line.number, *one.line.record.key, one.reason)
        for one in decide(reading.lines, Known())
        if one.outcome == "refused"
    ]
    return reading.lines, sorted([*reading.wrong, *refused], key=lambda wrong: (wrong.file, wrong.number or 0))


def wanted_by(lines: Sequence[Line]) -> WantedRecords:
    """What the store is asked before the lines are judged."""
    records: dict[str, set[str]] = {}
    references: dict[str, set[str]] = {}
    for line in lines:
        record = line.record
        records.setdefault(record.kind, set()).add(record.external_id)
        for _, (kind, name) in record.references():
            references.setdefault(kind, set()).add(name)
        if record.model is not None:
            records.setdefault(record.model[0], set()).add(record.model[1])
    return WantedRecords(
        records=records,
        identities={identity for line in lines for identity in line.record.identities},
        domains={one for line in lines if isinstance(line.record, Account) for one in line.record.domains},
        references=references,
        parents_of={line.record.kind for line in lines if line.record.above is not None},
    )


def changes_of(decisions: Iterable[Decision], known: Known) -> ReferenceChanges:
    """What is written of the decisions; a new record gets its id here."""
    changes = ReferenceChanges()
    records: dict[str, list[WrittenRecord]] = {kind: [] for kind in KINDS}
    ids: dict[Key, UUID] = {}
    taken = [decision for decision in decisions if decision.outcome in {"created", "updated"}]
    for decision in taken:
        record = decision.record
        stored = known.records.get(record.key)
        ids[record.key] = stored.id if stored else decision.adopts or uuid7()
        records[record.kind].append(WrittenRecord(ids[record.key], record, adopted=decision.adopts is not None))
        changes.dropped += decision.drops
    held = {claim.identity: _held(claim, ids, known) for decision in taken for claim in decision.claims}
    changes.records = {kind: written for kind, written in records.items() if written}
    changes.new = [one for one in held.values() if one.identity not in known.holders]
    changes.moved = [one for one in held.values() if one.identity in known.holders]
    changes.dropped = [identity for identity in changes.dropped if identity not in held]
    return changes


def _held(claim: Claim, ids: dict[Key, UUID], known: Known) -> HeldIdentity:
    holder = claim.holder
    return HeldIdentity(claim.identity, holder.kind, _id(holder, ids, known), "shared" if claim.shared else "import")


def _id(holder: Holder, ids: dict[Key, UUID], known: Known) -> UUID:
    """The id of who gets an identity: that of a new record, else of a known one, or of what that was merged into."""
    if holder.id is not None:
        return holder.id
    key = (holder.kind, holder.external_id or "")
    if stored := known.records.get(key):
        return stored.holder
    return ids[key] if key in ids else known.keys[key]
