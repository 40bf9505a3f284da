"""Writes that were sent and never answered are looked up before anything is repeated.

A crash between sending and settling, or a reply that was lost, leaves journaled writes without an
outcome. They are settled from what the org holds now, so that nothing is sent twice and no counter
counts twice. A Bulk job goes on when its process is gone, so it is brought to its end before
anything is looked at.

An unanswered update replaced nobody's edit where a stamp could show it: it was not done then. What
only the answer would have shown (an edit within the second of the latest stamp, or one that a long
transaction showed late) cannot be known any more: the record's field history has it, where the org
keeps one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from sfsync.engine.bulk_jobs import finish_jobs
from sfsync.engine.fetch import current_records
from sfsync.engine.run import Run, batched
from sfsync.failpoints import reach
from sfsync.mapping.projection import Projection
from sfsync.model.address import match_key
from sfsync.model.change import FieldDecision, OrgAction, Side
from sfsync.model.cursor import Watermark
from sfsync.model.field_types import FieldType, from_org
from sfsync.model.journal import JournaledWrite
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import Accepted, Deferred, Outcome, Unknown
from sfsync.model.record import RawRecord, Remote, RemoteState, SalesforceId, salesforce_id
from sfsync.planning.unanswered import holds_all, unproven, was_applied

KEYS_PER_LOOKUP = 300
"""External ids, addresses or names in one look-up."""

NO_ANSWER = "no answer came"
"""The rule of a conflict that is kept because it is unknown whether what was sent was ever seen."""

CLOCKS_APART = timedelta(days=2)
"""How far this machine's clock may be from the org's before a look-up misses what was sent."""


def well_before(sent_at: str) -> str:
    """From when on, by the org's clock, to look for what was sent at this time of ours."""
    return Watermark.parse(sent_at).read_from(CLOCKS_APART)


def recover(run: Run, object_map: ObjectMap) -> int:
    """Settle this object's unanswered writes.

    Returns:
        How many there were.
    """
    finish_jobs(run)
    unanswered = run.mirror.outbox.unsettled(object_map.name)
    if not unanswered:
        return 0
    creates = [write for write in unanswered if write.action == OrgAction.CREATE]
    others = [write for write in unanswered if write.action != OrgAction.CREATE]
    outcomes = [*_of_updates(run, object_map, others), *_of_creates(run, object_map, creates)]
    reach("doubt.looked_up")
    run.mirror.outbox.settle(outcomes)
    return len(unanswered)


def _not_done(write: JournaledWrite) -> Outcome:
    return Deferred(write.ref, "NOT_DONE", "an earlier write did not arrive")


# -- updates and deletes: the record shows it ----------------------------------------------------


def _of_updates(
    run: Run, object_map: ObjectMap, writes: Iterable[JournaledWrite]
) -> Iterable[Outcome]:
    """What became of updates and deletes."""
    by_record = [(each.salesforce_id, each) for each in writes if each.salesforce_id]
    records = current_records(run, object_map, [record_id for record_id, _ in by_record])
    for record_id, write in by_record:
        record = records.get(record_id)
        if write.action == OrgAction.DELETE:
            yield _of_delete(write, record_id, record)
        elif record is None:
            yield _of_invisible(run, write)
        elif was_applied(write.before, write.after, record.values):
            yield Accepted(write.ref, record_id, lost_updates=_doubtful(write, record))
        else:
            yield _not_done(write)


def _of_delete(write: JournaledWrite, record_id: SalesforceId, record: Remote | None) -> Outcome:
    if record is None or record.state is not RemoteState.PRESENT:
        return Accepted(write.ref, record_id)
    return _not_done(write)


def _of_invisible(run: Run, write: JournaledWrite) -> Outcome:
    """An update whose record the org does not return: out of sight for a while, or purged."""
    row = run.mirror.rows.by_local_id(write.object, write.local_id)
    if row is None or row.local.deleted_at:
        return _not_done(write)  # nothing will be sent again, so nothing can be doubled
    # Stays unanswered: repeating a count that did arrive would count it twice.
    return Unknown(
        write.ref, "the record is not found, so nobody can tell whether the write arrived"
    )


def _doubtful(write: JournaledWrite, record: Remote) -> tuple[FieldDecision, ...]:
    """Fields that another user has written since, maybe without ever seeing what was sent.

    The org's value stands, and what was sent is kept as a conflict.
    """
    return tuple(
        FieldDecision(
            column,
            write.before.get(column),
            write.after[column],
            record.values[column],
            record.values[column],
            Side.REMOTE,
            NO_ANSWER,
            conflict=True,
        )
        for column in unproven(write.before, write.after, record.values)
    )


# -- creates: is there a record that is ours? ----------------------------------------------------


