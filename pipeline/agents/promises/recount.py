"""Has promises reckoned anew that are configured otherwise than when they were made."""

import asyncio
from collections.abc import Collection

import structlog

from pipeline.errors import Retry
from pipeline.store.kpi import look_again

AGAIN_AFTER_S = 1.0

_log = structlog.get_logger()


class Recount:
    """Works once, when a clock starts; while the store is away it tries again."""

    def __init__(self, dsn: str, keys: Collection[str]) -> None:
        self._dsn = dsn
        self._keys = keys

    async def __call__(self) -> None:
        """Let the timers of such promises fire at once; what fires them notices why."""
        while True:
            try:
                found = await look_again(self._dsn, self._keys)
            except Retry as error:
                _log.warning("promises cannot be recounted yet", reason=str(error))
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            if found:
                _log.info("promises are configured otherwise now and reckoned anew", timers=found)
            return
