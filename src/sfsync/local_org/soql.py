"""What a query finds: a parsed query, tied to the org's objects and run over its records.

Strings compare without regard to case, null and the empty string are one, moments compare to the second. A
condition on Id, on an indexed field or on ``SystemModstamp >=`` does not read the whole table.

Source: SOQL and SOSL Reference v65 (salesforce-facts §3); error texts as recorded in forcedotcom/soql-tooling.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from . import ids, periods
from .moments import read_day, read_moment
from .objects import OrgState, Row, Table
from .reading import Getter, attributes, getter, is_plain, record_url, renderer
from .refusal import Refusal
from .schema import NUMBER_TYPES, TEXT_TYPES, Field, SObjectType
from .soql_grammar import (
    Aggregate,
    Column,
    Comparison,
    Condition,
    FieldSet,
    Junction,
    Membership,
    Negation,
    Query,
    Value,
    like_pattern,
    malformed,
    parse,
    parse_condition,
    pointed,
)

Test = Callable[[Row], bool]
_MAX_LENGTH = 100_000
_MAX_OFFSET = 2_000
_NAME_OBJECT = ("Alias", "Email", "FirstName", "LastName", "Name", "Phone", "Title", "Username")
_TYPE_FIELD = Field(name="Type", type="string", label="Type", length=40, createable=False, updateable=False)


@dataclass(frozen=True, slots=True)
class Output:
    """One selected column.

    Args:
        path: its name, in the org's own spelling, for example ``Account.Name``.
        field: what it is.
        read: how to read its stored value from the row.
        owners: the relationship steps before the field: (name, how to reach the related row).
        render: how REST writes it, from the row the field is on.
    """

    path: str
    field: Field
    read: Getter
    owners: tuple[tuple[str, Callable[[Row], "Found | None"]], ...]
    render: Callable[["Found"], Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A row and the object it is of."""

    kind: SObjectType
    row: Row


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
    state: OrgState, text: str, *, everything: bool = False, user_id: str | None = None, version: str = "65.0"
) -> Result:
    """Run a query.

    Args:
        state: the org.
        text: the SOQL.
        everything: whether deleted records and archived Tasks are seen too (queryAll).
        user_id: whose time zone says when a day begins.
        version: the API version, which FIELDS() depends on.

    Raises:
        Refusal: MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD and the like.
    """
    if len(text) > _MAX_LENGTH:
        raise malformed(f"SOQL statements can not be longer than {_MAX_LENGTH} characters")
    query = parse(text)
    with state.lock:
        return _Plan(state, query, text, everything=everything, user_id=user_id, version=version).run()


def holds(state: OrgState, sobject: str, condition: str, row: Row) -> bool:
    """Whether a condition holds for a row that need not be in the org (yet)."""
    parsed = parse_condition(condition)
    query = Query(None, Column(sobject, 0), None, parsed, (), (), None, 0, condition)
    return _Plan(state, query, condition, everything=True, user_id=None, version="65.0").test(parsed)(row)