def _of_creates(
    run: Run, object_map: ObjectMap, writes: Sequence[JournaledWrite]
) -> Iterable[Outcome]:
    """What became of creates.

    They are found again by the external id they carried, else by address, else by all that was
    sent.
    """
    if object_map.external_id:
        found = _by_external_id(run, object_map, object_map.external_id, writes)
    else:
        found = _by_address(run, object_map, writes)
    for write in writes:
        if write.ref in found:
            yield Accepted(write.ref, found[write.ref], created=True)
        else:
            yield _not_done(write)


def _by_external_id(
    run: Run, object_map: ObjectMap, field: str, writes: Sequence[JournaledWrite]
) -> dict[int, SalesforceId]:
    key_of = run.mirror.rows.external_key
    keys = {write.ref: key_of(object_map.name, write.local_id, write.after) for write in writes}
    return _by_key(run, object_map, field, keys)


def _by_address(
    run: Run, object_map: ObjectMap, writes: Sequence[JournaledWrite]
) -> dict[int, SalesforceId]:
    """By address, and without one by all that was sent.

    An address is nobody's own: a record that has it is ours only if it holds all that was sent. Any
    other is treated like one found by a push, and what both sides counted adds up.
    """
    projection = Projection(object_map, object_map.columns)
    column = object_map.match_on
    addresses = {write.ref: str(write.after.get(column) or "") for write in writes}
    sent = {write.ref: write.after for write in writes}

    def is_ours(ref: int, raw: RawRecord) -> bool:
        return holds_all(sent[ref], projection.values(raw))

    field, fields = object_map.by_column[column].remote, projection.remote_fields
    found = _by_key(run, object_map, field, addresses, fields, is_ours)
    without = [write for write in writes if not addresses[write.ref]]
    return found | _by_values(run, object_map, projection, without)


def _by_key(
    run: Run,
    object_map: ObjectMap,
    field: str,
    keys: Mapping[int, str],
    fields: Sequence[str] = (),
    is_ours: Callable[[int, RawRecord], bool] = lambda _ref, _raw: True,
) -> dict[int, SalesforceId]:
    """``{ref: Id}`` of the records that hold these keys; one that another row has is not ours."""
    records = _records_by_key(run, object_map, field, keys.values(), fields)
    found: dict[int, SalesforceId] = {}
    for ref, key in keys.items():
        for raw in records.get(match_key(key), ()):
            record_id = salesforce_id(str(raw["Id"]))
            if record_id in found.values() or not is_ours(ref, raw):
                continue
            if _is_free(run, object_map, record_id):
                found[ref] = record_id
                break
    return found


def _records_by_key(
    run: Run, object_map: ObjectMap, field: str, keys: Iterable[str], fields: Sequence[str]
) -> dict[str, list[RawRecord]]:
    """``{match key: records}``; a converted Lead comes last, as it is seldom the new one."""
    conversion = object_map.kind.conversion
    converted = (conversion.flag,) if conversion else ()
    asked = tuple(dict.fromkeys(("Id", "IsDeleted", *converted, field, *fields)))
    records: dict[str, list[RawRecord]] = {}
    for chunk in batched(sorted({key for key in keys if key}), KEYS_PER_LOOKUP):
        for page in run.org.find(object_map.sobject, asked, field, chunk):
            for raw in page:
                records.setdefault(match_key(str(raw.get(field) or "")), []).append(raw)
    for several in records.values():
        several.sort(key=lambda raw: any(raw.get(flag) for flag in converted))
    return records


def _is_free(run: Run, object_map: ObjectMap, record_id: SalesforceId) -> bool:
    """Whether no row of the mirror is this record."""
    return run.mirror.rows.by_salesforce_id(object_map.name, record_id) is None


def _by_values(
    run: Run, object_map: ObjectMap, projection: Projection, writes: Sequence[JournaledWrite]
) -> dict[int, SalesforceId]:
    """Creates without any key: a record made since that holds everything that was sent."""
    name = object_map.by_remote.get("LastName")
    if name is None or not writes:
        return {}
    fields = (*projection.remote_fields, "CreatedDate")
    found: dict[int, SalesforceId] = {}
    for chunk in batched(writes, KEYS_PER_LOOKUP):
        names = {str(write.after.get(name.column) or name.placeholder or "") for write in chunk}
        made = [
            raw
            for page in run.org.find(object_map.sobject, fields, name.remote, sorted(names - {""}))
            for raw in page
        ]
        for write in chunk:
            for raw in made:
                record = projection.to_remote_record(raw)
                if record.salesforce_id in found.values():
                    continue
                if not _is_made_by(write, raw, record):
                    continue
                if _is_free(run, object_map, record.salesforce_id):
                    found[write.ref] = record.salesforce_id
                    break
    return found


def _is_made_by(write: JournaledWrite, raw: RawRecord, record: Remote) -> bool:
    """Whether a record was made after this create was sent, and holds all of it."""
    created_at = str(from_org(FieldType.DATETIME, raw.get("CreatedDate")) or "")
    if created_at < well_before(write.sent_at):
        return False
    return all(record.values.get(column) == value for column, value in write.after.items())
