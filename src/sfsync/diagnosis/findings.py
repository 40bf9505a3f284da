"""What is wrong, or may surprise, between a configuration, an org, a login and this machine: findings as values. Pure.

Facts are gathered elsewhere (``salesforce.survey``, ``mirror.health``, ``cli``); what could not be
learned is ``None`` and gives no finding. Each finding says what is so, what follows from it, what
to do and who can do it.

Source: salesforce-facts §0, §2, §7, §9; pitfalls of real orgs: hidden opt-outs, restricted
picklists, duplicate and assignment rules, person accounts, administrators as integration users.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sfsync.document.problems import nearest
from sfsync.mapping.check import SETUP, Problem, Severity, check_activities, check_object
from sfsync.mapping.template import literal
from sfsync.model.facts import OrgFacts, SObjectFacts
from sfsync.model.limits import Limits
from sfsync.model.mapping import OnLocalDelete, SyncMapping
from sfsync.provisioning.blueprint import ACTIVITY, OWN, makes_parents

RECORDS_PER_MB: Final = 512
"""A Contact, Lead or Task takes 2 KB of data storage. Source: salesforce-facts §9."""

MOST_SKEW: Final = timedelta(minutes=2)
IDLE_WARNING: Final = timedelta(days=20)
"""Refresh tokens commonly end after 30 days without use. Source: salesforce-facts §1.5."""

SAFE_WAL: Final = (3, 51, 3)
LOCK_WARNING: Final = timedelta(hours=6)
_STALE: Final[Mapping[str, timedelta]] = {
    "hourly_batch": timedelta(hours=24),
    "daily_batch": timedelta(days=3),
}
"""How old the last good run may be, by the batch that was wished for."""


class Who(StrEnum):
    """Who can mend it."""

    YOU = "you"
    ADMIN = "an admin"
    SFSYNC = "sfsync"


class Area(StrEnum):
    """What a finding is about, in the order people are told."""

    LOGIN = "Login"
    ORG = "Org"
    FIELDS = "Objects and fields"
    ACTIVITY = "Email activity"
    LIMITS = "Limits"
    MACHINE = "This machine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know.

    Attributes:
        code: for scripts, ``login.missing``; the same for ever.
        subject: the field, file or object; empty where there is none.
        what: is so.
        why: it matters.
        remedy: what to do about it; empty where nothing is to be done.
        who: can do it.
    """

    code: str
    area: Area
    severity: Severity
    what: str
    why: str = ""
    remedy: str = ""
    who: Who = Who.YOU
    subject: str = ""

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


# -- facts -----------------------------------------------------------------------------------------
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
    """

    path: str
    mode: int
    is_mine: bool
    is_secret: bool

    @property
    def surplus(self) -> int:
        """The bits that should not be there."""
        return self.mode & (0o077 if self.is_secret else 0o022)


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What there is here.

    Attributes:
        trouble: why the mirror cannot be used at all, and what to do.
        damage: what SQLite's own check of the mirror found; empty for nothing.
        lock: who holds the run lock, and since when, where somebody does.
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
    last_good_run: datetime | None = None
    usual_calls: int | None = None
    paused_since: str = ""
    remembered: Mapping[str, SObjectFacts] = field(default_factory=dict)
    widest: Mapping[tuple[str, str], int] = field(default_factory=dict)
    values: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration asks for."""

    mapping: SyncMapping
    limits: Limits
    api_version: str


# -- all together ----------------------------------------------------------------------------------
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
        *clock_findings(org),
        *machine_findings(machine, wanted, now),
    ]
    worst = list(Severity)
    areas = list(Area)
    return sorted(found, key=lambda each: (areas.index(each.area), worst.index(each.severity)))


def errors_in(found: Iterable[Finding]) -> list[Finding]:
    """Those that forbid a sync, or a part of it."""
    return [finding for finding in found if finding.severity is Severity.ERROR]


