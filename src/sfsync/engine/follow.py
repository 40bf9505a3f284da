"""follow: what the stream of changes names is read by the API, and comes into the mirror as by a pull.

    hints -> (own echoes dropped) -> fetch -> stage -> guard -> settle -> hints taken away

The watermark stays where it is: it speaks of everything up to a time, and this is about single records. A hint is taken
away only after what it named is in the mirror, so that a crash at any point costs one more reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import filterfalse

from sfsync.engine.consent import settle_consent
from sfsync.engine.fetch import IDS_PER_FETCH
from sfsync.engine.pull import Reading, guard, pull, settle
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.unsent import list_unsent
from sfsync.errors import UnsafePlan
from sfsync.failpoints import reach
from sfsync.mapping.projection import Projection, to_org_fields
from sfsync.model.cursor import Watermark
from sfsync.model.hint import fingerprint
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Base, Remote, RemoteState, SalesforceId

IDS_PER_TICK = 10_000
"""Of one object; what is left waits for the next tick, so that nobody waits long for the run lock."""

STAMPS = frozenset({"LastModifiedDate", "LastModifiedById", "SystemModstamp"})
"""Fields that every write changes."""


def follow(run: Run, names: Iterable[str]) -> None:
    """Read what the stream has named of these objects.

    Raises:
        UnsafePlan: too much of an object would be deleted or blanked, within this hour; nothing of it was applied, and
            its hints wait. The other objects were read.
    """
    run.refuse_if_paused()
    chosen = [each.name for each in run.objects(list(names)) if _pulls(run, each.name)]
    stopped: list[UnsafePlan] = []
    for name in chosen:
        try:
            _follow_whole(run, name)
            _follow_ids(run, name)
        except UnsafePlan as error:
            stopped.append(error)
    settle_consent(run)
    list_unsent(run, chosen)
    if stopped:
        raise stopped[0]


def _pulls(run: Run, name: str) -> bool:
    return run.usable.rules_for(name).pulls


def _follow_whole(run: Run, name: str) -> None:
    """Pull an object of which the stream cannot say what changed."""
    due = run.mirror.hints.due(name, 0)
    if not due.whole:
        return
    pull(run, [name], full=due.full)
    run.mirror.hints.taken_whole(due)
    reach("follow.whole_taken")


def _follow_ids(run: Run, name: str) -> None:
    due = run.mirror.hints.due(name, IDS_PER_TICK)
    if not due.ids:
        return
    object_map = run.usable.objects[name]
    recover(run, object_map)
    wanted = [each for each, echo in due.ids.items() if not _is_known(run, object_map, each, echo)]
    if wanted:
        with ExitStack() as stack:
            reading = _read(run, object_map, wanted, stack)
            summary = guard(run, reading)
            settled = settle(run, reading, summary)
        before = run.report.pull.get(name)
        if before is not None:
            settled.add(before)
        run.report.pull[name] = settled
        reach("follow.settled")
    run.mirror.hints.taken(due, due.ids)
    reach("follow.taken")


def _read(
    run: Run, object_map: ObjectMap, ids: Iterable[SalesforceId], stack: ExitStack
) -> Reading:
    """Stage these records as they are now, deleted ones too."""
    columns = tuple(column for column, field in object_map.by_column.items() if field.pulls)
    projection = Projection(object_map, columns)
    stage = stack.enter_context(run.mirror.staging(object_map, columns))
    is_purged = run.mirror.purge.record_filter(object_map.name)
    found = 0
    for chunk in batched(ids, IDS_PER_FETCH):
        run.checkpoint()
        missing = set(chunk)
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, chunk):
            records: Iterable[Remote] = [projection.to_remote_record(raw) for raw in page]
            missing -= {record.salesforce_id for record in records}
            if is_purged is not None:
                records = filterfalse(is_purged, records)
            found += stage.add(records)
        # purged from the bin, or out of this user's sight: the row stays as it is
        stage.add(Remote(each, {}, RemoteState.GONE) for each in missing)
    run.warn_of_unreadable(object_map.name, projection)
    run.report.transport.setdefault(f"pull {object_map.name}", "rest")
    rules = run.usable.rules_for(object_map.name)
    as_of = Watermark.parse(run.now())
    return Reading(object_map, rules, stage, as_of, complete=False, full=False, found=found)


# -- own echoes ------------------------------------------------------------------------------------
def _is_known(
    run: Run, object_map: ObjectMap, salesforce_id: SalesforceId, echo: Mapping[str, str] | None
) -> bool:
    """Whether a change by a login like ours says nothing that both sides did not agree on already.

    Every changed field has to be one that is sent, and to hold what was last agreed; whatever automation in the org added
    to the write is read.
    """
    if echo is None:
        return False
    row = run.mirror.rows.by_salesforce_id(object_map.name, salesforce_id)
    if row is None or row.base is None or row.local.deleted_at or row.base.deleted_at:
        return False
    known = _agreed(object_map, row.base)
    return all(known.get(name) == mark for name, mark in echo.items() if name not in STAMPS)


def _agreed(object_map: ObjectMap, base: Base) -> dict[str, str]:
    """Fingerprints of what both sides last agreed on, by the org's names of the fields."""
    try:
        fields = to_org_fields(object_map, base.values, creating=False)
    except ValueError:  # a row that another program has damaged
        return {}
    return {name: fingerprint(value) for name, value in fields.items()}
