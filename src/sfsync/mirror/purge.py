"""Purging a person: nothing of them stays in the file, and no pull brings them back.

Whoever asked to be erased does not expect to be there again after the next pull, file or event
(``purged_people``); a row that is put into the mirror by hand, or ``readmit``, is a decision that
counts.

Deleting alone leaves old bytes in free pages, also from edits long ago: the whole file is written
again (``VACUUM``).
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sfsync.mirror import person_history, records
from sfsync.mirror.address_lookup import marks
from sfsync.mirror.consent import PURGED_CHECKED, Consent
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted, translated
from sfsync.mirror.purged_people import (
    PURGED,
    PurgedPeople,
    anonymous_id,
    keep_hashes,
    purge_consent,
)
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import match_key, spelled
from sfsync.model.event import EventType
from sfsync.model.record import LocalId, Remote, Row, Value


class Purge:
    """Forgets people, and knows them again."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def person(self, email: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Remove a person from the mirror and its journal, and write the file again.

        What stays has no personal data in it: the ids of events, so that none counts twice, and of
        Tasks.

        Returns:
            ``removed`` (rows, by table), ``records`` (the Salesforce Ids, which stay there) and
            ``mentions`` (rows of other people that hold the address in some text of theirs, which
            are left).
        """
        database, tables = self._database, list(self._context.tables.values())
        report: dict[str, Any] = {}
        database.connection.create_function("_mentions", 2, _bytes_mention, deterministic=True)
        try:
            with database.wiping(), database.transaction(origin="purge"):
                report = _purge(database, tables, match_key(email))
                if dry_run:
                    _roll_back()
        except _DryRun:
            return report
        _rewrite(database)
        return report

    def readmit(self, email: str, *, dry_run: bool = False) -> bool:
        """Let a purged address in again; whether it had been purged."""
        person = PurgedPeople(self._database).person(match_key(email))
        if person is None:
            return False
        if not dry_run:
            with self._database.transaction():
                self._opt_out_again(email)
                self._database.run("DELETE FROM _purged_people WHERE person = ?", [person])
                # their other addresses may be in rows that are there already
                self._database.run("DELETE FROM _notes WHERE name LIKE ?", [f"{PURGED_CHECKED}:%"])
        return True

    def _opt_out_again(self, email: str) -> None:
        """Whoever opted out and was purged is still opted out."""
        consent = Consent(self._context)
        for statement in consent.of_purged([match_key(email)]):
            consent.add(statement)

    def unsent_consent(self, email: str) -> list[str]:
        """Why purging this person now would lose an opt-out, or a write without an outcome."""
        reasons: list[str] = []
        tables = self._context.people_tables
        for table, local_id in person_history.people(self._database, tables, email):
            row = records.find(self._database, table, "r.id = ?", [local_id])
            if row is not None:
                reasons += _unsent_opt_outs(table, row)
                reasons += self._unsettled_writes(table, local_id)
        waiting = self._database.value(
            "SELECT count(*) FROM events WHERE match_key = ? AND state <> 'handled' AND type = ?",
            [match_key(email), EventType.UNSUBSCRIBED.value],
        )
        if waiting:
            reasons.append("an unsubscribed event is not handled yet")
        return reasons

    def _unsettled_writes(self, table: MappedTable, local_id: LocalId) -> list[str]:
        unsettled = self._database.value(
            "SELECT count(*) FROM _outbox WHERE object = ? AND person_id = ?"
            " AND state IN ('sending', 'unknown')",
            [table.object, local_id],
        )
        return [f"{table.object} {local_id}: a write is in doubt"] if unsettled else []

    def record_filter(self, object_name: str) -> Callable[[Remote], bool] | None:
        """Tells records of purged people without a row here, which are not brought in again.

        ``None`` where nobody was purged, and for an object whose records are not people.
        """
        database, table = self._database, self._context.table(object_name)
        purged = PurgedPeople(database)
        if not purged or not table.object_map.kind.is_people:
            return None

        def is_purged(remote: Remote) -> bool:
            key = match_key(str(remote.values.get(table.object_map.match_on) or ""))
            if remote.salesforce_id not in purged and key not in purged:
                return False
            if records.id_of(database, table, remote.salesforce_id) is not None:
                return False  # put in by hand since
            return not (key and records.has_address(database, table, key))

        return is_purged


def _unsent_opt_outs(table: MappedTable, row: Row) -> list[str]:
    if not row.salesforce_id:
        return []  # Salesforce does not know the person
    agreed = row.base.values if row.base else {}
    return [
        f"{table.object} {row.local.local_id}: {column} is not in Salesforce yet"
        for column in table.object_map.opt_out
        if row.local.values.get(column) and not agreed.get(column)
    ]


class _DryRun(Exception):
    """Rolls the transaction of a dry run back."""


def _roll_back() -> None:
    raise _DryRun


def mentions_address(text: object, key: str) -> bool:
    r"""Whether a text, also one inside JSON, holds this address.

    A longer one that ends or begins like it is another. A dash before it may belong to an id that
    its sender made from it, so that is taken for the address.

    >>> texts = ['{"to": "Ada@x.example"}', r'"line\nada@x.example."']
    >>> [mentions_address(text, "ada@x.example") for text in texts]
    [True, True]
    >>> others = ["grada@x.example", "ada@x.example.org"]
    >>> [mentions_address(text, "ada@x.example") for text in others]
    [False, False]
    """
    return bool(_whole(key).search(str(text)))


def _bytes_mention(text: bytes | None, key: str) -> bool:
    return text is not None and mentions_address(text.decode(errors="replace"), key)


def _held_in(columns: Iterable[str]) -> str:
    """SQL with a parameter for each column: one of them mentions an address.

    They are given as bytes: text that is not UTF-8 ends a statement whose function takes it.
    """
    return " OR ".join(f"_mentions(CAST({quoted(column)} AS BLOB), ?)" for column in columns)


@lru_cache(maxsize=64)
def _whole(key: str) -> re.Pattern[str]:
    before = r"(?:(?<![A-Za-z0-9.%+])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
    return re.compile(rf"{before}{re.escape(key)}(?![A-Za-z0-9_%+-]|\.[A-Za-z0-9])", re.IGNORECASE)


def _rewrite(database: Database) -> None:
    try:
        database.connection.execute("VACUUM")
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        raise translated(error, database.path) from error


def _purge(database: Database, tables: Sequence[MappedTable], key: str) -> dict[str, Any]:
    of_people = [table for table in tables if table.object_map.kind.is_people]
    people = person_history.people(database, of_people, key)
    addresses = _as_written({key, *person_history.addresses(database, people)} - {""})
    linked = _salesforce_ids(database, people)
    counts: Counter[str] = Counter()
    for table, local_id in people:
        counts += _purge_row(database, table, int(local_id))
    for record in linked:
        database.run(
            "DELETE FROM _successors WHERE salesforce_id = ? OR successor_id = ?", [record, record]
        )
    for address in addresses:
        counts += _purge_address(database, address)
    _purge_changes(database, tables, people, addresses, linked)
    secret = keep_hashes(database, key, {*addresses, *linked})
    counts["consent"] = purge_consent(database, addresses)
    for address in addresses:
        _anonymise_ids(database, secret, address)
    return {
        "removed": {name: count for name, count in counts.items() if count},
        "records": sorted(linked),
        "mentions": sum(_mentions(database, table, addresses) for table in tables),
    }


def _as_written(addresses: Iterable[str]) -> set[str]:
    """The addresses in every spelling in which a text of the mirror may hold them."""
    return {*addresses, *spelled(match_key(address) for address in addresses)}


def _salesforce_ids(database: Database, people: Sequence[person_history.Person]) -> set[str]:
    found = (
        database.value(f"SELECT salesforce_id FROM {table.name} WHERE id = ?", [local_id])
        for table, local_id in people
    )
    return {str(record) for record in found if record}


def _anonymise_ids(database: Database, secret: bytes, key: str) -> None:
    """Ids of events, and keys of Tasks, that their sender made from the address."""
    for table, column in (
        ("events", "id"),
        ("activities", "event_id"),
        ("activities", "key"),
        ("_contact_ids", "contact_id"),
    ):
        found = database.rows(f"SELECT {column} FROM {table} WHERE {_held_in([column])}", [key])
        database.run_many(
            f"UPDATE {table} SET {column} = ? WHERE {column} = ?",
            [(anonymous_id(secret, name, key), name) for (name,) in found],
        )


def _purge_row(database: Database, table: MappedTable, local_id: int) -> Counter[str]:
    person: list[Value] = [table.object, local_id]
    counts: Counter[str] = Counter()
    counts["activities"] = _anonymise_activities(database, "object = ? AND person_id = ?", person)
    for name in (
        "conflicts",
        "quarantine",
        "_outbox",
        "_provenance",
        "_former_addresses",
        "_contact_edits",
    ):
        counts[_counted_as(name)] = database.run(
            f"DELETE FROM {name} WHERE object = ? AND person_id = ?", person
        )
    counts["events"] = database.run(
        f"{_ANONYMISE_EVENT} WHERE object = ? AND person_id = ?", person
    )
    counts[table.object_map.table] = database.run(
        f"DELETE FROM {table.name} WHERE id = ?", [local_id]
    )
    return counts


def _purge_changes(
    database: Database,
    tables: Sequence[MappedTable],
    people: Sequence[person_history.Person],
    addresses: Iterable[str],
    linked: Iterable[str],
) -> None:
    """Of the feed stays that a row is gone; who follows it has to hear that."""
    gone: set[tuple[str, int]] = {(table.object, int(local_id)) for table, local_id in people}
    records_now = list(linked)
    gone |= set(
        database.rows(
            f"SELECT DISTINCT object, row_id FROM _changes WHERE salesforce_id IN ({marks(records_now)})",
            records_now,
        )
    )
    for address in addresses:
        told = f"changed IS NOT NULL AND ({_held_in(['changed'])})"
        found = database.rows(
            f"SELECT DISTINCT object, row_id FROM _changes WHERE {told}", [address]
        )
        gone |= {row for row in found if not _is_there(database, tables, *row)}
        # of others the values are read from their row, when they are told
        database.run(f"UPDATE _changes SET changed = NULL WHERE {told}", [address])
    for row in gone:
        _leave_tombstone(database, row)
    database.run(
        f"UPDATE _changes SET survivor_salesforce_id = NULL WHERE survivor_salesforce_id IN ({marks(records_now)})",
        records_now,
    )
    for table in tables:
        database.run(f"DELETE FROM {table.replaced}")


def _is_there(
    database: Database, tables: Sequence[MappedTable], object_name: str, row_id: int
) -> bool:
    return any(
        database.value(f"SELECT 1 FROM {table.name} WHERE id = ?", [row_id])
        for table in tables
        if table.object == object_name
    )


def _leave_tombstone(database: Database, row: tuple[str, int]) -> None:
    last = database.value(
        "SELECT max(cursor) FROM _changes WHERE object = ? AND row_id = ?"
        " AND action IN ('delete', 'merge')",
        row,
    )
    # a row of the feed that stands for several lines holds no values
    database.run(
        "DELETE FROM _changes WHERE object = ? AND row_id = ? AND line_count = 1 AND cursor IS NOT ?",
        [*row, last],
    )
    database.run(
        "UPDATE _changes SET changed = '{}', salesforce_id = NULL WHERE cursor = ?", [last]
    )


def _counted_as(table_name: str) -> str:
    """The word of the report for a table's rows."""
    words = {"_provenance": "brought", "_former_addresses": "former"}
    return words.get(table_name, table_name.strip("_"))