# -- login -----------------------------------------------------------------------------------------
def login_findings(login: LoginFacts, now: datetime) -> Iterator[Finding]:
    """The stored login: there, allowed enough and no more, and lasting."""
    if login.trouble:
        what, remedy = login.trouble
        yield Finding(
            "login.missing", Area.LOGIN, Severity.ERROR, what, "nothing can be synced", remedy
        )
        return
    if not login.way:
        return  # it was not looked at
    granted = set(login.scope.split())
    if granted and not granted & {"api", "full"}:
        yield Finding(
            "login.scope-api", Area.LOGIN, Severity.ERROR, "the login was not granted the scope api",
            "the org refuses every call", "Add `api` to the app's scopes and to org.scopes, then `sfsync login`.",
        )  # fmt: skip
    if "full" in granted:
        yield Finding(
            "login.scope-full", Area.LOGIN, Severity.NOTE, "the login was granted the scope full",
            "it may do all that its user may do in Salesforce; api is enough",
            "Write scopes: [api, refresh_token], then `sfsync login`.",
        )  # fmt: skip
    if not login.can_renew:
        yield Finding(
            "login.no-renewal", Area.LOGIN, Severity.WARNING, "the login cannot be renewed",
            "it ends with its access token, often within two hours",
            "Add `refresh_token` to the app's scopes and to org.scopes, then `sfsync login`.",
        )  # fmt: skip
    if login.ends_idle and login.renewed_at and now - login.renewed_at > IDLE_WARNING:
        yield Finding(
            "login.idle", Area.LOGIN, Severity.WARNING,
            f"the login was last renewed {(now - login.renewed_at).days} days ago",
            "many orgs end a login that is not used for 30 days", "`sfsync whoami` renews it; a schedule does so too.",
        )  # fmt: skip


# -- org -------------------------------------------------------------------------------------------
def version_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """Whether the org can be asked, in this version of its API."""
    if org.trouble:
        what, remedy = org.trouble
        yield Finding(
            "org.unreachable",
            Area.ORG,
            Severity.ERROR,
            what,
            "the org could not be looked at",
            remedy,
        )
    if org.versions and wanted.api_version not in org.versions:
        yield Finding(
            "org.api-version", Area.ORG, Severity.ERROR,
            f"this org does not speak version {wanted.api_version} of its API",
            f"it speaks {org.versions[0]} to {org.versions[-1]}, and answers nothing else",
            f'Write api_version: "{org.versions[-1]}" under org.',
        )  # fmt: skip


def org_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """What is switched on in this org that changes what a sync does."""
    names = {each.sobject for each in wanted.mapping.objects.values()}
    if org.edition and any(
        word in org.edition for word in ("Group", "Essentials", "Team", "Starter")
    ):
        yield Finding(
            "org.edition", Area.ORG, Severity.WARNING, f"this org is a {org.edition}",
            "that edition has no API, as a rule, or takes it away after a trial", "Ask Salesforce.", Who.ADMIN,
        )  # fmt: skip
    contact = org.objects.get("Contact")
    if contact and "Contact" in names and "IsPersonAccount" in contact.fields:
        yield Finding(
            "org.person-accounts", Area.ORG, Severity.WARNING, "this org has person accounts",
            "their contacts can be read and not written as contacts: such a write goes to quarantine",
            "Leave them out of what the platform edits.", subject="Contact",
        )  # fmt: skip
    for sobject, rule in org.duplicate_rules or ():
        if sobject in names:
            yield Finding(
                "org.duplicate-rule", Area.ORG, Severity.NOTE, f"the duplicate rule {rule!r} is active",
                f"a new {sobject} like one that is there is refused by the API, even where people are only"
                " warned; it goes to quarantine, and sfsync never goes around the rule",
                "Link or merge the two in Salesforce, then `sfsync retry`.", subject=sobject,
            )  # fmt: skip
    if "Lead" in names and org.lead_assignment:
        yield Finding(
            "org.lead-assignment", Area.ORG, Severity.NOTE,
            f"the lead assignment rule {org.lead_assignment[0]!r} is active",
            "sfsync never sets it off: leads that it makes belong to the user it logs in as",
            "Where they should be handed out, let a flow do it.", Who.ADMIN, "Lead",
        )  # fmt: skip


