"""The promises, judged from outside: by the org's records and the mirror's tables.

The mirror is read with plain ``sqlite3``. There are two kinds: what holds after each run, however
it ended (``Before.judge``), and what holds once there was peace and both sides are at rest
(``judge``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_org.state.rendering import whole_record
from sfsync.mapping.projection import canonical_values, reader
from sfsync.model.address import match_key
from sfsync.model.mapping import ObjectMap
from sfsync.selftest.consent_law import key_of
from sfsync.selftest.people import SOBJECTS, TYPED

if TYPE_CHECKING:
    from sfsync.selftest.runs import RunSteps

PROMISES = {
    "tasks": "one Task for each event key: none missing, none twice",
    "once": "nobody is made twice in Salesforce",
    "typed": "what a person typed is there, or among the conflicts",
    "equal": "both sides hold the same in every mapped field",
    "counters": "a counter says what was counted",
    "opt-outs": "whoever opted out, and has not consented since, is mailable nowhere",
    "consent": "nobody is opted out whom no statement reaches",
    "settled": "every write, Task and event comes to an end",
    "rest": "a few runs in peace bring both sides to rest",
    "quiet": "the next sync writes nothing and costs one call an object",
    "file": "the mirror's file is whole",
    "preview": "a plan that is made changes nothing",
    "soft": "nothing is deleted but what people deleted, nor for good",
    "unmapped": "what is not mapped is not touched",
    "errors": "a run ends well, or with an error for people",
    "followed": "where the stream of changes was followed, a full pull finds nothing more",
    "position": "a position in the stream covers nothing that is not stored",
}
"""By name: what always holds."""

OF_STREAM = frozenset({"followed", "position"})
"""Those that are looked at where the stream of changes is followed."""

Violations = Iterator[tuple[str, str]]
Raw = dict[str, Any]

_STAMPS = frozenset({
    "Id", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "LastActivityDate",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """A promise that did not hold."""

    promise: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.sentence}"


# -- after each run
@dataclass(frozen=True, slots=True)
class RowSeen:
    """A row of the mirror, as far as it matters whether it goes."""

    deleted: bool
    key: str
    record: str | None


@dataclass(frozen=True, slots=True)
class Before:
    """Both sides as a run found them.

    Attributes:
        records: of the org, by object.
        rows: of the mirror, by table and id.
    """

    records: dict[str, dict[str, Raw]]
    rows: dict[str, dict[int, RowSeen]]

    @classmethod
    def of(cls, world: RunSteps) -> Before:
        """As they are now."""
        return cls({name: dict(_records(world, name)) for name in SOBJECTS.values()}, _rows(world))

    def judge(self, world: RunSteps, *, clean: bool) -> None:
        """Look at what the run did.

        Args:
            clean: it came to its end, so that the file need not be read through.
        """
        for name, sentence in (*self._records_kept(world), *self._rows_kept(world)):
            world.fail(name, sentence)
        world.result.checked.update(("soft", "unmapped", "errors"))
        if not clean:
            world.result.checked.update(("file",))
            for name, sentence in _file_is_whole(world):
                world.fail(name, sentence)

    def _records_kept(self, world: RunSteps) -> Violations:
        for sobject, before in self.records.items():
            mapped = _mapped_fields(world, sobject)
            after = _records(world, sobject)
            for record, old in before.items():
                new = after.get(record)
                if new is old:
                    continue
                if new is None or bool(new.get("IsDeleted")) != bool(old.get("IsDeleted")):
                    yield "soft", f"a run deleted, or restored, the {sobject} {record}"
                    continue
                foreign = ", ".join(sorted(_changed(old, new) - mapped - _STAMPS))
                if foreign:
                    yield "unmapped", f"a run wrote {foreign} of the {sobject} {record}"

    def _rows_kept(self, world: RunSteps) -> Violations:
        for table, after in _rows(world).items():
            before = self.rows[table]
            if lost := self._gone_for_good(table, after):
                yield "soft", f"a run removed the rows {sorted(lost)} of {table}"
            newly = {
                row
                for row, seen in after.items()
                if seen.deleted and not (row in before and before[row].deleted)
            }
            live = {raw["Id"] for raw in world.people.live(SOBJECTS[table])} if newly else set()
            for row in newly:
                if after[row].record in live:
                    yield (
                        "soft",
                        f"a run soft-deleted {table} {row}, whose record {after[row].record} lives",
                    )

    def _gone_for_good(self, table: str, after: Mapping[int, RowSeen]) -> set[int]:
        """The lost rows that did not go into an older row of their person, which was deleted here and is live again."""
        before = self.rows[table]
        lost = before.keys() - after.keys()
        returned: set[str] = set()
        for row in before.keys() & after.keys() if lost else ():
            if before[row].deleted and not after[row].deleted:
                # an address that was changed here alone is not that of the record
                record = self.records[SOBJECTS[table]].get(after[row].record or "", {})
                returned |= {before[row].key, after[row].key, key_of(record.get("Email"))}
        return {row for row in lost if before[row].record or before[row].key not in returned}


def _changed(old: Raw, new: Raw) -> set[str]:
    """The fields that differ; the local org's own notes, which begin with ``_``, are none."""
    names = {name for name in old.keys() | new.keys() if not name.startswith("_")}
    return {name for name in names if old.get(name) != new.get(name)}


