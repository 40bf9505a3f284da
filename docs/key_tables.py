"""The tables of configuration keys: what may stand at each, its default, and what it does.

The keys are those of the shapes that the file is read with; a key without a description here, or a
description without a key, stops the generator. A default is never written here: it is taken from
where it stands, so that a table follows when it is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import TypeAlias, get_args

from pydantic import BaseModel

from sfsync.config import limits as limits_section
from sfsync.config import mirror as mirror_section
from sfsync.config import notify as notify_section
from sfsync.config import org as org_section
from sfsync.config import webhooks as webhooks_section
from sfsync.document.shapes import default_of
from sfsync.mapping import parse_rules, shapes
from sfsync.model import mapping
from sfsync.model.field_types import FieldType, types_for_merge
from sfsync.model.limits import Limits
from sfsync.model.merges import GENERAL_MERGES, Merge
from sfsync.model.objects import OBJECTS

Described: TypeAlias = dict[str, tuple[str, str]]
"""For each key what may stand there, empty where the shape has a list of choices; and what it does."""


def cell(text: str | None) -> str:
    """A text within a table."""
    return (text or "").replace("|", "\\|")


def default(text: object) -> str:
    """A default as the tables show it."""
    return f"**`{text}`**"


def table_of(shape: type[BaseModel], described: Described) -> str:
    """A table of a section's keys.

    Raises:
        SystemExit: keys and descriptions differ.
    """
    known = list(shape.model_fields)
    if sorted(known) != sorted(described):
        difference = sorted(set(known) ^ set(described))
        raise SystemExit(f"docs: {shape.__name__} and its descriptions differ in {difference}")
    lines = ["| key | value | |", "| --- | --- | --- |"]
    for key in known:
        values, meaning = described[key]
        choices = _choices(shape, key)
        lines.append(f"| `{key}` | {cell(choices or values)} | {meaning} |")
    return "\n".join(lines)


def _choices(shape: type[BaseModel], key: str) -> str:
    """The values of a key that has a fixed list of them, the default in bold; empty for another."""
    field = shape.model_fields[key]
    kinds = [field.annotation]
    for kind in get_args(field.annotation):
        kinds += [kind, *get_args(kind)]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _listed([one.value for one in kind], _default_text(shape, key))
    return ""


def _listed(words: Iterable[str], standard: str) -> str:
    return ", ".join(default(word) if word == standard else f"`{word}`" for word in words)


def _default_text(shape: type[BaseModel], key: str) -> str:
    """A key's default as the file would say it."""
    value = shape.model_fields[key].get_default(call_default_factory=True)
    return str(value.value if isinstance(value, Enum) else value)


def _list_text(values: Iterable[object]) -> str:
    return f"[{', '.join(map(str, values))}]"


# -- what each key is ------------------------------------------------------------------------------
def org_keys() -> Described:
    """The section ``org``."""
    org = org_section.OrgSettings(client_id="")
    version = f'"{org.api_version}"'
    return {
        "client_id": ("text, required", "The consumer key of the app in Salesforce. It is no secret."),
        "login_url": ("an origin", f"Where to log in. {default(org.login_url)}; a sandbox: `https://test.salesforce.com`; else the org's own `https://NAME.my.salesforce.com`. `http` only for this machine."),
        "redirect_ports": (f"ports, {default(_list_text(org.redirect_ports))}", "The login comes back to `http://localhost:PORT/callback`; the first free port is used. Register each of these addresses with the app."),
        "scopes": (default(_list_text(org.scopes)), "What sfsync may do. `full` works and is far more than it needs: see [below](#where-this-differs-from-the-integrations-first-description)."),
        "api_version": (default(version), f"The version of Salesforce's API, {org_section.OLDEST_API}.0 or later."),
        "pubsub": (f"host and port, {default(org.pubsub)}", "Where `sfsync listen` follows the org's [change events](realtime.md); in the EU also `api.deu.pubsub.salesforce.com:7443`. Without TLS only at an address of this machine."),
        "event_channel": (f"a channel, {default(org.event_channel)}", "The channel of change events. `sfsync org setup --change-events` makes it, with Contact and Lead alone; `ChangeEvents` is the org's standard one, on which all selected objects come and count."),
    }  # fmt: skip


