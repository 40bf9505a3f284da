"""What a query finds: a parsed query, tied to the org's objects and run over its records.

``soql_columns`` says what a path means, ``soql_filters`` what a condition lets through; here rows
are found, ordered, grouped, cut and written. A condition on Id, on an indexed field or on
``SystemModstamp >=`` does not read the whole table.

Source: SOQL and SOSL Reference v65 (salesforce-facts §3).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.sobject import NUMBER_TYPES, TEXT_TYPES, Field, SObjectType
from local_org.soql.columns import Columns, Found, Output, folded
from local_org.soql.filters import Filters
from local_org.soql.grammar import (
    Aggregate,
    Column,
    FieldSet,
    Query,
    malformed,
    parse,
    parse_condition,
    pointed,
)
from local_org.state.org import OrgState
from local_org.state.rendering import Getter, attributes, is_plain, record_url, renderer
from local_org.state.tables import Row, Table

_MAX_LENGTH = 100_000
_MAX_OFFSET = 2_000


@dataclass(slots=True)
class Result:
    """What a query found; records are rendered only when a page is asked for.

    Args:
        kind: the object queried.
        total: how many records there are.
        rows: the rows, in order; empty for ``COUNT()``.
        outputs: the selected columns.
        aggregates: ready-made records of a query that groups.
    """

    kind: SObjectType
    total: int
    rows: Sequence[Row]
    outputs: tuple[Output, ...]
    aggregates: list[dict[str, Any]] | None = None

    def page(self, start: int, size: int, version: str) -> list[dict[str, Any]]:
        """Some of the records, as REST writes them."""
        if self.aggregates is not None:
            return self.aggregates[start : start + size]
        record = _recorder(self.kind, self.outputs, version)
        return [record(row) for row in self.rows[start : start + size]]


def run(
    state: OrgState,
    text: str,
    *,
    everything: bool = False,
    user_id: str | None = None,
    version: str = "65.0",
) -> Result:
    """Run a query.

    Args:
        state: the org.
        text: the SOQL.
        everything: whether deleted records and archived Tasks are seen too (queryAll).
        user_id: whose time zone says when a day begins.
        version: the API version, which FIELDS() depends on.

    Raises:
        ApiError: MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD and the like.
    """
    if len(text) > _MAX_LENGTH:
        raise malformed(f"SOQL statements can not be longer than {_MAX_LENGTH} characters")
    query = parse(text)
    with state.lock:
        return _Plan(
            state, query, text, everything=everything, user_id=user_id, version=version
        ).run()


def holds(state: OrgState, sobject: str, condition: str, row: Row) -> bool:
    """Whether a condition holds for a row that need not be in the org (yet)."""
    parsed = parse_condition(condition)
    query = Query(None, Column(sobject, 0), None, parsed, (), (), None, 0, condition)
    return _Plan(
        state, query, condition, everything=True, user_id=None, version="65.0"
    ).filters.test(parsed)(row)


class _Plan:
    """One query, tied to the org."""

    def __init__(
        self,
        state: OrgState,
        query: Query,
        text: str,
        *,
        everything: bool,
        user_id: str | None,
        version: str,
    ) -> None:
        self.state = state
        self.query = query
        self.text = text
        self.everything = everything
        self.user_id = user_id
        self.version = version
        self.kind = self._kind()
        self.table: Table = state.table(self.kind.name)
        self.columns = Columns(state, self.kind, query.alias, text)
        self.filters = Filters(self.columns, self.table, self._time_zone(), self._semi_join)

    def _kind(self) -> SObjectType:
        name = self.query.sobject
        if not self.state.has_object(name.path):
            raise ApiError(
                "INVALID_TYPE",
                pointed(
                    self.text,
                    name.at,
                    f"sObject type '{name.path}' is not supported. If you are attempting to use a custom object, be sure to"
                    " append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
                    " appropriate names.",
                ),
            )
        return self.state.kind(name.path)

    def _time_zone(self) -> str:
        user = self.state.user(self.user_id) if self.user_id else None
        return str((user or self.state.organization).get("TimeZoneSidKey") or "UTC")

    # -- running

    def run(self) -> Result:
        """Find, order, cut and shape."""
        query = self.query
        if query.offset > _MAX_OFFSET:
            raise ApiError(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_MAX_OFFSET}"
            )
        grouped = bool(query.group_by) or any(
            isinstance(item, Aggregate) for item in query.items or ()
        )
        outputs = () if grouped else self._outputs()
        orders = [] if grouped else [(self._sort_key(each.key), each) for each in query.order_by]
        rows = self._matching()
        if query.items is None:
            return Result(self.kind, len(rows), (), ())
        if grouped:
            return self._grouped(rows)
        for key, order in reversed(orders):
            _sort(rows, key, descending=order.descending, nulls_first=order.nulls_first)
        rows = self._cut(rows)
        return Result(self.kind, len(rows), rows, outputs)

    def _cut(self, rows: list[Any]) -> list[Any]:
        end = None if self.query.limit is None else self.query.offset + self.query.limit
        return rows[self.query.offset : end]

    def _matching(self) -> list[Row]:
        where = self.query.where
        if where is None:
            return list(self._visible(self.table.visible_rows()))
        self.filters.check(where)
        test = self.filters.test(where)
        candidates = self.filters.candidates(where)
        rows = (
            self.table.visible_rows()
            if candidates is None
            else self.table.visible_among(candidates)
        )
        return [row for row in self._visible(rows) if test(row)]

    def _visible(self, rows: Iterable[Row]) -> Iterable[Row]:
        if self.everything:
            return rows
        return (row for row in rows if "IsDeleted" not in row and "IsArchived" not in row)

    def _semi_join(self, query: Query) -> set[Any]:
        """The ids a sub-select finds."""
        items = query.items or ()
        if len(items) != 1 or not isinstance(items[0], Column):
            message = "semi join sub-selects select exactly one field"
            raise malformed(self.columns.pointed(query.sobject.at, message))
        inner = _Plan(
            self.state,
            query,
            self.text,
            everything=self.everything,
            user_id=self.user_id,
            version=self.version,
        )
        field, read = inner.columns.field(items[0]), inner.columns.reader(items[0])
        if field.type not in {"id", "reference"}:
            message = "semi join sub-selects can only select an Id or a reference"
            raise malformed(self.columns.pointed(items[0].at, message))
        return {value for row in inner._matching() if (value := read(row)) is not None}

    # -- columns

    def _outputs(self) -> tuple[Output, ...]:
        chosen: dict[str, Output] = {}
        for item in self.query.items or ():
            columns = self._expanded(item) if isinstance(item, FieldSet) else [item]
            for column in columns:
                if isinstance(column, Aggregate):  # pragma: no cover - grouped queries go elsewhere
                    continue
                output = self.columns.output(column)
                if output.path in chosen:
                    raise ApiError("INVALID_FIELD", f"duplicate field selected: {output.path}")
                chosen[output.path] = output
        return tuple(chosen.values())

    def _expanded(self, wanted: FieldSet) -> list[Column]:
        if float(self.version) < 51:
            raise malformed(self.columns.pointed(wanted.at, "unexpected token: 'FIELDS'"))
        bounded = self.query.limit is not None and self.query.limit <= 200
        if wanted.which != "STANDARD" and not bounded:
            raise malformed("The SOQL FIELDS function must have a LIMIT of at most 200")
        names = [
            item.name
            for item in self.kind.fields
            if wanted.which == "ALL" or item.custom == (wanted.which == "CUSTOM")
        ]
        if not names:
            raise malformed(
                self.columns.pointed(
                    wanted.at, "FIELDS(CUSTOM) selects no field: the object has no custom field"
                )
            )
        return [Column(name, wanted.at) for name in names]

    # -- order and groups

    def _sort_key(self, key: Column | Aggregate) -> Getter:
        if isinstance(key, Aggregate):
            raise malformed(
                self.columns.pointed(key.column.at, "Ordered field must be grouped or aggregated")
            )
        field = self.columns.field(key)
        if not field.sortable:
            raise ApiError(
                "INVALID_FIELD",
                self.columns.pointed(
                    key.at, f"field '{field.name}' can not be sorted in a query call"
                ),
            )
        return folded(field, self.columns.reader(key))

    def _grouped(self, rows: list[Row]) -> Result:
        keys = [
            folded(self.columns.field(each), self.columns.reader(each))
            for each in self.query.group_by
        ]
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): rows}
        for row in rows if keys else ():
            groups.setdefault(tuple(read(row) for read in keys), []).append(row)
        ordered = self._ordered_groups(list(groups.values()))
        records = [self._group_record(group) for group in self._cut(ordered)]
        return Result(self.kind, len(records), (), (), records)

    def _ordered_groups(self, groups: list[list[Row]]) -> list[list[Row]]:
        for order in reversed(self.query.order_by):
            key = order.key
            measure: Callable[[list[Row]], Any]
            if isinstance(key, Aggregate):
                measure = self._measure(key)
            else:
                single = self._sort_key(key)
                measure = lambda group, single=single: single(group[0])  # type: ignore[misc]  # noqa: E731
            _sort(groups, measure, descending=order.descending, nulls_first=order.nulls_first)
        return groups

    def _group_record(self, group: list[Row]) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
        grouped = {column.path.lower() for column in self.query.group_by}
        unnamed = 0
        for item in self.query.items or ():
            if isinstance(item, Aggregate):
                name = item.alias or f"expr{unnamed}"
                unnamed += item.alias is None
                record[name] = self._measure(item, rendered=True)(group)
            elif isinstance(item, Column):
                if item.path.lower() not in grouped:
                    raise malformed(
                        self.columns.pointed(
                            item.at, f"Field must be grouped or aggregated: {item.path}"
                        )
                    )
                output = self.columns.output(item)
                record[output.path.rpartition(".")[2]] = (
                    _scalar(output, Found(self.kind, group[0])) if group else None
                )
            else:
                raise malformed(self.columns.pointed(item.at, "FIELDS() cannot be grouped"))
        return record

    def _measure(self, item: Aggregate, *, rendered: bool = False) -> Callable[[list[Row]], Any]:
        field, read = self.columns.field(item.column), self.columns.reader(item.column)
        if item.function in {"SUM", "AVG"} and field.type not in NUMBER_TYPES:
            raise malformed(
                self.columns.pointed(
                    item.column.at,
                    f"field {field.name} does not support aggregate operator {item.function}",
                )
            )

        def measure(group: list[Row]) -> Any:
            values = [value for row in group if (value := read(row)) is not None]
            if item.function == "COUNT":
                return len(values)
            if item.function == "COUNT_DISTINCT":
                return len(
                    {
                        value.lower()
                        if isinstance(value, str) and field.type in TEXT_TYPES
                        else value
                        for value in values
                    }
                )
            if not values:
                return None
            if item.function in {"SUM", "AVG"}:
                return float(sum(values)) / (len(values) if item.function == "AVG" else 1)
            best = (min if item.function == "MIN" else max)(values)
            return _rendered(field, best) if rendered else best

        return measure


def _rendered(field: Field, value: Any) -> Any:
    kind = SObjectType("", "", "", "", (field,))
    return renderer(kind, field)({field.name: value})


def _scalar(output: Output, found: Found) -> Any:
    here: Found | None = found
    for _, hop in output.owners:
        here = hop(here.row) if here else None
    return None if here is None else output.render(here)


def _recorder(
    kind: SObjectType, outputs: Sequence[Output], version: str
) -> Callable[[Row], dict[str, Any]]:
    """Give the function that writes a row as REST does; made once a page, so that a row costs little."""
    name, base = kind.name, record_url(version, kind.name, "")
    steps = [(output.field.name, _writing(kind, output), output) for output in outputs]

    def record(row: Row) -> dict[str, Any]:
        written: dict[str, Any] = {"attributes": {"type": name, "url": base + row["Id"]}}
        for field, write, output in steps:
            if write is not None:
                written[field] = write(row)
            elif output.owners:
                _nest(written, Found(kind, row), output, version)
            else:
                written[field] = row.get(field)
        return written

    return record


def _writing(kind: SObjectType, output: Output) -> Getter | None:
    """How to write an own field; None where it is kept as it is written, or is another object's."""
    return None if output.owners or is_plain(kind, output.field) else renderer(kind, output.field)


def _nest(record: dict[str, Any], found: Found, output: Output, version: str) -> None:
    for name, hop in output.owners:
        related = hop(found.row)
        if related is None:
            record.setdefault(name, None)
            return
        record = record.setdefault(name, {"attributes": _related_attributes(related, version)})
        found = related
    record[output.field.name] = output.render(found)


def _related_attributes(found: Found, version: str) -> dict[str, str]:
    return attributes(version, found.kind.name, found.row["Id"])


def _sort(
    rows: list[Any], key: Callable[[Any], Any], *, descending: bool, nulls_first: bool
) -> None:
    """Sort in place, stably, with nulls at the wanted end."""
    filled = [row for row in rows if key(row) is not None]
    if len(filled) == len(rows):
        rows.sort(key=key, reverse=descending)
        return
    empty = [row for row in rows if key(row) is None]
    filled.sort(key=key, reverse=descending)
    rows[:] = empty + filled if nulls_first else filled + empty
