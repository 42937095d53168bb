"""Writes the files in `docs` that say what events are: `make events`."""

import sys
from pathlib import Path

from pipeline.events.files import documents

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, text in documents().items():
        (folder / name).write_text(text, "utf-8")
