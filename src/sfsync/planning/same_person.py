"""Two rows are one person: what the row that stays takes over from the one that goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sfsync.model.field_types import FieldType
from sfsync.model.mapping import FieldMap, ObjectMap
from sfsync.model.merges import Merge
from sfsync.model.record import Value, Values


def taken_over(staying: Values, going: Values, object_map: ObjectMap) -> dict[str, Value]:
    """The values that the row which stays gets: whatever the other one says, as edits made here.

    What both counted adds up, the later time stands, and one box that is ticked is enough. A blank says nothing.

    >>> fields = (FieldMap("Email", "email"), FieldMap("Phone", "phone"), FieldMap("Title", "title"))
    >>> contact = ObjectMap("contact", "contacts", "Contact", "email", fields)
    >>> taken_over({"email": "a@x", "phone": "1"}, {"email": "A@x", "phone": "2", "title": None}, contact)
    {'phone': '2'}
    """
    return dict(_differences(staying, going, object_map))


def _differences(
    staying: Values, going: Values, object_map: ObjectMap
) -> Iterator[tuple[str, Value]]:
    for column, value in going.items():
        field = object_map.by_column.get(column)
        if field is None or value is None or column == object_map.match_on:
            continue
        combined = _combined(field, column in object_map.opt_out, staying.get(column), value)
        if combined != staying.get(column):
            yield column, combined


def _combined(field: FieldMap, is_opt_out: bool, staying: Value, going: Value) -> Value:
    if is_opt_out or field.type is FieldType.BOOLEAN:
        # nobody says false by leaving a box of a new row alone
        return 1 if staying or going else staying
    if field.merge is Merge.COUNTER:
        return _number(staying) + _number(going)
    if field.merge is Merge.LATEST:
        return max(str(staying or ""), str(going))
    return going


def _number(value: Value) -> int | float:
    return value if isinstance(value, int | float) else 0
