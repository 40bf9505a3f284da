"""Forgetting a person: nothing of them stays in the file, and they are not brought back by the next pull.

What is remembered is a keyed hash of each address and Salesforce Id, enough to know them again and
nothing else. Whoever asked to be erased does not expect to be there again after the next pull, file
or event; a row that somebody puts into the mirror by hand, or ``readmit``, is a decision that
counts.

Deleting alone leaves old bytes in free pages, also from edits long ago: the whole file is written
    anew (``VACUUM``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sfsync.mirror import person_history, records
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted, translated
from sfsync.mirror.tables import MappedTable
from sfsync.model.event import EmailEvent, EventType, match_key
from sfsync.model.record import Remote, Value

PURGED = "purged"
_KEY = "forget_key"


class Purge:
    """Forgets people, and knows them again."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def person(self, email: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Remove a person from the mirror and its journal, and write the file anew.

        What stays has no personal data in it: the ids of events, so that none counts twice, and of
        Tasks.

        Returns:
            ``removed`` (rows, by table), ``records`` (the Salesforce Ids, which stay there) and
            ``mentions`` (rows of other people that hold the address in some text of theirs, which
            are left).
        """
        database, tables = self._database, list(self._context.tables.values())
        report: dict[str, Any] = {}
        database.connection.create_function(
            "_mentions_address", 2, mentions_address, deterministic=True
        )
        try:
            with database.wiping(), database.transaction():
                report = _purge(database, tables, match_key(email))
                if dry_run:
                    _roll_back()
        except _DryRun:
            return report
        _rewrite(database)
        return report

    def readmit(self, email: str, *, dry_run: bool = False) -> bool:
        """Let a purged address in again; whether it had been purged."""
        database, key = self._database, _key(self._database)
        mark = _hash(bytes.fromhex(key), match_key(email)) if key else ""
        person = database.value("SELECT person FROM _purged_people WHERE hash = ?", [mark])
        if person is not None and not dry_run:
            with database.transaction():
                database.run("DELETE FROM _purged_people WHERE person = ?", [person])
        return person is not None

    def unsent_consent(self, email: str) -> list[str]:
        """Why purging this person now would lose an opt-out, or a write whose outcome is not known."""
        database = self._database
        reasons: list[str] = []
        for table, local_id in person_history.people(database, self._context.people_tables, email):
            row = records.find(database, table, "r.id = ?", [local_id])
            if row is None:
                continue
            agreed = row.base.values if row.base else {}
            reasons += [
                f"{table.object} {local_id}: {column} is not in Salesforce yet"
                for column in table.object_map.opt_out
                if row.salesforce_id and row.local.values.get(column) and not agreed.get(column)
            ]
            unsettled = database.value(
                "SELECT count(*) FROM _outbox WHERE object = ? AND person_id = ?"
                " AND state IN ('sending', 'unknown')",
                [table.object, local_id],
            )
            if unsettled:
                reasons.append(f"{table.object} {local_id}: a write is in doubt")
        waiting = database.value(
            "SELECT count(*) FROM events WHERE match_key = ? AND state <> 'handled' AND type = ?",
            [match_key(email), EventType.UNSUBSCRIBED.value],
        )
        if waiting:
            reasons.append("an unsubscribed event is not handled yet")
        return reasons

    def record_filter(self, object_name: str) -> Callable[[Remote], bool] | None:
        """Whether a record is of a purged person who has no row here, and so is not brought in anew.

        ``None`` where nobody was purged, and for an object whose records are not people.
        """
        database, table = self._database, self._context.table(object_name)
        forgotten = PurgedPeople(database)
        if not forgotten or not table.object_map.kind.is_people:
            return None

        def is_purged(remote: Remote) -> bool:
            key = match_key(str(remote.values.get(table.object_map.match_on) or ""))
            return (
                (remote.salesforce_id in forgotten or key in forgotten)
                and records.id_of(database, table, remote.salesforce_id) is None
                and not (key and records.has_address(database, table, key))
            )

        return is_purged


class PurgedPeople:
    """The people who were purged, by hash."""

    def __init__(self, database: Database) -> None:
        self._hashes = {found for (found,) in database.rows("SELECT hash FROM _purged_people")}
        self._key = bytes.fromhex(_key(database)) if self._hashes else b""

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def __contains__(self, name: str) -> bool:
        return bool(name) and _hash(self._key, name) in self._hashes

    def without_person(self, event: EmailEvent) -> EmailEvent:
        """The event, without the address of somebody purged: its id still counts as known, for ever."""
        key = match_key(event.email)
        if key not in self:
            return event
        return replace(
            event,
            id=_anonymous_id(self._key, event.id, key),
            email="",
            campaign_id="",
            campaign_name="",
        )


def _key(database: Database) -> str:
    return str(database.value("SELECT value FROM _notes WHERE name = ?", [_KEY]) or "")


def _hash(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()


def _anonymous_id(secret: bytes, name: str, key: str) -> str:
    """An event's id; where it holds the address, a hash of it, the same each time."""
    return f"{PURGED}-{_hash(secret, name)[:32]}" if key in name.lower() else name


class _DryRun(Exception):
    """Rolls the transaction of a dry run back."""


def _roll_back() -> None:
    raise _DryRun


