"""The figures that each connector tells Prometheus, each with a sentence."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.connectors.contract import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Healths = Callable[[], Mapping[str, Health]]
"""What each connector of a process did, by its name, as of now."""

_LABELS = ("connector", "source")


class ConnectorFigures(Collector):
    """Reads the figures when they are asked for; a connector that asks many sources tells of each."""

    def __init__(self, healths: Healths) -> None:
        self._healths = healths

    def collect(self) -> Iterable[Metric]:
        """Every figure of every source."""
        received = CounterMetricFamily(
            "casestream_connector_received", "Messages that a source offered since the start.", labels=_LABELS
        )
        published = CounterMetricFamily(
            "casestream_connector_published", "Messages that Kafka confirmed since the start.", labels=_LABELS
        )
        refused = CounterMetricFamily(
            "casestream_connector_refused",
            "Messages that were refused since the start, by reason; those with the reason retry come again.",
            labels=(*_LABELS, "reason"),
        )
        lag = GaugeMetricFamily(
            "casestream_connector_lag", "Messages that are known to wait at the source.", labels=_LABELS
        )
        success = GaugeMetricFamily(
            "casestream_connector_last_success_timestamp_seconds",
            "When a message was last confirmed, in seconds since 1970; absent before the first.",
            labels=_LABELS,
        )
        for connector, source, health in self._sources():
            labels = (connector, source)
            received.add_metric(labels, health.received)
            published.add_metric(labels, health.published)
            for reason, count in health.refused.copy().items():
                refused.add_metric((*labels, reason), count)
            lag.add_metric(labels, health.lag)
            if health.last_success is not None:
                success.add_metric(labels, health.last_success.timestamp())
        return (received, published, refused, lag, success)

    def _sources(self) -> Iterator[tuple[str, str, Health]]:
        for name, health in self._healths().items():
            if health.parts:
                yield from ((name, source, part) for source, part in health.parts.items())
            else:
                yield name, "", health


class RuleFigures(Collector):
    """Tells how often rules of routing failed, which is kept where cases are."""

    def __init__(self, failures: Mapping[str, int]) -> None:
        self._failures = failures

    def collect(self) -> Iterable[Metric]:
        """A figure for each rule that ever failed."""
        failed = CounterMetricFamily(
            "casestream_rule_failures",
            "Messages on which a rule of routing failed, and counted as no match.",
            labels=("rule",),
        )
        for rule, count in self._failures.items():
            failed.add_metric((rule,), count)
        return (failed,)


def exposition(healths: Healths, rule_failures: Mapping[str, int] | None = None) -> bytes:
    """All figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ConnectorFigures(healths))
    if rule_failures is not None:
        registry.register(RuleFigures(rule_failures))
    return generate_latest(registry)
