"""`python -m tests.chaos --seconds 300 --workers 2`: exit 1 when a promise was broken, and then the folder stays."""

import argparse
import faulthandler
import logging
import shutil
import signal
import sys
import tempfile
import uuid
from pathlib import Path

from pipeline.embedded import install

from .run import run

SHOWN = 40
"""Breaches that are printed; the folder holds the rest."""


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", default=uuid.uuid4().hex[:8], help="repeats the choices, not the moments")
    parser.add_argument("--keep", action="store_true", help="keep the folder whatever comes")
    arguments = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away is no news here
    install.kafka()
    folder = Path(tempfile.mkdtemp(prefix="casestream-chaos-"))
    report = run(folder, seconds=arguments.seconds, workers=arguments.workers, seed=arguments.seed, say=_say)
    for line in report.lines:
        _say(line)
    (folder / "wrong.txt").write_text("\n".join(report.wrong))
    for line in report.wrong[:SHOWN]:
        _say(f"WRONG {line}")
    if report.wrong or arguments.keep:
        _say(f"kept {folder}")
    else:
        shutil.rmtree(folder)
    _say(report.last or "chaos: it did not begin")
    return 1 if report.wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
