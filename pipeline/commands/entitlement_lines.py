"""How entitlements are told on a terminal, or as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import typer

from pipeline.commands.options import print_json
from pipeline.domain.entitlement import Entitlement, Terms, amount
from pipeline.store.entitlement_records import Held, LedgerRow


def print_held(held: Held, zone: ZoneInfo, *, json: bool) -> None:
    """Print an entitlement with what there is of its ledger."""
    if json:
        print_json(_told(held, zone))
    else:
        for line in _lines(held, zone):
            typer.echo(line)


def _told(held: Held, zone: ZoneInfo) -> Mapping[str, Any]:
    one, terms = held.entitlement, held.entitlement.terms
    return {
        "external_id": one.external_id,
        "state": one.state_at(datetime.now(UTC)),
        "idle": _idle(one, zone),
        "account": held.account,
        "contacts": held.contacts,
        "device": one.device,
        "products": sorted(one.products),
        "default": one.default,
        "from": one.starts and one.starts.astimezone(zone),
        "to": one.ends and one.ends.astimezone(zone),
        "sla": one.sla,
        "template": held.template,
        "renews": held.renews,
        "renewed_by": held.renewed_by,
        "allotment": terms.allotment,
        "decrement_on": terms.decrement_on,
        "restrict": terms.restrict,
        "only_listed": terms.only_listed,
        "total": _amount(terms, terms.total),
        "used": _amount(terms, one.used),
        "remaining": _amount(terms, one.remaining),
        "channels": {
            channel: {
                "total": _amount(terms, total),
                "used": _amount(terms, one.used_by.get(channel, 0)),
                "remaining": _amount(terms, one.remaining_on(channel)),
            }
            for channel, total in terms.channels.items()
        },
        "ledger": [
            {
                "at": row.at.astimezone(zone),
                "case": row.case,
                "transition": row.transition,
                "amount": _amount(terms, row.units),
                "channel": row.channel,
                "activity": row.activity,
                "remaining": _amount(terms, left),
            }
            for row, left in _balance(one, held.ledger)
        ],
    }


def _lines(held: Held, zone: ZoneInfo) -> Iterator[str]:
    """The entitlement in a line, its channels and terms in others, then its ledger as an account is told."""
    one, terms = held.entitlement, held.entitlement.terms
    left = (
        "without end"
        if one.remaining is None
        else f"{_shown(terms, one.remaining)} of {_shown(terms, terms.total)} left"
    )
    yield f"{one.external_id}  {one.state_at(datetime.now(UTC))}  {left} ({terms.allotment}){_run(one, zone)}"
    if (idle := _idle(one, zone)) is not None:
        yield f"  no case gets it: {idle}"
    yield f"  for {', '.join(_whose(held))}{'; the default' if one.default else ''}"
    for channel, total in sorted(terms.channels.items()):
        yield f"  {channel}: {_left(terms, one.remaining_on(channel), total)}"
    yield f"  {'; '.join(_conditions(held))}"
    for row, after in _balance(one, held.ledger):
        when = row.at.astimezone(zone).isoformat(" ", "seconds")
        rest = "" if after is None else f"  {_shown(terms, after):>8} left"
        moved = _shown(terms, -row.units, "+")
        yield f"  {when}  case {row.case}  {row.transition:<10}  {row.channel or '-':<8}  {moved:>8}{rest}"


def _idle(one: Entitlement, zone: ZoneInfo) -> str | None:
    """Why a case that opens now would not get it, whoever its customer is."""
    match one.state_at(datetime.now(UTC)):
        case "draft":
            return f"it is a draft, until `casestream entitlements activate {one.external_id}`"
        case "waiting":
            return f"it begins on {_day(one.starts, zone)}" if one.starts else "it waits to be activated"
        case "expired":
            return f"it expired after {_day(one.ends, zone, last=True)}" if one.ends else "it has expired"
        case "cancelled":
            return "it was cancelled"
    return "nothing is left" if one.terms.restrict and one.remaining is not None and one.remaining <= 0 else None


def _left(terms: Terms, remaining: int | None, total: int | None) -> str:
    return "without end" if total is None else f"{_shown(terms, remaining)} of {_shown(terms, total)} left"


def _whose(held: Held) -> Iterator[str]:
    if held.account is not None:
        yield f"account {held.account}"
    if held.contacts:
        yield f"contacts {', '.join(held.contacts)}"
    if held.entitlement.device is not None:
        yield f"device {held.entitlement.device}"


def _conditions(held: Held) -> Iterator[str]:
    one, terms = held.entitlement, held.entitlement.terms
    if terms.allotment == "hours":
        yield "billable time is drawn when a case is resolved"
    else:
        yield f"a case is drawn {'when it opens' if terms.decrement_on == 'open' else 'when it is resolved'}"
    if terms.only_listed:
        yield "only on these channels"
    yield "not below zero" if terms.restrict else "also below zero"
    if one.products:
        yield f"for {', '.join(sorted(one.products))} only"
    if one.sla:
        yield f"SLA {one.sla}"
    if held.renewed_by:
        yield f"renewed by {held.renewed_by}"


def _run(one: Entitlement, zone: ZoneInfo) -> str:
    starts = f" from {_day(one.starts, zone)}" if one.starts else ""
    return starts + (f" to {_day(one.ends, zone, last=True)}" if one.ends else "")


def _day(moment: datetime, zone: ZoneInfo, *, last: bool = False) -> str:
    """A midnight as the day that begins there or, of an end, the last day before it; else to the second."""
    local = moment.astimezone(zone)
    if local.time() != time():
        return local.isoformat(" ", "seconds")
    return (local.date() - timedelta(days=1 if last else 0)).isoformat()


def _balance(one: Entitlement, ledger: Sequence[LedgerRow]) -> Iterator[tuple[LedgerRow, int | None]]:
    left = one.terms.total
    for row in ledger:
        left = None if left is None else left - row.units
        yield row, left


def _amount(terms: Terms, units: int | None) -> int | float | None:
    return None if units is None else amount(terms, units)


def _shown(terms: Terms, units: int | None, sign: str = "") -> str:
    """Cases as a number, hours as hours and minutes."""
    if units is None:
        return "any"
    if terms.allotment == "cases":
        return f"{units:{sign}}"
    minutes, seconds = divmod(abs(units), 60)
    before = "-" if units < 0 else sign
    return f"{before}{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
