"""Adds business time a million times in one process.

    python bench/business_time.py [--adds NUMBER]

Half with office hours and the holidays of a country, half with several spans a day around the clock changes; each
deadline between a minute and sixty days away.
"""

import argparse
import random
import time
from datetime import UTC, datetime, timedelta

from pipeline.config.calendars import Calendar

DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {"hours": {day: [["08:00", "18:00"]] for day in DAYS}, "country": "DE", "subdivision": "BY"}
SPLIT = {"hours": {day: [["08:00", "12:00"], ["13:00", "17:00"], ["20:00", "24:00"]] for day in DAYS}}
WANTED = 1_000_000 / 20


def main() -> None:
    """Print how long it took, and the rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adds", type=int, default=1_000_000)
    adds = parser.parse_args().adds
    calendars = [Calendar.model_validate(hours).build("Europe/Berlin") for hours in (OFFICE, SPLIT)]
    chance = random.Random(7)  # noqa: S311  # no secret
    start = datetime(2026, 1, 1, tzinfo=UTC)
    asked = [
        (start + timedelta(seconds=chance.randrange(365 * 86400)), timedelta(seconds=chance.randrange(60, 5_184_000)))
        for _ in range(1000)
    ]
    began = time.perf_counter()
    for number in range(adds):
        calendars[number % 2].add(*asked[number % 1000])
    took = time.perf_counter() - began
    print(f"{adds} adds in {took:.1f} s")
    print(f"calendar: {adds / took:.0f} per s, ratio {adds / took / WANTED:.2f} to a million in 20 s")


if __name__ == "__main__":
    main()