def _mapped_fields(world: RunSteps, sobject: str) -> set[str]:
    found = {
        field.remote for each in _maps(world) if each.sobject == sobject for field in each.fields
    }
    return found | {each.external_id for each in _maps(world)}


def _maps(world: RunSteps) -> list[ObjectMap]:
    return list(world.usable.objects.values())


def _map_of(world: RunSteps, table: str) -> ObjectMap:
    (object_map,) = (each for each in _maps(world) if each.table == table)
    return object_map


def _records(world: RunSteps, sobject: str) -> dict[str, Raw]:
    return world.org.state.table(sobject).rows


def _rows(world: RunSteps) -> dict[str, dict[int, RowSeen]]:
    columns = "id, deleted_at, email, salesforce_id"
    return {
        table: {
            row: RowSeen(bool(deleted), key_of(email), record)
            for row, deleted, email, record in world.look(f"SELECT {columns} FROM {table}")
        }
        for table in SOBJECTS
    }


def _file_is_whole(world: RunSteps) -> Violations:
    for pragma, good in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        found = world.look(f"PRAGMA {pragma}")
        if found != good:
            yield "file", f"{pragma}: {found}"


# -- at rest
def state_of(world: RunSteps) -> tuple[Any, ...]:
    """What both sides hold, bookkeeping of runs and clocks aside."""
    here = [
        world.look(f"SELECT * FROM {table} ORDER BY 1")
        for table in ("contacts", "leads", "_contacts_base", "_leads_base", "events", "activities")
    ]
    here += [
        world.look("SELECT id, state FROM conflicts"),
        world.look("SELECT id, state FROM quarantine"),
        world.look("SELECT ref, state FROM _outbox"),
    ]
    return here, {name: dict(_records(world, name)) for name in (*SOBJECTS.values(), "Task")}


def judge(world: RunSteps) -> Violations:
    """Every promise, with a sentence for each place where it does not hold."""
    world.result.checked.update(PROMISES.keys() - OF_STREAM)
    yield from _file_is_whole(world)
    yield from _quiet(world)
    yield from _settled(world)
    yield from _tasks(world)
    yield from _once(world)
    for table in SOBJECTS:
        yield from _equal(world, table, world.people.ledger.forgotten_here)
    yield from world.consent.judge(world.people.ledger.forgotten_here)
    yield from _typed(world)
    yield from _counters(world)
    # What the full pull brings in again may differ from the org, which the sync settles.
    for verb in ("full", "sync"):
        world.run(verb)
    for table in SOBJECTS:
        yield from _equal(world, table, set())
    yield from world.consent.judge(set())


