"""Finds what was settled before."""

from collections.abc import Mapping

from pipeline.agents.batch import Batch, Incoming
from pipeline.domain.duplicates import digest, same_text, within_window
from pipeline.domain.outcomes import Duplicate
from pipeline.store.ports import StoredMessage, Transaction

VARIANT = "variant"
"""The flag of a mail of whose Message-ID, sender and date another text came before."""


class Dedupe:
    """Marks duplicates; a mail of the same name with another text is kept, as a variant."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Decide on the rows read under the claim of each key, so that no cache is needed."""
        here: dict[str, Incoming] = {}
        for message in batch.undecided():
            stored, earlier = _settled_before(message, batch, here)
            if stored is not None and message.about is None and not same_text(message.text, stored.body):
                self._keep_variant(message, batch, here)
            elif stored is not None:
                message.outcome = Duplicate(f"settled before as {stored.id}", stored.id)
                message.original, message.original_case_id = earlier, stored.case_id
            if message.outcome is None:
                here[message.dedupe_key] = message

    def _keep_variant(self, message: Incoming, batch: Batch, here: dict[str, Incoming]) -> None:
        message.dedupe_key = variant_key(message)
        stored = batch.facts.messages.get(message.dedupe_key)
        earlier = here.get(message.dedupe_key)
        if stored is not None or earlier is not None:
            of = stored.id if stored is not None else earlier.id if earlier is not None else message.id
            message.outcome = Duplicate(f"settled before as {of}", of)
            message.original, message.original_case_id = earlier, stored.case_id if stored is not None else None
        else:
            message.flags += (VARIANT,)


def variant_key(message: Incoming) -> str:
    """The key under which a mail is kept whose own key another text has taken."""
    return digest("variant", message.dedupe_key, message.text)


def _settled_before(
    message: Incoming, batch: Batch, here: Mapping[str, Incoming]
) -> tuple[StoredMessage | None, Incoming | None]:
    """What is stored under a key of the message, or will be; in the second case also that message of the batch."""
    if message.dedupe_genuine is not None:  # it may hide behind the genuine mail, and never takes its place
        stored, earlier = _under(message.dedupe_genuine, batch, here)
        if stored is not None and same_text(message.text, stored.body):
            return stored, earlier
    for key in (message.dedupe_key, *message.dedupe_near):
        stored, earlier = _under(key, batch, here)
        if stored is not None and (
            not message.dedupe_near or within_window(message.received, stored.received_at, message.dedupe_window_s)
        ):
            return stored, earlier
    return None, None


def _under(key: str, batch: Batch, here: Mapping[str, Incoming]) -> tuple[StoredMessage | None, Incoming | None]:
    earlier = here.get(key)
    if earlier is not None:
        return StoredMessage(earlier.id, earlier.received, None, earlier.text), earlier
    return batch.facts.messages.get(key), None
