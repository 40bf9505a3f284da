"""The three-way merge of one field: the law that everything else rests on.

A field changed on one side only survives; a policy speaks only where both changed, to different
values, or where they never agreed. The one exception is consent: a ``sticky_true`` field that was
true stays true even if one side alone took it back.
"""

from __future__ import annotations

from sfsync.model.change import FieldDecision, Side
from sfsync.model.mapping import FieldMap
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, Base, Missing, Value
from sfsync.planning.policy import POLICIES, Contest

ONLY_HERE = "changed here"
ONLY_THERE = "changed there"
FIRST_MEETING = "first meeting"
PULL_ONLY = "pull only"
PUSH_ONLY = "push only"
CONSENTED = "consented again"
NEVER_BLANK = "never blank"


def merge_field(field_map: FieldMap, contest: Contest) -> FieldDecision | None:
    """Decide the value that both sides should hold.

    Args:
        field_map: the field's direction and merge.
        contest: the three values, and when each side was edited.

    Returns:
        The decision, or ``None`` where nothing moves.

    >>> name = FieldMap("FirstName", "first_name")
    >>> merge_field(name, Contest("Ada", "Ada", "Augusta")).value
    'Augusta'
    >>> merge_field(name, Contest("Ada", "Ada", "Ada")) is None
    True
    """
    if contest.local == contest.remote and not _counted_on_both(field_map, contest):
        return None
    local_changed = contest.local != contest.base
    remote_changed = contest.remote != contest.base
    if field_map.merge is Merge.STICKY_TRUE:
        return _consent(field_map, contest, both=local_changed and remote_changed)
    if _is_blanked(field_map, contest):
        return _decision(
            field_map, contest, contest.remote, Side.REMOTE, NEVER_BLANK, conflict=True
        )
    if not field_map.pushes:
        return _pull_only(field_map, contest, local_changed=local_changed)
    if not field_map.pulls and field_map.merge is not Merge.COUNTER:
        return _push_only(
            field_map, contest, local_changed=local_changed, remote_changed=remote_changed
        )
    if contest.base is MISSING:
        return _first_meeting(field_map, contest)
    if not remote_changed:
        return _decision(field_map, contest, contest.local, Side.LOCAL, ONLY_HERE)
    if local_changed:
        return _by_policy(field_map, contest)
    if not field_map.pulls:
        return None  # a counter that only goes up: what others counted there stays there
    return _decision(field_map, contest, contest.remote, Side.REMOTE, ONLY_THERE)


def agreed_value(base: Base | None, column: str) -> Value | Missing:
    """What both sides last agreed on for one field; a column that was never read has no base."""
    return MISSING if base is None else base.values.get(column, MISSING)


def _counted_on_both(field_map: FieldMap, contest: Contest) -> bool:
    """Whether both sides added the same amount to a counter.

    The numbers are equal then, and yet one of the two amounts is missing from each.
    """
    if field_map.merge is not Merge.COUNTER or not field_map.pushes:
        return False
    return contest.local is not None and contest.base not in (MISSING, contest.local)


def _is_blanked(field_map: FieldMap, contest: Contest) -> bool:
    """Whether a value that Salesforce insists on was blanked here.

    A placeholder is for who has no name yet; it never replaces one that Salesforce has.
    """
    insists = field_map.placeholder is not None and contest.remote is not None
    return insists and contest.local is None and contest.base not in (None, MISSING)


def _first_meeting(field_map: FieldMap, contest: Contest) -> FieldDecision:
    """No value was ever agreed on: a blank says nothing, two values are a conflict."""
    if contest.local is None:
        return _decision(field_map, contest, contest.remote, Side.REMOTE, FIRST_MEETING)
    if contest.remote is None:
        return _decision(field_map, contest, contest.local, Side.LOCAL, FIRST_MEETING)
    return _by_policy(field_map, contest)


def _consent(field_map: FieldMap, contest: Contest, *, both: bool) -> FieldDecision | None:
    """An opt-out on either side holds on both; taking one back is kept as a conflict.

    Unless the person has explicitly consented since both sides agreed on the opt-out.
    """
    if contest.consented and contest.base == 1 and not contest.local:
        return _decision(field_map, contest, 0, Side.LOCAL, CONSENTED)
    value, winner = POLICIES[Merge.STICKY_TRUE](contest)
    if value == contest.remote and value == contest.local:
        return None
    if not value:  # blank against false: the same consent
        return None
    if value == contest.local and not field_map.pushes:
        return None  # the org's own field: nothing to send, and consent here stays
    taken_back = contest.base not in (MISSING, None, 0)
    if both or taken_back:
        rule = Merge.STICKY_TRUE.value
    elif winner is Side.LOCAL:
        rule = ONLY_HERE
    else:
        rule = ONLY_THERE
    return _decision(field_map, contest, value, winner, rule, conflict=taken_back)


def _pull_only(
    field_map: FieldMap, contest: Contest, *, local_changed: bool
) -> FieldDecision | None:
    """The org's own field: its value stands, and an edit made here is kept as a conflict."""
    if contest.remote is None and contest.base in (None, MISSING):
        return None  # the org has nothing to say yet: what was typed here may stay here
    lost = local_changed and contest.local is not None
    return _decision(field_map, contest, contest.remote, Side.REMOTE, PULL_ONLY, conflict=lost)


def _push_only(
    field_map: FieldMap, contest: Contest, *, local_changed: bool, remote_changed: bool
) -> FieldDecision | None:
    """The mirror's own field: its value stands, and an edit made there is kept as a conflict."""
    if not local_changed:
        return None  # the org's edit is neither taken nor overwritten until there is one here
    lost = remote_changed and contest.base is not MISSING
    return _decision(field_map, contest, contest.local, Side.LOCAL, PUSH_ONLY, conflict=lost)


def _by_policy(field_map: FieldMap, contest: Contest) -> FieldDecision:
    value, winner = POLICIES[field_map.merge](contest)
    return _decision(field_map, contest, value, winner, field_map.merge.value, conflict=True)


def _decision(
    field_map: FieldMap,
    contest: Contest,
    value: Value,
    winner: Side,
    rule: str,
    *,
    conflict: bool = False,
) -> FieldDecision:
    base: Value | Missing = contest.base
    return FieldDecision(
        field_map.column,
        base,
        contest.local,
        contest.remote,
        value,
        winner,
        rule,
        conflict=conflict,
    )
