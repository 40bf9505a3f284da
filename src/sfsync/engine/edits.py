"""What was edited in the mirror: the rows, in canonical form, beside their records as they are now.

    bring the rows into canonical form -> fetch the records of linked rows -> identify rows
    without a record, by address

A row that cannot be sent is held back, with the reason in quarantine: a value that is not of its
column's type, or more than one record that it could be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

from sfsync.engine.doubt import in_doubt
from sfsync.engine.fetch import ADDRESSES_PER_LOOKUP, IDS_PER_FETCH, askable
from sfsync.engine.ports import Stage
from sfsync.engine.run import Run, batched
from sfsync.engine.same_person import merge_rows
from sfsync.mapping.projection import Projection, canonical_values
from sfsync.model.address import match_key, spelled, spellings
from sfsync.model.change import FieldDecision, LocalAction, RowPlan, Side
from sfsync.model.field_types import canonical
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import MALFORMED_ID, NOT_FOUND, UNREADABLE_VALUE, ObjectReport
from sfsync.model.record import (
    MISSING,
    Local,
    LocalId,
    RawRecord,
    Remote,
    RemoteState,
    Row,
    SalesforceId,
    Triple,
    Value,
)
from sfsync.planning.doubt import Doubt, left_out
from sfsync.planning.identity import choose
from sfsync.planning.parts import only_consent
from sfsync.planning.planner import plan_row

ROWS_PER_TRANSACTION = 500
"""Rows that one transaction brings into canonical form."""

TOLD_BY_DRY_RUNS = 10
"""Rows of an object with a senseless value that a dry run names."""

SEVERAL_MATCHES = "SEVERAL_MATCHES"
SAME_PERSON = "SAME_PERSON"
_OUT_OF_SIGHT = "the record is not found in Salesforce: purged, or no longer visible to this user"
_CORRECT_THE_ROW = "Correct the row, or merge the two, then `sfsync retry`."
_MERGE_THE_TWO = "`sfsync quarantine --merge ID` gives all that the first says to the second; or give it its own address."
_CORRECT_THE_VALUE = "Correct the value, or clear it, then `sfsync retry`."
_CORRECT_THE_ID = (
    "Correct salesforce_id, or set it to NULL to have the record found by its address, then"
    " `sfsync retry`."
)


@dataclass(slots=True)
class EditedObject:
    """One object's edited rows, staged beside their records.

    Attributes:
        stage: the records as they are now, see ``ports.Stage``.
        report: counts what is held back.
        held_back: rows that must not be sent: they cannot be read, or it is unknown which record
            they are.
        doubt: writes of an earlier run that are still unanswered; their rows are not planned.
    """

    run: Run
    object_map: ObjectMap
    stage: Stage
    report: ObjectReport
    held_back: set[LocalId] = field(default_factory=set)
    doubt: Doubt = field(default_factory=Doubt)

    def triples(self) -> Iterator[Triple]:
        """Edited rows as the mirror holds them, held back or not, in a steady order."""
        return self.stage.triples(contested_only=False, dirty_only=True)

    def sendable(self) -> Iterator[tuple[Local, Triple]]:
        """Edited rows that are not held back."""
        for triple in self.triples():
            if triple.local is not None and triple.local.local_id not in self.held_back:
                yield triple.local, triple

    def plans(self) -> Iterator[RowPlan]:
        """What a push would do with the rows that are not held back, and with others' opt-outs."""
        for triple in self.triples():
            if triple.local is None:
                continue
            plan = self.planned(triple)[1]
            if triple.local.local_id not in self.held_back:
                yield plan
            elif (part := only_consent(plan, self.object_map)) is not None:
                yield part

    def planned(self, triple: Triple) -> tuple[Triple, RowPlan]:
        """One row in canonical form, with its plan; a row in doubt is left as it is."""
        clean, _ = normalised(triple, self.object_map)
        if self.doubt.concerns(triple):
            return clean, left_out(clean)
        rules = self.run.usable.rules_for(self.object_map.name)
        return clean, plan_row(clean, self.object_map, rules)

    def hold_twin(self, local_id: LocalId, staying: LocalId, message: str) -> None:
        """Hold back a row whose person another row is."""
        self.held_back.add(local_id)
        quarantine_row(
            self.run,
            self.object_map,
            self.report,
            local_id,
            SAME_PERSON,
            message,
            hint=_MERGE_THE_TWO,
            payload=f"{self.object_map.name} {staying}",
        )

    def hold(
        self, local_id: LocalId, code: str, message: str, *, hint: str = _CORRECT_THE_ROW
    ) -> None:
        """Hold a row back: this push does not send it, and quarantine says why."""
        self.held_back.add(local_id)
        quarantine_row(self.run, self.object_map, self.report, local_id, code, message, hint=hint)

    def hold_odd(self, local_id: LocalId, code: str, problem: str, *, hint: str) -> None:
        """Hold a row back for a value of its own; a dry run, which keeps nothing, tells the first ones."""
        message = f"{self.object_map.table} {local_id}: {problem}"
        self.hold(local_id, code, message, hint=hint)
        if self.run.dry_run and self.report.quarantined <= TOLD_BY_DRY_RUNS:
            self.run.report.warn(message)

    def hold_odd_id(self, salesforce_id: SalesforceId, problem: str) -> None:
        """Hold the row back whose Id Salesforce cannot have given: asked for it refuses the query."""
        row = self.run.mirror.rows.by_salesforce_id(self.object_map.name, salesforce_id)
        if row is not None:
            what = f"salesforce_id {problem}"
            self.hold_odd(row.local.local_id, MALFORMED_ID, what, hint=_CORRECT_THE_ID)


