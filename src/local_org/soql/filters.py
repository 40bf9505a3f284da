"""What a WHERE clause lets through: a condition as a test of one row, and the rows worth testing.

Strings compare without regard to case, null and the empty string are one, moments compare to the
second.

Source: SOQL and SOSL Reference v65 (docs/salesforce.md §3).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Any

from local_org import ids
from local_org.api_error import ApiError
from local_org.schema.sobject import NUMBER_TYPES, TEXT_TYPES, Field
from local_org.soql import date_literals
from local_org.soql.columns import Columns, folded
from local_org.soql.literals import like_pattern
from local_org.soql.syntax import (
    Column,
    Comparison,
    Condition,
    Junction,
    Membership,
    Negation,
    Query,
    Value,
)
from local_org.state.org import OrgState
from local_org.state.rendering import Getter
from local_org.state.tables import Row, Table
from local_org.timestamps import read_day, read_moment

Test = Callable[[Row], bool]
_MOST_SEMI_JOINS = 2


class Filters:
    """The conditions of one query.

    Args:
        columns: its columns.
        table: the records it looks at.
        zone: the time zone in which a day begins.
        select: runs a sub-select, giving the ids it finds.
    """

    def __init__(
        self, columns: Columns, table: Table, zone: str, select: Callable[[Query], set[Any]]
    ) -> None:
        self._columns = columns
        self._state: OrgState = columns.state
        self._table = table
        self._zone = zone
        self._select = select

    def check(self, condition: Condition) -> None:
        """Refuse what no query may ask at all."""
        joins = sum(isinstance(each.members, Query) for each in _memberships(condition))
        if joins > _MOST_SEMI_JOINS:
            message = f"Maximum {_MOST_SEMI_JOINS} semi join sub-selects are allowed"
            raise ApiError("EXCEEDED_MAX_SEMIJOIN_SUBSELECTS", message)

    def test(self, condition: Condition) -> Test:
        """Turn a condition into a test of one row."""
        if isinstance(condition, Junction):
            return _junction([self.test(part) for part in condition.parts], every=condition.every)
        if isinstance(condition, Negation):
            inner = self.test(condition.part)
            return lambda row: not inner(row)
        if isinstance(condition, Membership):
            return self._membership(condition)
        return self._comparison(condition)

    def _filterable(self, column: Column) -> Field:
        field = self._columns.field(column)
        if not field.filterable or field.type == "address":
            raise ApiError(
                "INVALID_FIELD",
                self._columns.pointed(
                    column.at, f"field '{field.name}' can not be filtered in a query call"
                ),
            )
        return field

    def _comparison(self, condition: Comparison) -> Test:
        field = self._filterable(condition.column)
        read = self._columns.reader(condition.column)
        operator, value = condition.operator, condition.value
        if operator == "LIKE":
            return self._like(field, read, condition)
        if value.kind == "relative":
            return self._relative(field, read, condition)
        wanted = self._operand(field, value, condition.column)
        if operator in {"=", "!="}:
            return _equality(field, read, wanted, equal=operator == "=")
        if field.type == "boolean" or wanted is None:
            raise ApiError(
                "INVALID_QUERY_FILTER_OPERATOR",
                self._columns.pointed(
                    condition.column.at, f"invalid operator on {field.type} field"
                ),
            )
        return _ordered(read, operator, wanted, folded=field.type in TEXT_TYPES)

    def _like(self, field: Field, read: Getter, condition: Comparison) -> Test:
        if field.type not in TEXT_TYPES:
            raise ApiError(
                "INVALID_QUERY_FILTER_OPERATOR",
                self._columns.pointed(
                    condition.column.at, f"invalid operator on {field.type} field"
                ),
            )
        match = like_pattern(condition.value.value).match
        return lambda row: (value := read(row)) is not None and match(value) is not None

    def _relative(self, field: Field, read: Getter, condition: Comparison) -> Test:
        if field.type not in {"date", "datetime"}:
            raise self._mistyped(field, condition.column)
        first, after = date_literals.bounds(condition.value.value, self._state.now(), self._zone)
        low, high = self._start(field, first), self._start(field, after)
        tests: dict[str, Callable[[Any], bool]] = {
            "=": lambda value: low <= value < high,
            "!=": lambda value: not low <= value < high,
            "<": lambda value: value < low,
            "<=": lambda value: value < high,
            ">": lambda value: value >= high,
            ">=": lambda value: value >= low,
        }
        passes = tests[condition.operator]
        if_null = condition.operator == "!="
        return lambda row: if_null if (value := read(row)) is None else passes(value)

    def _start(self, field: Field, day: date) -> Any:
        """The beginning of a day, in the form rows keep the field."""
        if field.type == "datetime":
            return date_literals.start_of(day, self._zone)
        return day.isoformat()

    def _membership(self, condition: Membership) -> Test:
        field = self._filterable(condition.column)
        fold = folded(field, self._columns.reader(condition.column))
        if isinstance(condition.members, Query):
            wanted = self._select(condition.members)
        else:
            wanted = {
                _key(field, self._operand(field, each, condition.column))
                for each in condition.members
            }
        if condition.negated:
            return lambda row: fold(row) not in wanted
        return lambda row: fold(row) in wanted

    def _operand(self, field: Field, value: Value, column: Column) -> Any:
        """The value to compare with, in the form rows keep it."""
        if value.kind == "null":
            return None
        if value.kind == "string" and field.type in TEXT_TYPES:
            return str(value.value).lower() or None
        if value.kind == "string" and field.type in {"id", "reference"}:
            return self._id_operand(str(value.value))
        if value.kind == "number" and field.type in NUMBER_TYPES:
            return value.value
        if value.kind == "boolean" and field.type == "boolean":
            return value.value
        parsers: dict[tuple[str, str], Callable[[str], Any]] = {
            ("datetime", "datetime"): read_moment,
            ("date", "date"): read_day,
        }
        parse_value = parsers.get((value.kind, field.type))
        parsed = parse_value(value.value) if parse_value else None
        if parsed is None:
            raise self._mistyped(field, column)
        return parsed

    def _id_operand(self, text: str) -> str | None:
        if not text:
            return None
        if not ids.looks_like_id(text):
            raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
        return ids.canonical(text)

    def _mistyped(self, field: Field, column: Column) -> ApiError:
        quoted = field.type in TEXT_TYPES or field.type in {"id", "reference"}
        return ApiError(
            "INVALID_FIELD",
            self._columns.pointed(
                column.at,
                f"value of filter criterion for field '{field.name}' must be of type"
                f" {_type_name(field)} and should{'' if quoted else ' not'} be enclosed in quotes",
            ),
        )

    def candidates(self, condition: Condition) -> Iterable[str] | None:
        """Ids among which every match is, from an index; None where the table must be read."""
        if isinstance(condition, Junction) and condition.every:
            return self._candidates_of_one(condition.parts)
        if isinstance(condition, Junction):
            return self._candidates_of_all(condition.parts)
        if isinstance(condition, Membership) and not condition.negated:
            return self._candidates_within(condition)
        if isinstance(condition, Comparison):
            return self._candidates_compared(condition)
        return None

    def _candidates_of_one(self, parts: Sequence[Condition]) -> Iterable[str] | None:
        """Where all conditions must hold, one that an index answers is enough."""
        for part in self._best_first(parts):
            found = self.candidates(part)
            if found is not None:
                return found
        return None

    def _candidates_of_all(self, parts: Sequence[Condition]) -> Iterable[str] | None:
        """Where one condition must hold, an index must answer every one of them."""
        found: list[Iterable[str]] = []
        for part in parts:
            candidates = self.candidates(part)
            if candidates is None:
                return None
            found.append(candidates)
        return chain.from_iterable(found)

    def _best_first(self, parts: Sequence[Condition]) -> list[Condition]:
        """Those with few matches first: a range of stamps may be most of the table."""
        return sorted(parts, key=_is_range)

    def _candidates_within(self, condition: Membership) -> Iterable[str] | None:
        field = self._columns.own_field(condition.column)
        if field is None:
            return None
        if isinstance(condition.members, Query):
            return self._select(condition.members) if field.name == "Id" else None
        values = [self._operand(field, each, condition.column) for each in condition.members]
        return None if None in values else self._looked_up(field, values)

    def _candidates_compared(self, condition: Comparison) -> Iterable[str] | None:
        field = self._columns.own_field(condition.column)
        if field is None or condition.operator == "LIKE":
            return None
        if condition.value.kind in {"null", "relative"}:  # an index knows neither
            return None
        value = self._operand(field, condition.value, condition.column)
        if condition.operator == "=" and value is not None:
            return self._looked_up(field, [value])
        if field.name == "SystemModstamp" and condition.operator in {">", ">="}:
            return self._table.modstamps.since(value)
        return None

    def _looked_up(self, field: Field, values: Iterable[Any]) -> Iterable[str] | None:
        if field.name == "Id":
            return list(values)
        index = self._table.indexes.get(field.name)
        if index is None:
            return None
        return list(chain.from_iterable(index.find(value) for value in values))


def _memberships(condition: Condition) -> Iterator[Membership]:
    if isinstance(condition, Membership):
        yield condition
    elif isinstance(condition, Junction):
        for part in condition.parts:
            yield from _memberships(part)
    elif isinstance(condition, Negation):
        yield from _memberships(condition.part)


def _is_range(condition: Condition) -> bool:
    return isinstance(condition, Comparison) and condition.operator in {">", ">="}


def _type_name(field: Field) -> str:
    if field.type in TEXT_TYPES:
        return "string"
    if field.type == "datetime":
        return "dateTime"
    return field.type


def _junction(tests: list[Test], *, every: bool) -> Test:
    # Two conditions are by far the most frequent case, and quicker without a loop.
    if len(tests) == 2:
        first, second = tests
        if every:
            return lambda row: first(row) and second(row)
        return lambda row: first(row) or second(row)
    if every:
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)


def _key(field: Field, value: Any) -> Any:
    return value.lower() if field.type in TEXT_TYPES and isinstance(value, str) else value


def _equality(field: Field, read: Getter, wanted: Any, *, equal: bool) -> Test:
    fold = folded(field, read)
    if field.type == "boolean":
        wanted = bool(wanted)
    return (lambda row: fold(row) == wanted) if equal else (lambda row: fold(row) != wanted)


def _ordered(read: Getter, operator: str, wanted: Any, *, folded: bool) -> Test:
    compare: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
    }
    passes = compare[operator]
    if folded:
        return lambda row: (value := read(row)) is not None and passes(value.lower())
    return lambda row: (value := read(row)) is not None and passes(value)
