"""The section ``limits``: the brakes and the budget of a run; read, and written back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sfsync.document.problems import Path, Problems, shown
from sfsync.document.shapes import Shape, shaped, takes_default
from sfsync.model.limits import Limits


class LimitsShape(Shape):
    """The section; shares and times are read by ``_share`` and ``_duration``."""

    max_delete: Any = None
    max_change: Any = None
    overlap: Any = None
    api_reserve: Any = None
    api_per_run: Any = None
    keep_changes_rows: int = takes_default(Limits, "keep_changes_rows")
    keep_changes_days: int = takes_default(Limits, "keep_changes_days")
    inbox_events: int = takes_default(Limits, "inbox_events")
    inbox_bytes: int = takes_default(Limits, "inbox_bytes")
    keep_deliveries_days: int = takes_default(Limits, "keep_deliveries_days")


class MaxDeleteShape(Shape):
    """The long form of ``max_delete``."""

    percent: Any
    at_least: int = takes_default(Limits, "max_delete_rows")


LONGEST_OVERLAP: Final = timedelta(days=7)
LEAST: Final = {
    "keep_changes_rows": 1,
    "keep_changes_days": 1,
    "inbox_events": 1_000,
    "inbox_bytes": 1024 * 1024,
    "keep_deliveries_days": 1,
}
"""The least of each number. An inbox has room for what is handed in at once: 1,000 lines, a delivery."""

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%")
_DURATION = re.compile(r"(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?")


def read_limits(raw: object, problems: Problems) -> Limits:
    """The section; what it does not state is the model's default."""
    shape = shaped(LimitsShape, raw, ("limits",), problems)
    if shape is None:
        return Limits()
    stated: dict[str, Any] = {}
    if "max_delete" in shape.model_fields_set:
        stated |= _max_delete(shape.max_delete, ("limits", "max_delete"), problems)
    if "max_change" in shape.model_fields_set:
        stated["max_change"] = _share(shape.max_change, ("limits", "max_change"), problems)
    if "overlap" in shape.model_fields_set:
        stated["overlap"] = _duration(shape.overlap, ("limits", "overlap"), problems)
    if "api_reserve" in shape.model_fields_set:
        stated["api_reserve"] = _reserve(shape.api_reserve, ("limits", "api_reserve"), problems)
    if "api_per_run" in shape.model_fields_set:
        stated["api_per_run"] = _per_run(shape.api_per_run, ("limits", "api_per_run"), problems)
    for name, least in LEAST.items():
        stated[name] = _count(getattr(shape, name), least, ("limits", name), problems)
    return replace(Limits(), **stated)


def _max_delete(raw: object, path: Path, problems: Problems) -> dict[str, Any]:
    if not isinstance(raw, dict):
        return {"max_delete": _share(raw, path, problems)}
    shape = shaped(MaxDeleteShape, raw, path, problems)
    if shape is None:
        return {}
    if shape.at_least < 0:
        problems.add((*path, "at_least"), f"expected a number of rows, found {shape.at_least}")
    percent = shape.percent
    # The key says percent already, so a bare number is clear here.
    if isinstance(percent, int | float) and not isinstance(percent, bool):
        percent = f"{percent}%"
    share = _share(percent, (*path, "percent"), problems)
    return {"max_delete": share, "max_delete_rows": shape.at_least}


def _reserve(raw: object, path: Path, problems: Problems) -> float:
    share = _share(raw, path, problems)
    if share >= 1:
        problems.add(path, "100% would leave no call for sfsync")
    return share


def _per_run(raw: object, path: Path, problems: Problems) -> float:
    share = _share(raw, path, problems)
    if share <= 0:
        problems.add(path, "0% would leave no call for sfsync")
    return share


def _count(raw: int, least: int, path: Path, problems: Problems) -> int:
    if raw < least:
        problems.add(path, f"expected a number from {least} on, found {raw}")
    return raw


def _share(raw: object, path: Path, problems: Problems) -> float:
    """A share from 0 to 1, written ``10%``."""
    match = _PERCENT.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None or float(match.group(1)) > 100:
        problems.add(path, f"expected a share like 10%, found {shown(raw)}")
        return 0.0
    return float(match.group(1)) / 100


def _duration(raw: object, path: Path, problems: Problems) -> timedelta:
    match = _DURATION.fullmatch(raw.strip()) if isinstance(raw, str) and raw.strip() else None
    if match is None:
        problems.add(path, f"expected a time like 15m, 90s or 2h, found {shown(raw)}")
        return timedelta()
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if span > LONGEST_OVERLAP:
        problems.add(path, f"{shown(raw)} is too long: at most {written_duration(LONGEST_OVERLAP)}")
    return span


# -- as the file would say it ----------------------------------------------------------------------
def written_limits(limits: Limits) -> dict[str, str]:
    """``{key: value}`` of the section, in its order: ``{"max_delete": "10%", …}``.

    ``off`` where everything may pass.
    """
    return {
        "max_delete": written_share(limits.max_delete),
        "max_change": "off" if limits.max_change >= 1 else written_share(limits.max_change),
        "overlap": written_duration(limits.overlap),
        "api_reserve": written_share(limits.api_reserve),
        "api_per_run": written_share(limits.api_per_run),
        "keep_changes_rows": str(limits.keep_changes_rows),
        "keep_changes_days": str(limits.keep_changes_days),
        "inbox_events": str(limits.inbox_events),
        "inbox_bytes": str(limits.inbox_bytes),
        "keep_deliveries_days": str(limits.keep_deliveries_days),
    }


def written_share(share: float) -> str:
    """A share from 0 to 1 in percent.

    >>> written_share(0.1), written_share(0.025)
    ('10%', '2.5%')
    """
    return f"{share * 100:g}%"


def written_duration(span: timedelta) -> str:
    """A time in its units, the longest first.

    >>> written_duration(timedelta(minutes=15)), written_duration(timedelta(hours=49))
    ('15m', '2d1h')
    >>> written_duration(timedelta())
    '0s'
    """
    hours, seconds = divmod(span.seconds, 3600)
    amounts = {"d": span.days, "h": hours, "m": seconds // 60, "s": seconds % 60}
    return "".join(f"{amount}{unit}" for unit, amount in amounts.items() if amount) or "0s"
