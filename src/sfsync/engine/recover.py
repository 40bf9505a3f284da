"""What was sent and never answered is looked up before anything is repeated.

A crash between sending and settling, or a reply that was lost, leaves journaled writes without an
outcome. They are settled from what the org holds now, so that nothing is sent twice and no counter
counts twice. A Bulk job goes on when its process is gone, so it is brought to its end before
anything is looked at.

A write whose answer is missing replaced nobody's edit where a stamp could tell of it: it was not
done then. What only the answer would have told (an edit within the second of the latest stamp, or
one that a long transaction showed late) cannot be known any more: the record's field history has
it, where the org keeps one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from sfsync.engine.run import Run, batched
from sfsync.failpoints import reach
from sfsync.mapping.project import Projection
from sfsync.model.change import FieldDecision, OrgAction, OrgWrite, Side
from sfsync.model.cursor import Watermark
from sfsync.model.event import match_key
from sfsync.model.field_types import FieldType, from_org
from sfsync.model.journal import JournaledWrite
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import Accepted, Deferred, Outcome, Unknown
from sfsync.model.record import RawRecord, Remote, RemoteState, SalesforceId, salesforce_id
from sfsync.planning.unanswered import holds_all, unproven, was_applied

FETCH = 2000
LOOKUP = 300
_JOBS = "bulk_jobs"
IN_DOUBT = "no answer came"
"""The rule of a conflict that is kept because nobody knows whether what we sent was ever seen."""


CLOCKS_APART = timedelta(days=2)
"""How far this machine's clock may be from the org's before a look-up misses what was sent."""


def well_before(sent_at: str) -> str:
    """From when on, by the org's clock, to look for what was sent at this time of ours."""
    return Watermark.parse(sent_at).read_from(CLOCKS_APART)


def note_job(run: Run, job_id: str, _writes: Sequence[OrgWrite]) -> None:
    """Keep a Bulk job's id durably, before it holds any data."""
    run.mirror.state.keep_note(_JOBS, json.dumps([*_jobs(run), job_id]))


def finish_jobs(run: Run) -> None:
    """Bring the Bulk jobs of an earlier process to their end.

    Raises:
        OrgUnavailable: that cannot be told now; the next run tries again.
    """
    for job_id in _jobs(run):
        run.org.finish_job(job_id)
    forget_jobs(run)


def forget_jobs(run: Run) -> None:
    """All their outcomes are settled."""
    if _jobs(run):
        run.mirror.state.keep_note(_JOBS, "")


def _jobs(run: Run) -> list[str]:
    return list(json.loads(run.mirror.state.note(_JOBS) or "[]"))


def recover(run: Run, object_map: ObjectMap) -> int:
    """Settle this object's writes in doubt.

    Returns:
        How many there were.
    """
    finish_jobs(run)
    doubts = run.mirror.outbox.unsettled(object_map.name)
    if not doubts:
        return 0
    projection = Projection(object_map, object_map.columns)
    creates = [doubt for doubt in doubts if doubt.action == OrgAction.CREATE]
    others = [doubt for doubt in doubts if doubt.action != OrgAction.CREATE]
    outcomes = [
        *_written(run, object_map, projection, others),
        *_created(run, object_map, projection, creates),
    ]
    reach("doubt.looked_up")
    run.mirror.outbox.settle(outcomes)
    return len(doubts)


def _written(
    run: Run, object_map: ObjectMap, projection: Projection, doubts: Iterable[JournaledWrite]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for chunk in batched((doubt for doubt in doubts if doubt.salesforce_id), FETCH):
        ids = [doubt.salesforce_id for doubt in chunk if doubt.salesforce_id]
        now: dict[str, Remote] = {}
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, ids):
            for raw in page:
                remote = projection.to_remote_record(raw)
                now[remote.salesforce_id] = remote
        outcomes += [_verdict(run, doubt, now.get(doubt.salesforce_id or "")) for doubt in chunk]
    return outcomes


def _verdict(run: Run, doubt: JournaledWrite, remote: Remote | None) -> Outcome:
    ours = doubt.salesforce_id or SalesforceId("")
    if doubt.action == OrgAction.DELETE:
        gone = remote is None or remote.state is not RemoteState.PRESENT
        return Accepted(doubt.ref, ours) if gone else _not_done(doubt)
    if remote is None:
        row = run.mirror.rows.by_local_id(doubt.object, doubt.local_id)
        if row is None or row.local.deleted_at:
            return _not_done(doubt)  # nothing will be sent again
        return Unknown(
            doubt.ref, "the record is not found, so nobody can tell whether the write arrived"
        )
    if not was_applied(doubt.before, doubt.after, remote.values):
        return _not_done(doubt)
    late = tuple(
        FieldDecision(
            column,
            doubt.before.get(column),
            doubt.after[column],
            remote.values[column],
            remote.values[column],
            Side.REMOTE,
            IN_DOUBT,
            conflict=True,
        )
        for column in unproven(doubt.before, doubt.after, remote.values)
    )
    return Accepted(doubt.ref, ours, lost_updates=late)


