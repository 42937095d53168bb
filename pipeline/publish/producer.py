"""The end of a producer whose batches must not be sent any more."""

import asyncio

from aiokafka import AIOKafkaProducer


async def drop(producer: AIOKafkaProducer) -> None:
    """Cut the connections; nothing that waits in the producer is sent any more."""
    producer._closed = True  # noqa: SLF001  # stop() would flush, and send old batches after newer ones
    if (task := producer._sender.sender_task) is not None:  # noqa: SLF001  # the same
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await producer.client.close()
