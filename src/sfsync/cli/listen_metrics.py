"""What ``listen`` counts, as Prometheus reads it, and how it is, for probes. No secret, address or name is in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from sfsync.cli.stream_metrics import StreamCollector
from sfsync.cli.stream_state import StreamState

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sfsync.mirror.inbox import InboxState

STUCK_SECONDS = 300
"""A loop that has not turned for so long is stuck: between two batches it turns at least every minute."""


@dataclass(slots=True)
class Health:
    """How the process is. Written by the loop that works, read by the probes.

    Attributes:
        is_held_back: whether the trouble is that the brake stopped what the stream names.
        stream: how the org's changes become known.
        trouble: what keeps ticks from their work, in a sentence; empty where nothing does.
        turned_at: when the loop last turned, of ``time.monotonic``.
        inbox_trouble: why nothing can be kept.
        webhooks_at: where webhooks come in, as ``http://127.0.0.1:8788``; empty where none do.
        health_at: where health is told, likewise.
    """

    started_at: str
    webhooks_at: str = ""
    health_at: str = ""
    trouble: str = ""
    is_held_back: bool = False
    stream: StreamState = field(default_factory=StreamState)
    inbox_trouble: str = ""
    last_tick_at: str = ""
    turned_at: float = field(default_factory=time.monotonic)

    def turn(self) -> None:
        """The loop turns."""
        self.turned_at = time.monotonic()

    def worked(self, held_back: str, *, only_events: bool) -> None:
        """A tick was done, but for what the brake held back; one of events alone says nothing of that."""
        if held_back or not (only_events and self.is_held_back):
            self.trouble, self.is_held_back = held_back, bool(held_back)

    @property
    def is_stuck(self) -> bool:
        """Whether the loop has not turned for too long."""
        return time.monotonic() - self.turned_at > STUCK_SECONDS

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "started_at": self.started_at,
            "webhooks_at": self.webhooks_at or None,
            "health_at": self.health_at or None,
            "last_tick_at": self.last_tick_at or None,
            "trouble": self.trouble or self.inbox_trouble or None,
            "stream": self.stream.as_dict(),
        }


class Metrics:
    """Counters and gauges of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deliveries = Counter(
            "sfsync_deliveries",
            "Deliveries by source and outcome.",
            ["source", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sfsync_acknowledgement_seconds",
            "From a delivery's last byte to its answer.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self._ticks = Counter(
            "sfsync_ticks",
            "Ticks by what they did and how they ended.",
            ["work", "outcome"],
            registry=self.registry,
        )
        self._webhooks = Counter(
            "sfsync_outgoing_webhooks",
            "Attempts to deliver a webhook by endpoint and outcome.",
            ["endpoint", "outcome"],
            registry=self.registry,
        )
        self._calls = Counter(
            "sfsync_api_calls", "API calls of Salesforce that ticks took.", registry=self.registry
        )
        self._waiting = Gauge(
            "sfsync_inbox_events",
            "Events in the inbox that no run has taken in.",
            registry=self.registry,
        )
        self._bytes = Gauge("sfsync_inbox_bytes", "What the inbox holds.", registry=self.registry)

    def delivery(self, source: str, outcome: str) -> None:
        """One more delivery."""
        self._deliveries.labels(source, outcome).inc()

    def acknowledged(self, seconds: float) -> None:
        """How long an answer took."""
        self._seconds.observe(seconds)

    def tick(self, work: str, outcome: str, api_calls: int = 0) -> None:
        """One more tick."""
        self._ticks.labels(work, outcome).inc()
        self._calls.inc(api_calls)

    def webhook(self, endpoint: str, outcome: str) -> None:
        """One more attempt."""
        self._webhooks.labels(endpoint, outcome).inc()

    def inbox(self, state: InboxState) -> None:
        """What is in the inbox now."""
        self._waiting.set(state.events)
        self._bytes.set(state.bytes)


def health_app(health: Health, metrics: Metrics, look: Callable[[], InboxState]) -> Starlette:
    """``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        look: looks into the inbox; raises where it cannot be used.
    """
    guard = threading.Lock()

    def healthz(_: Request) -> Response:
        status = 503 if health.is_stuck else 200
        return JSONResponse(health.as_dict() | {"stuck": health.is_stuck}, status)

    def look_into_the_inbox() -> None:
        with guard:
            try:
                metrics.inbox(look())
                health.inbox_trouble = ""
            except Exception as error:  # noqa: BLE001  whatever it is, nothing can be kept
                health.inbox_trouble = f"the inbox cannot be used ({type(error).__name__})"

    def readyz(_: Request) -> Response:
        look_into_the_inbox()
        ready = not (health.trouble or health.inbox_trouble or health.is_stuck)
        return JSONResponse(health.as_dict() | {"ready": ready}, 200 if ready else 503)

    def prometheus(_: Request) -> Response:
        look_into_the_inbox()
        return PlainTextResponse(generate_latest(metrics.registry))

    metrics.registry.register(StreamCollector(health.stream))
    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", prometheus)]
    )