def _quiet(world: RunSteps) -> Violations:
    before = state_of(world)
    line = world.run("sync")
    if state_of(world) != before:
        yield "quiet", "a sync with nothing to do wrote something"
    asked_again = 2 * len(SOBJECTS) if _unknowable(world) else 0
    if world.last.api_calls > len(SOBJECTS) + asked_again or not line.endswith("ok"):
        yield "quiet", f"a sync with nothing to do took {world.last.api_calls} calls: {line}"


def _settled(world: RunSteps) -> Violations:
    for ref, name, state in world.look(
        "SELECT ref, object, state FROM _outbox WHERE state NOT IN ('accepted', 'rejected')"
    ):
        if (name, ref) not in _unknowable(world):
            yield "settled", f"the write {ref} of a {name} is still {state}"
    live = {row.key for row in world.consent.sight().rows if row.live}
    for event, email, waits in world.look(
        "SELECT id, email, _waits FROM events WHERE state = 'new'"
    ):
        # whose person is deleted waits until they are restored
        if not waits or key_of(email) in live:
            yield "settled", f"the event {event} was not handled"
    quarantined = quarantined_rows(world)
    for key, state, name, person in world.look(
        "SELECT key, state, object, person_id FROM activities"
    ):
        if state not in {"done", "quarantined"} and (f"{name}s", person) not in quarantined:
            yield "settled", f"the Task {key} is still {state}"


def _unknowable(world: RunSteps) -> set[tuple[str, int]]:
    """Writes to records that are purged: it is unknown for ever whether they arrived.

    Each run asks again, as a record that is only out of this user's sight may come back.
    """
    purged = world.people.ledger.purged
    found = world.look("SELECT object, ref, salesforce_id FROM _outbox WHERE state = 'unknown'")
    return {(name, ref) for name, ref, record in found if record in purged}


def _tasks(world: RunSteps) -> Violations:
    name = world.usable.activities.external_id
    tasks = [*_records(world, "Task").values(), *world.people.ledger.purged_tasks]
    keys = Counter(
        str(raw.get(name or "Description")).rpartition("sfsync-ref:")[2].strip() for raw in tasks
    )
    for key, count in keys.items():
        if count > 1:
            yield "tasks", f"{count} Tasks for {key}"
    states = dict(world.look("SELECT key, state FROM activities"))
    done = {key for key, state in states.items() if state == "done"}
    # A Task in quarantine may be there all the same: the next retry looks it up.
    quarantined = {key for key, state in states.items() if state == "quarantined"}
    for key in sorted(done - set(keys)):
        yield "tasks", f"no Task for {key}, which counts as done"
    for key in sorted(set(keys) - done - quarantined):
        yield "tasks", f"a Task for {key}, which the mirror does not know of"


def _once(world: RunSteps) -> Violations:
    ours = {
        record
        for (record,) in world.look(
            "SELECT salesforce_id FROM _outbox WHERE action = 'create' AND state = 'accepted'"
        )
    }
    for sobject in SOBJECTS.values():
        there = _records(world, sobject)
        made_here = there.keys() - world.people.ledger.made_there
        addresses = Counter(_address(there[record]) for record in made_here)
        for record in sorted(made_here - ours):
            # A create whose reply was lost, and which other users changed before it was looked up,
            # is taken for a record of theirs. It is nobody's twin then: no other record of its
            # address was made from here.
            if addresses[_address(there[record])] > 1 or not _address(there[record]):
                yield "once", f"nobody knows who made the {sobject} {record}"


def _address(raw: Mapping[str, Any]) -> str:
    return key_of(raw.get("Email"))


def quarantined_rows(world: RunSteps) -> set[tuple[str, int]]:
    """Rows in quarantine: what is not agreed about them is reported to people."""
    found = world.look("SELECT object, person_id FROM quarantine WHERE state <> 'settled'")
    return {(f"{name}s", person) for name, person in found}


