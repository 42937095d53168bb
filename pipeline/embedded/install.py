"""Makes sure that Kafka can be started on this machine."""

import sys

from pipeline.embedded import aot, jars


def kafka() -> None:
    """Fetch and prepare Kafka if it was not yet; takes half a minute once, then a tenth of a second at each start.

    Must be called outside an event loop. Raises Stop with one sentence when it cannot be had.
    """
    if not sys.stderr.isatty() or not jars.damaged(jars.cache_folder() / jars.RELEASE, jars.checksums()):
        jars.ensure(aot.train)
        return
    from rich.console import Console  # noqa: PLC0415  # only a first start on a terminal shows anything

    with Console(stderr=True).status("Fetching Apache Kafka 4.3.0, 44 MB, once …"):
        jars.ensure(aot.train)
