"""Anything may happen, in any order, and be cut short anywhere: when it is quiet again, nothing is lost or doubled.

A machine of rules over a real mirror and an org in memory: people at work on both sides, events,
trouble, crashes, runs, clocks. Whatever they did, a few runs in peace later the laws hold
(``Machine.teardown``).

    HYPOTHESIS_PROFILE=long pytest tests/laws/test_sync_machine.py     many more examples, and
    longer ones
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sfsync import failpoints
from sfsync.errors import SfsyncError
from sfsync.mapping.projection import canonical_values
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.event import EventType
from sfsync.model.mapping import FieldMap
from sfsync.model.merges import Merge
from sfsync.model.record import Value
from tests.fakes import Trouble
from tests.feed import read, replayed
from tests.feed import tables as tables_of
from tests.sides import MAPPING, Sides, event, fast_folder, with_merge, without_keys

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
PROFILE = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", "1500")) if LONG else 50,
    stateful_step_count=40 if LONG else 30,
    derandomize=not LONG,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
EXECUTED: Counter[str] = Counter()
"""How often each rule did something: a machine whose rules all pass by proves nothing."""

ADDRESSES = [f"p{n}@x.example" for n in range(5)]
TYPED = {
    "contacts": {"job_title": "Title", "phone": "Phone", "city": "MailingCity"},
    "leads": {"job_title": "Title", "phone": "Phone", "city": "City"},
}
SOBJECTS = {"contacts": "Contact", "leads": "Lead"}
CLICKS, OPENS = "PenguinMails_Total_Clicks__c", "PenguinMails_Total_Opens__c"
OPT_OUTS = {
    "contacts": {"unsubscribed": "PenguinMails_Unsubscribed__c", "opted_out": "HasOptedOutOfEmail"},
    "leads": {"unsubscribed": "HasOptedOutOfEmail"},
}
PLAIN = with_merge(
    with_merge(MAPPING, "contact", "city", Merge.MANUAL), "contact", "phone", Merge.NEWEST
)
MAPPINGS = {"keyed": PLAIN, "unkeyed": without_keys(PLAIN)}

numbers = st.integers(0, 7)
tables = st.sampled_from(["contacts", "contacts", "leads"])
columns = st.sampled_from(list(TYPED["contacts"]))


class Crash(BaseException):
    """The process is gone."""


class Machine(RuleBasedStateMachine):
    """Two sides, and what was done to them.

    Attributes:
        typed: values that a person typed and nobody has seen and replaced since.
        counted_here, counted_there: clicks added, by row and by record.
        out: who asked for no more emails, as records of the org or (negative) rows of contacts.
        unclear: records whose counters cannot be told any more from what was done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=fast_folder()))
        self.sides = Sides(self.folder / "mirror.db")
        self.typed: set[str] = set()
        self.number = 0
        self.counted_here: Counter[int] = Counter()
        self.counted_there: Counter[str] = Counter()
        self.out_here: set[tuple[str, int]] = set()
        self.out_there: set[str] = set()
        self.unclear: set[str] = set()
        self.unclear_rows: set[int] = set()

    @initialize(mapping=st.sampled_from(list(MAPPINGS)), people=st.integers(1, 3))
    def begin(self, mapping: str, people: int) -> None:
        self.sides.reopen(MAPPINGS[mapping])
        for number in range(people):
            self.sides.org.create("Contact", LastName=f"P{number}", Email=ADDRESSES[number])
        self.sides.sync()

    # -- helpers -----------------------------------------------------------------------------------
    def _did(self, name: str) -> None:
        EXECUTED[name] += 1

    def _new_value(self) -> str:
        self.number += 1
        value = f"typed {self.number}"
        self.typed.add(value)
        return value

    def _record(self, number: int, sobject: str) -> str | None:
        found = self.sides.org.live(sobject)
        return found[number % len(found)]["Id"] if found else None

    def _row(self, number: int, table: str) -> int | None:
        found = self.sides.look(f"SELECT id FROM {table} WHERE deleted_at IS NULL ORDER BY id")
        return found[number % len(found)][0] if found else None

    def _seen_there(self, record: str) -> None:
        """Somebody looks at a record and disposes of it: what it holds is not lost."""
        self.typed -= set(self.sides.org.records[record].values()) & self.typed  # type: ignore[index]
        self.unclear.add(record)

    def _seen_here(self, table: str, row: int) -> str | None:
        held = self.sides.look(
            f"SELECT {', '.join(TYPED[table])}, salesforce_id FROM {table} WHERE id = ?", row
        )
        self.typed -= set(held[0][:-1]) & self.typed
        if table == "contacts":
            self.unclear_rows.add(row)
        return held[0][-1]

    # -- people in Salesforce ----------------------------------------------------------------------
    @rule(sobject=st.sampled_from(["Contact", "Lead"]), address=st.sampled_from(ADDRESSES))
    def create_there(self, sobject: str, address: str) -> None:
        self._did("create_there")
        fields = {"LastName": "There", "Email": address, "Title": self._new_value()}
        if sobject == "Lead":
            fields["Company"] = "Co"
        self.sides.org.create(sobject, **fields)

    @rule(
        number=numbers,
        table=tables,
        column=columns,
        blank=st.sampled_from([False, False, False, True]),
    )
    def edit_there(self, number: int, table: str, column: str, blank: bool) -> None:
        record, name = self._record(number, SOBJECTS[table]), TYPED[table][column]
        if record is not None:
            self._did("edit_there")
            self.typed.discard(str(self.sides.remote(record, name)))
            self.sides.org.edit(record, **{name: None if blank else self._new_value()})

    @rule(number=numbers, by=st.integers(1, 3))
    def count_there(self, number: int, by: int) -> None:
        record = self._record(number, "Contact")
        if record is not None:
            self._did("count_there")
            self.counted_there[record] += by
            self.sides.org.edit(record, **{CLICKS: (self.sides.remote(record, CLICKS) or 0) + by})

    @rule(number=numbers, table=tables)
    def opt_out_there(self, number: int, table: str) -> None:
        record = self._record(number, SOBJECTS[table])
        if record is not None:
            self._did("opt_out_there")
            self.out_there.add(record)
            self.sides.org.edit(record, HasOptedOutOfEmail=True)

    @rule(number=numbers, sobject=st.sampled_from(["Contact", "Lead"]))
    def delete_there(self, number: int, sobject: str) -> None:
        record = self._record(number, sobject)
        if record is not None:
            self._did("delete_there")
            self._seen_there(record)
            self.sides.org.delete(record)

    @rule(number=numbers)
    def undelete_there(self, number: int) -> None:
        gone = [
            raw["Id"]
            for raw in self.sides.org.records.values()
            if raw.get("IsDeleted") and not raw.get("MasterRecordId") and raw["_sobject"] != "Task"
        ]
        if gone:
            self._did("undelete_there")
            self.sides.org.undelete(gone[number % len(gone)])

    @rule(number=numbers, other=numbers)
    def merge_there(self, number: int, other: int) -> None:
        loser, master = self._record(number, "Contact"), self._record(other, "Contact")
        if loser is not None and master is not None and loser != master:
            self._did("merge_there")
            self._seen_there(loser)
            self.unclear.add(master)
            self.sides.org.merge(master, loser)

    @rule(number=numbers, other=st.none() | numbers)
    def convert_there(self, number: int, other: int | None) -> None:
        lead = self._record(number, "Lead")
        contact = None if other is None else self._record(other, "Contact")
        if lead is not None:
            self._did("convert_there")
            self._seen_there(lead)
            self.unclear.add(self.sides.org.convert(lead, contact))

    # -- people at the mirror ----------------------------------------------------------------------
    @rule(
        table=tables,
        address=st.sampled_from(ADDRESSES),
        spelling=st.sampled_from(["{}", " {}", "{}\n"]),
    )
    def insert_here(self, table: str, address: str, spelling: str) -> None:
        self._did("insert_here")
        row = (spelling.format(address), self._new_value())
        self.sides.edit(f"INSERT INTO {table} (email, job_title) VALUES (?, ?)", *row)

    @rule(table=st.sampled_from(["contact", "lead"]), address=st.sampled_from(ADDRESSES))
    def import_here(self, table: str, address: str) -> None:
        self._did("import_here")
        held = self.sides.look(
            f"SELECT phone FROM {table}s WHERE lower(trim(email)) = ? AND deleted_at IS NULL ORDER BY id LIMIT 1",
            address,
        )
        self.typed -= {phone for (phone,) in held}
        self.sides.mirror.imports.store(table, [{"email": address, "phone": self._new_value()}])

    @rule(
        number=numbers,
        table=tables,
        column=columns,
        blank=st.sampled_from([False, False, False, True]),
    )
    def edit_here(self, number: int, table: str, column: str, blank: bool) -> None:
        row = self._row(number, table)
        if row is not None:
            self._did("edit_here")
            self._type_here(table, row, column, None if blank else self._new_value())

    def _type_here(self, table: str, row: int, column: str, value: str | None) -> None:
        for (held,) in self.sides.look(f"SELECT {column} FROM {table} WHERE id = ?", row):
            self.typed.discard(held)
            self.sides.edit(f"UPDATE {table} SET {column} = ? WHERE id = ?", value, row)

    @rule(number=numbers, by=st.integers(1, 3))
    def count_here(self, number: int, by: int) -> None:
        row = self._row(number, "contacts")
        if row is not None and self.sides.one(
            "SELECT salesforce_id FROM contacts WHERE id = ?", row
        ):
            self._did("count_here")
            self._count_here(row, by)

    def _count_here(self, row: int, by: int) -> None:
        self.counted_here[row] += by
        self.sides.edit(
            "UPDATE contacts SET total_clicks = coalesce(total_clicks, 0) + ? WHERE id = ?", by, row
        )

    @rule(number=numbers, table=tables)
    def opt_out_here(self, number: int, table: str) -> None:
        row = self._row(number, table)
        if row is not None:
            self._did("opt_out_here")
            self.out_here.add((table, row))
            self.sides.edit(f"UPDATE {table} SET unsubscribed = 1 WHERE id = ?", row)

    @rule(number=numbers)
    def take_an_opt_out_back_here(self, number: int) -> None:
        row = self._row(number, "contacts")
        record = row and self.sides.one("SELECT salesforce_id FROM contacts WHERE id = ?", row)
        raw = self.sides.org.records.get(record)
        if raw is not None and raw.get("HasOptedOutOfEmail") and not raw.get("IsDeleted"):
            self._did("take_an_opt_out_back_here")
            self.sides.edit("UPDATE contacts SET unsubscribed = 0, opted_out = 0 WHERE id = ?", row)

    @rule(number=numbers, table=tables)
    def soft_delete_here(self, number: int, table: str) -> None:
        row = self._row(number, table)
        if row is not None:
            self._did("soft_delete_here")
            self._seen_here(table, row)
            self.sides.edit(
                f"UPDATE {table} SET deleted_at = '2026-01-20T10:00:00Z' WHERE id = ?", row
            )

    @rule(number=numbers, table=tables)
    def delete_for_good_here(self, number: int, table: str) -> None:
        row = self._row(number, table)
        if row is not None:
            self._did("delete_for_good_here")
            record = self._seen_here(table, row)
            if record:
                self.unclear.add(record)
            self.sides.edit(f"DELETE FROM {table} WHERE id = ?", row)

    @rule(
        address=st.sampled_from(ADDRESSES),
        kind=st.sampled_from([EventType.OPENED, EventType.SENT, EventType.UNSUBSCRIBED]),
        number=st.integers(1, 12),
    )
    def event_comes(self, address: str, kind: EventType, number: int) -> None:
        self._did("event_comes")
        self.sides.keep(event(number, address, kind, campaign=f"c-{number % 2}", minute=number))

    # -- time and trouble --------------------------------------------------------------------------
    @rule(seconds=st.sampled_from([1, 600, 3_600, 86_400]))
    def time_goes_by(self, seconds: int) -> None:
        self._did("time_goes_by")
        self.sides.pass_time(seconds)

    @rule(seconds=st.sampled_from([-86_400, -600, 600, 86_400]))
    def our_clock_jumps(self, seconds: int) -> None:
        self._did("our_clock_jumps")
        self.sides.now += timedelta(seconds=seconds)

    @rule(replies=st.integers(0, 2), requests=st.integers(0, 1), locked=st.booleans())
    def trouble_begins(self, replies: int, requests: int, locked: bool) -> None:
        self._did("trouble_begins")
        self.sides.org.trouble = Trouble(lost_replies=replies, refused_requests=requests)
        if locked:
            self.sides.org.trouble.deferred = lambda write: write.ref % 2 == 0

    # -- runs --------------------------------------------------------------------------------------
    # several rules for the same, so that runs are as frequent as what happens between them
    @rule(verb=st.sampled_from(["pull", "full"]))
    def run_a_pull(self, verb: str) -> None:
        self._did(f"run {verb}")
        self._run(verb)

    @rule(verb=st.sampled_from(["push", "push_activity"]))
    def run_a_push(self, verb: str) -> None:
        self._did(f"run {verb}")
        self._run(verb)

    @rule()
    def run_a_sync(self) -> None:
        self._did("run sync")
        self._run("sync")

    @rule(verb=st.sampled_from(["sync", "push", "push_activity"]), number=numbers, column=columns)
    def run_while_somebody_edits(self, verb: str, number: int, column: str) -> None:
        self._did(f"run {verb}")
        self.sides.org.trouble.after_apply = self._somebody_edits(number, column)
        self._run(verb)
        self.sides.org.trouble.after_apply = lambda _: None

    @rule(
        verb=st.sampled_from(["sync", "push", "push_activity"]),
        number=numbers,
        column=columns,
        behind=st.booleans(),
        dying=st.sampled_from([False, False, True]),
        times=st.integers(1, 2),
    )
    def run_while_somebody_edits_there(
        self, verb: str, number: int, column: str, behind: bool, dying: bool, times: int
    ) -> None:
        """Between our reading and our writing; where no stamp tells of it, only the answer can."""
        self._did(f"run {verb}")
        trouble = self.sides.org.trouble
        unanswered = dying or trouble.lost_replies > 0
        trouble.before_apply = self._somebody_edits_there(number, column, behind, times, unanswered)
        if dying:
            trouble.after_apply = _dying(1)
        self._run(verb)
        trouble.before_apply = trouble.after_apply = lambda _: None

    @rule(verb=st.sampled_from(["sync", "pull", "push", "push_activity"]), nth=st.integers(1, 12))
    def run_and_die_after_a_commit(self, verb: str, nth: int) -> None:
        self._did(f"run {verb}, to die after a commit")
        failpoints.arm(failpoints.Plan(acts={("commit", nth): "disk"}))
        self._run(verb)
        failpoints.arm(None)

    @rule(
        verb=st.sampled_from(["sync", "push", "push_activity"]),
        place=st.sampled_from(["before_apply", "after_apply", "after_apply"]),
        nth=st.integers(1, 3),
    )
    def run_and_die_in_a_request(self, verb: str, place: str, nth: int) -> None:
        self._did(f"run {verb}, to die in {place}")
        setattr(self.sides.org.trouble, place, _dying(nth))
        self._run(verb)
        self.sides.org.trouble.before_apply = self.sides.org.trouble.after_apply = lambda _: None

    @precondition(lambda self: self.sides.look("SELECT 1 FROM quarantine WHERE state = 'open'"))
    @rule()
    def retry(self) -> None:
        self._did("retry")
        self.sides.mirror.quarantine.retry()

    def _run(self, verb: str) -> None:
        full = {"full": True} if verb == "full" else {}
        try:
            getattr(self.sides, "pull" if full else verb)(**full, allow_mass_change=True)
        except (Crash, OSError):
            failpoints.arm(None)
            self.sides.reopen()
            self._did("died")
        except SfsyncError:
            self._did("failed")

    def _somebody_edits(self, number: int, column: str) -> Callable[[object], None]:
        def edit(_writes: object) -> None:
            row = self._row(number, "contacts")
            if row is not None:
                self._did("edited in flight")
                self._type_here("contacts", row, column, self._new_value())
                if self.sides.one("SELECT salesforce_id FROM contacts WHERE id = ?", row):
                    self._count_here(row, 1)

        return edit

    def _somebody_edits_there(
        self, number: int, column: str, behind: bool, times: int, unanswered: bool
    ) -> Callable[[Sequence[OrgWrite]], None]:
        left = [times]

        def edit(writes: Sequence[OrgWrite]) -> None:
            about = [
                each
                for each in writes
                if each.action is OrgAction.UPDATE and self._is_live(each.salesforce_id)
            ]
            if not about or not left[0]:
                return
            left[0] -= 1
            write = about[number % len(about)]
            record, name = str(write.salesforce_id), _typed_field(write, column)
            if (
                unanswered
            ):  # whether a counter that others move is past our write says nothing of our write
                self.unclear.add(record)
            self._did("edited there in flight, behind" if behind else "edited there in flight")
            self.typed.discard(str(self.sides.remote(record, name)))
            values: dict[str, Any] = {name: self._new_value()}
            if write.sobject == "Contact":
                self.counted_there[record] += 1
                values[CLICKS] = (self.sides.remote(record, CLICKS) or 0) + 1
            if number == 0:
                self.out_there.add(record)
                values["HasOptedOutOfEmail"] = True
            if behind and not unanswered:
                self.sides.org.edit_behind(record, **values)
            else:
                self.sides.pass_time(1)
                self.sides.org.edit(record, **values)

        return edit

    def _is_live(self, record: str | None) -> bool:
        raw = self.sides.org.records.get(record)  # type: ignore[arg-type]
        return raw is not None and not raw.get("IsDeleted") and not raw.get("IsConverted")

    # -- the laws ----------------------------------------------------------------------------------
    def teardown(self) -> None:
        try:
            if "runs" in {name for (name,) in self.sides.look("SELECT name FROM sqlite_master")}:
                self._come_to_rest()
                self._judge()
        finally:
            self.sides.close()
            shutil.rmtree(self.folder)

    def _come_to_rest(self) -> None:
        self.sides.org.trouble = Trouble()
        self.sides.mirror.quarantine.retry()
        self.sides.pull(
            full=True, allow_mass_change=True
        )  # an org that has lost its last person is no accident
        self.sides.sync_until_quiet(at_most=4)

    def _judge(self) -> None:
        sides = self.sides
        written = len(sides.org.written)
        report = sides.sync()
        assert len(sides.org.written) == written, "the next sync writes nothing"
        assert report.api_calls <= 2, "and asks once for each object"
        assert sides.one("PRAGMA integrity_check") == "ok"
        assert sides.look("PRAGMA foreign_key_check") == []
        states = {state for (state,) in sides.look("SELECT state FROM _outbox")}
        assert states <= {"accepted", "rejected"}, "every write is settled"
        self._judge_tasks()
        for table in TYPED:
            self._judge_people(table)
        self._judge_typed_values()
        self._judge_counters()
        objects = sides.mapping.objects.values()
        assert replayed(read(sides.mirror, page=100)) == tables_of(sides.look, objects), (
            "whoever replays the feed of changes has the tables"
        )

    def _judge_tasks(self) -> None:
        sides = self.sides
        tasks = [raw for raw in sides.org.records.values() if raw["_sobject"] == "Task"]
        name = sides.mapping.activities.external_id or "Description"
        keys = Counter(str(raw.get(name)).rpartition("sfsync-ref:")[2].strip() for raw in tasks)
        assert all(count == 1 for count in keys.values()), f"one Task for each key: {keys}"
        done = {key for (key,) in sides.look("SELECT key FROM activities WHERE state = 'done'")}
        assert done == set(keys), "and the mirror knows of each"
        assert sides.look("SELECT id FROM events WHERE state = 'new'") == []

    def _judge_people(self, table: str) -> None:
        sides, object_map = self.sides, self.sides.mapping.objects[table[:-1]]
        aside = {
            row
            for (row,) in sides.look("SELECT person_id FROM quarantine WHERE state <> 'settled'")
        }
        names = [field.column for field in object_map.fields if field.pulls and field.pushes]
        rows = sides.look(f"SELECT id, salesforce_id, deleted_at, {', '.join(names)} FROM {table}")
        live = {raw["Id"]: raw for raw in sides.org.live(SOBJECTS[table])}
        assert set(live) <= {row[1] for row in rows}, "every record has its row"
        held = set(sides.look("SELECT person_id, \"column\" FROM conflicts WHERE state = 'open'"))
        for local_id, record, deleted, *values in rows:
            if deleted or local_id in aside:
                continue
            assert record in live, f"a live row has a live record: {table} {local_id} {record}"
            here = canonical_values(object_map, dict(zip(names, values, strict=True)))[0]
            there = {name: _read(object_map.by_column[name], live[record]) for name in names}
            told = {name: (here[name], there[name]) for name in names if here[name] != there[name]}
            told = {name: pair for name, pair in told.items() if (local_id, name) not in held}
            assert not told, f"both sides are equal: {table} {local_id} {record}: {told}"
            if (table, local_id) in self.out_here or record in self.out_there:
                assert all(here[name] == 1 for name in OPT_OUTS[table]), (
                    "an opt-out is never undone"
                )

    def _judge_typed_values(self) -> None:
        sides = self.sides
        kept = {
            value for pair in sides.look("SELECT local, remote FROM conflicts") for value in pair
        }
        for table, fields in TYPED.items():
            kept |= {
                value
                for row in sides.look(f"SELECT {', '.join(fields)} FROM {table}")
                for value in row
            }
            kept |= {
                raw.get(name) for raw in sides.org.live(SOBJECTS[table]) for name in fields.values()
            }
        assert self.typed <= kept, f"nothing that anybody typed is lost: {self.typed - kept}"

    def _judge_counters(self) -> None:
        aside = {
            row
            for (row,) in self.sides.look(
                "SELECT person_id FROM quarantine WHERE state <> 'settled'"
            )
        }
        for row, record, clicks in self.sides.look(
            "SELECT id, salesforce_id, total_clicks FROM contacts WHERE deleted_at IS NULL"
        ):
            if record not in self.unclear and row not in self.unclear_rows | aside:
                counted = self.counted_here[row] + self.counted_there[record]
                assert (clicks or 0) == counted, (
                    f"contact {row} {record}: {clicks} is not {counted}"
                )


def _read(field: FieldMap, raw: dict[str, Any]) -> Value:
    from sfsync.mapping.projection import reader

    return reader(field)(raw.get(field.remote))


def _typed_field(write: OrgWrite, column: str) -> str:
    """The field that is written, where somebody may have typed into it; else any."""
    fields = TYPED["leads" if write.sobject == "Lead" else "contacts"]
    return next((name for name in fields.values() if name in write.fields), fields[column])


def _dying(nth: int) -> Callable[[object], None]:
    left = [nth]

    def die(_writes: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    return die


def test_whatever_happens_both_sides_come_together_and_nothing_is_lost_or_doubled() -> None:
    EXECUTED.clear()
    run_state_machine_as_test(Machine, settings=PROFILE)
    runs = sum(count for name, count in EXECUTED.items() if name.startswith("run"))
    print(sum(EXECUTED.values()), dict(EXECUTED.most_common()))
    assert runs > PROFILE.max_examples
    assert EXECUTED["died"] > PROFILE.max_examples // 10
    assert len(EXECUTED) > 25
