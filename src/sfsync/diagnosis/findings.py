"""All findings on a configuration, an org, a login and this machine together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sfsync.diagnosis.activity import activity_findings
from sfsync.diagnosis.events import event_findings
from sfsync.diagnosis.facts import LoginFacts, MachineFacts, Wanted
from sfsync.diagnosis.fields import (
    address_findings,
    field_findings,
    memory_findings,
    object_findings,
    value_findings,
)
from sfsync.diagnosis.finding import Area, Finding
from sfsync.diagnosis.limits import limit_findings
from sfsync.diagnosis.login import login_findings
from sfsync.diagnosis.machine import clock_findings, machine_findings
from sfsync.diagnosis.org import org_findings, user_findings, version_findings
from sfsync.mapping.problem import Severity
from sfsync.model.facts import OrgFacts


def findings(
    wanted: Wanted, login: LoginFacts, org: OrgFacts, machine: MachineFacts, now: datetime
) -> list[Finding]:
    """Everything, by area, the worst first within each."""
    found = [
        *login_findings(login, now),
        *version_findings(org, wanted),
        *org_findings(org, wanted),
        *user_findings(org),
        *object_findings(org, wanted),
        *field_findings(org, wanted),
        *address_findings(org, wanted),
        *value_findings(org, wanted, machine),
        *memory_findings(org, machine),
        *activity_findings(org, wanted),
        *limit_findings(org, wanted, machine),
        *event_findings(org, wanted, machine),
        *clock_findings(org),
        *machine_findings(machine, wanted, now),
    ]
    worst = list(Severity)
    areas = list(Area)
    return sorted(found, key=lambda each: (areas.index(each.area), worst.index(each.severity)))


def errors_in(found: Iterable[Finding]) -> list[Finding]:
    """Those that forbid a sync, or a part of it."""
    return [finding for finding in found if finding.severity is Severity.ERROR]
