"""The triggers that keep the base of every edited row, and the indexes of a mapped table.

What they and ``feed_triggers`` do at an insert has to happen in a fixed order, which SQLite does
not promise for several triggers: there, the feed's statements stand in these.

They write the base row at a row's first edit, whoever edits with whatever tool, so that what
changed here is the base table itself, not a scan. The guard is up only while sfsync itself writes.

Trap: inside a trigger the outer statement's conflict clause rules, so under another program's
``INSERT OR REPLACE`` an ``INSERT OR IGNORE`` here would replace the base. Hence ``WHERE NOT
EXISTS`` throughout.
Trap: ``REPLACE`` deletes a row without firing its delete trigger. Hence a trigger before each
insert that saves what is about to be replaced.
"""

from __future__ import annotations

from sfsync.mirror import feed_triggers
from sfsync.mirror.database import quoted
from sfsync.mirror.tables import REVIVED, MappedTable, differs

INDEXES = ("match", "unlinked")
TRIGGERS = ("replacing", "inserted", "edited", "deleted", "renumbered")

_NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
_GUARD_IS_DOWN = "(SELECT guard FROM _sync) = 0"
_COUNT_EDIT = "UPDATE _sync SET edit = edit + 1;"


def to_build(table: MappedTable) -> dict[str, str]:
    """The statements that make a table's indexes and triggers, by name.

    They are compared with what stands in the file: a statement that is written differently is
    built anew at the next opening.
    """
    name = table.object_map.table
    built = {
        f"_{name}_match": f"CREATE INDEX {table.match_index} ON {table.name} ({table.match()})",
        f"_{name}_unlinked": (
            f"CREATE INDEX {table.unlinked_index} ON {table.name} ({table.match_or_blank()}, id)"
            " WHERE salesforce_id IS NULL AND deleted_at IS NULL"
        ),
    }
    bodies = (
        _replacing(table),
        _inserted(table),
        _edited(table),
        _deleted(table),
        _renumbered(table),
    )
    for what, body in zip(TRIGGERS, bodies, strict=True):
        built[f"_{name}_{what}"] = f"CREATE TRIGGER {quoted(f'_{name}_{what}')} {body}"
    return built


# -- bodies ----------------------------------------------------------------------------------------
def _replacing(table: MappedTable) -> str:
    """Before an insert: the row that ``REPLACE`` is about to delete keeps its base."""
    return (
        f"BEFORE INSERT ON {table.name} WHEN {_GUARD_IS_DOWN} BEGIN"
        f" {feed_triggers.remember_replaced(table)}"
        f" {_save(table)} r.id, {table.listed('r')}, r.deleted_at, r.salesforce_id, ''"
        f" FROM {table.name} AS r WHERE r.id = NEW.id AND {_has_no_base(table, 'NEW')};"
        f" UPDATE {table.base} SET deleted_at = '{REVIVED}' WHERE id = NEW.id"
        " AND deleted_at IS NULL AND NEW.deleted_at IS NULL"
        f" AND EXISTS (SELECT 1 FROM {table.name} WHERE id = NEW.id AND deleted_at IS NOT NULL);"
        " END"
    )


def _inserted(table: MappedTable) -> str:
    """After an insert: a new row was never agreed on; a replaced one keeps its Salesforce Id."""
    agreed_id = f"(SELECT _salesforce_id FROM {table.base} WHERE id = NEW.id)"
    return (
        f"AFTER INSERT ON {table.name} WHEN {_GUARD_IS_DOWN} BEGIN"
        f" {feed_triggers.begin_insert(table)}"
        f" {_COUNT_EDIT}"
        f" {_save(table)} NEW.id, {table.listed('NEW')}, NEW.deleted_at, NEW.salesforce_id, '*'"
        f" WHERE {_has_no_base(table, 'NEW')};"
        f" UPDATE {table.base} SET {_stamp()} WHERE id = NEW.id;"
        f" UPDATE {table.name} SET salesforce_id = {agreed_id}"
        f" WHERE id = NEW.id AND NEW.salesforce_id IS NULL AND {agreed_id} IS NOT NULL;"
        # replaced with another Salesforce Id: what was agreed with the one before says nothing
        f" UPDATE {table.base} SET _never_agreed = '*' WHERE id = NEW.id"
        f" AND _salesforce_id IS NOT (SELECT salesforce_id FROM {table.name} WHERE id = NEW.id);"
        f" {feed_triggers.tell_inserted(table)}"
        " END"
    )