class _Plan:
    """One query, tied to the org."""

    def __init__(
        self, state: OrgState, query: Query, text: str, *, everything: bool, user_id: str | None, version: str
    ) -> None:
        self.state = state
        self.query = query
        self.text = text
        self.everything = everything
        self.user_id = user_id
        self.version = version
        self.kind = self._kind()
        self.table: Table = state.table(self.kind.name)

    def _kind(self) -> SObjectType:
        name = self.query.sobject
        if not self.state.has_object(name.path):
            raise Refusal(
                "INVALID_TYPE",
                self._pointed(
                    name.at,
                    f"sObject type '{name.path}' is not supported. If you are attempting to use a custom object, be sure to"
                    " append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
                    " appropriate names.",
                ),
            )
        return self.state.kind(name.path)

    def _pointed(self, at: int, message: str) -> str:
        return pointed(self.text, at, message)

    # -- running

    def run(self) -> Result:
        """Find, order, cut and shape."""
        query = self.query
        if query.offset > _MAX_OFFSET:
            raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_MAX_OFFSET}")
        grouped = bool(query.group_by) or any(isinstance(item, Aggregate) for item in query.items or ())
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
        test = None if where is None else self.test(where)
        candidates = None if where is None else self._candidates(where)
        rows: Iterable[Row] = self.table.scan() if candidates is None else self.table.among(candidates)
        if not self.everything:
            rows = (row for row in rows if "IsDeleted" not in row and "IsArchived" not in row)
        return list(rows) if test is None else [row for row in rows if test(row)]

    # -- columns

    def _outputs(self) -> tuple[Output, ...]:
        chosen: dict[str, Output] = {}
        for item in self.query.items or ():
            columns = self._expanded(item) if isinstance(item, FieldSet) else [item]
            for column in columns:
                if isinstance(column, Aggregate):  # pragma: no cover - grouped queries go elsewhere
                    continue
                output = self._output(column)
                if output.path in chosen:
                    raise Refusal("INVALID_FIELD", f"duplicate field selected: {output.path}")
                chosen[output.path] = output
        return tuple(chosen.values())

    def _expanded(self, wanted: FieldSet) -> list[Column]:
        if float(self.version) < 51:
            raise malformed(self._pointed(wanted.at, "unexpected token: 'FIELDS'"))
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
                self._pointed(wanted.at, "FIELDS(CUSTOM) selects no field: the object has no custom field")
            )
        return [Column(name, wanted.at) for name in names]

    def _output(self, column: Column) -> Output:
        steps = self._steps(column)
        owners: list[tuple[str, Callable[[Row], Found | None]]] = []
        kinds: tuple[SObjectType, ...] = (self.kind,)
        for name in steps[:-1]:
            link = self._link(kinds, name, column)
            owners.append((str(link.relationship_name), _follow(self.state, link)))
            kinds = self._targets(link)
        field = self._field(kinds, steps[-1], column)
        path = ".".join([name for name, _ in owners] + [field.name])
        return Output(path, field, self._reader(column), tuple(owners), _found_renderer(field))

    def _steps(self, column: Column) -> list[str]:
        steps = column.path.split(".")
        own = {self.kind.name.lower(), (self.query.alias or "").lower()}
        if len(steps) > 1 and steps[0].lower() in own and self.kind.relationship(steps[0]) is None:
            steps = steps[1:]
        if len(steps) > 6:
            raise malformed(
                self._pointed(column.at, "relationships may be followed over five levels at most")
            )
        return steps

    def _link(self, kinds: tuple[SObjectType, ...], name: str, column: Column) -> Field:
        link = kinds[0].relationship(name) if len(kinds) == 1 else None
        if link is None or not self._targets(link):
            raise Refusal(
                "INVALID_FIELD",
                self._pointed(
                    column.at,
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom"
                    " relationship, be sure to append the '__r' after the custom relationship name. Please reference your"
                    " WSDL or the describe call for the appropriate names.",
                ),
            )
        return link

    def _targets(self, link: Field) -> tuple[SObjectType, ...]:
        return tuple(self.state.kind(name) for name in link.reference_to if self.state.has_object(name))

    def _field(self, kinds: tuple[SObjectType, ...], name: str, column: Column) -> Field:
        several = len(kinds) > 1 or (kinds[0].name == "User" and "." in column.path)
        if several and name.lower() == "type":
            return _TYPE_FIELD
        if len(kinds) > 1 and name.lower() not in {"id", *(each.lower() for each in _NAME_OBJECT)}:
            field = None
        else:
            field = next((found for kind in kinds if (found := kind.field(name))), None)
        if field is None:
            entity = kinds[0].name if len(kinds) == 1 else "Name"
            raise Refusal("INVALID_FIELD", self._pointed(column.at, _no_such_column(name, entity)))
        return field

    def _typed(self, column: Column) -> Field:
        kinds: tuple[SObjectType, ...] = (self.kind,)
        steps = self._steps(column)
        for name in steps[:-1]:
            kinds = self._targets(self._link(kinds, name, column))
        return self._field(kinds, steps[-1], column)

    def _reader(self, column: Column) -> Getter:
        steps = self._steps(column)
        if len(steps) == 1:
            return getter(self.kind, self._typed(column))
        kinds: tuple[SObjectType, ...] = (self.kind,)
        hops: list[Callable[[Row], Found | None]] = []
        for name in steps[:-1]:
            link = self._link(kinds, name, column)
            hops.append(_follow(self.state, link))
            kinds = self._targets(link)
        last = _found_reader(self._field(kinds, steps[-1], column))

        def read(row: Row) -> Any:
            found: Found | None = Found(self.kind, row)
            for hop in hops:
                found = hop(found.row) if found else None
            return None if found is None else last(found)

        return read

    # -- conditions

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
        field = self._typed(column)
        if not field.filterable or field.type == "address":
            raise Refusal(
                "INVALID_FIELD",
                self._pointed(column.at, f"field '{field.name}' can not be filtered in a query call"),
            )
        return field

    def _comparison(self, condition: Comparison) -> Test:
        field = self._filterable(condition.column)
        read = self._reader(condition.column)
        operator, value = condition.operator, condition.value
        if operator == "LIKE":
            return self._like(field, read, condition)
        if value.kind == "relative":
            return self._relative(field, read, condition)
        wanted = self._operand(field, value, condition.column)
        if operator in {"=", "!="}:
            return _equality(field, read, wanted, equal=operator == "=")
        if field.type == "boolean" or wanted is None:
            raise Refusal(
                "INVALID_QUERY_FILTER_OPERATOR",
                self._pointed(condition.column.at, f"invalid operator on {field.type} field"),
            )
        return _ordered(read, operator, wanted, folded=field.type in TEXT_TYPES)

    def _like(self, field: Field, read: Getter, condition: Comparison) -> Test:
        if field.type not in TEXT_TYPES:
            raise Refusal(
                "INVALID_QUERY_FILTER_OPERATOR",
                self._pointed(condition.column.at, f"invalid operator on {field.type} field"),
            )
        match = like_pattern(condition.value.value).match
        return lambda row: (value := read(row)) is not None and match(value) is not None

    def _relative(self, field: Field, read: Getter, condition: Comparison) -> Test:
        if field.type not in {"date", "datetime"}:
            raise self._mistyped(field, condition.column)
        first, after = periods.bounds(condition.value.value, self.state.now(), self._time_zone())
        low: Any = (
            periods.start_of(first, self._time_zone()) if field.type == "datetime" else first.isoformat()
        )
        high: Any = (
            periods.start_of(after, self._time_zone()) if field.type == "datetime" else after.isoformat()
        )
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

    def _time_zone(self) -> str:
        user = self.state.user(self.user_id) if self.user_id else None
        return str((user or self.state.organization).get("TimeZoneSidKey") or "UTC")

    def _membership(self, condition: Membership) -> Test:
        field = self._filterable(condition.column)
        fold = _folded(field, self._reader(condition.column))
        if isinstance(condition.members, Query):
            wanted = self._semi_join(condition.members)
        else:
            wanted = {_key(field, self._operand(field, each, condition.column)) for each in condition.members}
        if condition.negated:
            return lambda row: fold(row) not in wanted
        return lambda row: fold(row) in wanted

    def _semi_join(self, query: Query) -> set[Any]:
        items = query.items or ()
        if len(items) != 1 or not isinstance(items[0], Column):
            raise malformed(self._pointed(query.sobject.at, "semi join sub-selects select exactly one field"))
        inner = _Plan(
            self.state,
            query,
            self.text,
            everything=self.everything,
            user_id=self.user_id,
            version=self.version,
        )
        field, read = inner._typed(items[0]), inner._reader(items[0])
        if field.type not in {"id", "reference"}:
            raise malformed(
                self._pointed(items[0].at, "semi join sub-selects can only select an Id or a reference")
            )
        return {value for row in inner._matching() if (value := read(row)) is not None}

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
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
        return ids.canonical(text)

    def _mistyped(self, field: Field, column: Column) -> Refusal:
        name = {"datetime": "dateTime", "reference": "reference"}.get(field.type, field.type)
        quoted = field.type in TEXT_TYPES or field.type in {"id", "reference"}
        return Refusal(
            "INVALID_FIELD",
            self._pointed(
                column.at,
                f"value of filter criterion for field '{field.name}' must be of type {name} and should"
                f"{'' if quoted else ' not'} be enclosed in quotes",
            ),
        )

    # -- which rows can match at all

    def _candidates(self, condition: Condition) -> Iterable[str] | None:
        """Ids among which every match is, from an index; None where the table must be read."""
        if isinstance(condition, Junction):
            if not condition.every:
                parts = [self._candidates(part) for part in condition.parts]
                return (
                    None
                    if any(part is None for part in parts)
                    else chain.from_iterable(part or () for part in parts)
                )
            found = [
                part for part in map(self._candidates, self._best_first(condition.parts)) if part is not None
            ]
            return found[0] if found else None
        if isinstance(condition, Membership) and not condition.negated:
            return self._candidates_within(condition)
        if isinstance(condition, Comparison):
            return self._candidates_compared(condition)
        return None

    def _best_first(self, parts: Sequence[Condition]) -> list[Condition]:
        stamp = [part for part in parts if isinstance(part, Comparison) and part.operator in {">", ">="}]
        return [part for part in parts if part not in stamp] + list(stamp)

    def _candidates_within(self, condition: Membership) -> Iterable[str] | None:
        field = self._own_field(condition.column)
        if field is None:
            return None
        if isinstance(condition.members, Query):
            return self._semi_join(condition.members) if field.name == "Id" else None
        values = [self._operand(field, each, condition.column) for each in condition.members]
        return None if None in values else self._looked_up(field, values)

    def _candidates_compared(self, condition: Comparison) -> Iterable[str] | None:
        field = self._own_field(condition.column)
        if field is None or condition.value.kind in {"null", "relative"} or condition.operator == "LIKE":
            return None
        value = self._operand(field, condition.value, condition.column)
        if condition.operator == "=" and value is not None:
            return self._looked_up(field, [value])
        if field.name == "SystemModstamp" and condition.operator in {">", ">="}:
            return self.table.modstamps.since(value)
        return None

    def _looked_up(self, field: Field, values: Iterable[Any]) -> Iterable[str] | None:
        if field.name == "Id":
            return list(values)
        index = self.table.indexes.get(field.name)
        return None if index is None else list(chain.from_iterable(index.find(value) for value in values))

    def _own_field(self, column: Column) -> Field | None:
        steps = self._steps(column)
        return self.kind.field(steps[0]) if len(steps) == 1 else None

    # -- order and groups

    def _sort_key(self, key: Column | Aggregate) -> Getter:
        if isinstance(key, Aggregate):
            raise malformed(self._pointed(key.column.at, "Ordered field must be grouped or aggregated"))
        field = self._typed(key)
        if not field.sortable:
            raise Refusal(
                "INVALID_FIELD",
                self._pointed(key.at, f"field '{field.name}' can not be sorted in a query call"),
            )
        return _folded(field, self._reader(key))

    def _grouped(self, rows: list[Row]) -> Result:
        keys = [(column, self._typed(column), self._reader(column)) for column in self.query.group_by]
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): rows}
        folded = [_folded(field, read) for _, field, read in keys]
        for row in rows if keys else ():
            groups.setdefault(tuple(read(row) for read in folded), []).append(row)
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
                        self._pointed(item.at, f"Field must be grouped or aggregated: {item.path}")
                    )
                output = self._output(item)
                record[output.path.rpartition(".")[2]] = (
                    _scalar(output, Found(self.kind, group[0])) if group else None
                )
            else:
                raise malformed(self._pointed(item.at, "FIELDS() cannot be grouped"))
        return record

    def _measure(self, item: Aggregate, *, rendered: bool = False) -> Callable[[list[Row]], Any]:
        field, read = self._typed(item.column), self._reader(item.column)
        if item.function in {"SUM", "AVG"} and field.type not in NUMBER_TYPES:
            raise malformed(
                self._pointed(
                    item.column.at, f"field {field.name} does not support aggregate operator {item.function}"
                )
            )

        def measure(group: list[Row]) -> Any:
            values = [value for row in group if (value := read(row)) is not None]
            if item.function == "COUNT":
                return len(values)
            if item.function == "COUNT_DISTINCT":
                return len(
                    {
                        value.lower() if isinstance(value, str) and field.type in TEXT_TYPES else value
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


def _no_such_column(name: str, entity: str) -> str:
    return (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append the"
        " '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    )


def _follow(state: OrgState, link: Field) -> Callable[[Row], Found | None]:
    name = link.name

    def follow(row: Row) -> Found | None:
        record_id = row.get(name)
        table = state.table_of_id(record_id) if record_id else None
        target = table.seen(record_id) if table and record_id else None
        return None if table is None or target is None else Found(table.kind, target)

    return follow


def _found_reader(field: Field) -> Callable[[Found], Any]:
    if field is _TYPE_FIELD:
        return lambda found: "Queue" if found.kind.name == "Group" else found.kind.name
    name = field.name

    def read(found: Found) -> Any:
        own = found.kind.field(name)
        return None if own is None else getter(found.kind, own)(found.row)

    return read


def _found_renderer(field: Field) -> Callable[[Found], Any]:
    if field is _TYPE_FIELD:
        return _found_reader(field)
    cache: dict[str, Getter | None] = {}

    def render(found: Found) -> Any:
        kind = found.kind
        if kind.name not in cache:
            own = kind.field(field.name)
            cache[kind.name] = None if own is None else renderer(kind, own)
        write = cache[kind.name]
        return None if write is None else write(found.row)

    return render


def _rendered(field: Field, value: Any) -> Any:
    kind = SObjectType("", "", "", "", (field,))
    return renderer(kind, field)({field.name: value})


def _scalar(output: Output, found: Found) -> Any:
    here: Found | None = found
    for _, hop in output.owners:
        here = hop(here.row) if here else None
    return None if here is None else output.render(here)


def _recorder(kind: SObjectType, outputs: Sequence[Output], version: str) -> Callable[[Row], dict[str, Any]]:
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


def _junction(tests: list[Test], *, every: bool) -> Test:
    if len(tests) == 2:
        first, second = tests
        return (lambda row: first(row) and second(row)) if every else (lambda row: first(row) or second(row))
    if every:
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)


def _key(field: Field, value: Any) -> Any:
    return value.lower() if field.type in TEXT_TYPES and isinstance(value, str) else value


def _folded(field: Field, read: Getter) -> Getter:
    if field.type not in TEXT_TYPES:
        return read
    return lambda row: None if (value := read(row)) is None else value.lower()


def _equality(field: Field, read: Getter, wanted: Any, *, equal: bool) -> Test:
    fold = _folded(field, read)
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


def _sort(rows: list[Any], key: Callable[[Any], Any], *, descending: bool, nulls_first: bool) -> None:
    """Sort in place, stably, with nulls at the wanted end."""
    filled = [row for row in rows if key(row) is not None]
    if len(filled) == len(rows):
        rows.sort(key=key, reverse=descending)
        return
    empty = [row for row in rows if key(row) is None]
    filled.sort(key=key, reverse=descending)
    rows[:] = empty + filled if nulls_first else filled + empty
