"""Suggests contacts that may be one person; nothing is ever merged by it."""

from pipeline.agents.people.likeness import Suggestion, suggestions
from pipeline.store.contact_ports import People


class Suggestions:
    """Compares all contacts of a desk, or one with all others."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def __call__(self, contact: str | None, *, least: float, most: int) -> list[Suggestion]:
        """The likest pairs; of one contact only, named by its id, address or number.

        Raises LookupError when there is no such contact, Retry when the store is away.
        """
        people = await self._people()
        of = None
        if contact is not None:
            named = (one for one in people if contact in {one.id, *one.addresses, *one.numbers})
            found = next(named, None)
            if found is None:
                raise LookupError(f'there is no contact "{contact}"; name one by its external id, address or number')
            of = found.id
        return suggestions(people, least=least, of=of)[:most]
