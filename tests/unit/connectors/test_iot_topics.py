"""What is remembered of topics stays small, whatever devices publish on."""

import gc
import tracemalloc
from pathlib import Path

from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.connectors.contract import Publisher
from pipeline.connectors.iot import IotConnector
from pipeline.connectors.space import FreeSpace
from pipeline.log import MemoryLog


def test_long_topics_do_not_fill_the_memory(tmp_path: Path) -> None:
    config = Config.model_validate({"device_feed": [{"name": "plant", "topics": ["plant/#"], "format": "json"}]})
    publisher = Publisher(MemoryLog(), BlobStore(tmp_path), FreeSpace(tmp_path, 0.15, share=lambda _: 1.0))
    connector = IotConnector(config, publisher)
    tracemalloc.start()
    try:
        for number in range(300):
            topic = f"plant/{number}/{'x' * 60_000}"
            assert connector._lane(topic) is connector._lane(topic)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000
