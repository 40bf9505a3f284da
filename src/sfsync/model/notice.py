"""A notice: what whoever watches over runs is told. It holds counts and names of commands, and nothing of any record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice.

    Attributes:
        id: its own name; the same where it is sent again.
        at: when the run ended, UTC.
        reasons: why it is sent: ``failed``, ``partial``, ``recovered``, ``quarantine``, ``conflicts``, ``test``.
        state: how the command is now: ``ok``, ``partial``, ``failed``.
        repeated: whether this trouble was told before.
        since: since when there is, or was, trouble; empty where there is none.
        command: the verb that ran, ``sync``.
        slug: which error it was, of ``docs/errors.md``; empty where none.
        title: what happened, in a sentence.
        hint: a command that shows more.
        counts: what is open now: ``quarantine``, ``conflicts``; what could not be counted is missing.
        run: what the run did, in numbers.
    """

    id: str
    at: str
    reasons: tuple[str, ...]
    state: str
    command: str
    exit_code: int
    title: str
    repeated: bool = False
    since: str = ""
    slug: str = ""
    hint: str = ""
    run_id: str = ""
    profile: str = ""
    host: str = ""
    config: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """From what ``as_dict`` gave.

        Raises:
            TypeError: it is no notice.
        """
        return cls(**{**raw, "reasons": tuple(raw["reasons"])})

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "reasons": list(self.reasons)}

    @property
    def text(self) -> str:
        """For people, a few lines without the title."""
        lines = [
            f"command: sfsync {self.command}, exit code {self.exit_code}",
            f"profile: {self.profile}, on {self.host}",
            f"configuration: {self.config}",
        ]
        if self.run_id:
            lines.append(f"run: {self.run_id}")
        if self.since:
            lines.append(f"trouble since: {self.since}")
        lines += [f"{name}: {count}" for name, count in self.counts.items()]
        if self.hint:
            lines.append(f"see: {self.hint}")
        return "\n".join(lines)
