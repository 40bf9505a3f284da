"""When there is something to say of the login: there, allowed enough and no more, lasting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import LoginFacts
from sfsync.diagnosis.finding import Finding

IDLE_WARNING: Final = timedelta(days=20)
"""Refresh tokens commonly end after 30 days without use. Source: docs/salesforce.md §1.5."""


def login_findings(login: LoginFacts, now: datetime) -> Iterator[Finding]:
    """What to say of the login."""
    if login.trouble:
        trouble, remedy = login.trouble
        yield finding("login.missing", trouble=trouble, remedy=remedy)
        return
    if not login.way:
        return  # it was not looked at
    granted = set(login.scope.split())
    # The reply to a login by key names no scope; that is not a login without one.
    if granted and not granted & {"api", "full"}:
        yield finding("login.scope-api")
    if "full" in granted:
        yield finding("login.scope-full")
    if not login.can_renew:
        yield finding("login.no-renewal")
    if login.ends_idle and login.renewed_at and now - login.renewed_at > IDLE_WARNING:
        yield finding("login.idle", days=(now - login.renewed_at).days)
