"""Unanswered writes: was a write done whose reply never came? Pure.

One record's write is atomic in the org, so one field that only our write can explain proves all of
it.
"""

from __future__ import annotations

from sfsync.model.record import Value, Values


def was_applied(before: Values, after: Values, remote: Values) -> bool:
    """Whether the org's record shows that our write was done.

    Args:
        before: column -> the org's value that the write was judged against.
        after: column -> the value that was sent.
        remote: column -> the org's value now.

    Returns:
        ``True`` where a field that the write changed now holds what was sent. Where one still holds
        what it held before, it was not done, whatever a number says that others may have moved.
        Else a number shows it that has gone at least as far as was sent; where others have
        overwritten all of it, it is unknown, and planning anew keeps both values.

    >>> was_applied({"clicks": 5}, {"clicks": 7}, {"clicks": 8})
    True
    >>> was_applied({"title": "CTO"}, {"title": "CEO"}, {"title": "CTO"})
    False
    >>> before, after = {"clicks": 5, "title": "CTO"}, {"clicks": 7, "title": "CEO"}
    >>> was_applied(before, after, {"clicks": 8, "title": "CTO"})
    False
    """
    changed = _changed(before, after, remote)
    if not changed:
        return True  # done or not, the record holds what was sent
    # Of a text or a time, only our write puts exactly this value there. Numbers are weaker: others
    # count in the same field.
    telling = [column for column in changed if not isinstance(after[column], int | float)]
    if any(remote[column] == after[column] for column in telling):
        return True
    if any(remote[column] == before.get(column) for column in telling):
        return False
    for column in changed:
        if remote[column] == after[column]:
            return True
        if _went_as_far(before.get(column), after[column], remote[column]):
            return True
    return False


def _changed(before: Values, after: Values, remote: Values) -> list[str]:
    """Columns that the write changed, as far as the record shows them."""
    return [
        column
        for column, value in after.items()
        if before.get(column) != value and column in remote
    ]


def holds_all(after: Values, remote: Values) -> bool:
    """Whether a record holds all that a create sent, or numbers that were counted on from there.

    >>> holds_all({"email": "a@x.example", "clicks": 2}, {"email": "a@x.example", "clicks": 3})
    True
    >>> holds_all({"email": "a@x.example", "clicks": 2}, {"email": "a@x.example", "clicks": None})
    False
    """
    return all(
        remote[column] == value or _went_as_far(None, value, remote[column])
        for column, value in after.items()
        if column in remote
    )


def unproven(before: Values, after: Values, remote: Values) -> tuple[str, ...]:
    """Columns whose sent value maybe nobody saw, although a number shows that the write was done.

    Others have put a third value there, before our write or after it. Both values are worth keeping
    then.

    >>> before, after = {"clicks": 5, "title": "CTO"}, {"clicks": 7, "title": "CEO"}
    >>> unproven(before, after, {"clicks": 8, "title": "CFO"})
    ('title',)
    """
    changed = _changed(before, after, remote)
    telling = [column for column in changed if not isinstance(after[column], int | float)]
    if any(remote[column] == after[column] for column in telling):
        return ()
    return tuple(telling)


def _went_as_far(before: Value, after: Value, now: Value) -> bool:
    """Whether a number was counted up to what was sent, or beyond."""
    if not isinstance(after, int | float) or not isinstance(now, int | float):
        return False
    start = before if isinstance(before, int | float) else 0
    return start < after <= now
