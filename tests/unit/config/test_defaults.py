"""No default is written twice: changed where it stands, what the file means and every page follow."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sfsync.cli.app import run
from sfsync.config.limits import written_limits
from sfsync.config.org import OrgSettings
from sfsync.document.shapes import default_of
from sfsync.model.field_types import FieldType
from sfsync.model.limits import Limits
from sfsync.model.mapping import (
    ActivityMap,
    Direction,
    EventRule,
    FieldMap,
    MissingPerson,
    ObjectMap,
    OncePer,
    OnLocalDelete,
    OnMultiple,
    SyncRules,
)
from sfsync.model.merges import Merge
from tests.docs.pages import DOCS, ROOT, generator
from tests.unit.config.files import EXAMPLE, SMALLEST, load

Change = Callable[..., None]


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Change:
    """Give fields of a dataclass other defaults, as an edit of its source would."""

    def changed(kind: Any, **values: Any) -> None:
        defaults = [
            values.get(name, parameter.default)
            for name, parameter in inspect.signature(kind).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and parameter.default is not parameter.empty
        ]
        monkeypatch.setattr(kind.__init__, "__defaults__", tuple(defaults))
        for name, value in values.items():
            monkeypatch.setattr(kind.__dataclass_fields__[name], "default", value)

    return changed


def other_limits(change: Change) -> None:
    change(
        Limits,
        max_delete=0.25,
        max_delete_rows=7,
        overlap=timedelta(hours=1, seconds=5),
        api_reserve=0.5,
        api_per_run=0.125,
        keep_changes_rows=500,
        keep_changes_days=7,
        inbox_events=2000,
        inbox_bytes=3000000,
        keep_deliveries_days=8,
        max_change=0.6,
    )


def other_org(change: Change) -> None:
    change(
        OrgSettings,
        login_url="https://elsewhere.example",
        redirect_ports=(8001, 8002),
        scopes=("full",),
        api_version="70.0",
    )


def other_mapping(change: Change) -> None:
    change(ObjectMap, on_multiple=OnMultiple.OLDEST, on_local_delete=OnLocalDelete.DELETE)
    change(FieldMap, type=FieldType.NUMBER, direction=Direction.PUSH, merge=Merge.NEWEST)
    change(ActivityMap, timezone="Europe/Berlin", missing_person=MissingPerson.QUARANTINE)
    change(SyncRules, direction=Direction.PUSH, frequency="manual", fallback="none")
    change(EventRule, by=3, once_per=OncePer.CAMPAIGN)


# -- config show -----------------------------------------------------------------------------------
@pytest.fixture
def show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., str]:
    """What ``config show`` prints of a file that states no more than it has to."""
    (tmp_path / "sfsync.yaml").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)

    def shown(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["sfsync", "config", "show", *options])
        assert run() == 0
        return capsys.readouterr().out

    return shown


def test_the_defaults_are_shown(show: Callable[..., str]) -> None:
    assert [line for line in show().splitlines() if line.startswith(("org", "limits"))] == [
        "org.login_url: https://login.salesforce.com",
        "org.client_id: abc",
        "org.redirect_ports: [1717, 1718, 1716]",
        "org.scopes: [api, refresh_token]",
        "org.api_version: 66.0",
        "org.pubsub: api.pubsub.salesforce.com:7443",
        "org.event_channel: PenguinMails_Sync__chn",
        "limits.max_delete: 10%",
        "limits.max_change: off",
        "limits.overlap: 15m",
        "limits.api_reserve: 20%",
        "limits.api_per_run: 25%",
        "limits.keep_changes_rows: 1000000",
        "limits.keep_changes_days: 30",
        "limits.inbox_events: 1000000",
        "limits.inbox_bytes: 1073741824",
        "limits.keep_deliveries_days: 30",
    ]


def test_a_changed_default_is_shown(show: Callable[..., str], change: Change) -> None:
    other_limits(change)
    other_org(change)
    rows = {
        "org.login_url": "https://elsewhere.example",
        "org.redirect_ports": [8001, 8002],
        "org.scopes": ["full"],
        "org.api_version": "70.0",
        "limits.max_delete": "25%",
        "limits.max_change": "60%",
        "limits.overlap": "1h5s",
        "limits.api_reserve": "50%",
        "limits.api_per_run": "12.5%",
        "limits.keep_changes_rows": "500",
        "limits.keep_changes_days": "7",
        "limits.inbox_events": "2000",
        "limits.inbox_bytes": "3000000",
        "limits.keep_deliveries_days": "8",
    }
    told = json.loads(show("--json"))["data"]["settings"]
    assert {row["key"]: row["value"] for row in told if row["key"] in rows} == rows
    assert {row["origin"] for row in told if row["key"] in rows} == {"default"}
    text = show()
    for key, value in rows.items():
        written = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
        assert f"{key}: {written}\n" in text


def test_a_changed_default_is_what_a_file_means_that_states_nothing(
    tmp_path: Path, change: Change
) -> None:
    other_limits(change)
    other_org(change)
    other_mapping(change)
    text = SMALLEST.replace("Email: email", "Email: {to: email, type: text}, X__c: x")
    rule = "{on: email_sent, action: create_task}"
    config = load(
        tmp_path,
        f"{text}activities: {{fields: {{WhoId: contact_id}}}}\n"
        f"sync_rules: {{contact_sync: {{penguinmails_to_salesforce: [{rule}]}}}}\n"
        "limits: {max_delete: {percent: 1}}\n",
    )
    mapping = config.mapping
    assert config.org == OrgSettings(client_id="abc")
    assert config.limits.max_delete_rows == 7
    assert config.limits.overlap == timedelta(hours=1, seconds=5)
    contact = mapping.objects["contact"]
    assert (contact.on_multiple, contact.on_local_delete) == ("oldest", "delete")
    assert contact.by_column["x"].type is FieldType.NUMBER
    assert contact.by_column["x"].direction is Direction.PUSH
    assert mapping.activities.timezone == "Europe/Berlin"
    assert mapping.activities.missing_person is MissingPerson.QUARANTINE
    rules = mapping.rules["contact"]
    assert (rules.direction, rules.frequency, rules.fallback) == ("push", "manual", "none")
    assert rules.events[0].once_per is OncePer.CAMPAIGN


# -- the documentation -----------------------------------------------------------------------------
def tables() -> str:
    return generator().generated(picture=False)[DOCS / "configuration.md"]


def bold(tables: str, key: str) -> list[str]:
    """What the tables have in bold in the rows of a key, once for each section with such a key."""
    rows = re.findall(rf"(?m)^\| `{key}` \|.*$", tables)
    return ["".join(re.findall(r"\*\*`(.*?)`\*\*", row)) for row in rows]


def test_the_tables_follow_a_changed_default(change: Change) -> None:
    written = tables()
    before = {
        key: bold(written, key) for key in ("max_delete", "api_version", "timezone", "once_per")
    }
    assert before == {
        "max_delete": ["10%"],
        "api_version": ['"66.0"'],
        "timezone": ["UTC"],
        "once_per": ["event"],
    }
    other_limits(change)
    other_org(change)
    other_mapping(change)
    written = tables()
    assert {key: bold(written, key)[0] for key in written_limits(Limits())} == {
        "max_delete": "25%",
        "max_change": "60%",
        "overlap": "1h5s",
        "api_reserve": "50%",
        "api_per_run": "12.5%",
        "keep_changes_rows": "500",
        "keep_changes_days": "7",
        "inbox_events": "2000",
        "inbox_bytes": "3000000",
        "keep_deliveries_days": "8",
    }
    assert "and more than 7, stops" in written
    assert "`{percent: 25, at_least: 7}`" in written
    assert bold(written, "login_url") == ["https://elsewhere.example"]
    assert bold(written, "redirect_ports") == ["[8001, 8002]"]
    assert bold(written, "scopes") == ["[full]"]
    assert bold(written, "api_version") == ['"70.0"']
    assert bold(written, "on_multiple") == ["oldest"]
    assert bold(written, "on_local_delete") == ["delete"]
    assert bold(written, "timezone") == ["Europe/Berlin"]
    assert bold(written, "direction") == ["", "to_salesforce"]  # of a field; of an object's rules
    assert bold(written, "frequency") == ["manual"]
    assert bold(written, "fallback") == ["none"]
    assert bold(written, "by") == ["3"]
    assert bold(written, "once_per") == ["campaign"]
    assert "`push` where not stated" in written
    assert "`quarantine` where not stated" in written
    assert "Without it `number`" in written
    assert re.findall(r"(?m)^\| `(\w+)` \|.* The default", written) == ["newest"]


def test_the_example_states_the_real_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, EXAMPLE)
    assert config.org == OrgSettings(client_id="abc")
    assert config.limits == Limits()
    for object_map in config.mapping.objects.values():
        assert object_map.on_multiple is ObjectMap("", "", "", "", ()).on_multiple
        assert object_map.on_local_delete is ObjectMap("", "", "", "", ()).on_local_delete
    assert config.mapping.activities.missing_person is ActivityMap().missing_person
    assert config.mapping.activities.timezone == ActivityMap().timezone
    for rules in config.mapping.rules.values():
        assert rules.direction is SyncRules("").direction
        assert (rules.frequency, rules.fallback) == (
            SyncRules("").frequency,
            SyncRules("").fallback,
        )


def test_the_examples_comments_state_the_real_defaults() -> None:
    field = FieldMap("", "")
    defaults = re.findall(r"(?m)(\w+) \(default\)", EXAMPLE)
    assert defaults == [field.type, field.direction, field.merge]
    percent, rows = written_limits(Limits())["max_delete"], Limits().max_delete_rows
    assert f"(and more than {rows})" in EXAMPLE
    assert f"{{percent: {percent}, at_least: {rows}}}" in EXAMPLE
    assert f"increment_field (by: {default_of(EventRule, 'by')})" in EXAMPLE
    assert ("off unless stated" in EXAMPLE) is (written_limits(Limits())["max_change"] == "off")


def test_the_pages_on_the_app_register_the_ports_that_are_tried() -> None:
    ports = [str(port) for port in OrgSettings(client_id="").redirect_ports]
    callback = r"http://localhost:(\d+)/callback"
    setup = (DOCS / "setup.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(callback, setup) == ports
    assert re.findall(callback, readme) == ports[:1]