def _equal(world: RunSteps, table: str, forgiven: set[str]) -> Violations:
    """Row for row and field for field, but for these records, which may lack their row."""
    object_map = _map_of(world, table)
    columns = [field.column for field in object_map.fields if field.pulls]
    names = ", ".join(f'"{column}"' for column in columns)
    rows = world.look(f"SELECT id, salesforce_id, deleted_at, {names} FROM {table}")
    live = {raw["Id"]: raw for raw in world.people.live(SOBJECTS[table])}
    for record in sorted(live.keys() - {row[1] for row in rows} - forgiven):
        yield "equal", f"the record {record} has no row"
    quarantined = quarantined_rows(world)
    for row, record, deleted, *values in rows:
        if deleted:
            if record in live and (table, row) not in world.people.ledger.gone_here:
                yield "soft", f"{table} {row} is soft-deleted, and its record {record} lives"
        elif (table, row) in quarantined or record in world.people.ledger.purged:
            continue
        elif record not in live:
            yield "equal", f"{table} {row} is live, and its record {record} is not"
        else:
            local = dict(zip(columns, values, strict=True))
            remote = _as_api(world, SOBJECTS[table], live[record])
            for sentence in _differences(world, object_map, row, local, remote):
                yield "equal", f"{table} {row} ({record}): {sentence}"


def _differences(
    world: RunSteps, object_map: ObjectMap, row: int, local: Raw, remote: Raw
) -> Iterator[str]:
    """A sentence for each field in which a row and its record differ, but for those held back."""
    canonical, unreadable = canonical_values(object_map, local)
    for field in object_map.fields:
        if not field.pulls:
            continue
        here = unreadable.get(field.column) or repr(canonical[field.column])
        there = reader(field)(remote.get(field.remote))
        is_same = field.column not in unreadable and canonical[field.column] == there
        if not is_same and (object_map.name, row, field.column) not in _held(world):
            yield f"{field.column} is {here} here and {there!r} there"


def _held(world: RunSteps) -> set[tuple[str, int, str]]:
    """Fields whose conflict is left to a person: ``(object, row, column)``."""
    query = "SELECT object, person_id, \"column\" FROM conflicts WHERE state = 'open'"
    return set(world.look(query))


def _as_api(world: RunSteps, sobject: str, raw: Raw) -> Raw:
    """A record as the API would answer it, with its Account's name."""
    record = whole_record(world.org.state.table(sobject).kind, raw, "66.0")
    account = _records(world, "Account").get(str(raw.get("AccountId")), {})
    return {**record, "Account.Name": account.get("Name")}


def _typed(world: RunSteps) -> Violations:
    kept = {value for pair in world.look("SELECT local, remote FROM conflicts") for value in pair}
    for table, fields in TYPED.items():
        kept |= {
            value for row in world.look(f"SELECT {', '.join(fields)} FROM {table}") for value in row
        }
        kept |= {
            raw.get(name) for raw in world.people.live(SOBJECTS[table]) for name in fields.values()
        }
    lost = sorted(world.people.ledger.typed - kept)
    if lost:
        yield "typed", f"nobody finds any more what was typed: {', '.join(lost)}"


def _counters(world: RunSteps) -> Violations:
    if not world.people.engagement:
        return
    ledger, quarantined = world.people.ledger, quarantined_rows(world)
    events: Counter[tuple[str, int, str]] = Counter(
        world.look("SELECT object || 's', person_id, type FROM events WHERE state = 'handled'")
    )
    for table in SOBJECTS:
        rows = world.look(
            f"SELECT id, salesforce_id, email, total_clicks, total_opens FROM {table} WHERE "
            "deleted_at IS NULL"
        )
        for row, record, email, *counters in rows:
            if record in ledger.unclear or (table, row) in ledger.unclear_rows | quarantined:
                continue
            if match_key(email or "") in ledger.unclear_addresses:
                continue
            clicks = ledger.clicks_there[record] + events[table, row, "email_clicked"]
            if table == "contacts":
                clicks += ledger.clicks_here[row]
            opens = events[table, row, "email_opened"]
            if [number or 0 for number in counters] != [clicks, opens]:
                has = f"{table} {row} ({record}) has {counters} clicks and opens"
                yield "counters", f"{has}, and {[clicks, opens]} were counted"
