"""Tells the supervisor that started this process that it is ready."""

import os

READY_FD = "CASESTREAM_READY_FD"
"""The environment variable that names the pipe to say it on."""


def announce(address: str | None = None) -> None:
    """Say, once, that this process does its work now and at which HOST:PORT; without a supervisor, say nothing."""
    pipe = os.environ.pop(READY_FD, None)
    if pipe is None:
        return
    with os.fdopen(int(pipe), "wb") as supervisor:
        supervisor.write(f"ready {address}\n".encode() if address else b"ready\n")
