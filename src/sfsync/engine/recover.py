"""What was sent and never answered is looked up before anything is repeated.

A crash between sending and settling, or a reply that was lost, leaves journaled writes without an outcome.
They are settled from what the org holds now, so that nothing is sent twice and no counter counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.engine.run import Run, batched
from sfsync.mapping.project import Projection, RawRecord
from sfsync.mapping.schema import ObjectMap
from sfsync.model.change import OrgAction
from sfsync.model.event import match_key
from sfsync.model.outcome import Accepted, Deferred, Outcome
from sfsync.model.record import Remote, RemoteState, SalesforceId
from sfsync.planning.doubt import happened
from sfsync.planning.pending import InDoubt

FETCH = 2000
LOOKUP = 300


def recover(run: Run, object_map: ObjectMap) -> int:
    """Settle this object's writes in doubt.

    Returns:
        How many there were.
    """
    doubts = run.mirror.in_doubt(object_map.name)
    if not doubts:
        return 0
    projection = Projection(object_map, object_map.columns)
    creates = [doubt for doubt in doubts if doubt.action == OrgAction.CREATE]
    others = [doubt for doubt in doubts if doubt.action != OrgAction.CREATE]
    run.mirror.settle(
        [*_written(run, object_map, projection, others), *_created(run, object_map, projection, creates)]
    )
    return len(doubts)


def _written(
    run: Run, object_map: ObjectMap, projection: Projection, doubts: Iterable[InDoubt]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for chunk in batched((doubt for doubt in doubts if doubt.salesforce_id), FETCH):
        ids = [doubt.salesforce_id for doubt in chunk if doubt.salesforce_id]
        now: dict[str, Remote] = {}
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, ids):
            for raw in page:
                remote = projection.to_remote_record(raw)
                now[remote.salesforce_id] = remote
        outcomes += [_verdict(doubt, now.get(doubt.salesforce_id or SalesforceId(""))) for doubt in chunk]
    return outcomes


def _verdict(doubt: InDoubt, remote: Remote | None) -> Outcome:
    ours = doubt.salesforce_id or SalesforceId("")
    if doubt.action == OrgAction.DELETE:
        gone = remote is None or remote.state is not RemoteState.PRESENT
        return (
            Accepted(doubt.ref, ours)
            if gone
            else Deferred(doubt.ref, "NOT_DONE", "the delete did not arrive")
        )
    if remote is not None and happened(doubt.before, doubt.after, remote.values):
        return Accepted(doubt.ref, ours)
    return Deferred(doubt.ref, "NOT_DONE", "the write did not arrive")


def _created(run: Run, object_map: ObjectMap, projection: Projection, doubts: list[InDoubt]) -> list[Outcome]:
    """Creates: found again by the external id they carried, else by address among what appeared since."""
    if not doubts:
        return []
    if object_map.external_id:
        keys = {run.mirror.external_key(object_map.name, doubt.local_id).lower(): doubt for doubt in doubts}
        field = object_map.external_id
    else:
        keys = {match_key(str(doubt.after.get(object_map.match_on) or "")): doubt for doubt in doubts}
        field = object_map.by_column[object_map.match_on].remote
    found = _by_key(run, object_map, (*projection.remote_fields, field), field, [key for key in keys if key])
    outcomes: list[Outcome] = []
    for key, doubt in keys.items():
        raw = found.get(key)
        if raw is None:
            outcomes.append(Deferred(doubt.ref, "NOT_DONE", "the record was not created"))
        else:
            outcomes.append(Accepted(doubt.ref, SalesforceId(str(raw["Id"])), created=True))
    settled = {outcome.ref for outcome in outcomes}
    outcomes += [
        Deferred(doubt.ref, "NOT_DONE", "the record was not created")
        for doubt in doubts
        if doubt.ref not in settled
    ]
    return outcomes


def _by_key(
    run: Run, object_map: ObjectMap, fields: tuple[str, ...], field: str, keys: list[str]
) -> dict[str, RawRecord]:
    found: dict[str, RawRecord] = {}
    wanted = tuple(dict.fromkeys(fields))
    for chunk in batched(keys, LOOKUP):
        for page in run.org.find(object_map.sobject, wanted, field, chunk):
            for raw in page:
                found.setdefault(match_key(str(raw.get(field) or "")), raw)
    return found