def mentions_address(text: object, key: str) -> bool:
    r"""Whether a text, also one inside JSON, holds this address; a longer one that ends or begins like it is another.

    A dash before it may belong to an id that somebody made from it, so that is taken for the
    address.

    >>> mentions_address('{"to": "Ada@x.example"}', "ada@x.example"), mentions_address("grada@x.example", "ada@x.example")
    (True, False)
    >>> mentions_address(r'"line\nada@x.example."', "ada@x.example"), mentions_address("ada@x.example.org", "ada@x.example")
    (True, False)
    """
    return bool(_whole(key).search(str(text)))


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
    counts: Counter[str] = Counter()
    of_people = [table for table in tables if table.object_map.kind.is_people]
    people = person_history.people(database, of_people, key)
    keys, linked = {key}, set()
    for table, local_id in people:
        found = database.row(
            f"SELECT {table.match()}, salesforce_id FROM {table.name} WHERE id = ?", [local_id]
        )
        keys |= {found[0]} if found and found[0] else set()
        linked |= {found[1]} if found and found[1] else set()
        former = database.rows(
            "SELECT match_key FROM _former_addresses WHERE object = ? AND person_id = ?",
            [table.object, local_id],
        )
        keys |= {name for (name,) in former}
    for table, local_id in people:
        counts += _purge_row(database, table, int(local_id))
    keys.discard("")
    for record in linked:
        database.run(
            "DELETE FROM _successors WHERE salesforce_id = ? OR successor_id = ?", [record, record]
        )
    for name in keys:
        counts += _purge_address(database, name)
    secret = _keep_hashes(database, key, {*keys, *linked})
    for name in keys:
        _anonymise_ids(database, secret, name)
    return {
        "removed": {name: count for name, count in counts.items() if count},
        "records": sorted(linked),
        "mentions": sum(_mentions(database, table, keys) for table in tables),
    }


def _anonymise_ids(database: Database, secret: bytes, key: str) -> None:
    """Ids of events, and keys of Tasks, that somebody made from the address."""
    for table, column in (("events", "id"), ("activities", "event_id"), ("activities", "key")):
        found = database.rows(
            f"SELECT {column} FROM {table} WHERE _mentions_address({column}, ?)", [key]
        )
        database.run_many(
            f"UPDATE {table} SET {column} = ? WHERE {column} = ?",
            [(_anonymous_id(secret, name, key), name) for (name,) in found],
        )


def _keep_hashes(database: Database, key: str, names: Iterable[str]) -> bytes:
    secret = _key(database) or secrets.token_hex(32)
    database.run("INSERT OR REPLACE INTO _notes (name, value) VALUES (?, ?)", [_KEY, secret])
    marks = {name: _hash(bytes.fromhex(secret), name) for name in {key, *names} if name}
    database.run_many(
        "INSERT OR REPLACE INTO _purged_people (hash, person, at) VALUES (?, ?, ?)",
        [(mark, marks.get(key, ""), database.now()) for mark in marks.values()],
    )
    return bytes.fromhex(secret)


def _purge_row(database: Database, table: MappedTable, local_id: int) -> Counter[str]:
    person: list[Value] = [table.object, local_id]
    counts: Counter[str] = Counter()
    counts["activities"] = _anonymise_activities(database, "object = ? AND person_id = ?", person)
    for name in ("conflicts", "quarantine", "_outbox", "_provenance", "_former_addresses"):
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


def _counted_as(table_name: str) -> str:
    """The word of the report for a table's rows."""
    words = {"_provenance": "brought", "_former_addresses": "former"}
    return words.get(table_name, table_name.strip("_"))


_ANONYMISE_EVENT = (
    "UPDATE events SET email = '', match_key = '', campaign_id = '', campaign_name = '', source = '',"
    f" note = '{PURGED}', object = NULL, person_id = NULL, state = 'handled'"
)
_TEXTS = {
    "quarantine": ("message", "hint", "payload", "event_id"),
    "conflicts": ("base", "local", "remote", "value"),
    "_outbox": ("before", "after", "plan", "error"),
    "_notes": ("value",),
    "_provenance": ("source",),
    "runs": ("report",),
}
"""Where an address may stand that is not tied to the person's own row; of a run only its report goes."""


def _purge_address(database: Database, key: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (event_id,) in database.rows("SELECT id FROM events WHERE match_key = ?", [key]):
        counts["activities"] += _anonymise_activities(database, "event_id = ?", [event_id])
        counts["quarantine"] += database.run(
            "DELETE FROM quarantine WHERE event_id = ?", [event_id]
        )
    counts["events"] += database.run(f"{_ANONYMISE_EVENT} WHERE match_key = ?", [key])
    counts["activities"] += _anonymise_activities(
        database,
        "_mentions_address(fields, ?) OR _mentions_address(subject, ?) OR _mentions_address(error, ?)",
        [key] * 3,
    )
    for name, columns in _TEXTS.items():
        held = " OR ".join(f"_mentions_address({quoted(column)}, ?)" for column in columns)
        what = "UPDATE runs SET report = ''" if name == "runs" else f"DELETE FROM {name}"
        counts[_counted_as(name)] += database.run(f"{what} WHERE {held}", [key] * len(columns))
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
    held = " OR ".join(f"_mentions_address({quoted(name)}, ?)" for name in texts)
    return sum(
        int(
            database.value(f"SELECT count(*) FROM {table.name} WHERE {held}", [key] * len(texts))
            or 0
        )
        for key in keys
        if texts
    )