def mirror_keys() -> Described:
    """The section ``mirror``."""
    name = mirror_section.MIRROR_NAME
    beside = mirror_section.mirror_beside(Path(name), "NAME")
    return {"path": (f"a path, {default(name)}", f"The SQLite file, relative to the configuration file. Another profile's mirror stands beside it: `{beside}`.")}  # fmt: skip


def object_keys() -> Described:
    """One entry of ``objects``."""
    match_on = _default_text(shapes.ObjectShape, "match_on")
    on_missing = _default_text(shapes.CompanyShape, "on_missing")
    sobjects = " or ".join(f"`{kind.sobject}`" for kind in OBJECTS.values())
    others = "".join(
        f"; of {kind.many} `{kind.match_on}`"
        for kind in OBJECTS.values()
        if kind.match_on != match_on
    )
    return {
        "fields": ("required", "Which Salesforce field is which column: see [fields](#fields)."),
        "sobject": (sobjects, "Follows from the name; may be stated."),
        "match_on": (f"a column, {default(match_on)}{others}", "How a person is recognised before both sides know each other. Compared without regard to case and blanks around it."),
        "company": (f"`{{lookup: Account.Name, on_missing: {on_missing}}}`", "How a company's name goes up from a contact: the record is linked to the Account of exactly that name, capital letters aside. Where there is none, `skip` leaves the record unlinked and puts the name in quarantine, `create` makes the Account. Several Accounts of that name: always quarantine. Without this key the name only comes down."),
        "external_id": ("a Salesforce field", "An external id field that sfsync fills in the records it creates, so that creating is safe to repeat. Used where the org has it."),
        "on_multiple": ("", "What to do where several records have the address: put the row aside, or take the newest or oldest record."),
        "on_local_delete": ("", "What a soft delete in the mirror means for Salesforce."),
        "opt_out": ("fields", 'Fields that all say "no more emails". One that is true makes all true, on both sides. Each needs `merge: sticky_true`.'),
    }  # fmt: skip


def field_keys() -> Described:
    """The long form of one line of ``fields``."""
    field_type = default_of(mapping.FieldMap, "type")
    direction = default_of(mapping.FieldMap, "direction")
    return {
        "to": ("a column, required", "The column in the mirror: letters, digits and `_`."),
        "type": ("", f"How the value is kept. Without it `{field_type}`, or what the merge needs."),
        "direction": ("", f"`{direction}` where not stated. `pull`: Salesforce to mirror only. `push`: mirror to Salesforce only."),
        "merge": ("", "What happens where both sides changed the field: see [merges](#merges)."),
        "placeholder": ("text", "What Salesforce gets where it insists on a value and the mirror has none, in new records only. It never comes back down, and never replaces a value there."),
    }  # fmt: skip


def activities_keys() -> Described:
    """The section ``activities``."""
    sobject = _default_text(shapes.ActivitiesShape, "sobject")
    zone = _default_text(shapes.ActivitiesShape, "timezone")
    missing_person = default_of(mapping.ActivityMap, "missing_person")
    deleted_person = default_of(mapping.ActivityMap, "deleted_person")
    return {
        "fields": ("required", "The Task's fields and what to write there: see [activities](#activities)."),
        "sobject": (f"`{sobject}`", "May be stated."),
        "external_id": ("a Salesforce field", "The external id field of Task that holds the event's key: one Task per event, whatever fails. Without it sfsync writes a reference line into the description and looks before it repeats."),
        "timezone": (f"an IANA zone, {default(zone)}", "Whose calendar `ActivityDate` follows."),
        "missing_person": ("", f"What to do with an event of somebody whom neither side knows. `{missing_person}` where not stated."),
        "deleted_person": ("", f"What to do with an event of somebody whose record was deleted. Nobody is made anew: it waits until the record is restored, or goes to quarantine; `recreate` makes the person again. `{deleted_person}` where not stated."),
        "machine_events": ("", "What to do with an event of a machine: a privacy proxy that opens, a bot that clicks, where the sender [tells](webhooks.md#what-counts-as-what). `ignore`: it is kept, and does nothing. A rule may say otherwise for itself; an opt-out always counts."),
        "activity_types": ("a list", "Which events may become Tasks, by name: `Email Sent` and so on, or `email_sent`. All where left out."),
    }  # fmt: skip


