"""A consumer that keeps the example's copy of open cases, and notes every event that it was given, in one transaction.

python -m tests.chaos.recorder PATH URL TOKEN
"""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from pipeline.client import Consumer, SqliteCheckpoint

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "open_cases.py"
TABLE = "CREATE TABLE IF NOT EXISTS told (ord INTEGER PRIMARY KEY, id TEXT, key TEXT, sequence INTEGER)"


def example() -> ModuleType:
    """The example's own code."""
    spec = importlib.util.spec_from_file_location("open_cases", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def main(path: str, url: str, token: str) -> None:
    """Until it is killed."""
    program = example()
    checkpoint = SqliteCheckpoint(path)
    checkpoint.db.execute(program.TABLE)
    checkpoint.db.execute(TABLE)
    async with Consumer(url, token, checkpoint=checkpoint, begin="start") as events:
        async for event in events:
            program.apply(checkpoint.db, event)
            row = (event.id, event.key, event.sequence)
            checkpoint.db.execute("INSERT INTO told (id, key, sequence) VALUES (?, ?, ?)", row)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
