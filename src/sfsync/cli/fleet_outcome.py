"""How one configuration of a fleet ended, in a line and as JSON; and the exit code of them all."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfsync.cli.answer import FAILED
from sfsync.cli.fleet_pool import Ended
from sfsync.cli.text import counted, one_line

FROM_BEST_TO_WORST = (0, 6, 3, 5, 7, 4, 2, 1)
"""The exit codes, by how much a person has to do about one; every other one counts as a failure."""

NOT_BEGUN = "not begun"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one configuration ended.

    Attributes:
        exit_code: its run's; ``None`` where it was not begun.
        status: as the run's JSON document says, or ``died``, ``timed_out``, ``not begun``.
        told: the sentence for people.
        document: the run's own JSON document; empty where there is none.
    """

    config: Path
    exit_code: int | None
    status: str
    seconds: float
    told: str
    document: dict[str, Any]

    @property
    def api_calls(self) -> int:
        """How many calls to Salesforce its run took."""
        calls = self._data.get("api_calls", 0)
        return calls if isinstance(calls, int) else 0

    @property
    def _data(self) -> dict[str, Any]:
        data = self.document.get("data")
        return data if isinstance(data, dict) else {}

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "config": str(self.config),
            "exit_code": self.exit_code,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "run_id": self.document.get("run_id"),
            "message": self.told,
            "data": self._data,
            "warnings": self.document.get("warnings", []),
            "errors": self.document.get("errors", []),
        }

    def line(self, width: int) -> str:
        """One line for people: exit code, configuration, seconds, what there is to say."""
        code = "-" if self.exit_code is None else self.exit_code
        name = one_line(str(self.config))
        return f"{code:>3}  {name:<{width}}  {self.seconds:6.1f} s  {one_line(self.told)}".rstrip()


def not_begun(config: Path) -> Outcome:
    """One whose turn never came, because the fleet was stopped."""
    return Outcome(config, None, NOT_BEGUN, 0.0, "not begun", {})


def outcome_of(config: Path, ended: Ended) -> Outcome:
    """How a configuration ended, from how its process did."""
    document = _document(ended.out)
    status, told = _status_and_sentence(ended, document)
    return Outcome(config, ended.exit_code, status, ended.seconds, told, document)


def _document(out: str) -> dict[str, Any]:
    """The one JSON document that a command writes; empty where it wrote something else."""
    try:
        document = json.loads(out)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _status_and_sentence(ended: Ended, document: dict[str, Any]) -> tuple[str, str]:
    if ended.timed_out:
        return "timed_out", "stopped at its time limit; what was done is kept"
    if ended.died_of:
        return "died", _death(ended.died_of)
    if not document:
        return "failed", ended.err.strip() or "ended without an answer"
    return str(document.get("status", "")), _sentence(document)


def _death(number: int) -> str:
    """What a process died of, and what that means."""
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    told = f"ended by {name}"
    if number == signal.SIGKILL:
        told += ": out of memory, or by somebody"
    return f"{told}; the next run goes on from what it had done"


def _sentence(document: dict[str, Any]) -> str:
    """What a run has to say: its errors, else its warnings, else what it has changed."""
    errors = [_error(each) for each in document.get("errors", [])]
    warnings = [str(each) for each in document.get("warnings", [])]
    return "; ".join(errors or warnings) or _work(document.get("data") or {})


def _error(error: dict[str, Any]) -> str:
    """The message, the first places where something is wrong, and what to try."""
    told = str(error.get("message", ""))
    if problems := error.get("problems"):
        told += f": {'; '.join(map(str, problems[:3]))}"
    if hint := str(error.get("hint") or ""):
        told += f" (try: {hint.rstrip('.')})"
    return told


_WRITTEN = ("created", "updated", "deleted")


def _work(data: dict[str, Any]) -> str:
    """What a run of a sync verb did; empty for the other commands."""
    if "api_calls" not in data:
        return ""
    objects = data.get("objects") or {}
    written = sum(int(counts.get(name, 0)) for counts in objects.values() for name in _WRITTEN)
    tasks = int((data.get("activity") or {}).get("tasks", 0))
    told = [counted(written, "change")] if written else []
    told += [counted(tasks, "task")] if tasks else []
    return ", ".join([*(told or ["nothing to do"]), counted(data["api_calls"], "API call")])


# -- all of them -----------------------------------------------------------------------------------
def worst(codes: Iterable[int | None]) -> int:
    """The exit code of them all: of the one about which most has to be done.

    >>> worst([0, 3, 6]), worst([0, 137, 3]), worst([])
    (3, 1, 0)
    """
    return max((_known(code) for code in codes), key=FROM_BEST_TO_WORST.index, default=0)


def _known(code: int | None) -> int:
    return code if code in FROM_BEST_TO_WORST else FAILED


def counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Status -> how many ended so, those that are well first."""
    found = Counter(outcome.status for outcome in outcomes)
    return dict(sorted(found.items(), key=lambda item: (item[0] != "ok", item[0])))
