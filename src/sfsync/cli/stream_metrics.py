"""How the org's changes are followed, as Prometheus reads it. No Id, address or name is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sfsync.cli.clock import local_now
from sfsync.cli.stream_state import StreamMode, StreamState


class StreamCollector(Collector):
    """Reads the state at each scrape."""

    def __init__(self, state: StreamState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """All there is to tell."""
        state = self._state.as_dict()
        yield _by_label(
            "sfsync_stream_hints", "What change events named, by kind.", "kind", state["hints"]
        )
        yield _by_label(
            "sfsync_stream_oddities",
            "What should not have come, by kind.",
            "kind",
            state["oddities"],
        )
        yield _by_label(
            "sfsync_stream_ends", "Ends of the stream, by reason.", "reason", state["ends"]
        )
        for name, text in (
            ("messages", "Messages, empty ones too."),
            ("events", "Events delivered here."),
        ):
            yield CounterMetricFamily(f"sfsync_stream_{name}", text, value=state[name])
        modes = GaugeMetricFamily(
            "sfsync_stream_mode",
            "How changes become known: 1 for the mode of now.",
            labels=["mode"],
        )
        for mode in StreamMode:
            modes.add_metric([mode.value], float(state["mode"] == mode.value))
        yield modes
        for name, text, at in (
            ("message", "Since the last message.", state["last_message_at"]),
            ("position", "Since a position was last stored.", state["position_at"]),
        ):
            if at:
                yield GaugeMetricFamily(f"sfsync_stream_{name}_age_seconds", text, value=_age(at))
        if state["delivered_share"] is not None:
            yield GaugeMetricFamily(
                "sfsync_delivered_events_share",
                "Of the events that the org may deliver in a day, to all its clients, how much is used.",
                value=state["delivered_share"],
            )


def _by_label(name: str, text: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for each, count in counts.items():
        family.add_metric([each], count)
    return family


def _age(at: str) -> float:
    return (local_now() - datetime.fromisoformat(at)).total_seconds()