def rules_keys() -> Described:
    """One entry of ``sync_rules``."""
    frequency = _default_text(shapes.RulesShape, "frequency")
    fallback = _default_text(shapes.RulesShape, "fallback")
    return {
        "direction": ("", "Whether this object goes both ways."),
        "frequency": (_listed(parse_rules.FREQUENCIES, frequency), "How often to sync. `real_time`: [within seconds](realtime.md), while `sfsync listen` runs. `sfsync schedule` follows a batch named here. With `manual` you start every run."),
        "fallback": (_listed(parse_rules.FALLBACKS, fallback), "The batch that runs where `frequency` is `real_time`: `sfsync listen` runs it by itself, `sfsync schedule` follows it."),
        "penguinmails_to_salesforce": ("rules", "What an email event does: see [rules](#rules-on-email-events)."),
        "salesforce_to_penguinmails": ("rules", "What a change in Salesforce does: see [rules](#rules-on-changes-in-salesforce)."),
    }  # fmt: skip


def event_rule_keys() -> Described:
    """One line of ``penguinmails_to_salesforce``."""
    actions = ", ".join(f"`{name}`" for name in parse_rules.EVENT_ACTIONS)
    by = _default_text(shapes.EventRuleShape, "by")
    return {
        "on": ("an event, required", "`email_sent`, `email_opened`, `email_clicked`, `email_replied`, `email_bounced` or `unsubscribed`; or `contact_created`, `contact_updated`: see [people](#people-at-the-email-platform)."),
        "action": (actions, "What to do. `update_custom_field` and `update_field` are the same. For people: `import_contact`, `update_contact`; the same with `_lead`."),
        "field": ("a Salesforce field", "Which field; it has to be among the object's `fields`. Not for `create_task`."),
        "value": ("a value or text", "`update_field`: what to write; the event's time where left out. Text may hold `{campaign_id}` and the other names."),
        "by": (f"a whole number, {default(by)}", "`increment_field`: how much to add."),
        "once_per": ("", "`create_task`: every event, or only the first of its type for a person in a campaign."),
        "machine_events": ("", "Whether the rule answers to events of machines, too. As `activities.machine_events` says where not stated. Not for what says something of consent."),
    }  # fmt: skip


def record_rule_keys() -> Described:
    """One line of ``salesforce_to_penguinmails``."""
    merges = ", ".join(f"`{merge}`" for merge in GENERAL_MERGES)
    return {
        "on": ("a change, required", "`contact_created`, `contact_updated`, `contact_deleted`; the same with `lead_` and `account_`."),
        "action": ("`import_contact`, `update_contact`, `soft_delete_contact`", "The answer to each of the three, in this order; the same with `_lead` and `_account`. Without a rule nothing is done."),
        "add_to_segment": ("text", "`import_contact`: the segment that new people join."),
        "conflict_resolution": (merges, "`update_contact`: the merge of every field that states none."),
    }  # fmt: skip


