"""What a rehearsal says of promises: every instance of a KPI, in order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pipeline.agents.promises.deadlines import seconds
from pipeline.domain.kpi import Instance
from pipeline.domain.sla import Terms


def kpis_by_case(
    promised: Iterable[tuple[int, Instance]], terms: Terms, now: datetime | None
) -> Mapping[int, list[dict[str, Any]]]:
    """The instances of each case, by its number, as they stand `now`."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for number, instance in promised:
        found[number].append(_kpi(number, instance, terms, instance.ended_at or now or instance.value))
    return found


def _kpi(number: int, instance: Instance, terms: Terms, now: datetime) -> dict[str, Any]:
    hours, is_due = terms.hours(instance), instance.is_open and not instance.is_paused
    return {
        "case": number,
        "name": instance.kpi,
        "sla": instance.sla,
        "state": instance.state,
        "counts_from": instance.value,
        "warn_at": instance.warn_at if is_due else None,
        "fail_at": instance.fail_at if is_due else None,
        "succeeded_at": instance.succeeded_at,
        "late": instance.late,
        "paused_s": seconds(instance.paused(now, hours)),
        "elapsed_s": seconds(instance.elapsed(now, hours)),
    }
