"""GROUP BY and the aggregate functions.

Source: SOQL and SOSL Reference v65, "GROUP BY", "Aggregate Functions" (docs/salesforce.md §3).
"""

from collections.abc import Callable
from typing import Any

from local_org.schema.sobject import NUMBER_TYPES, TEXT_TYPES, Field, SObjectType
from local_org.soql.columns import Columns, Output, RelatedRow, folded, sort_key
from local_org.soql.literals import malformed
from local_org.soql.ordering import sort
from local_org.soql.syntax import Aggregate, Column, Query
from local_org.state.rendering import renderer
from local_org.state.tables import Row

Group = list[Row]


def is_grouped(query: Query) -> bool:
    """Whether a query answers groups rather than records."""
    if query.group_by:
        return True
    return any(isinstance(item, Aggregate) for item in query.items or ())


class Grouping:
    """The groups of one query.

    Args:
        query: what is asked.
        columns: its columns.
    """

    def __init__(self, query: Query, columns: Columns) -> None:
        self._query = query
        self._columns = columns

    def groups(self, rows: list[Row]) -> list[Group]:
        """The rows by what they are grouped by, in the order asked for."""
        groups = self._split(rows)
        for order in reversed(self._query.order_by):
            sort(
                groups,
                self._sort_key(order.key),
                descending=order.descending,
                nulls_first=order.nulls_first,
            )
        return groups

    def _split(self, rows: list[Row]) -> list[Group]:
        # Without GROUP BY all rows are one group, even if there are none.
        if not self._query.group_by:
            return [rows]
        keys = [
            folded(self._columns.field(each), self._columns.reader(each))
            for each in self._query.group_by
        ]
        groups: dict[tuple[Any, ...], Group] = {}
        for row in rows:
            groups.setdefault(tuple(read(row) for read in keys), []).append(row)
        return list(groups.values())

    def _sort_key(self, key: Column | Aggregate) -> Callable[[Group], Any]:
        if isinstance(key, Aggregate):
            return self._measure(key)
        read = sort_key(self._columns, key)
        return lambda group: read(group[0])

    def record(self, group: Group) -> dict[str, Any]:
        """A group as REST writes it."""
        record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
        unnamed = 0
        for item in self._query.items or ():
            if isinstance(item, Aggregate):
                name = item.alias or f"expr{unnamed}"
                unnamed += item.alias is None
                record[name] = self._measure(item, rendered=True)(group)
            elif isinstance(item, Column):
                output = self._grouped_column(item)
                name = output.path.rpartition(".")[2]
                record[name] = _value(output, self._columns.kind, group)
            else:
                raise malformed(self._columns.pointed(item.at, "FIELDS() cannot be grouped"))
        return record

    def _grouped_column(self, column: Column) -> Output:
        if column.path.lower() not in {each.path.lower() for each in self._query.group_by}:
            message = f"Field must be grouped or aggregated: {column.path}"
            raise malformed(self._columns.pointed(column.at, message))
        return self._columns.output(column)

    def _measure(self, item: Aggregate, *, rendered: bool = False) -> Callable[[Group], Any]:
        """The function that works out an aggregate of a group.

        Args:
            item: which aggregate, of which column.
            rendered: whether its result is written as REST writes it, or left to be compared.
        """
        field, read = self._columns.field(item.column), self._columns.reader(item.column)
        if item.function in {"SUM", "AVG"} and field.type not in NUMBER_TYPES:
            message = f"field {field.name} does not support aggregate operator {item.function}"
            raise malformed(self._columns.pointed(item.column.at, message))

        def measure(group: Group) -> Any:
            values = [value for row in group if (value := read(row)) is not None]
            result = _aggregate(item.function, field, values)
            if rendered and item.function in {"MIN", "MAX"} and result is not None:
                return _rendered(field, result)
            return result

        return measure


def _aggregate(function: str, field: Field, values: list[Any]) -> Any:
    """An aggregate of the values that are not null."""
    if function == "COUNT":
        return len(values)
    if function == "COUNT_DISTINCT":
        return len({_comparable(field, value) for value in values})
    if not values:
        return None
    if function == "SUM":
        return float(sum(values))
    if function == "AVG":
        return float(sum(values)) / len(values)
    return min(values) if function == "MIN" else max(values)


def _comparable(field: Field, value: Any) -> Any:
    if isinstance(value, str) and field.type in TEXT_TYPES:
        return value.lower()
    return value


def _rendered(field: Field, value: Any) -> Any:
    kind = SObjectType("", "", "", "", (field,))
    return renderer(kind, field)({field.name: value})


def _value(output: Output, kind: SObjectType, group: Group) -> Any:
    """A grouped column's value: it is the same for every row of the group."""
    related: RelatedRow | None = RelatedRow(kind, group[0]) if group else None
    for _, hop in output.owners:
        related = hop(related.row) if related else None
    return None if related is None else output.render(related)
