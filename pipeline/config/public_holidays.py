"""Public holidays of a country, as the package `holidays` knows them."""

import warnings
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache


def public_holidays(country: str, subdivision: str | None) -> Callable[[int], Mapping[date, str]]:
    """What names the holidays of a year. Raises ValueError for a country or subdivision that is not known."""
    import holidays  # noqa: PLC0415  # takes its time to load, and few commands need it

    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        raise ValueError(f'no public holidays are known of "{country}"; give them as holidays = ["2026-12-25"]')
    if subdivision is not None and subdivision not in known[country]:
        parts = f"there are: {', '.join(known[country])}" if known[country] else "it has none"
        raise ValueError(f'"{country}" has no subdivision "{subdivision}"; {parts}')
    return lambda year: _of_year(country, subdivision, year)


@lru_cache(maxsize=4096)
def _of_year(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    import holidays  # noqa: PLC0415  # the same reason

    with warnings.catch_warnings(action="ignore"):  # that the moon's holidays of far years are not known
        found = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)
        if "en_US" in found.supported_languages:  # not the language of whoever starts the process
            found = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False, language="en_US")
    return dict(found.items())
