"""A write whose reply never came: did it happen? Pure.

One record's write is atomic in the org, so one field that only our write can explain proves all of it.
"""

from __future__ import annotations

from sfsync.model.record import Value, Values


def happened(before: Values, after: Values, remote: Values) -> bool:
    """Whether the org's record shows that our write was done.

    Args:
        before: column -> the org's value that the write was judged against.
        after: column -> the value that was sent.
        remote: column -> the org's value now.

    Returns:
        ``True`` where a field that the write changed now holds what was sent, or, for a number that others
        may have moved on since, has gone at least as far. Where every field is as before, it was not done;
        where others have overwritten all of it, nobody can tell, and repeating an absolute value is safe.

    >>> happened({"clicks": 5}, {"clicks": 7}, {"clicks": 8})
    True
    >>> happened({"title": "CTO"}, {"title": "CEO"}, {"title": "CTO"})
    False
    """
    changed = [column for column, value in after.items() if before.get(column) != value and column in remote]
    if not changed:
        return True
    return any(remote[column] == after[column] for column in changed) or any(
        _went_as_far(before.get(column), after[column], remote[column]) for column in changed
    )


def _went_as_far(before: Value, after: Value, now: Value) -> bool:
    if not isinstance(after, int | float) or not isinstance(now, int | float):
        return False
    start = before if isinstance(before, int | float) else 0
    return start < after <= now