def user_findings(org: OrgFacts) -> Iterator[Finding]:
    """Whether the user may do too much, or sees too little."""
    user = org.user
    if user is None:
        return
    rights = user.permissions or frozenset()
    if user.profile == "System Administrator" or "ModifyAllData" in rights:
        yield Finding(
            "user.admin", Area.ORG, Severity.WARNING, "the user that sfsync works as is an administrator",
            "whoever gets hold of this login can do anything in the org, and everything looks writable",
            "Give sfsync a user of its own with the permission set of `sfsync org setup` (docs/setup.md).",
            Who.ADMIN, user.username,
        )  # fmt: skip
    elif user.permissions is not None and "ViewAllData" not in rights:
        private = [name for name, access in org.access.items() if access in {"None", "Private"}]
        if private:
            yield Finding(
                "user.sharing", Area.ORG, Severity.WARNING,
                f"{' and '.join(private)} are private by default, and this user does not see all of them",
                "people it does not see are not synced, and one that it loses looks as if it were gone",
                "Setup > Sharing Settings: share them with the user, or give it View All on these objects.",
                Who.ADMIN,
            )  # fmt: skip


# -- objects and fields ----------------------------------------------------------------------------
def object_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """What the user may do with each object as a whole."""
    if not org.asked:
        return
    for name, object_map in wanted.mapping.objects.items():
        pushes = wanted.mapping.rules_for(name).pushes
        yield from _object_rights(object_map.sobject, org, edits=pushes, area=Area.FIELDS)
        facts = org.objects.get(object_map.sobject)
        if (
            pushes
            and facts
            and object_map.on_local_delete is OnLocalDelete.DELETE
            and not facts.deletable
        ):
            yield Finding(
                "object.delete", Area.FIELDS, Severity.WARNING, f"this user may not delete a {facts.name}",
                "on_local_delete: delete will be refused", "Ask your admin for the right to delete.", Who.ADMIN,
                facts.name,
            )  # fmt: skip
    if parent := makes_parents(wanted.mapping):
        yield from _object_rights(parent, org, edits=True, area=Area.FIELDS, only_create=True)
    if wanted.mapping.activities.fields:
        yield from _object_rights(
            wanted.mapping.activities.sobject, org, edits=True, area=Area.ACTIVITY, only_create=True
        )


def _object_rights(
    sobject: str, org: OrgFacts, *, edits: bool, area: Area, only_create: bool = False
) -> Iterator[Finding]:
    facts = org.objects.get(sobject)
    if facts is None:
        yield Finding(
            "object.hidden", area, Severity.ERROR, f"this user may not see any {sobject}",
            "it cannot be synced", SETUP, Who.ADMIN, sobject,
        )  # fmt: skip
        return
    missing = [] if facts.createable else ["create"]
    missing += [] if facts.updateable or only_create else ["edit"]
    if edits and missing:
        yield Finding(
            "object.write", area, Severity.ERROR, f"this user may not {' or '.join(missing)} a {sobject}",
            "Salesforce will refuse what is pushed", SETUP, Who.ADMIN, sobject,
        )  # fmt: skip


def field_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """The mapping against each object's describe, and what its keys lack."""
    for object_map in wanted.mapping.objects.values():
        facts = org.objects.get(object_map.sobject)
        if facts is None:
            continue
        for problem in check_object(object_map, facts):
            yield _of_problem(problem, org, Area.FIELDS)
        yield from _key_findings(object_map.external_id, facts, Area.FIELDS)


def _key_findings(name: str, facts: SObjectFacts, area: Area) -> Iterator[Finding]:
    found = next(
        (each for each in facts.fields.values() if each.name.lower() == name.lower()), None
    )
    if found is not None and found.external_id and not found.unique:
        yield Finding(
            "key.not-unique", area, Severity.WARNING, "this external id is not unique in this org",
            "Salesforce would take a second record with the same key, and then refuse both",
            f"Setup > Object Manager > {facts.name} > Fields & Relationships: tick Unique.", Who.ADMIN,
            f"{facts.name}.{name}",
        )  # fmt: skip


_MISSING: Final = "has no such field, or hides it from this user"


