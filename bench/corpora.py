"""Scores parsers and business time by test data that others wrote, with a peer's score beside it.

    python bench/corpora.py [--scorers DIRECTORY] [SCRIPT ...]

Each scorer is a script that drives the built command from outside and ends a suite with a line like
`mail stalwart: 584/611`. Peers: Python's email package for mails, email-reply-parser for what was newly written.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from routing_corpus import figure

from pipeline.parse.numbers import e164

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("mail", "reply", "phone", "social", "iot", "webform", "calendar_vectors")
PEERS = {"mail": "Python's email", "reply": "email-reply-parser", "calendar_vectors": "a plain calendar"}

_FIGURE = re.compile(r"(.+): (\d+)/(\d+)")


def main() -> None:
    """Print a line a suite: the score, its share, the peer's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorers", type=Path, default=ROOT / ".." / "shared" / "acceptance")
    parser.add_argument("scripts", nargs="*", default=SCRIPTS, metavar="SCRIPT", help=" ".join(SCRIPTS))
    asked = parser.parse_args()
    if not asked.scorers.is_dir():
        sys.exit(f"{asked.scorers} is not there; name the folder of the scorers with --scorers")
    for script in asked.scripts:
        theirs = _figures(asked.scorers / f"{script}.py", "--baseline") if script in PEERS else {}
        for suite, (passed, total) in _figures(asked.scorers / f"{script}.py").items():
            beside = ""
            if suite in theirs:
                peer_passed, peer_total = theirs[suite]
                beside = f"   {PEERS[script]}: {peer_passed}/{peer_total} {peer_passed / peer_total:.1%}"
            print(f"{suite}: {passed}/{total} {passed / total:.1%}{beside}", flush=True)
    if "mail" in asked.scripts:
        passed, total = figure(asked.scorers / ".." / "corpora" / "otobo_mail" / "PostMaster")
        print(f"otobo PostMaster routing: {passed}/{total} {passed / total:.1%}")
    if "phone" in asked.scripts:
        _numbers(asked.scorers / ".." / "corpora" / "phone_numbers" / "libphonenumber_vectors.json")


def _numbers(vectors: Path) -> None:
    """Numbers as people write them; some vectors expect what belongs to another of their test, and are marked so."""
    asked = [vector for vector in json.loads(vectors.read_text("utf-8")) if vector["op"] == "parse"]
    passed = sum(e164(vector["input"], vector["region"]) == vector["e164"] for vector in asked)
    sound = [vector for vector in asked if vector["ok_real_metadata"]]
    of_sound = sum(e164(vector["input"], vector["region"]) == vector["e164"] for vector in sound)
    share = f"{passed / len(asked):.1%}"
    print(f"phone numbers: {passed}/{len(asked)} {share}   of those that hold with real plans: {of_sound}/{len(sound)}")


def _figures(script: Path, *options: str) -> dict[str, tuple[int, int]]:
    """Passed and total by suite; of a suite's lines the last is its figure."""
    command = [sys.executable, str(script), *options]
    environment = {"CASESTREAM": f"{sys.executable} -m pipeline", **os.environ}
    out = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=True).stdout
    lines = [line for line in out.splitlines() if line and not line.startswith(" ")]
    found = {m[1]: (int(m[2]), int(m[3])) for line in lines if (m := _FIGURE.fullmatch(line))}
    return {name: figure for name, figure in found.items() if name.split()[0] == script.stem.split("_")[0]}


if __name__ == "__main__":
    main()