def _not_done(doubt: JournaledWrite) -> Outcome:
    return Deferred(doubt.ref, "NOT_DONE", "an earlier write did not arrive")


def _created(
    run: Run, object_map: ObjectMap, projection: Projection, doubts: Sequence[JournaledWrite]
) -> list[Outcome]:
    """Creates: found again by the external id they carried, else by address, else by all that was sent.

    An address is nobody's own: a record that has it is ours only if it holds all that was sent. Any
    other is met like a stranger's, and what both sides counted adds up.
    """
    found: dict[int, SalesforceId] = {}
    if object_map.external_id:
        keys = {
            doubt.ref: run.mirror.rows.external_key(object_map.name, doubt.local_id)
            for doubt in doubts
        }
        found |= _by_key(run, object_map, object_map.external_id, keys)
    else:
        column = object_map.match_on
        keys = {doubt.ref: str(doubt.after.get(column) or "") for doubt in doubts}
        sent = {doubt.ref: doubt.after for doubt in doubts}

        def is_ours(ref: int, raw: RawRecord) -> bool:
            return holds_all(sent[ref], projection.values(raw))

        fields = projection.remote_fields
        found |= _by_key(
            run, object_map, object_map.by_column[column].remote, keys, fields, is_ours
        )
        found |= _by_values(
            run, object_map, projection, [doubt for doubt in doubts if not keys[doubt.ref]]
        )
    return [
        Accepted(doubt.ref, found[doubt.ref], created=True)
        if doubt.ref in found
        else _not_done(doubt)
        for doubt in doubts
    ]


def _by_key(
    run: Run,
    object_map: ObjectMap,
    field: str,
    keys: dict[int, str],
    fields: Sequence[str] = (),
    is_ours: Callable[[int, RawRecord], bool] = lambda _ref, _raw: True,
) -> dict[int, SalesforceId]:
    """``{ref: Id}`` of the records that hold these keys; one that another row has is somebody else's.

    Several may hold an address; a Lead that was converted comes last, as it is seldom the one just
    made.
    """
    conversion = object_map.kind.conversion
    converted = (conversion.flag,) if conversion else ()
    asked = tuple(dict.fromkeys(("Id", "IsDeleted", *converted, field, *fields)))
    records: dict[str, list[RawRecord]] = {}
    for chunk in batched(sorted({key for key in keys.values() if key}), LOOKUP):
        for page in run.org.find(object_map.sobject, asked, field, chunk):
            for raw in page:
                records.setdefault(match_key(str(raw.get(field) or "")), []).append(raw)
    found: dict[int, SalesforceId] = {}
    for ref, key in keys.items():
        held = sorted(
            records.get(match_key(key), ()),
            key=lambda raw: any(raw.get(flag) for flag in converted),
        )
        ids = [salesforce_id(str(raw["Id"])) for raw in held if is_ours(ref, raw)]
        taken = found.values()
        free = [
            each
            for each in ids
            if each not in taken and run.mirror.rows.by_salesforce_id(object_map.name, each) is None
        ]
        if free:
            found[ref] = free[0]
    return found


def _by_values(
    run: Run, object_map: ObjectMap, projection: Projection, doubts: Sequence[JournaledWrite]
) -> dict[int, SalesforceId]:
    """Creates that carried no key at all: a record made since that holds everything that was sent."""
    name = object_map.by_remote.get("LastName")
    if name is None or not doubts:
        return {}
    fields = (*projection.remote_fields, "CreatedDate")
    found: dict[int, SalesforceId] = {}
    for chunk in batched(doubts, LOOKUP):
        names = {str(doubt.after.get(name.column) or name.placeholder or "") for doubt in chunk} - {
            ""
        }
        made = [
            raw
            for page in run.org.find(object_map.sobject, fields, name.remote, sorted(names))
            for raw in page
        ]
        for doubt in chunk:
            record = _same(run, object_map, projection, doubt, made, set(found.values()))
            if record is not None:
                found[doubt.ref] = record
    return found


def _same(
    run: Run,
    object_map: ObjectMap,
    projection: Projection,
    doubt: JournaledWrite,
    made: Sequence[RawRecord],
    taken: set[SalesforceId],
) -> SalesforceId | None:
    since = well_before(doubt.sent_at)
    for raw in made:
        remote = projection.to_remote_record(raw)
        created = str(from_org(FieldType.DATETIME, raw.get("CreatedDate")) or "")
        if (
            remote.salesforce_id not in taken
            and created >= since
            and all(remote.values.get(column) == value for column, value in doubt.after.items())
            and run.mirror.rows.by_salesforce_id(object_map.name, remote.salesforce_id) is None
        ):
            return remote.salesforce_id
    return None