_ANONYMISE_EVENT = (
    "UPDATE events SET email = '', match_key = '', campaign_id = '', campaign_name = '', link = '',"
    f" source = '', note = '{PURGED}', object = NULL, person_id = NULL, state = 'handled'"
)
_TEXTS = {
    "quarantine": ("message", "hint", "payload", "event_id"),
    "conflicts": ("base", "local", "remote", "value"),
    "_outbox": ("before", "after", "plan", "error"),
    "_notes": ("value",),
    "_provenance": ("source",),
    "_contact_waiting": ("edit",),
    "runs": ("report",),
}
"""Where an address may stand beside the person's own row; of a run only its report goes."""


def _purge_address(database: Database, key: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (event_id,) in database.rows("SELECT id FROM events WHERE match_key = ?", [key]):
        counts["activities"] += _anonymise_activities(database, "event_id = ?", [event_id])
        counts["quarantine"] += database.run(
            "DELETE FROM quarantine WHERE event_id = ?", [event_id]
        )
    counts["events"] += database.run(f"{_ANONYMISE_EVENT} WHERE match_key = ?", [key])
    # so that what is said of them later is known to be of somebody purged
    database.run("UPDATE _contact_ids SET match_key = '' WHERE match_key = ?", [key])
    texts = ("fields", "subject", "error")
    counts["activities"] += _anonymise_activities(database, _held_in(texts), [key] * len(texts))
    for name, columns in _TEXTS.items():
        what = "UPDATE runs SET report = ''" if name == "runs" else f"DELETE FROM {name}"
        where = _held_in(columns)
        counts[_counted_as(name)] += database.run(f"{what} WHERE {where}", [key] * len(columns))
    return counts


def _anonymise_activities(database: Database, where: str, parameters: Sequence[Value]) -> int:
    """Tasks that were sent keep their key; those still waiting are not sent any more."""
    gone = database.run(
        f"DELETE FROM activities WHERE ({where}) AND state IN ('queued', 'quarantined')", parameters
    )
    blanked = database.run(
        f"UPDATE activities SET subject = '', fields = '{{}}', error = '' WHERE ({where})",
        parameters,
    )
    return gone + blanked


def _mentions(database: Database, table: MappedTable, keys: Iterable[str]) -> int:
    """Rows of other people that hold one of these addresses in some text of theirs."""
    texts = [name for name in table.columns if table.type_of(name) == "TEXT"]
    if not texts:
        return 0
    count = f"SELECT count(*) FROM {table.name} WHERE {_held_in(texts)}"
    return sum(int(database.value(count, [key] * len(texts)) or 0) for key in keys)
