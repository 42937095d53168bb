"""The figures that each part tells Prometheus, each with a sentence."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.connectors.contract import Health
from pipeline.departures import AllDepartures

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


class DepartureFigures(Collector):
    """Tells what left the desk, by the way it took."""

    def __init__(self, departures: AllDepartures) -> None:
        self._departures = departures

    def collect(self) -> Iterable[Metric]:
        """Every figure of every way out; none where nothing leaves."""
        sent = CounterMetricFamily("casestream_dispatch_sent", "Deliveries since the start.", labels=("way",))
        failed = CounterMetricFamily(
            "casestream_dispatch_failed",
            "Tries to deliver that failed since the start, by reason; most come again.",
            labels=("way", "reason"),
        )
        waiting = GaugeMetricFamily("casestream_dispatch_waiting", "Jobs that are due.", labels=("way",))
        lag = GaugeMetricFamily(
            "casestream_dispatch_lag_seconds", "For how long the oldest job has been due.", labels=("way",)
        )
        success = GaugeMetricFamily(
            "casestream_dispatch_last_success_timestamp_seconds",
            "When something was last delivered, in seconds since 1970; absent before the first.",
            labels=("way",),
        )
        for way, departures in self._departures().items():
            sent.add_metric((way,), departures.sent)
            waiting.add_metric((way,), departures.waiting)
            lag.add_metric((way,), departures.lag_s)
            for reason, count in departures.failed.copy().items():
                failed.add_metric((way, reason), count)
            if departures.last_success is not None:
                success.add_metric((way,), departures.last_success.timestamp())
        return (sent, failed, waiting, lag, success) if sent.samples else ()


class ListenerFigures(Collector):
    """Tells how many listen to events."""

    def __init__(self, listeners: int) -> None:
        self._listeners = listeners

    def collect(self) -> Iterable[Metric]:
        """One figure."""
        gauge = GaugeMetricFamily("casestream_event_listeners", "Streams and polls of events that are open now.")
        gauge.add_metric((), self._listeners)
        return (gauge,)


def exposition(
    healths: Healths,
    rule_failures: Mapping[str, int] | None = None,
    departures: AllDepartures = dict,
    listeners: int | None = None,
) -> bytes:
    """All figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ConnectorFigures(healths))
    registry.register(DepartureFigures(departures))
    if rule_failures is not None:
        registry.register(RuleFigures(rule_failures))
    if listeners is not None:
        registry.register(ListenerFigures(listeners))
    return generate_latest(registry)