def quarantine_row(
    run: Run,
    object_map: ObjectMap,
    report: ObjectReport,
    local_id: LocalId,
    code: str,
    message: str,
    *,
    hint: str,
    payload: str = "",
) -> None:
    """Put a row into quarantine, and count it; a dry run only counts."""
    report.quarantined += 1
    if not run.dry_run:
        run.mirror.quarantine.put(
            kind="record",
            code=code,
            message=message,
            hint=hint,
            object_name=object_map.name,
            local_id=local_id,
            payload=payload,
        )


@contextmanager
def staged_edits(run: Run, object_map: ObjectMap, report: ObjectReport) -> Iterator[EditedObject]:
    """One object's edited rows beside their records; the stage is gone at the end of the block."""
    projection = Projection(object_map, object_map.columns)
    with run.mirror.staging(object_map, object_map.columns) as stage:
        edited = EditedObject(run, object_map, stage, report)
        # Nothing is staged yet, so these are the rows without a record: they are looked for by
        # their address, which has to be in canonical form for that.
        _normalise_rows(edited)
        _stage_linked(edited, projection)
        _identify(edited, projection)
        _normalise_rows(edited)
        run.warn_of_unreadable(object_map.name, projection)
        edited.doubt = in_doubt(run, object_map)
        yield edited


def _stage_linked(edited: EditedObject, projection: Projection) -> None:
    """Stage the records of edited rows that have a Salesforce Id."""
    run, object_map = edited.run, edited.object_map
    # What this user may not write stays edited. What only comes down by the configuration is put
    # back.
    configured = run.mapping.objects[object_map.name].by_column
    columns = tuple(
        column
        for column, each in object_map.by_column.items()
        if each.pushes or not configured[column].pushes
    )
    dirty = run.mirror.rows.dirty_ids(object_map.name, columns)
    for ids in batched(askable(dirty, object_map, edited.hold_odd_id), IDS_PER_FETCH):
        # What the org does not return stays so: gone, or out of this user's sight.
        edited.stage.add(Remote(salesforce_id, {}, RemoteState.GONE) for salesforce_id in ids)
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, ids):
            edited.stage.add(projection.to_remote_record(raw) for raw in page)


# -- identify ------------------------------------------------------------------------------------


