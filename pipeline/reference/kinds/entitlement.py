"""What a file may say of an entitlement, and of a template that makes some."""

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.domain.agreed import EntitlementRecord, TemplateRecord
from pipeline.domain.entitlement import CHANNELS, State, channel_of
from pipeline.reference.kinds.told import Id, Told, Words
from pipeline.reference.names import Names

_AT = {"open": "open", "opening": "open", "resolution": "resolution", "resolve": "resolution", "resolved": "resolution"}

Amount = Annotated[float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]


def _channels(value: object) -> object:
    """The totals by channel, in a spreadsheet as `phone=10;web=5`; other names of a channel are that channel."""
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.replace("|", ";").split(";") if part.strip()]
        value = {channel.strip(): amount.strip() for channel, _, amount in pairs}
    if not isinstance(value, Mapping):
        return {} if value is None else value
    found: dict[str, Any] = {}
    for name, amount in value.items():
        channel = channel_of(str(name))
        if channel is None:
            raise ValueError(f'there is no channel "{name}"; there are: {", ".join(CHANNELS)}')
        if channel in found:
            raise ValueError(f'"{name}" counts as {channel}, which is there already; keep one of them')
        found[channel] = amount
    return found


def _moment(value: object) -> object:
    """A day or an instant, as ISO 8601 says it."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value) if len(value) == len("2026-01-01") else datetime.fromisoformat(value)
    except ValueError:
        says = f'"{value}" is neither a day like "2026-01-01" nor an instant like "2026-01-01T12:00:00+01:00"'
        raise ValueError(says) from None


def _decrement(value: object) -> object:
    return _AT.get(value, value) if isinstance(value, str) else value


def _no_end(moment: datetime | date | None) -> datetime | date | None:
    """Many systems write the last day there is for "without end"; what ends with the first day never was."""
    if moment is not None and moment.year == MINYEAR:
        raise ValueError(f"{moment.isoformat()} is no day on which it ends")
    return None if moment is None or moment.year == MAXYEAR else moment


def _no_start(moment: datetime | date | None) -> datetime | date | None:
    """The same for the first day there is, and "from ever"."""
    if moment is not None and moment.year == MAXYEAR:
        raise ValueError(f"{moment.isoformat()} is no day on which it begins")
    return None if moment is None or moment.year == MINYEAR else moment


Start = Annotated[datetime | date | None, BeforeValidator(_moment), AfterValidator(_no_start)]
End = Annotated[datetime | date | None, BeforeValidator(_moment), AfterValidator(_no_end)]
_DECREMENT = Literal["open", "resolution"]


class _ToldTerms(Told):
    """The terms, which an entitlement and a template have alike."""

    allotment: Literal["cases", "hours"] = "cases"
    total: Amount | None = None
    channels: Annotated[Mapping[str, Amount], BeforeValidator(_channels)] = {}
    only_listed: bool = False
    decrement_on: Annotated[_DECREMENT, BeforeValidator(_decrement)] = "open"
    restrict: bool = True
    products: Words = ()
    sla: Id | None = None

    lists: ClassVar[frozenset[str]] = frozenset({"products"})

    def wrong(self, names: Names) -> Iterator[str]:
        """What the configuration says against it."""
        yield from names.unknown("[[sla]]", [self.sla] if self.sla else [], names.slas)

    def agreed(self, *but: str) -> dict[str, Any]:
        """What is told of the record, lists in one order."""
        values = self.values(*but)
        for name in {"products", "contacts"} & values.keys():
            values[name] = tuple(sorted(set(values[name])))
        return values


class ToldTemplate(_ToldTerms):
    """Terms that are agreed often."""

    kind: Literal["entitlement_template"]

    def record(self, names: Names) -> TemplateRecord:  # noqa: ARG002  # every kind has this form
        """The record that is told."""
        return TemplateRecord(**self.agreed())


class ToldEntitlement(_ToldTerms):
    """What support a customer has bought: an account, contacts, or whoever has a device."""

    kind: Literal["entitlement"]
    account: Id | None = None
    contacts: Words = ()
    device: Id | None = None
    state: State = "active"
    start: Annotated[Start, Field(alias="from")] = None
    end: Annotated[End, Field(alias="to")] = None
    default: bool = False
    template: Id | None = None

    lists: ClassVar[frozenset[str]] = frozenset({"products", "contacts"})

    def record(self, names: Names) -> EntitlementRecord:
        """The record that is told; its last day is part of it."""
        values = self.agreed("start", "end")
        zone = ZoneInfo(names.timezone)
        told = {"starts": ("start", _instant(self.start, zone)), "ends": ("end", _instant(self.end, zone, after=1))}
        for name, (said, moment) in told.items():
            if said in self.model_fields_set:
                values[name] = moment
                values["given"] |= {name}
        return EntitlementRecord(**values)


def _instant(moment: datetime | date | None, zone: ZoneInfo, *, after: int = 0) -> datetime | None:
    """A day as the midnight at which it begins or, some days `after`, ends; what has no offset is the desk's time."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        return datetime.combine(moment + timedelta(days=after), time(), zone)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
