"""Settles a dead letter after all, from its stored bytes, through the very steps of intake."""

from dataclasses import dataclass
from uuid import UUID

import stamina
import structlog

from pipeline.agents.intake import Intake
from pipeline.agents.reading.record import Reader, Unread
from pipeline.domain.outcomes import Dead
from pipeline.errors import CasestreamError, Retry
from pipeline.store.dead import DeadLetters, LetterStore

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a letter: `settled` with its outcome, `before` when it was settled earlier, else `dead` still."""

    letter: UUID
    state: str
    outcome: str | None
    case: int | None
    reason: str


class Retrial:
    """Retries dead letters, one transaction each; the offset ledger is not touched, it counted them when they died."""

    def __init__(self, letters: DeadLetters, store: LetterStore, reader: Reader, intake: Intake) -> None:
        self._letters = letters
        self._store = store
        self._reader = reader
        self._intake = intake

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

    async def __call__(self, letter: UUID) -> Verdict:
        """Settle the letter, or keep why it cannot be. Raises LookupError when there is none, Retry when asked to."""
        failure: Dead
        try:
            async for attempt in stamina.retry_context(on=Retry, attempts=5, timeout=30.0, wait_initial=0.05):
                with attempt:
                    verdict = await self._settle(letter)
                    if isinstance(verdict, Verdict):
                        return verdict
                    failure = verdict
        except (CasestreamError, LookupError):
            raise
        except Exception as error:  # noqa: BLE001  # a letter may meet the same surprise again
            failure = Dead(repr(error)[:500], "unexpected", "settle")
        await self._letters.failed_again(letter, failure)
        return Verdict(letter, "dead", None, None, failure.reason)

    async def _settle(self, letter: UUID) -> Verdict | Dead:
        async with self._store.transaction() as tx:
            found = await tx.lock_letter(letter)
            if found.head.state == "retried":
                return Verdict(letter, "before", None, None, "it was settled before")
            if found.head.place == "envelope":
                return Verdict(letter, "dead", None, None, "it is no envelope of Casestream, and cannot be retried")
            read = self._reader.read(found.record)
            if isinstance(read, Unread):
                return read.dead
            await self._intake([read], tx)
            await tx.mark_retried(letter)
        if read.outcome is None:
            raise AssertionError(f"no step decided on {read.source_id}")
        case = read.case.number if read.case else None
        _log.info("dead letter settled", letter=str(letter), message=str(read.id), case=case, outcome=read.outcome.name)
        return Verdict(letter, "settled", read.outcome.name, case, read.outcome.reason)