def _of_problem(problem: Problem, org: OrgFacts, area: Area) -> Finding:
    """A problem of the mapping, told more exactly where the org's setup could be looked into."""
    subject = f"{problem.object}.{problem.field}" if problem.field else problem.object
    finding = Finding(
        "mapping", area, problem.severity, problem.what, problem.why, problem.remedy,
        Who.ADMIN if problem.is_for_admin else Who.YOU, subject,
    )  # fmt: skip
    if _MISSING not in problem.what:
        return finding
    finding = replace(finding, code="field.missing")
    if org.existing is None or not problem.field.endswith("__c"):
        return finding
    table = ACTIVITY if problem.object == "Task" else problem.object
    if f"{table}.{problem.field}".lower() in {name.lower() for name in org.existing}:
        remedy = (
            f"{SETUP} The permission set opens it."
            if problem.field.startswith(OWN)
            else problem.remedy
        )
        return replace(
            finding,
            code="field.hidden",
            what="it is there, and hidden from this user",
            remedy=remedy,
        )
    return replace(finding, what=f"this org has no such field on {table}")


def address_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """State and country may be picklists, whose values nobody sees in the describe of the text field.

    Source: salesforce-facts §7.4 (the Code fields exist only where the lists are on).
    """
    for name, object_map in wanted.mapping.objects.items():
        facts = org.objects.get(object_map.sobject)
        if facts is None or not wanted.mapping.rules_for(name).pushes:
            continue
        for field_map in object_map.fields:
            code = facts.fields.get(f"{field_map.remote}Code")
            if (
                field_map.pushes
                and code is not None
                and field_map.remote.endswith(("State", "Country"))
            ):
                yield Finding(
                    "address.picklist", Area.FIELDS, Severity.WARNING, "this org takes only listed states and countries",
                    "another spelling is refused, and a state needs its country: such rows go to quarantine",
                    "Setup > State and Country/Territory Picklists shows the names; or write direction: pull.",
                    Who.YOU, f"{object_map.sobject}.{field_map.remote}",
                )  # fmt: skip


def value_findings(org: OrgFacts, wanted: Wanted, machine: MachineFacts) -> Iterator[Finding]:
    """What stands in the mirror, against what the org's fields can hold."""
    for name, object_map in wanted.mapping.objects.items():
        facts = org.objects.get(object_map.sobject)
        if facts is None or not wanted.mapping.rules_for(name).pushes:
            continue
        for field_map in object_map.fields:
            found = facts.fields.get(field_map.remote)
            choices = field_map.type.traits.choices
            if found is None or not field_map.pushes or choices is None:
                continue
            longest = machine.widest.get((name, field_map.column), 0)
            subject = f"{object_map.table}.{field_map.column}"
            if found.length and longest > found.length:
                yield Finding(
                    "value.too-long", Area.FIELDS, Severity.WARNING,
                    f"the mirror holds {longest} characters, and {facts.name}.{found.name} takes {found.length}",
                    "such rows are refused, and go to quarantine", "Shorten them.", Who.YOU, subject,
                )  # fmt: skip
            held = machine.values.get((name, field_map.column), ())
            chosen = dict.fromkeys(choice for value in held for choice in choices(value))
            yield from _values_refused(list(chosen), found.picklist, subject)


def _values_refused(values: Sequence[str], known: Sequence[str], subject: str) -> Iterator[Finding]:
    strange = [value for value in values if value not in known] if known else []
    for value in strange[:5]:
        near = nearest(value, known)
        yield Finding(
            "value.not-in-picklist", Area.FIELDS, Severity.WARNING,
            f"{value!r} in the mirror is not among the values of its restricted picklist",
            "such rows are refused, and go to quarantine",
            f"Did you mean {near!r}?" if near else f"Its values: {', '.join(known[:8])}.", Who.YOU, subject,
        )  # fmt: skip


def memory_findings(org: OrgFacts, machine: MachineFacts) -> Iterator[Finding]:
    """What sfsync remembers of the org's objects, so as not to ask at each run, may be out of date."""
    for name, kept in machine.remembered.items():
        facts = org.objects.get(name)
        changed = changes(kept, facts) if facts else []
        if changed:
            shown = ", ".join(changed[:4]) + (
                f" and {len(changed) - 4} more" if len(changed) > 4 else ""
            )
            yield Finding(
                "memory.stale", Area.FIELDS, Severity.WARNING, f"{name} has changed since sfsync asked: {shown}",
                "a run goes by what it remembers: a new field is left out, a hidden one refused",
                "`sfsync org check --fix` asks anew.", Who.SFSYNC, name,
            )  # fmt: skip


