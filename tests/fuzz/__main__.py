"""Fuzz one parser by hand: `python -m tests.fuzz email --seconds 600`.

Guided by coverage, with atheris (`pip install --group fuzz`). It begins with an example of each kind, what was found
before, in `build/fuzz/TARGET`, and the files of `--seeds`; it ends at the first input that raises, takes more than 2 s
or 512 MB, and leaves that input there as `crash-…` or `timeout-…`.
"""

import argparse
import sys
from pathlib import Path

LONGEST = 16_384


def main() -> None:
    """Read the arguments and hand over to libFuzzer, which ends the process."""
    try:
        import atheris  # noqa: PLC0415 - only here is it needed
    except ImportError:
        sys.exit("atheris is missing: pip install --group fuzz")
    with atheris.instrument_imports(include=["pipeline.parse"]):
        from tests.fuzz.seeds import SEEDS  # noqa: PLC0415 - instrumented as they are imported
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - the same
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seeds", type=Path, nargs="*", default=[], help="directories of files to begin with")
    arguments = parser.parse_args()
    folder = Path("build", "fuzz", arguments.target)
    found = folder / "found"
    found.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS.get(arguments.target, ())):
        (found / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={arguments.seconds}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={folder}/",
        "-timeout=2",
        "-rss_limit_mb=512",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(found), *map(str, arguments.seeds), *options], TARGETS[arguments.target])
    atheris.Fuzz()


main()
