"""A supervisor whose parts are stand-ins: `standin.py up DATA CONFIG WORKERS`; any other verb is such a part."""

import os
import signal
import socket
import sys
from pathlib import Path

from pipeline.ready import announce

STUBBORN = "CASESTREAM_TEST_STUBBORN"
"""Names the verb whose part ignores SIGTERM."""


def up(data: str, config: str, workers: str) -> None:
    """What `casestream up` does, with this file as the command of the parts."""
    import typer  # noqa: PLC0415  # the parts need none of it

    from pipeline.commands.up import locked_desk  # noqa: PLC0415  # the same

    try:
        locked_desk(Path(data), Path(config), int(workers), casestream=(sys.executable, __file__))
    except typer.Exit as error:
        sys.exit(error.exit_code)


def part(verb: str) -> None:
    """A part that listens if it is called `connect` or `serve`, and does nothing until SIGTERM."""
    if os.environ.get(STUBBORN) == verb:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    address = None
    if verb in {"connect", "serve"}:
        listening = socket.create_server(("127.0.0.1", 0))
        address = "{}:{}".format(*listening.getsockname())
    announce(address)
    while True:
        signal.pause()


if __name__ == "__main__":
    up(*sys.argv[2:]) if sys.argv[1] == "up" else part(sys.argv[1])