def changes(before: SObjectFacts, after: SObjectFacts) -> list[str]:
    """Names of fields that came, went, or are not as they were; in the order of the names."""
    names = sorted(before.fields.keys() | after.fields.keys())
    return [name for name in names if before.fields.get(name) != after.fields.get(name)]


# -- activity --------------------------------------------------------------------------------------
def activity_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """The Task's fields, and whether a Task that is logged counts as done."""
    activities = wanted.mapping.activities
    facts = org.objects.get(activities.sobject)
    if facts is None:
        return
    for problem in check_activities(activities, facts):
        yield _of_problem(problem, org, Area.ACTIVITY)
    yield from _key_findings(activities.external_id, facts, Area.ACTIVITY)
    for name, template in activities.fields:
        found = facts.fields.get(name)
        text = literal(template)
        if found and text and found.length and len(text) > found.length:
            yield Finding(
                "task.too-long", Area.ACTIVITY, Severity.WARNING, f"its text is longer than {found.length} characters",
                "it is cut", "Shorten it.", Who.YOU, f"{activities.sobject}.{name}",
            )  # fmt: skip
    status = literal(dict(activities.fields).get("Status", ""))
    if status and org.statuses and org.statuses.get(status) is False:
        closed = ", ".join(name for name, closes in org.statuses.items() if closes)
        yield Finding(
            "task.stays-open", Area.ACTIVITY, Severity.WARNING, f"a Task with the status {status!r} is open in this org",
            "every logged email would stand on somebody's list of things to do",
            f"Write one that closes: {closed}." if closed else "Choose one that closes.", Who.YOU, f"{activities.sobject}.Status",
        )  # fmt: skip


# -- limits ----------------------------------------------------------------------------------------
def limit_findings(org: OrgFacts, wanted: Wanted, machine: MachineFacts) -> Iterator[Finding]:
    """API calls and storage that are left."""
    if org.api_left:
        yield from _budget_findings(*org.api_left, wanted.limits, machine.usual_calls)
    if org.storage_mb and org.storage_mb[1]:
        left, most = org.storage_mb
        room = (
            f"{left} of {most} MB of data storage are left: about {left * RECORDS_PER_MB:,} records"
        )
        full = "every new contact, lead and Task is refused once it is full"
        remedy = "Delete what nobody needs, or log fewer kinds of events as Tasks (activity_types, once_per)."
        if left <= 0:
            yield Finding(
                "storage.full", Area.LIMITS, Severity.ERROR, "the org's data storage is full", full, remedy, Who.ADMIN
            )  # fmt: skip
        elif left < most * 0.1:
            yield Finding(
                "storage.low", Area.LIMITS, Severity.WARNING, room, full, remedy, Who.ADMIN
            )


def _budget_findings(left: int, most: int, limits: Limits, usual: int | None) -> Iterator[Finding]:
    reserve = most - math.floor(most * (1 - limits.api_reserve))
    ours = left - reserve
    told = f"{left:,} of the org's {most:,} API calls are left today"
    if ours <= 0:
        yield Finding(
            "api.spent", Area.LIMITS, Severity.ERROR, told, f"{limits.api_reserve:.0%} of them are kept for everyone else",
            "Wait for the 24 hours to move on, or lower limits.api_reserve.",
        )  # fmt: skip
    elif usual and ours < usual:
        yield Finding(
            "api.low", Area.LIMITS, Severity.WARNING, told, f"a usual run takes {usual:,}, and {ours:,} may be made",
            "Wait, or lower limits.api_reserve; a run that stops goes on with the next.",
        )  # fmt: skip
    if usual and usual > most * limits.api_per_run:
        yield Finding(
            "api.per-run", Area.LIMITS, Severity.WARNING, f"a usual run takes {usual:,} API calls",
            f"limits.api_per_run lets it take {math.floor(most * limits.api_per_run):,}: it stops and goes on with the next",
            "Raise limits.api_per_run, or sync more often.",
        )  # fmt: skip