def _identify(edited: EditedObject, projection: Projection) -> None:
    """Look for the records of rows that have no Salesforce Id, by address, many a call.

    Also after a complete pull: a row deleted here, for good or not, left its record in the org.
    """
    for chunk in batched(_rows_by_address(edited), ADDRESSES_PER_LOOKUP):
        rows = _one_row_per_address(edited, chunk)
        if not rows:
            continue
        found = _records_by_address(edited, projection, list(rows))
        for key, records in found.items():
            _stage_match(edited, projection, rows[key], records)


def _rows_by_address(edited: EditedObject) -> Iterator[tuple[str, list[LocalId]]]:
    """Rows without a Salesforce Id, those with the same address together."""
    object_map = edited.object_map
    address_type = object_map.by_column[object_map.match_on].type
    keyed = (
        (match_key(str(canonical(address_type, address) or "")), local_id)
        for local_id, address in edited.run.mirror.rows.unlinked(object_map.name)
        if local_id not in edited.held_back
    )
    # The mirror sorts by what stands in the row: the two spellings of one domain stand apart.
    spelled_in_two_ways: dict[str, list[LocalId]] = {}
    for key, rows in groupby(keyed, key=itemgetter(0)):
        local_ids = [local_id for _, local_id in rows]
        if len(spellings(key)) > 1:
            spelled_in_two_ways.setdefault(key, []).extend(local_ids)
        else:
            yield key, local_ids
    for key, local_ids in spelled_in_two_ways.items():
        yield key, sorted(local_ids)


def _one_row_per_address(
    edited: EditedObject, groups: Iterable[tuple[str, list[LocalId]]]
) -> dict[str, LocalId]:
    """The first row of each address; a second one with the same address is held back."""
    kind = edited.object_map.kind
    rows = {}
    for key, (first, *others) in groups:
        if not key:
            continue  # without an address there is nothing to look for
        rows[key] = first
        for other in others:
            name = edited.object_map.name
            message = (
                f"{name} {other} and {name} {first} are new and have one {kind.matched_by}: {key}"
            )
            edited.hold_twin(other, first, message)
    return rows


def _records_by_address(
    edited: EditedObject, projection: Projection, keys: Sequence[str]
) -> dict[str, list[RawRecord]]:
    object_map = edited.object_map
    conversion = object_map.kind.conversion
    address = object_map.by_column[object_map.match_on].remote
    fields = projection.remote_fields
    found: dict[str, list[RawRecord]] = {}
    for page in edited.run.org.find(object_map.sobject, fields, address, spelled(keys)):
        for raw in page:
            if conversion and raw.get(conversion.flag):
                continue  # the person is a Contact now; this Lead cannot be written any more
            key = match_key(str(raw.get(address) or ""))
            found.setdefault(key, []).append(raw)
    # The org compares in its own way: what it took for equal and we do not is none of ours.
    return {key: records for key, records in found.items() if key in keys}


def _stage_match(
    edited: EditedObject, projection: Projection, local_id: LocalId, records: Sequence[RawRecord]
) -> None:
    """Stage the record that this row is, or hold the row back."""
    object_map = edited.object_map
    kind = object_map.kind
    ids = [str(raw["Id"]) for raw in records]
    choice = choose(records, object_map.on_multiple, ids=ids)
    if choice.chosen is None:
        message = f"{choice.count} records in Salesforce have this {kind.matched_by}"
        edited.hold(local_id, SEVERAL_MATCHES, message)
        return
    salesforce_id = SalesforceId(str(choice.chosen["Id"]))
    holder = edited.run.mirror.rows.by_salesforce_id(object_map.name, salesforce_id)
    if holder is not None and not _takes_over(edited, holder, local_id):
        message = (
            f"{object_map.name} {local_id} and {object_map.name} {holder.local.local_id} are one"
            f" {kind.noun} in Salesforce: {salesforce_id}"
        )
        edited.hold_twin(local_id, holder.local.local_id, message)
        return
    edited.stage.add([projection.to_remote_record(choice.chosen)])


