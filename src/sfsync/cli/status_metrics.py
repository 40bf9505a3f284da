"""``status`` as Prometheus reads it, for the textfile collector of its node exporter: numbers, and no name of anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prometheus_client import Metric

_NUMBERS: Final = {
    "events_waiting": ("sfsync_events_waiting", "Events that are kept and not handled yet."),
    "tasks_waiting": ("sfsync_tasks_waiting", "Tasks that are to be sent."),
    "tasks_held": ("sfsync_tasks_held", "Of these, those that wait for their campaign's name."),
    "conflicts_open": ("sfsync_conflicts_open", "Conflicts that nobody has decided."),
    "quarantined": ("sfsync_quarantined", "Records and events in quarantine."),
    "in_doubt": ("sfsync_writes_in_doubt", "Writes whose answer never came."),
    "consent_due": ("sfsync_consent_due", "Opt-outs that Salesforce does not have yet."),
    "notices_waiting": ("sfsync_notices_waiting", "Notices that some target of notify has not taken."),
    "edits_of_deleted": ("sfsync_edits_of_deleted", "Edited rows whose record is deleted in Salesforce."),
}  # fmt: skip

_OF_OBJECTS: Final = {
    "rows": ("sfsync_rows", "Rows of the mirror that are not deleted."),
    "deleted": ("sfsync_deleted_rows", "Rows of the mirror that are deleted."),
    "edited": ("sfsync_edited_rows", "Rows with an edit that Salesforce does not have yet."),
    "watermark": ("sfsync_watermark_timestamp_seconds", "Up to when all changes of Salesforce are read."),
}  # fmt: skip


def metrics_of(
    state: Mapping[str, Any], codes: Mapping[str, int], last_run: Mapping[str, Any] | None
) -> str:
    """The metrics as text.

    Args:
        state: what ``status --json`` has as ``data``, with ``profile``.
        codes: how much is in quarantine, by code.
        last_run: the latest run that ended, with its report.
    """
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Own(Collector):
        def collect(self) -> Iterator[Metric]:
            return _metrics(state, codes, last_run)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Own())
    return generate_latest(registry).decode()


def _metrics(
    state: Mapping[str, Any], codes: Mapping[str, int], last_run: Mapping[str, Any] | None
) -> Iterator[Metric]:
    whose = {"profile": state["profile"], "mirror": state["mirror"]}
    for key, (name, text) in _NUMBERS.items():
        yield _gauge(name, text, [({}, state[key])], whose)
    for key, (name, text) in _OF_OBJECTS.items():
        values = [({"object": each["object"]}, _number(each[key])) for each in state["objects"]]
        yield _gauge(name, text, values, whose)
    yield _gauge(
        "sfsync_quarantined_by_code",
        "The same, by the code of the refusal.",
        [({"code": code}, count) for code, count in codes.items()],
        whose,
    )
    yield _gauge(
        "sfsync_webhook_messages_waiting",
        "Messages that an endpoint of webhooks has not taken.",
        [({"endpoint": each["endpoint"]}, each["waiting"]) for each in state["webhooks"]],
        whose,
    )
    yield from _of_the_inbox(state["inbox"], whose)
    yield _gauge(
        "sfsync_paused", "Whether writing is switched off.", [({}, bool(state["paused_since"]))], whose
    )  # fmt: skip
    yield from _of_runs(state["last_good_run"], last_run, whose)


def _of_the_inbox(inbox: Mapping[str, Any], whose: Mapping[str, str]) -> Iterator[Metric]:
    waiting: list[tuple[dict[str, str], Any]] = [({}, inbox["events"])]
    yield _gauge(
        "sfsync_inbox_events", "Events in the inbox that no run has taken in.", waiting, whose
    )
    yield _gauge("sfsync_inbox_bytes", "What the inbox holds.", [({}, inbox["bytes"])], whose)
    listener = inbox["listener"]
    if listener is not None:
        is_running = listener["pid"] is not None
        text = "Whether `sfsync listen` runs, as it last said itself."
        yield _gauge("sfsync_listener_running", text, [({}, is_running)], whose)
        has_trouble = bool(listener["trouble"])
        text = "Whether something keeps it from its work."
        yield _gauge("sfsync_listener_trouble", text, [({}, has_trouble)], whose)


def _of_runs(
    last_good: str | None, last_run: Mapping[str, Any] | None, whose: Mapping[str, str]
) -> Iterator[Metric]:
    text = "When the last run ended that did its work; 0 before there was one."
    name = "sfsync_last_good_run_timestamp_seconds"
    yield _gauge(name, text, [({}, _number(last_good))], whose)
    if last_run is None:
        return
    report = last_run["report"] or {}
    how = {"command": last_run["command"], "status": last_run["status"]}
    text = "When the last run ended."
    ended = [(how, _number(last_run["finished_at"]))]
    yield _gauge("sfsync_last_run_timestamp_seconds", text, ended, whose)
    for key, text in (
        ("api_calls", "API calls of the last run."),
        ("seconds", "How long it took."),
    ):
        yield _gauge(f"sfsync_last_run_{key}", text, [({}, report.get(key, 0))], whose)


def _number(value: int | str | None) -> float:
    """A number, or a time as seconds since 1970; 0 for none."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).timestamp()
    return value or 0


def _gauge(
    name: str,
    text: str,
    values: list[tuple[dict[str, str], Any]],
    whose: Mapping[str, str],
) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    own = list(values[0][0]) if values else []
    metric = GaugeMetricFamily(name, text, labels=[*whose, *own])
    for labels, value in values:
        metric.add_metric([*whose.values(), *labels.values()], float(value))
    return metric