def clock_findings(org: OrgFacts) -> Iterator[Finding]:
    """A clock that is wrong makes events happen at the wrong time."""
    if org.skew is not None and abs(org.skew) > MOST_SKEW:
        direction = "ahead of" if org.skew > timedelta(0) else "behind"
        minutes = abs(org.skew) / timedelta(minutes=1)
        yield Finding(
            "machine.clock", Area.MACHINE, Severity.WARNING, f"this machine's clock is {minutes:.0f} minutes {direction} Salesforce's",
            "what happens here is stamped wrong, and logins by key are refused", "Set the clock (timedatectl, NTP).",
        )  # fmt: skip


# -- this machine ----------------------------------------------------------------------------------
def machine_findings(machine: MachineFacts, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    """Files, the mirror, and the runs so far."""
    for file in machine.files:
        yield from _file_findings(file)
    if machine.trouble:
        what, remedy = machine.trouble
        yield Finding(
            "mirror.unusable", Area.MACHINE, Severity.ERROR, what, "nothing can be synced", remedy
        )  # fmt: skip
        return
    if machine.damage:
        yield Finding(
            "mirror.damaged", Area.MACHINE, Severity.ERROR, f"the mirror is damaged: {machine.damage}",
            "what it holds cannot be trusted",
            "Restore a backup, or move the file away: `sfsync pull --full` reads everything again.",
        )  # fmt: skip
    yield from _sqlite_findings(machine)
    if machine.lock and now - machine.lock[1] > LOCK_WARNING:
        yield Finding(
            "run.long", Area.MACHINE, Severity.WARNING, f"{machine.lock[0]}, for {_told(now - machine.lock[1])}",
            "no other run can begin", "Look whether that process still works, and end it if not.",
        )  # fmt: skip
    if machine.paused_since:
        yield Finding(
            "run.paused", Area.MACHINE, Severity.WARNING, f"sfsync is paused since {machine.paused_since}",
            "nothing is written", "`sfsync resume`.",
        )  # fmt: skip
    yield from _run_findings(machine, wanted, now)


def _file_findings(file: FileFacts) -> Iterator[Finding]:
    if not file.is_mine:
        yield Finding(
            "file.owner", Area.MACHINE, Severity.WARNING, "it belongs to another user",
            "whoever owns it decides what sfsync does", "Make it yours: chown.", Who.YOU, file.path,
        )  # fmt: skip
    elif file.surplus:
        can = "write" if file.surplus & 0o022 else "read"
        severity = Severity.ERROR if file.surplus & 0o022 else Severity.WARNING
        yield Finding(
            "file.mode", Area.MACHINE, severity, f"others may {can} it (mode {file.mode:04o})",
            "it holds people's data or a key" if file.is_secret else "it says where sfsync logs in",
            "`sfsync org check --fix` closes it.", Who.SFSYNC, file.path,
        )  # fmt: skip


def _sqlite_findings(machine: MachineFacts) -> Iterator[Finding]:
    if not machine.sqlite or machine.sqlite >= SAFE_WAL:
        return
    version = ".".join(map(str, machine.sqlite))
    if machine.journal == "wal":
        yield Finding(
            "sqlite.wal", Area.MACHINE, Severity.WARNING, f"the mirror uses a write-ahead log with SQLite {version}",
            "before 3.51.3 two writers can damage such a file", "sqlite3 mirror.db 'PRAGMA journal_mode = DELETE'",
        )  # fmt: skip
    else:
        yield Finding(
            "sqlite.version", Area.MACHINE, Severity.NOTE, f"this Python has SQLite {version}",
            "before 3.51.3 a write-ahead log can be damaged by two writers; the mirror uses none",
            "Leave the mirror's journal mode as it is.",
        )  # fmt: skip


def _run_findings(machine: MachineFacts, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    if machine.last_good_run is None:
        yield Finding(
            "run.none", Area.MACHINE, Severity.NOTE, "there was no good run yet", "", "`sfsync pull`, then `sfsync diff`."
        )  # fmt: skip
        return
    wished = [
        _STALE[rules.fallback]
        for rules in wanted.mapping.rules.values()
        if rules.fallback in _STALE
    ]
    age = now - machine.last_good_run
    if wished and age > min(wished):
        yield Finding(
            "run.old", Area.MACHINE, Severity.WARNING, f"the last good run was {_told(age)} ago",
            "the configuration asks for a batch more often than that", "Look at cron, and at `sfsync status`.",
        )  # fmt: skip


def _told(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 72 else f"{age.days} days"
