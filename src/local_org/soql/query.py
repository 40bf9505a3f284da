"""What a query finds: a parsed query, tied to the org's objects and run over its records.

``columns`` says what a path means, ``filters`` what a condition lets through, ``grouping`` what
becomes of groups, ``result`` how records are written; here rows are found, ordered and cut. A
condition on Id, on an indexed field or on ``SystemModstamp >=`` does not read the whole table.

Source: SOQL and SOSL Reference v65 (docs/salesforce.md §3).
"""

from collections.abc import Iterable
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.sobject import SObjectType
from local_org.soql.columns import Columns, Output, sort_key
from local_org.soql.filters import Filters
from local_org.soql.grammar import parse, parse_condition
from local_org.soql.grouping import Grouping, is_grouped
from local_org.soql.literals import malformed, pointed
from local_org.soql.ordering import sort
from local_org.soql.result import Result
from local_org.soql.syntax import Aggregate, Column, FieldSet, Query
from local_org.state.org import OrgState
from local_org.state.rendering import Getter
from local_org.state.tables import Row, Table

_MAX_LENGTH = 100_000
_MAX_OFFSET = 2_000
_MAX_FIELDS_ROWS = 200


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
    plan = _Plan(state, query, condition, everything=True, user_id=None, version="65.0")
    return plan.filters.test(parsed)(row)


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
            message = (
                f"sObject type '{name.path}' is not supported. If you are attempting to use a"
                " custom object, be sure to append the '__c' after the entity name. Please"
                " reference your WSDL or the describe call for the appropriate names."
            )
            raise ApiError("INVALID_TYPE", pointed(self.text, name.at, message))
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
        if is_grouped(query):
            return self._run_grouped()
        # Columns are looked up before rows: a wrong one is refused whatever the query finds.
        outputs = self._outputs()
        orders = [(self._sort_key(each.key), each) for each in query.order_by]
        rows = self._matching()
        if query.items is None:  # COUNT(): no limit applies, and no record is written
            return Result(self.kind, len(rows), (), ())
        for key, order in reversed(orders):
            sort(rows, key, descending=order.descending, nulls_first=order.nulls_first)
        rows = self._cut(rows)
        return Result(self.kind, len(rows), rows, outputs)

    def _run_grouped(self) -> Result:
        grouping = Grouping(self.query, self.columns)
        rows = self._matching()
        if self.query.items is None:
            return Result(self.kind, len(rows), (), ())
        records = [grouping.record(group) for group in self._cut(grouping.groups(rows))]
        return Result(self.kind, len(records), (), (), records)

    def _cut(self, rows: list[Any]) -> list[Any]:
        end = None if self.query.limit is None else self.query.offset + self.query.limit
        return rows[self.query.offset : end]

    def _sort_key(self, key: Column | Aggregate) -> Getter:
        if isinstance(key, Aggregate):
            message = "Ordered field must be grouped or aggregated"
            raise malformed(self.columns.pointed(key.column.at, message))
        return sort_key(self.columns, key)

    def _matching(self) -> list[Row]:
        where = self.query.where
        if where is None:
            return list(self._visible(self.table.visible_rows()))
        self.filters.check(where)
        test = self.filters.test(where)
        candidates = self.filters.candidates(where)
        if candidates is None:
            rows = self.table.visible_rows()
        else:
            rows = self.table.visible_among(candidates)
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
        for column in self._selected():
            output = self.columns.output(column)
            if output.path in chosen:
                raise ApiError("INVALID_FIELD", f"duplicate field selected: {output.path}")
            chosen[output.path] = output
        return tuple(chosen.values())

    def _selected(self) -> Iterable[Column]:
        for item in self.query.items or ():
            if isinstance(item, FieldSet):
                yield from self._expanded(item)
            elif isinstance(item, Column):  # aggregates stand in grouped queries only
                yield item

    def _expanded(self, wanted: FieldSet) -> list[Column]:
        if float(self.version) < 51:
            raise malformed(self.columns.pointed(wanted.at, "unexpected token: 'FIELDS'"))
        limit = self.query.limit
        bounded = limit is not None and limit <= _MAX_FIELDS_ROWS
        if wanted.which != "STANDARD" and not bounded:
            raise malformed("The SOQL FIELDS function must have a LIMIT of at most 200")
        names = [item.name for item in self.kind.fields if _is_within(wanted.which, item.custom)]
        if not names:
            message = "FIELDS(CUSTOM) selects no field: the object has no custom field"
            raise malformed(self.columns.pointed(wanted.at, message))
        return [Column(name, wanted.at) for name in names]


def _is_within(which: str, custom: bool) -> bool:
    """Whether ``FIELDS(which)`` selects a field."""
    if which == "ALL":
        return True
    return custom == (which == "CUSTOM")
