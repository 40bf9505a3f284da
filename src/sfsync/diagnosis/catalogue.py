"""Every finding of ``sfsync org check``: its area and severity, what it says, and who can mend it.

The other modules of this package only say when a finding applies, and with which values; the
documentation's table is made of this one. Texts have ``{names}`` for the values of a case.

Source: docs/salesforce.md §0, §2, §7, §9; pitfalls of real orgs: hidden opt-outs, restricted
picklists, duplicate and assignment rules, person accounts, administrators as integration users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sfsync.diagnosis.finding import Area, Entry, Finding, Who
from sfsync.mapping.problem import Ask, Severity

# -- login -----------------------------------------------------------------------------------------
_LOGIN: Final = (
    Entry(
        "login.missing", Area.LOGIN, Severity.ERROR,
        what="{trouble}",
        why="nothing can be synced",
        remedy="{remedy}",
        in_general={
            "trouble": "there is no login, or it has ended",
            "remedy": "`sfsync login`, as a rule; the finding says it.",
        },
    ),
    Entry(
        "login.scope-api", Area.LOGIN, Severity.ERROR,
        what="the login was not granted the scope api",
        why="the org refuses every call",
        remedy="Add `api` to the app's scopes and to org.scopes, then `sfsync login`.",
    ),
    Entry(
        "login.scope-full", Area.LOGIN, Severity.NOTE,
        what="the login was granted the scope full",
        why="it may do all that its user may do in Salesforce; api is enough",
        remedy="Write scopes: [api, refresh_token], then `sfsync login`.",
    ),
    Entry(
        "login.no-renewal", Area.LOGIN, Severity.WARNING,
        what="the login cannot be renewed",
        why="it ends with its access token, often within two hours",
        remedy="Add `refresh_token` to the app's scopes and to org.scopes, then `sfsync login`.",
    ),
    Entry(
        "login.idle", Area.LOGIN, Severity.WARNING,
        what="the login was last renewed {days} days ago",
        why="many orgs end a login that is not used for 30 days",
        remedy="`sfsync whoami` renews it; a schedule does so too.",
    ),
)  # fmt: skip

# -- org -------------------------------------------------------------------------------------------
_ORG: Final = (
    Entry(
        "org.unreachable", Area.ORG, Severity.ERROR,
        what="{trouble}",
        why="the org could not be looked at",
        remedy="{remedy}",
        in_general={
            "trouble": "the org does not answer, or refuses",
            "remedy": "The finding says it.",
        },
    ),
    Entry(
        "org.api-version", Area.ORG, Severity.ERROR,
        what="this org does not speak version {version} of its API",
        why="it speaks {oldest} to {newest}, and answers nothing else",
        remedy='Write api_version: "{newest}" under org.',
    ),
    Entry(
        "org.edition", Area.ORG, Severity.WARNING,
        what="this org is a {edition}",
        why="that edition has no API, as a rule, or takes it away after a trial",
        remedy="Ask Salesforce.",
        who=Who.ADMIN,
        in_general={"edition": "Group, Essentials, Team or Starter edition"},
    ),
    Entry(
        "org.person-accounts", Area.ORG, Severity.WARNING,
        what="this org has person accounts",
        why="their contacts can be read and not written as contacts: such a write goes to"
            " quarantine",
        remedy="Leave them out of what the platform edits.",
    ),
    Entry(
        "org.duplicate-rule", Area.ORG, Severity.NOTE,
        what="the duplicate rule {rule!r} is active",
        why="a new {sobject} like one that is there is refused by the API, even where people are"
            " only warned; it goes to quarantine, and sfsync never goes around the rule",
        remedy="Link or merge the two in Salesforce, then `sfsync retry`.",
        in_general={"sobject": "record"},
    ),
    Entry(
        "org.lead-assignment", Area.ORG, Severity.NOTE,
        what="the lead assignment rule {rule!r} is active",
        why="sfsync never sets it off: leads that it makes belong to the user it logs in as",
        remedy="Where they should be handed out, let a flow do it.",
        who=Who.ADMIN,
    ),
    Entry(
        "user.admin", Area.ORG, Severity.WARNING,
        what="the user that sfsync works as is an administrator",
        why="whoever gets hold of this login can do anything in the org, and everything looks"
            " writable",
        remedy="Give sfsync a user of its own with the permission set of `sfsync org setup`"
            " (docs/setup.md).",
        who=Who.ADMIN,
    ),
    Entry(
        "user.sharing", Area.ORG, Severity.WARNING,
        what="{objects} are private by default, and this user does not see all of them",
        why="people it does not see are not synced, and one that it loses looks as if it were gone",
        remedy="Setup > Sharing Settings: share them with the user, or give it View All on these"
            " objects.",
        who=Who.ADMIN,
        in_general={"objects": "Contact and Lead"},
    ),
)  # fmt: skip

# -- objects and fields ----------------------------------------------------------------------------
_IN_QUARANTINE: Final = "such rows are refused, and go to quarantine"
_FIELDS: Final = (
    Entry(
        "object.hidden", Area.FIELDS, Severity.ERROR,
        what="this user may not see any {sobject}",
        why="it cannot be synced",
        remedy=Ask.SETUP,
        who=Who.ADMIN,
        may_be=(Area.ACTIVITY,),
        in_general={"sobject": "Contact, Lead, Account or Task"},
    ),
    Entry(
        "object.write", Area.FIELDS, Severity.ERROR,
        what="this user may not {rights} a {sobject}",
        why="Salesforce will refuse what is pushed",
        remedy=Ask.SETUP,
        who=Who.ADMIN,
        may_be=(Area.ACTIVITY,),
        in_general={"rights": "create or edit", "sobject": "Contact, Lead, Account or Task"},
    ),
    Entry(
        "object.delete", Area.FIELDS, Severity.WARNING,
        what="this user may not delete a {sobject}",
        why="on_local_delete: delete will be refused",
        remedy="Ask your admin for the right to delete.",
        who=Who.ADMIN,
        in_general={"sobject": "Contact or Lead"},
    ),
    Entry(
        "field.missing", Area.FIELDS, Severity.WARNING,
        what="{what}",
        why="{why}",
        remedy="{remedy}",
        who=Who.ADMIN,
        may_be=(Area.ACTIVITY, Severity.ERROR),
        in_general={
            "what": "the org has no such field, or hides it from this user",
            "why": "it is not synced",
            "remedy": f"{Ask.SETUP} Or mend its name.",
        },
    ),
    Entry(
        "field.hidden", Area.FIELDS, Severity.WARNING,
        what="it is there, and hidden from this user",
        why="{why}",
        remedy="{remedy}",
        who=Who.ADMIN,
        may_be=(Area.ACTIVITY, Severity.ERROR),
        in_general={
            "why": "it is not synced",
            "remedy": f"{Ask.SETUP} The permission set opens it.",
        },
    ),
    Entry(
        "mapping", Area.FIELDS, Severity.WARNING,
        what="{what}",
        why="{why}",
        remedy="{remedy}",
        may_be=(Area.ACTIVITY, Severity.ERROR, Severity.NOTE, Who.ADMIN),
        in_general={
            "what": "a line of the mapping and the org's field do not fit: its type, its values,"
                " the right to write it",
            "why": "it is not synced, or only comes down, or records are refused",
            "remedy": "The finding says it.",
        },
    ),
    Entry(
        "key.not-unique", Area.FIELDS, Severity.WARNING,
        what="this external id is not unique in this org",
        why="Salesforce would take a second record with the same key, and then refuse both",
        remedy="Setup > Object Manager > {sobject} > Fields & Relationships: tick Unique.",
        who=Who.ADMIN,
        may_be=(Area.ACTIVITY,),
        in_general={"sobject": "the object"},
    ),
    Entry(
        "address.picklist", Area.FIELDS, Severity.WARNING,
        what="this org takes only listed states and countries",
        why="another spelling is refused, and a state needs its country: such rows go to"
            " quarantine",
        remedy="Setup > State and Country/Territory Picklists shows the names; or write"
            " direction: pull.",
    ),
    Entry(
        "value.too-long", Area.FIELDS, Severity.WARNING,
        what="the mirror holds {longest} characters, and {field} takes {length}",
        why=_IN_QUARANTINE,
        remedy="Shorten them.",
    ),
    Entry(
        "value.not-in-picklist", Area.FIELDS, Severity.WARNING,
        what="{value!r} in the mirror is not among the values of its restricted picklist",
        why=_IN_QUARANTINE,
        remedy="{hint}",
        in_general={"hint": "Write one of its values."},
    ),
    Entry(
        "memory.stale", Area.FIELDS, Severity.WARNING,
        what="{sobject} has changed since sfsync asked: {fields}",
        why="a run goes by what it remembers: a new field is left out, a hidden one refused",
        remedy="`sfsync org check --fix` asks anew.",
        who=Who.SFSYNC,
    ),
)  # fmt: skip

# -- email activity --------------------------------------------------------------------------------
_ACTIVITY: Final = (
    Entry(
        "task.too-long", Area.ACTIVITY, Severity.WARNING,
        what="its text is longer than {length} characters",
        why="it is cut",
        remedy="Shorten it.",
    ),
    Entry(
        "task.stays-open", Area.ACTIVITY, Severity.WARNING,
        what="a Task with the status {status!r} is open in this org",
        why="every logged email would stand on somebody's list of things to do",
        remedy="{hint}",
        in_general={"hint": "Choose one that closes."},
    ),
)  # fmt: skip

# -- limits ----------------------------------------------------------------------------------------
_STORAGE_FULL: Final = "every new contact, lead and Task is refused once it is full"
_LESS_STORAGE: Final = (
    "Delete what nobody needs, or log fewer kinds of events as Tasks (activity_types, once_per)."
)
_CALLS_LEFT: Final = "{left:,} of the org's {most:,} API calls are left today"
_LIMITS: Final = (
    Entry(
        "storage.full", Area.LIMITS, Severity.ERROR,
        what="the org's data storage is full",
        why=_STORAGE_FULL,
        remedy=_LESS_STORAGE,
        who=Who.ADMIN,
    ),
    Entry(
        "storage.low", Area.LIMITS, Severity.WARNING,
        what="{left} of {most} MB of data storage are left: about {records:,} records",
        why=_STORAGE_FULL,
        remedy=_LESS_STORAGE,
        who=Who.ADMIN,
    ),
    Entry(
        "api.spent", Area.LIMITS, Severity.ERROR,
        what=_CALLS_LEFT,
        why="{reserve:.0%} of them are kept for everyone else",
        remedy="Wait for the 24 hours to move on, or lower limits.api_reserve.",
    ),
    Entry(
        "api.low", Area.LIMITS, Severity.WARNING,
        what=_CALLS_LEFT,
        why="a usual run takes {usual:,}, and {ours:,} may be made",
        remedy="Wait, or lower limits.api_reserve; a run that stops goes on with the next.",
    ),
    Entry(
        "api.per-run", Area.LIMITS, Severity.WARNING,
        what="a usual run takes {usual:,} API calls",
        why="limits.api_per_run lets it take {allowed:,}: it stops and goes on with the next",
        remedy="Raise limits.api_per_run, or sync more often.",
    ),
)  # fmt: skip

# -- this machine ----------------------------------------------------------------------------------
_MACHINE: Final = (
    Entry(
        "machine.clock", Area.MACHINE, Severity.WARNING,
        what="this machine's clock is {minutes:.0f} minutes {direction} Salesforce's",
        why="what happens here is stamped wrong, and logins by key are refused",
        remedy="Set the clock (timedatectl, NTP).",
        in_general={"direction": "ahead of or behind"},
    ),
    Entry(
        "file.owner", Area.MACHINE, Severity.WARNING,
        what="it belongs to another user",
        why="whoever owns it decides what sfsync does",
        remedy="Make it yours: chown.",
    ),
    Entry(
        "file.mode", Area.MACHINE, Severity.WARNING,
        what="others may {do} it (mode {mode:04o})",
        why="{holds}",
        remedy="`sfsync org check --fix` closes it.",
        who=Who.SFSYNC,
        may_be=(Severity.ERROR,),
        in_general={
            "do": "read or write",
            "holds": "it holds people's data or a key, or says where sfsync logs in",
        },
    ),
    Entry(
        "file.handed-over", Area.MACHINE, Severity.NOTE,
        what="this secret was handed over by a container's runtime or by root (mode {mode:04o})",
        why="it is used as it is; whoever else is in that container, or in that group, can read it",
        remedy="Nothing, where nobody else is.",
        who=Who.YOU,
    ),
    Entry(
        "mirror.unusable", Area.MACHINE, Severity.ERROR,
        what="{trouble}",
        why="nothing can be synced",
        remedy="{remedy}",
        in_general={
            "trouble": "the mirror cannot be opened or read",
            "remedy": "The finding says it.",
        },
    ),
    Entry(
        "mirror.damaged", Area.MACHINE, Severity.ERROR,
        what="the mirror is damaged: {damage}",
        why="what it holds cannot be trusted",
        remedy="Restore a backup, or move the file away: `sfsync pull --full` reads everything"
            " again.",
    ),
    Entry(
        "sqlite.wal", Area.MACHINE, Severity.WARNING,
        what="the mirror uses a write-ahead log with SQLite {version}",
        why="before 3.51.3 two writers can damage such a file",
        remedy="sqlite3 mirror.db 'PRAGMA journal_mode = DELETE'",
    ),
    Entry(
        "sqlite.version", Area.MACHINE, Severity.NOTE,
        what="this Python has SQLite {version}",
        why="before 3.51.3 a write-ahead log can be damaged by two writers; the mirror uses none",
        remedy="Leave the mirror's journal mode as it is.",
    ),
    Entry(
        "run.long", Area.MACHINE, Severity.WARNING,
        what="{holder}, for {age}",
        why="no other run can begin",
        remedy="Look whether that process still works, and end it if not.",
        in_general={"holder": "a run holds the lock", "age": "hours"},
    ),
    Entry(
        "run.paused", Area.MACHINE, Severity.WARNING,
        what="sfsync is paused since {since}",
        why="nothing is written",
        remedy="`sfsync resume`.",
    ),
    Entry(
        "run.none", Area.MACHINE, Severity.NOTE,
        what="there was no good run yet",
        remedy="`sfsync pull`, then `sfsync diff`.",
    ),
    Entry(
        "run.old", Area.MACHINE, Severity.WARNING,
        what="the last good run was {age} ago",
        why="the configuration asks for a batch more often than that",
        remedy="Look at cron, and at `sfsync status`.",
    ),
)  # fmt: skip

# -- real time -------------------------------------------------------------------------------------
_POLLED: Final = "`sfsync listen` looks every minute instead of following changes as they happen"
_EVENTS: Final = (
    Entry(
        "events.edition", Area.EVENTS, Severity.NOTE,
        what="this org is a {edition}, which publishes no change events",
        why=_POLLED,
        remedy="Nothing: polling works everywhere.",
        in_general={"edition": "Professional, Group, Essentials, Team or Starter edition"},
    ),
    Entry(
        "events.extra", Area.EVENTS, Severity.NOTE,
        what="the packages for change events are not installed",
        why=_POLLED,
        remedy="pip install 'sfsync[realtime]'",
    ),
    Entry(
        "events.channel", Area.EVENTS, Severity.NOTE,
        what="the org has no channel {channel}",
        why=_POLLED,
        remedy="`sfsync org setup --change-events`, if that matters.",
    ),
    Entry(
        "events.member", Area.EVENTS, Severity.WARNING,
        what="{events} are not on {channel}",
        why="`sfsync listen` hears nothing of them, until the next batch finds the changes",
        remedy="`sfsync org setup --change-events`.",
    ),
    Entry(
        "events.limit", Area.EVENTS, Severity.WARNING,
        what="an org selects five objects for change events, and there are others: {others}",
        why="what `sfsync org setup --change-events` asks for is refused",
        remedy="Take one off in Setup > Change Data Capture, or buy the add-on.",
        who=Who.ADMIN,
    ),
    Entry(
        "events.view-all", Area.EVENTS, Severity.WARNING,
        what="this user may not view all records of {objects}",
        why="the org leaves out their events without a word, whatever sharing says",
        remedy="`sfsync org setup --change-events` opens that; or in a permission set: View All Records.",
        in_general={"objects": "objects that are followed"},
    ),
    Entry(
        "events.spent", Area.EVENTS, Severity.WARNING,
        what="of {most} events a day, the org may deliver {left} more, to all its clients",
        why="`sfsync listen` leaves the rest to them, and polls",
        remedy="Nothing: it goes on once fewer are used.",
    ),
)  # fmt: skip

CATALOGUE: Final[Mapping[str, Entry]] = {
    entry.code: entry
    for entry in (*_LOGIN, *_ORG, *_FIELDS, *_ACTIVITY, *_EVENTS, *_LIMITS, *_MACHINE)
}
"""Every finding there is, by its code."""


def finding(
    code: str,
    subject: str = "",
    *,
    area: Area | None = None,
    severity: Severity | None = None,
    who: Who | None = None,
    **values: Any,
) -> Finding:
    """The finding of this code, for one case.

    Args:
        code: of the catalogue.
        subject: the field, file or object.
        area: where the case is not in the entry's own; likewise ``severity`` and ``who``.
        values: for the ``{names}`` in the entry's texts.

    >>> print(finding("run.paused", since="2026-02-01").what)
    sfsync is paused since 2026-02-01
    """
    entry = CATALOGUE[code]
    return Finding(
        code,
        area or entry.area,
        severity or entry.severity,
        entry.what.format(**values),
        entry.why.format(**values),
        entry.remedy.format(**values),
        who or entry.who,
        subject,
    )
