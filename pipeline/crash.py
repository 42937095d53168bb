"""Named points at which a process can be made to kill itself, for the tests of exactly-once."""

import os
import signal
from pathlib import Path


def crash_point(name: str) -> None:
    """Kill this process by SIGKILL when CASESTREAM_CRASH_AT names this point.

    CASESTREAM_CRASH_ONCE names a file that is made before the kill; where it exists already nothing happens, so that
    the process that follows goes on.
    """
    if os.environ.get("CASESTREAM_CRASH_AT") != name:
        return
    if once := os.environ.get("CASESTREAM_CRASH_ONCE"):
        try:
            Path(once).touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
