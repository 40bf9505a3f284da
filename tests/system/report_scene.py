"""A workspace with something to report: two campaigns, a conflict, refusals, and values that would like to be more than text."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from tests.system.workspace import Workspace, event

NOW = datetime.now(UTC).replace(microsecond=0)
MARKUP = "<script>document.title='taken'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>"
FORMULA = "=cmd|' /C calc'!A0"
TURNED = "invoice\u202efdp.exe\u2066"
LONG = "lorem ipsum " * 8_500
HOSTILE = {"title": MARKUP, "phone": FORMULA, "department": TURNED, "description": LONG}


def days_ago(days: int) -> str:
    return f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def prepare(workspace: Workspace) -> None:
    """Events of three weeks, one real conflict, and what no person would type."""
    workspace.push_events_in_process(*_events(workspace))
    who = workspace.people()[0]
    workspace.edit(who, Title="Head of Sales")
    workspace.sql("UPDATE contacts SET job_title = 'Head of Data' WHERE salesforce_id = ?", who)
    workspace.stderr_of("sync", expect=0)
    _add_hostile_rows(workspace)


def _events(workspace: Workspace) -> list[dict[str, str]]:
    chance = random.Random(7)
    addresses = [row["email"] for row in workspace.rows() if row["email"]]
    found = []
    for campaign, name in (("c-7", "January news"), ("c-8", MARKUP), ("c-9", FORMULA)):
        for day in range(1, 22):
            for number, address in enumerate(addresses):
                for kind in ("email_sent", "email_opened", "email_clicked", "email_replied"):
                    if chance.random() < {"email_sent": 0.9, "email_opened": 0.5}.get(kind, 0.15):
                        found.append(  # noqa: PERF401
                            event(
                                kind, address, f"{kind}-{campaign}-{day}-{number}", campaign_id=campaign,
                                campaign_name=name, timestamp=days_ago(day),
                            )
                        )  # fmt: skip
    return found


def _add_hostile_rows(workspace: Workspace) -> None:
    row = workspace.rows()[1]["id"]
    for column, value in HOSTILE.items():
        workspace.sql(
            'INSERT INTO conflicts (object, person_id, salesforce_id, "column", base, local, remote, value, winner, rule,'
            " state, found_at) VALUES ('contact', ?, NULL, ?, NULL, ?, ?, NULL, 'held', 'manual', 'open', ?)",
            row, column, value, f"{value} there", days_ago(1),
        )  # fmt: skip
    for code, message in (
        ("REQUIRED_FIELD_MISSING", MARKUP),
        ("REQUIRED_FIELD_MISSING", FORMULA),
        ("STRING_TOO_LONG", TURNED),
        (MARKUP, "no such code"),
    ):
        workspace.sql(
            "INSERT INTO quarantine (kind, object, person_id, event_id, code, message, hint, payload, quarantined_at)"
            " VALUES ('record', 'contact', ?, ?, ?, ?, 'Fill in the field.', ?, ?)",
            row, message, code, message, f'{{"Title": "{message}"}}', days_ago(2),
        )  # fmt: skip