def _takes_over(edited: EditedObject, holder: Row, local_id: LocalId) -> bool:
    """Whether a row that was deleted here is live again, with all that the new row of its person says."""
    run, object_map = edited.run, edited.object_map
    if holder.local.deleted_at is None:
        return False
    if run.dry_run:
        # the row it would be cannot be planned without writing; it is no row of its own either
        edited.held_back.add(local_id)
        name = object_map.name
        run.report.warn(
            f"{name} {local_id} would go into {name} {holder.local.local_id}, which was deleted here"
            f" and would be live again: one {object_map.kind.noun} in Salesforce"
        )
        return True
    new = run.mirror.rows.by_local_id(object_map.name, local_id)
    if new is None:
        return False
    rows = (normalised_row(row, object_map) for row in (holder, new))
    merge_rows(run.mirror, object_map, *rows)
    return True


def hold_invisible(edited: EditedObject) -> None:
    """Hold back the rows whose record the org does not show."""
    for local, triple in edited.sendable():
        if _is_gone(triple):
            edited.hold(local.local_id, NOT_FOUND, _OUT_OF_SIGHT)


def _is_gone(triple: Triple) -> bool:
    """Whether the org did not return the record that was asked for."""
    return triple.remote is not None and triple.remote.state is RemoteState.GONE


# -- canonical form ------------------------------------------------------------------------------


def normalised(triple: Triple, object_map: ObjectMap) -> tuple[Triple, dict[str, str]]:
    """The row with its values in canonical form: people and other tools write them in many forms.

    Returns:
        The triple, and column -> sentence for values that are none of their column's type.
    """
    if triple.local is None:
        return triple, {}
    values, problems = canonical_values(object_map, triple.local.values)
    return replace(triple, local=replace(triple.local, values=values)), problems


def normalised_row(row: Row, object_map: ObjectMap) -> Row:
    """The row in canonical form, to be compared with what was written."""
    values, _ = canonical_values(object_map, row.local.values)
    return Row(replace(row.local, values=values), row.base, row.salesforce_id)


def _normalise_rows(edited: EditedObject) -> None:
    """Bring the rows into canonical form in the mirror, and hold back those that cannot be read."""
    for chunk in batched(edited.triples(), ROWS_PER_TRANSACTION):
        plans = [plan for triple in chunk if (plan := _normalisation(edited, triple))]
        if plans and not edited.run.dry_run:
            edited.run.mirror.rows.commit(plans)


def _normalisation(edited: EditedObject, triple: Triple) -> RowPlan | None:
    """What brings one row into canonical form; ``None`` where it is, or is held back."""
    written = triple.local
    if written is None or written.local_id in edited.held_back:
        return None
    clean, problems = normalised(triple, edited.object_map)
    if problems and _is_gone(triple):
        # its record comes first: nothing can be sent to it, not even an opt-out alone
        edited.hold(written.local_id, NOT_FOUND, _OUT_OF_SIGHT)
        return None
    if problems:
        sentences = "; ".join(f"{column}: {sentence}" for column, sentence in problems.items())
        edited.hold_odd(written.local_id, UNREADABLE_VALUE, sentences, hint=_CORRECT_THE_VALUE)
    # the rest of such a row, too: what is said of its address has to find it
    changed = {
        column: value
        for column, value in (clean.local or written).values.items()
        if value != written.values[column]
    }
    return _normalising_plan(triple.object, written, changed) if changed else None


def _normalising_plan(object_name: str, written: Local, changed: Mapping[str, Value]) -> RowPlan:
    """Takes the canonical values in: a blank before a name, or a null for false, is no edit."""
    decisions = tuple(
        FieldDecision(column, MISSING, written.values[column], MISSING, value, Side.LOCAL, "tidied")
        for column, value in changed.items()
    )
    return RowPlan(
        object_name,
        written.local_id,
        None,
        local_action=LocalAction.UPDATE,
        decisions=decisions,
        to_local=changed,
    )
