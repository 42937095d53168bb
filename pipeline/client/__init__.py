"""A consumer of a desk's events, for programs of your own: over HTTP or from Kafka, each event once, in order per case.

    checkpoint = SqliteCheckpoint("copy.db")
    async with Consumer("http://127.0.0.1:8025", token="cs_…", checkpoint=checkpoint) as events:
        async for event in events:
            checkpoint.db.execute("INSERT INTO heard VALUES (?, ?)", (event.id, event.name))

What you write to `checkpoint.db` is committed together with the place at which to go on, so that it is there exactly
once however often the program is killed. It imports nothing else of Casestream.
"""

from pipeline.client.checkpoint import Checkpoint as Checkpoint
from pipeline.client.checkpoint import MemoryCheckpoint as MemoryCheckpoint
from pipeline.client.checkpoint import SqliteCheckpoint as SqliteCheckpoint
from pipeline.client.consumer import Consumer as Consumer
from pipeline.client.errors import Away as Away
from pipeline.client.errors import Gone as Gone
from pipeline.client.errors import Refused as Refused
from pipeline.client.event import Event as Event
