"""A process that we start, that logs to a file of its own, and that dies when we do."""

import asyncio
import ctypes
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Self

from pipeline.embedded import logs

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Child:
    """One running process; bound to no event loop."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str | Path],
        *,
        log: Path,
        on_our_death: Signals = SIGKILL,
        environment: Mapping[str, str] | None = None,
        account: tuple[int, int] | None = None,
        descriptors: Sequence[int] = (),
        input_file: Path = Path(os.devnull),
    ) -> Self:
        """Start `argv`; it gets `on_our_death` from the kernel when the thread that calls this ends.

        `account` is the user and group it runs under. It is in a process group of its own, so that Ctrl-C in a
        terminal reaches only us, and we stop everything in order. Raises OSError when it cannot be started.
        """
        logs.rotate(log)
        user, group = account or (None, None)
        with log.open("ab") as output, input_file.open("rb") as input_:
            process = subprocess.Popen(  # noqa: S603  # the programs are ours, there is no shell
                argv,
                stdin=input_,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                user=user,
                group=group,
                extra_groups=None if account is None else [],
                pass_fds=descriptors,
                process_group=0,
                preexec_fn=_die_with_us(os.getpid(), on_our_death),  # noqa: PLW1509  # we have no threads
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    async def wait(self) -> int:
        """Its exit code, once it ended; negative for a signal."""
        code = self._process.poll()
        if code is not None:
            return code
        descriptor = os.pidfd_open(self._process.pid)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return self._process.wait()

    def send(self, signal: Signals) -> None:
        """Send it a signal; harmless when it already ended."""
        self._process.send_signal(signal)

    async def stop(self, signal: Signals, seconds: float) -> None:
        """Ask it to end by `signal`; kill it when it has not ended after `seconds`."""
        self.send(signal)
        try:
            await asyncio.wait_for(self.wait(), seconds)
        except TimeoutError:
            self.send(SIGKILL)
            await self.wait()


def _die_with_us(parent: int, signal: Signals) -> Callable[[], None]:
    def in_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal))
        if os.getppid() != parent:  # we died before the line above
            os._exit(1)

    return in_child
