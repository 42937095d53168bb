"""Each topic: its name, key, partitions and retention."""

from dataclasses import dataclass, field

CHANNELS = ("email", "phone", "web", "social", "iot")

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as `casestream topics apply` creates it."""

    name: str
    key: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def inbound(channel: str) -> str:
    """The topic that the connectors of a channel publish to."""
    return f"inbound.{channel}"


EVENTS = "case.events"
STATE = "case.state"
DEAD = "inbound.dead"


def all_topics(replication: int) -> list[Topic]:
    """Every topic there is.

    With one replica an acknowledgement means fsync (`flush.messages=1`); with three it means two brokers hold it.
    Inbound records are kept until a janitor deletes what was settled 7 days ago, so `retention.ms` is -1.
    Of states, all but the last of a key is gone a day later, so that a case that was erased is.
    """
    durable = {"flush.messages": "1"} if replication == 1 else {"min.insync.replicas": "2"}
    return [
        *(Topic(inbound(channel), "conversation", 12, {"retention.ms": "-1", **durable}) for channel in CHANNELS),
        Topic(EVENTS, "case id", 12, {"retention.ms": str(30 * _DAY_MS), **durable}),
        Topic(STATE, "case id", 12, {"cleanup.policy": "compact", "max.compaction.lag.ms": str(_DAY_MS), **durable}),
        Topic(DEAD, "source", 1, {"retention.ms": str(30 * _DAY_MS), **durable}),
    ]
