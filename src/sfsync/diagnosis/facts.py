"""What was learned of the login and of this machine, and what the configuration asks for.

Facts are gathered elsewhere (``salesforce.org_facts``, ``mirror.diagnostics``, ``cli``). What could
not be learned is ``None`` or empty, and gives no finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sfsync.model.facts import SObjectFacts
from sfsync.model.limits import Limits
from sfsync.model.mapping import SyncMapping
from sfsync.provisioning.event_channel import EventChannel


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """The stored login, without anything secret.

    Attributes:
        trouble: why there is none, and what to do, where there is none.
        way: how it was made: ``browser``, ``jwt``, ``client-credentials``.
        can_renew: by a refresh token, or by signing or asking again.
        ends_idle: whether it may end because nobody uses it.
        renewed_at: when it was last renewed; ``None`` where that is not known.
    """

    store: str = ""
    way: str = ""
    scope: str = ""
    can_renew: bool = False
    ends_idle: bool = False
    renewed_at: datetime | None = None
    org_id: str = ""
    user_id: str = ""
    instance_url: str = ""
    trouble: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file or folder that sfsync trusts.

    Attributes:
        mode: its permission bits.
        is_mine: whether it belongs to this user (or to root, for what is only read).
        is_secret: nobody else may read it either.
        is_handed_over: a container's runtime, or root, gave it to this user: owner and mode are theirs.
    """

    path: str
    mode: int
    is_mine: bool
    is_secret: bool
    is_handed_over: bool = False

    @property
    def surplus(self) -> int:
        """The bits that should not be there."""
        if self.is_handed_over:
            return 0
        return self.mode & (0o077 if self.is_secret else 0o022)


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What there is here.

    Attributes:
        trouble: why the mirror cannot be used at all, and what to do.
        damage: what SQLite's own check of the mirror found; empty for nothing.
        has_extra: whether the packages for change events are installed.
        lock: who holds the run lock, and since when; ``None`` where it is free.
        usual_calls: API calls of a usual run.
        remembered: what the mirror keeps of the org's objects.
        widest: ``{(object, column): characters}`` of the longest text in the mirror.
        values: ``{(object, column): distinct values}`` of columns tied to a restricted picklist.
    """

    sqlite: tuple[int, ...] = ()
    journal: str = "delete"
    files: tuple[FileFacts, ...] = ()
    trouble: tuple[str, str] | None = None
    damage: str = ""
    lock: tuple[str, datetime] | None = None
    has_extra: bool = True
    last_good_run: datetime | None = None
    usual_calls: int | None = None
    paused_since: str = ""
    remembered: Mapping[str, SObjectFacts] = field(default_factory=dict)
    widest: Mapping[tuple[str, str], int] = field(default_factory=dict)
    values: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration asks for.

    Attributes:
        channel: of change events; ``None`` where nothing is followed in real time.
    """

    mapping: SyncMapping
    limits: Limits
    api_version: str
    channel: EventChannel | None = None
