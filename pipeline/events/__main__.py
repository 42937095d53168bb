"""Writes the files in `docs` that say what events are (`make events`), and at a release what it promises of them.

python -m pipeline.events docs
python -m pipeline.events docs 0.2.0
"""

import sys
from pathlib import Path

from pipeline.events.files import documents
from pipeline.events.released import release

if __name__ == "__main__":
    folder, *versions = sys.argv[1:]
    for name, text in documents().items():
        (Path(folder) / name).write_text(text, "utf-8")
    for version in versions:
        with (Path(folder) / "events" / "released" / f"{version}.json").open("x", encoding="utf-8") as file:
            file.write(release())