def limits_keys() -> Described:
    """The section ``limits``."""
    limits = Limits()
    share, duration = limits_section.written_share, limits_section.written_duration
    percent, rows = share(limits.max_delete), limits.max_delete_rows
    whole = f"{{percent: {percent.removesuffix('%')}, at_least: {rows}}}"
    off = " Off unless stated: engagement may touch everybody." if limits.max_change >= 1 else ""
    longest = duration(limits_section.LONGEST_OVERLAP)
    return {
        "max_delete": (f"a share, {default(percent)}", f"A run that would delete or blank more rows than this, and more than {rows}, stops before it applies anything. In full: `{whole}`."),
        "max_change": (f"a share, {default(share(limits.max_change))}", f"A run that would change more of an object's rows than this on one side, and more than `max_delete` always allows, stops as well.{off}"),
        "overlap": (f"a time, {default(duration(limits.overlap))}", f"How far behind its watermark a pull reads again, so that records committed late are not missed. At most `{longest}`."),
        "api_reserve": (f"a share, {default(share(limits.api_reserve))}", "How much of the org's daily API calls is left for everyone else."),
        "api_per_run": (f"a share, {default(share(limits.api_per_run))}", "How much of them one run may take; the next run goes on from there."),
        "keep_changes_rows": (f"a number, {default(str(limits.keep_changes_rows))}", "How many lines of the [feed of changes](changes.md) are kept at most. The oldest go first, at the next run."),
        "keep_changes_days": (f"a number, {default(str(limits.keep_changes_days))}", "For how many days they are kept at most."),
        "inbox_events": (f"a number, {default(str(limits.inbox_events))}", f"How many events may be in the [inbox](mirror.md) at once, {limits_section.LEAST['inbox_events']} or more. Beyond, deliveries are answered with 503 and files are not taken in."),
        "inbox_bytes": (f"bytes, {default(str(limits.inbox_bytes))}", f"How much all of it may hold, {limits_section.LEAST['inbox_bytes']} or more, and not less than `listen.max_body`."),
        "keep_deliveries_days": (f"a number, {default(str(limits.keep_deliveries_days))}", "For how many days a delivery stays there once it was taken in, for `sfsync webhook replay`. It goes earlier where room is needed."),
    }  # fmt: skip


def webhooks_keys() -> Described:
    """The section ``webhooks``."""
    days = default_of(webhooks_section.WebhookSettings, "pause_after_days")
    return {
        "pause_after_days": (f"days, {default(days)}", "An endpoint is paused after so many days of nothing but failures."),
        "endpoints": ("names", f"Who is told. A name of small letters, digits, `-` and `_`; {webhooks_section.MOST_ENDPOINTS} at most."),
    }  # fmt: skip


def endpoint_keys() -> Described:
    """One entry of ``webhooks.endpoints``."""
    return {
        "url": ("an address, required", "Where to: [https, and public](#where-it-may-send-to)."),
        "types": ("types", "What of: `contact.updated`, or `lead.*` for all of an object; everything where left out."),
        "secret_env": ("names of variables", "What holds a secret: `whsec_` and base64 of 24 to 64 bytes. One of the three is required; several secrets all sign."),
        "secret_file": ("files", "The same, in files that nobody else may read, relative to the configuration file."),
        "credential": ("names", "The same, as credentials that systemd hands over."),
    }  # fmt: skip


def notify_keys() -> Described:
    """The section ``notify``."""
    hours = default_of(notify_section.NotifySettings, "repeat_hours")
    events = ", ".join(f"`{name}`" for name in notify_section.EVENTS)
    return {
        "webhook": ("an address, or where it is", "Gets a POST of [JSON](#what-is-sent). Where the address is a secret, say instead [where it is](#where-it-may-send-to)."),
        "ping": ("an address, or where it is", "A check in the style of healthchecks.io: told at `/start` that a run begins, at the address itself that it succeeded, at `/fail` that its exit code was not 0. Every run of `sync`, `pull`, `push` and `push-activity` is told, and of `listen` every batch."),
        "command": ("a list of words", "A program and its arguments, run without a shell: the facts in `SFSYNC_NOTICE_…` and as JSON on standard input. Ended after 8 seconds."),
        "apprise": ("keys", "E-mail, chat and [whatever else Apprise can](#e-mail-chat-and-the-rest). Its addresses hold passwords, so they stand elsewhere."),
        "on": (f"of {events}; all of them where left out", "What is told. `failed` has to be among them. Where `partial` is not, a run that was done in part counts as done."),
        "quarantine_over": ("a number, off unless stated", "Told once more than so many are in quarantine; again only after it was that many or fewer."),
        "conflicts_over": ("a number, off unless stated", "The same for open conflicts."),
        "repeat_hours": (f"hours, {default(hours)}", f"Trouble that lasts is told again after so long; 1 to {notify_section.LONGEST_REPEAT}."),
    }  # fmt: skip