def _edited(table: MappedTable) -> str:
    """After an update: the row as it was is its base; a base that says nothing any more goes."""
    watched = [*table.columns, "deleted_at"]
    same = " AND ".join(f"{quoted(name)} IS NEW.{quoted(name)}" for name in watched)
    return (
        f"AFTER UPDATE OF {table.listed()}, deleted_at, salesforce_id ON {table.name}"
        f" WHEN {_GUARD_IS_DOWN} AND ({differs('OLD', 'NEW', [*watched, 'salesforce_id'])}) BEGIN"
        f" {_COUNT_EDIT}"
        f" {_save(table)} OLD.id, {table.listed('OLD')}, OLD.deleted_at, OLD.salesforce_id, ''"
        f" WHERE {_has_no_base(table, 'OLD')};"
        f" UPDATE {table.base} SET {_stamp()},"
        # another Salesforce Id than was agreed with: nothing was agreed with that record
        " _never_agreed = CASE WHEN OLD.salesforce_id IS NOT NEW.salesforce_id"
        " AND NEW.salesforce_id IS NOT _salesforce_id THEN '*' ELSE _never_agreed END"
        " WHERE id = OLD.id;"
        f"{_mark_revived(table)}"
        f" DELETE FROM {table.base} WHERE id = NEW.id AND _never_agreed = '' AND {same};"
        f" {_keep_former_address(table)}"
        " END"
    )


def _deleted(table: MappedTable) -> str:
    """After a delete, also one of sfsync's own: nothing is left of the row beside it."""
    segments = ""
    if table.person_column:
        segments = f" DELETE FROM contact_segments WHERE {table.person_column} = OLD.id;"
    return (
        f"AFTER DELETE ON {table.name} BEGIN"
        f" DELETE FROM {table.base} WHERE id = OLD.id;{segments}"
        " END"
    )


def _renumbered(table: MappedTable) -> str:
    """Before a change of the id, which is refused."""
    return (
        f"BEFORE UPDATE OF id ON {table.name} WHEN OLD.id IS NOT NEW.id BEGIN"
        " SELECT RAISE(ABORT,"
        " 'the id of a row is for ever: sfsync has made Salesforce ids from it');"
        " END"
    )


# -- parts -----------------------------------------------------------------------------------------
def _save(table: MappedTable) -> str:
    """The beginning of a statement that writes a base row."""
    return (
        f"INSERT INTO {table.base}"
        f" (id, {table.listed()}, deleted_at, _salesforce_id, _never_agreed) SELECT"
    )


def _mark_revived(table: MappedTable) -> str:
    """Statements for a row that was deleted here alone and is live again, and the reverse.

    What its record became meanwhile was not taken in, so that the row may not count as agreed.
    """
    return (
        f" UPDATE {table.base} SET deleted_at = '{REVIVED}' WHERE id = OLD.id"
        " AND deleted_at IS NULL AND OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL;"
        f" UPDATE {table.base} SET deleted_at = NULL WHERE id = OLD.id"
        f" AND deleted_at = '{REVIVED}' AND NEW.deleted_at IS NOT NULL;"
    )


def _keep_former_address(table: MappedTable) -> str:
    """Statements that keep the address which an edit replaces: the person still answers to it."""
    old, new = table.match("OLD"), table.match("NEW")
    this = f"'{table.object}', OLD.id, {old}"
    return (
        "DELETE FROM _former_addresses"
        f" WHERE (object, person_id, match_key) = ({this}) AND {old} IS NOT {new};"
        " INSERT INTO _former_addresses (object, person_id, match_key, until)"
        f" SELECT {this}, {_NOW} WHERE {old} <> '' AND {old} IS NOT {new};"
    )


def _has_no_base(table: MappedTable, alias: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM {table.base} WHERE id = {alias}.id)"


def _stamp() -> str:
    """An edit counts, has a time, and ends waiting for a person's decision."""
    return f"_edit = (SELECT edit FROM _sync), _edited_at = {_NOW}, _held_columns = ''"
