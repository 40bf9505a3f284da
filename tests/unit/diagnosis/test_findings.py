"""Findings one by one: each from the facts that bring it about, and none from facts that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sfsync.config.file import example_config, load_config
from sfsync.diagnosis.facts import FileFacts, LoginFacts, MachineFacts, Wanted
from sfsync.diagnosis.finding import Area, Finding, Who
from sfsync.diagnosis.findings import errors_in, findings
from sfsync.mapping.problem import Severity
from sfsync.model.facts import FieldFacts, OrgFacts, SObjectFacts, UserFacts
from sfsync.model.field_types import FieldType
from sfsync.model.limits import Limits
from sfsync.model.mapping import Direction, FieldMap, OnLocalDelete, SyncMapping

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
TYPES = {
    FieldType.TEXT: "string",
    FieldType.INTEGER: "double",
    FieldType.NUMBER: "double",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.DATETIME: "datetime",
    FieldType.MULTIPICKLIST: "multipicklist",
}


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> SyncMapping:
    path = tmp_path_factory.mktemp("config") / "sfsync.yaml"
    path.write_text(example_config(), encoding="utf-8")
    return load_config(Path(path), {"SFSYNC_CLIENT_ID": "3MVG9"}).mapping


@pytest.fixture(scope="module")
def wanted(mapping: SyncMapping) -> Wanted:
    return Wanted(mapping, Limits(), "66.0")


def described(mapping: SyncMapping) -> dict[str, SObjectFacts]:
    """An org in which everything is as the mapping would have it."""
    told: dict[str, SObjectFacts] = {}
    for object_map in mapping.objects.values():
        fields = {
            each.remote: FieldFacts(
                each.remote, TYPES[each.type], 80 if each.type is FieldType.TEXT else 0
            )
            for each in object_map.fields
            if "." not in each.remote
        }
        fields["AccountId"] = FieldFacts("AccountId", "reference", 18, relationship="Account")
        key = object_map.external_id
        fields[key] = FieldFacts(key, "string", 255, external_id=True, unique=True)
        told[object_map.sobject] = SObjectFacts(object_map.sobject, fields)
    task = {name: FieldFacts(name, "string", 255) for name, _ in mapping.activities.fields}
    task["ActivityDate"] = FieldFacts("ActivityDate", "date")
    task["Type"] = FieldFacts("Type", "picklist", 255, picklist=("Call", "Email"))
    key = mapping.activities.external_id
    task[key] = FieldFacts(key, "string", 255, external_id=True, unique=True)
    return told | {"Task": SObjectFacts("Task", task)}


@pytest.fixture
def org(mapping: SyncMapping) -> OrgFacts:
    return OrgFacts(
        asked=True,
        versions=("65.0", "66.0", "67.0"),
        name="Penguins",
        edition="Enterprise Edition",
        is_sandbox=False,
        access={"Contact": "Edit", "Lead": "ReadEditTransfer"},
        user=UserFacts("sync@example.com", "Minimum Access - API Only Integrations", frozenset()),
        objects=described(mapping),
        existing=frozenset(),
        statuses={"Not Started": False, "Completed": True},
        duplicate_rules=(),
        lead_assignment=(),
        api_left=(90_000, 100_000),
        storage_mb=(900, 1_000),
        skew=timedelta(seconds=3),
    )


LOGIN = LoginFacts(
    store="keyring",
    way="browser",
    scope="api refresh_token",
    can_renew=True,
    ends_idle=True,
    renewed_at=NOW - timedelta(hours=3),
    org_id="00D1",
)
MACHINE = MachineFacts(
    sqlite=(3, 51, 3),
    files=(FileFacts("mirror.db", 0o600, True, True), FileFacts("sfsync.yaml", 0o644, True, False)),
    last_good_run=NOW - timedelta(hours=1),
    usual_calls=40,
)


def changed(facts: SObjectFacts, name: str, **changes: Any) -> SObjectFacts:
    before = facts.fields.get(name) or FieldFacts(name, "string", 255)
    return replace(facts, fields={**facts.fields, name: replace(before, **changes)})


def without(facts: SObjectFacts, *names: str) -> SObjectFacts:
    return replace(
        facts, fields={name: each for name, each in facts.fields.items() if name not in names}
    )


def in_org(org: OrgFacts, sobject: str, change: Callable[[SObjectFacts], SObjectFacts]) -> OrgFacts:
    return replace(org, objects={**org.objects, sobject: change(org.objects[sobject])})


def found(
    wanted: Wanted, org: OrgFacts, *, login: LoginFacts = LOGIN, machine: MachineFacts = MACHINE
) -> list[Finding]:
    return findings(wanted, login, org, machine, NOW)


def only(told: list[Finding], code: str) -> Finding:
    assert [each.code for each in told] == [code], told
    return told[0]


def test_where_all_is_well_there_is_nothing_to_say(wanted: Wanted, org: OrgFacts) -> None:
    assert found(wanted, org) == []


def test_what_could_not_be_learned_is_no_finding(wanted: Wanted) -> None:
    assert found(wanted, OrgFacts(versions=("66.0",))) == []


def test_findings_come_by_area_and_the_worst_first(wanted: Wanted, org: OrgFacts) -> None:
    told = found(
        wanted,
        replace(org, api_left=(0, 1_000), lead_assignment=("Standard",), user=UserFacts("x", "System Administrator", None)),
        machine=replace(MACHINE, damage="bad page"),
    )  # fmt: skip
    assert [(each.area, each.severity) for each in told] == [
        (Area.ORG, Severity.WARNING),
        (Area.ORG, Severity.NOTE),
        (Area.LIMITS, Severity.ERROR),
        (Area.MACHINE, Severity.ERROR),
    ]
    assert [each.code for each in errors_in(told)] == ["api.spent", "mirror.damaged"]


# -- login


@pytest.mark.parametrize(
    ("login", "code", "severity", "told"),
    [
        (
            LoginFacts(trouble=("not logged in", "sfsync login")),
            "login.missing",
            Severity.ERROR,
            "sfsync login",
        ),
        (replace(LOGIN, scope="refresh_token id"), "login.scope-api", Severity.ERROR, "scope"),
        (
            replace(LOGIN, scope="full refresh_token"),
            "login.scope-full",
            Severity.NOTE,
            "[api, refresh_token]",
        ),
        (replace(LOGIN, can_renew=False), "login.no-renewal", Severity.WARNING, "refresh_token"),
        (
            replace(LOGIN, renewed_at=NOW - timedelta(days=27)),
            "login.idle",
            Severity.WARNING,
            "27 days",
        ),
    ],
)
def test_the_login(
    login: LoginFacts, code: str, severity: Severity, told: str, wanted: Wanted, org: OrgFacts
) -> None:
    finding = only(found(wanted, org, login=login), code)
    assert (finding.area, finding.severity) == (Area.LOGIN, severity)
    assert told in f"{finding.what} {finding.remedy}"


def test_a_login_that_was_not_looked_at_is_not_blamed(wanted: Wanted, org: OrgFacts) -> None:
    assert found(wanted, org, login=LoginFacts()) == []


def test_a_login_by_key_tells_no_scope_and_is_not_blamed_for_it(
    wanted: Wanted, org: OrgFacts
) -> None:
    login = replace(LOGIN, scope="", ends_idle=False, renewed_at=NOW - timedelta(days=90))
    assert found(wanted, org, login=login) == []


# -- org


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"trouble": ("no connection", "look at the network")}, "org.unreachable", Severity.ERROR),
        ({"versions": ("40.0", "60.0")}, "org.api-version", Severity.ERROR),
        ({"edition": "Group Edition"}, "org.edition", Severity.WARNING),
        ({"duplicate_rules": (("Contact", "Standard Contacts"), ("Account", "A"))}, "org.duplicate-rule", Severity.NOTE),
        ({"lead_assignment": ("Europe",)}, "org.lead-assignment", Severity.NOTE),
        ({"user": UserFacts("boss@x.example", "System Administrator", None)}, "user.admin", Severity.WARNING),
        ({"user": UserFacts("boss@x.example", "Custom", frozenset({"ModifyAllData"}))}, "user.admin", Severity.WARNING),
        ({"access": {"Contact": "None", "Lead": "Read"}}, "user.sharing", Severity.WARNING),
        ({"storage_mb": (0, 5)}, "storage.full", Severity.ERROR),
        ({"storage_mb": (99, 1_000)}, "storage.low", Severity.WARNING),
        ({"api_left": (20_000, 100_000)}, "api.spent", Severity.ERROR),
        ({"api_left": (20_030, 100_000)}, "api.low", Severity.WARNING),
        ({"skew": timedelta(minutes=3)}, "machine.clock", Severity.WARNING),
        ({"skew": timedelta(minutes=-3)}, "machine.clock", Severity.WARNING),
    ],
)  # fmt: skip
def test_the_org(
    change: dict[str, Any], code: str, severity: Severity, wanted: Wanted, org: OrgFacts
) -> None:
    assert only(found(wanted, replace(org, **change)), code).severity is severity


def test_the_newest_version_is_proposed(wanted: Wanted, org: OrgFacts) -> None:
    finding = only(found(wanted, replace(org, versions=("40.0", "60.0"))), "org.api-version")
    assert 'api_version: "60.0"' in finding.remedy


def test_whoever_sees_everything_is_not_kept_out_by_sharing(wanted: Wanted, org: OrgFacts) -> None:
    user = UserFacts("sync@example.com", "Custom", frozenset({"ViewAllData"}))
    assert found(wanted, replace(org, user=user, access={"Contact": "None"})) == []


def test_person_accounts(wanted: Wanted, org: OrgFacts) -> None:
    told = found(
        wanted,
        in_org(org, "Contact", lambda facts: changed(facts, "IsPersonAccount", type="boolean")),
    )
    assert only(told, "org.person-accounts").severity is Severity.WARNING


def test_a_run_that_takes_more_than_its_share_is_told(wanted: Wanted, org: OrgFacts) -> None:
    told = found(
        wanted, replace(org, api_left=(1_000, 1_000)), machine=replace(MACHINE, usual_calls=300)
    )
    assert "250" in only(told, "api.per-run").why


# -- objects and fields


def test_an_object_that_is_hidden(wanted: Wanted, org: OrgFacts) -> None:
    objects = {name: facts for name, facts in org.objects.items() if name != "Lead"}
    finding = only(found(wanted, replace(org, objects=objects)), "object.hidden")
    assert (finding.subject, finding.severity, finding.who) == ("Lead", Severity.ERROR, Who.ADMIN)


def test_an_org_that_shows_nothing_at_all_is_not_clean(wanted: Wanted) -> None:
    told = found(wanted, OrgFacts(asked=True, versions=("66.0",)))
    assert {(each.code, each.subject) for each in told} == {
        ("object.hidden", name) for name in ("Contact", "Lead", "Task")
    }


@pytest.mark.parametrize(("sobject", "area"), [("Contact", Area.FIELDS), ("Task", Area.ACTIVITY)])
def test_an_object_that_may_not_be_written(
    sobject: str, area: Area, wanted: Wanted, org: OrgFacts
) -> None:
    told = found(wanted, in_org(org, sobject, lambda facts: replace(facts, createable=False)))
    finding = only(told, "object.write")
    assert (finding.area, finding.severity, finding.subject) == (area, Severity.ERROR, sobject)


def test_what_only_comes_down_need_not_be_writable(wanted: Wanted, org: OrgFacts) -> None:
    rules = {
        **wanted.mapping.rules,
        "lead": replace(wanted.mapping.rules["lead"], direction=Direction.PULL),
    }
    pulling = replace(wanted, mapping=replace(wanted.mapping, rules=rules))
    assert (
        found(
            pulling,
            in_org(org, "Lead", lambda facts: replace(facts, createable=False, updateable=False)),
        )
        == []
    )


def test_a_right_to_delete_is_missed_only_where_it_is_wanted(wanted: Wanted, org: OrgFacts) -> None:
    kept = in_org(org, "Lead", lambda facts: replace(facts, deletable=False))
    assert found(wanted, kept) == []
    lead = replace(wanted.mapping.objects["lead"], on_local_delete=OnLocalDelete.DELETE)
    deleting = replace(
        wanted, mapping=replace(wanted.mapping, objects={**wanted.mapping.objects, "lead": lead})
    )
    assert only(found(deleting, kept), "object.delete").severity is Severity.WARNING


OPENS = "PenguinMails_Total_Opens__c"


@pytest.mark.parametrize(
    ("existing", "code", "what"),
    [
        (None, "field.missing", "Contact has no such field, or hides it from this user"),
        (frozenset(), "field.missing", "this org has no such field on Contact"),
        (frozenset({f"Contact.{OPENS}"}), "field.hidden", "it is there, and hidden from this user"),
    ],
)
def test_a_missing_field_is_told_from_a_hidden_one_where_that_can_be_seen(
    existing: frozenset[str] | None, code: str, what: str, wanted: Wanted, org: OrgFacts
) -> None:
    hidden = in_org(replace(org, existing=existing), "Contact", lambda facts: without(facts, OPENS))
    finding = only(found(wanted, hidden), code)
    assert (finding.what, finding.who, finding.subject) == (what, Who.ADMIN, f"Contact.{OPENS}")
    assert "sfsync org setup" in finding.remedy


def test_a_field_of_activity_is_looked_for_there(wanted: Wanted, org: OrgFacts) -> None:
    key = "PenguinMails_Event_Id__c"
    hidden = replace(org, existing=frozenset({f"Activity.{key}"}))
    told = found(wanted, in_org(hidden, "Task", lambda facts: without(facts, key)))
    assert told[0].subject == f"Task.{key}"
    assert told[0].who is Who.ADMIN


def test_a_hidden_opt_out_says_what_it_means(wanted: Wanted, org: OrgFacts) -> None:
    told = found(wanted, in_org(org, "Lead", lambda facts: without(facts, "HasOptedOutOfEmail")))
    finding = only(told, "field.missing")
    assert "mailings may still reach that person" in finding.why
    assert finding.who is Who.ADMIN


def test_a_formula_is_not_a_matter_of_rights(wanted: Wanted, org: OrgFacts) -> None:
    change = {"calculated": True, "createable": False, "updateable": False}
    finding = only(
        found(wanted, in_org(org, "Contact", lambda facts: changed(facts, "Title", **change))),
        "mapping",
    )
    assert (finding.who, finding.remedy) == (Who.YOU, "Write direction: pull.")


def test_a_name_that_is_nearly_right_is_proposed(wanted: Wanted, org: OrgFacts) -> None:
    contact = wanted.mapping.objects["contact"]
    wrong = replace(contact, fields=(*contact.fields, FieldMap("Depratment", "department")))
    asking = replace(
        wanted,
        mapping=replace(wanted.mapping, objects={**wanted.mapping.objects, "contact": wrong}),
    )
    told = found(asking, in_org(org, "Contact", lambda facts: changed(facts, "Department")))
    assert "Did you mean Department?" in only(told, "field.missing").remedy


def test_a_required_field_that_nobody_sends(wanted: Wanted, org: OrgFacts) -> None:
    told = found(
        wanted, in_org(org, "Lead", lambda facts: changed(facts, "Region__c", required=True))
    )
    finding = only(told, "mapping")
    assert (finding.subject, finding.why, finding.who) == (
        "Lead.Region__c",
        "no record can be created",
        Who.YOU,
    )


@pytest.mark.parametrize(
    ("sobject", "key", "area"),
    [
        ("Lead", "PenguinMails_Id__c", Area.FIELDS),
        ("Task", "PenguinMails_Event_Id__c", Area.ACTIVITY),
    ],
)
def test_a_key_that_is_not_unique(
    sobject: str, key: str, area: Area, wanted: Wanted, org: OrgFacts
) -> None:
    finding = only(
        found(wanted, in_org(org, sobject, lambda facts: changed(facts, key, unique=False))),
        "key.not-unique",
    )
    assert (finding.area, finding.subject, finding.who) == (area, f"{sobject}.{key}", Who.ADMIN)


def test_listed_states_and_countries(wanted: Wanted, org: OrgFacts) -> None:
    told = found(
        wanted, in_org(org, "Lead", lambda facts: changed(facts, "StateCode", type="picklist"))
    )
    assert only(told, "address.picklist").subject == "Lead.State"


def test_what_the_mirror_holds_is_measured_against_the_field(wanted: Wanted, org: OrgFacts) -> None:
    machine = replace(MACHINE, widest={("contact", "job_title"): 81, ("contact", "city"): 80})
    finding = only(found(wanted, org, machine=machine), "value.too-long")
    assert (finding.subject, finding.what) == (
        "contacts.job_title",
        "the mirror holds 81 characters, and Contact.Title takes 80",
    )


def test_what_the_mirror_holds_is_compared_with_a_restricted_picklist(
    wanted: Wanted, org: OrgFacts
) -> None:
    listed = in_org(
        org,
        "Lead",
        lambda facts: changed(facts, "Rating", restricted=True, picklist=("Hot", "Cold")),
    )
    machine = replace(MACHINE, values={("lead", "lead_rating"): ("Cold", "hott")})
    finding = only(found(wanted, listed, machine=machine), "value.not-in-picklist")
    assert "Did you mean 'Hot'?" in finding.remedy


def test_what_sfsync_remembers_may_be_out_of_date(wanted: Wanted, org: OrgFacts) -> None:
    machine = replace(MACHINE, remembered={"Contact": without(org.objects["Contact"], OPENS)})
    finding = only(found(wanted, org, machine=machine), "memory.stale")
    assert OPENS in finding.what
    assert finding.who is Who.SFSYNC


def test_each_of_several_values_is_compared_with_the_picklist(
    wanted: Wanted, org: OrgFacts
) -> None:
    topics = FieldMap("Topics__c", "topics", FieldType.MULTIPICKLIST)
    contact = wanted.mapping.objects["contact"]
    objects = {"contact": replace(contact, fields=(*contact.fields, topics))}
    mapping = replace(wanted.mapping, objects={**wanted.mapping.objects, **objects})
    facts = org.objects["Contact"]
    field = FieldFacts("Topics__c", "multipicklist", restricted=True, picklist=("News", "Offers"))
    there = replace(facts, fields={**facts.fields, "Topics__c": field})
    machine = replace(MACHINE, values={("contact", "topics"): ("News;Offers", "News;Ofers")})
    finding = only(
        found(
            replace(wanted, mapping=mapping),
            replace(org, objects={**org.objects, "Contact": there}),
            machine=machine,
        ),
        "value.not-in-picklist",
    )
    assert (finding.subject, finding.remedy) == ("contacts.topics", "Did you mean 'Offers'?")


# -- activity


def test_a_status_that_stays_open(wanted: Wanted, org: OrgFacts) -> None:
    finding = only(
        found(wanted, replace(org, statuses={"Completed": False, "Done": True})), "task.stays-open"
    )
    assert (finding.subject, finding.remedy) == ("Task.Status", "Write one that closes: Done.")


def test_a_type_that_the_org_lacks(wanted: Wanted, org: OrgFacts) -> None:
    change = {"picklist": ("Call", "E-Mail"), "restricted": True}
    told = found(wanted, in_org(org, "Task", lambda facts: changed(facts, "Type", **change)))
    assert "Did you mean E-Mail?" in only(told, "mapping").remedy


def test_a_text_that_is_longer_than_its_field(wanted: Wanted, org: OrgFacts) -> None:
    told = found(wanted, in_org(org, "Task", lambda facts: changed(facts, "Status", length=5)))
    assert only(told, "task.too-long").subject == "Task.Status"


# -- this machine


@pytest.mark.parametrize(
    ("file", "code", "severity", "told"),
    [
        (FileFacts("mirror.db", 0o644, True, True), "file.mode", Severity.WARNING, "others may read it (mode 0644)"),
        (FileFacts("mirror.db", 0o666, True, True), "file.mode", Severity.ERROR, "others may write it (mode 0666)"),
        (FileFacts("sfsync.yaml", 0o664, True, False), "file.mode", Severity.ERROR, "others may write it (mode 0664)"),
        (FileFacts("sfsync.yaml", 0o644, False, False), "file.owner", Severity.WARNING, "belongs to another user"),
    ],
)  # fmt: skip
def test_a_file(
    file: FileFacts, code: str, severity: Severity, told: str, wanted: Wanted, org: OrgFacts
) -> None:
    finding = only(found(wanted, org, machine=replace(MACHINE, files=(file,))), code)
    assert (finding.severity, finding.subject) == (severity, file.path)
    assert told in finding.what


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"trouble": ("no permission", "chmod")}, "mirror.unusable", Severity.ERROR),
        ({"damage": "page 3 is never used"}, "mirror.damaged", Severity.ERROR),
        ({"sqlite": (3, 40, 1)}, "sqlite.version", Severity.NOTE),
        ({"sqlite": (3, 40, 1), "journal": "wal"}, "sqlite.wal", Severity.WARNING),
        (
            {"lock": ("`sync` holds the lock", NOW - timedelta(hours=7))},
            "run.long",
            Severity.WARNING,
        ),
        ({"paused_since": "2026-01-30T00:00:00Z"}, "run.paused", Severity.WARNING),
        ({"last_good_run": None}, "run.none", Severity.NOTE),
        ({"last_good_run": NOW - timedelta(hours=25)}, "run.old", Severity.WARNING),
    ],
)
def test_the_mirror_and_its_runs(
    change: dict[str, Any], code: str, severity: Severity, wanted: Wanted, org: OrgFacts
) -> None:
    assert only(found(wanted, org, machine=replace(MACHINE, **change)), code).severity is severity


def test_a_run_that_has_just_begun_is_nobodys_business(wanted: Wanted, org: OrgFacts) -> None:
    assert (
        found(
            wanted,
            org,
            machine=replace(MACHINE, lock=("`sync` holds the lock", NOW - timedelta(hours=1))),
        )
        == []
    )


def test_where_no_batch_is_wished_for_no_run_is_missed(wanted: Wanted, org: OrgFacts) -> None:
    rules = {name: replace(each, fallback="none") for name, each in wanted.mapping.rules.items()}
    by_hand = replace(wanted, mapping=replace(wanted.mapping, rules=rules))
    assert (
        found(by_hand, org, machine=replace(MACHINE, last_good_run=NOW - timedelta(days=90))) == []
    )