def apprise_keys() -> Described:
    """Where addresses for notices are."""
    return {
        "secret_env": ("names of variables", "What holds the address; for `apprise` several, one a line. One of the three is required."),
        "secret_file": ("files", "The same, in files that nobody else may read, relative to the configuration file; for `apprise`, lines with `#` are comments."),
        "credential": ("names", "The same, as credentials that systemd hands over."),
    }  # fmt: skip


# -- merges ----------------------------------------------------------------------------------------
_MERGES = {
    "salesforce_wins": ("Salesforce's value stands", "it suits what sales people type"),
    "local_wins": ("The mirror's value stands", "for what the email platform computes, such as a score"),
    "newest": ("The later edit stands; Salesforce's where the two cannot be told apart", ""),
    "manual": ("Neither moves. The field is held until somebody decides with `sfsync conflicts --take`", ""),
    "counter": ("What both sides added since they last agreed is added up", ""),
    "latest": ("The later time stands; a time is later than none", ""),
    "sticky_true": ("True on either side becomes true on both, and no sync ever takes it back", ""),
}  # fmt: skip
"""What it does, and what it is good for where that needs saying."""


def merge_table() -> str:
    """What each merge makes of two edits, and which types it suits."""
    if sorted(_MERGES) != sorted(Merge):
        raise SystemExit("docs: the merges and their descriptions differ")
    lines = ["| merge | type | where both sides changed the field |", "| --- | --- | --- |"]
    for merge in Merge:
        types = ", ".join(f"`{one}`" for one in types_for_merge(merge)) or "any"
        lines.append(f"| `{merge}` | {types} | {_merge_text(merge)} |")
    return "\n".join(lines)


def _merge_text(merge: Merge) -> str:
    does, suits = _MERGES[merge]
    if merge is default_of(mapping.FieldMap, "merge"):
        return f"{does}. The default{f': {suits}' if suits else ''}."
    if suits:
        return f"{does}. {suits[0].upper()}{suits[1:]}."
    return f"{does}."


# -- types -----------------------------------------------------------------------------------------
def type_table() -> str:
    """What each type keeps, and which fields of Salesforce it is made for."""
    lines = ["| type | in the mirror | Salesforce's types |", "| --- | --- | --- |"]
    for kind in FieldType:
        suited = ", ".join(f"`{name}`" for name in sorted(kind.traits.made_for))
        lines.append(f"| `{kind}` | {kind.traits.summary} | {suited} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "types": type_table,
    "merges": merge_table,
    "org": lambda: table_of(org_section.OrgShape, org_keys()),
    "mirror": lambda: table_of(mirror_section.MirrorShape, mirror_keys()),
    "object": lambda: table_of(shapes.ObjectShape, object_keys()),
    "field": lambda: table_of(shapes.FieldShape, field_keys()),
    "activities": lambda: table_of(shapes.ActivitiesShape, activities_keys()),
    "rules": lambda: table_of(shapes.RulesShape, rules_keys()),
    "event-rule": lambda: table_of(shapes.EventRuleShape, event_rule_keys()),
    "record-rule": lambda: table_of(shapes.RecordRuleShape, record_rule_keys()),
    "webhooks": lambda: table_of(webhooks_section.WebhooksShape, webhooks_keys()),
    "endpoint": lambda: table_of(webhooks_section.EndpointShape, endpoint_keys()),
    "notify": lambda: table_of(notify_section.NotifyShape, notify_keys()),
    "apprise": lambda: table_of(notify_section.PlacesShape, apprise_keys()),
    "limits": lambda: table_of(limits_section.LimitsShape, limits_keys()),
}
"""What stands between the markers of a page, by the marker's name."""
