"""Which column a field path means, and how to read it from a row.

A path may lead over relationships (``Account.Name``), and over polymorphic ones (``Who.Email``),
where only the fields that all people have in common can be asked for.

Source: SOQL and SOSL Reference v65 (docs/salesforce.md §3); error texts as recorded in
forcedotcom/soql-tooling.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.sobject import TEXT_TYPES, Field, SObjectType
from local_org.soql.literals import malformed, pointed
from local_org.soql.syntax import Column
from local_org.state.org import OrgState
from local_org.state.rendering import Getter, getter, renderer
from local_org.state.tables import Row

_NAME_OBJECT = frozenset(
    {"id", "alias", "email", "firstname", "lastname", "name", "phone", "title", "username"}
)
_TYPE_FIELD = Field(
    name="Type", type="string", label="Type", length=40, createable=False, updateable=False
)


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A row and the object it is of."""

    kind: SObjectType
    row: Row


Hop = Callable[[Row], RelatedRow | None]


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
    owners: tuple[tuple[str, Hop], ...]
    render: Callable[[RelatedRow], Any]


class Columns:
    """The columns of one query.

    Args:
        state: the org.
        kind: the object queried.
        alias: what the query calls it, if anything.
        text: the query, for pointing at what is wrong.
    """

    def __init__(self, state: OrgState, kind: SObjectType, alias: str | None, text: str) -> None:
        self.state = state
        self.kind = kind
        self._own = {kind.name.lower(), (alias or "").lower()}
        self._text = text

    def pointed(self, at: int, message: str) -> str:
        """A message with the place in the query it is about."""
        return pointed(self._text, at, message)

    def own_field(self, column: Column) -> Field | None:
        """The queried object's own field a path means; None for a related one's."""
        steps = self._steps(column)
        return self.kind.field(steps[0]) if len(steps) == 1 else None

    def field(self, column: Column) -> Field:
        """The field a path ends at.

        Raises:
            ApiError: INVALID_FIELD.
        """
        return self._walked(column)[1]

    def reader(self, column: Column) -> Getter:
        """The function that reads a path's stored value from a row."""
        links, field = self._walked(column)
        if not links:
            return getter(self.kind, field)
        hops = [_follow(self.state, link) for link in links]
        last = _found_reader(field)

        def read(row: Row) -> Any:
            found: RelatedRow | None = RelatedRow(self.kind, row)
            for hop in hops:
                found = hop(found.row) if found else None
            return None if found is None else last(found)

        return read

    def output(self, column: Column) -> Output:
        """The column a path selects."""
        links, field = self._walked(column)
        owners = tuple((str(link.relationship_name), _follow(self.state, link)) for link in links)
        path = ".".join([name for name, _ in owners] + [field.name])
        return Output(path, field, self.reader(column), owners, _found_renderer(field))

    def _walked(self, column: Column) -> tuple[list[Field], Field]:
        """The references a path leads over, and the field it ends at."""
        steps = self._steps(column)
        kinds: tuple[SObjectType, ...] = (self.kind,)
        links: list[Field] = []
        for name in steps[:-1]:
            links.append(self._link(kinds, name, column))
            kinds = self._targets(links[-1])
        return links, self._last(kinds, steps[-1], column)

    def _steps(self, column: Column) -> list[str]:
        steps = column.path.split(".")
        if (
            len(steps) > 1
            and steps[0].lower() in self._own
            and self.kind.relationship(steps[0]) is None
        ):
            steps = steps[1:]
        if len(steps) > 6:
            raise malformed(
                self.pointed(column.at, "relationships may be followed over five levels at most")
            )
        return steps

    def _link(self, kinds: tuple[SObjectType, ...], name: str, column: Column) -> Field:
        link = kinds[0].relationship(name) if len(kinds) == 1 else None
        if link is None or not self._targets(link):
            raise ApiError(
                "INVALID_FIELD",
                self.pointed(
                    column.at,
                    f"Didn't understand relationship '{name}' in field path. If you are attempting"
                    " to use a custom relationship, be sure to append the '__r' after the custom"
                    " relationship name. Please reference your WSDL or the describe call for the"
                    " appropriate names.",
                ),
            )
        return link

    def _targets(self, link: Field) -> tuple[SObjectType, ...]:
        return tuple(
            self.state.kind(name) for name in link.reference_to if self.state.has_object(name)
        )

    def _last(self, kinds: tuple[SObjectType, ...], name: str, column: Column) -> Field:
        pointing = len(kinds) > 1 or (kinds[0].name == "User" and "." in column.path)
        if pointing and name.lower() == "type":
            return _TYPE_FIELD
        common = len(kinds) == 1 or name.lower() in _NAME_OBJECT
        field = (
            next((found for kind in kinds if (found := kind.field(name))), None) if common else None
        )
        if field is None:
            entity = kinds[0].name if len(kinds) == 1 else "Name"
            raise ApiError("INVALID_FIELD", self.pointed(column.at, _no_such_column(name, entity)))
        return field


def _no_such_column(name: str, entity: str) -> str:
    return (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom"
        " field, be sure to append the '__c' after the custom field name. Please reference your"
        " WSDL or the describe call for the appropriate names."
    )


def _follow(state: OrgState, link: Field) -> Hop:
    name = link.name

    def follow(row: Row) -> RelatedRow | None:
        record_id = row.get(name)
        table = state.table_of_id(record_id) if record_id else None
        target = table.visible(record_id) if table and record_id else None
        return None if table is None or target is None else RelatedRow(table.kind, target)

    return follow


def _found_reader(field: Field) -> Callable[[RelatedRow], Any]:
    if field is _TYPE_FIELD:
        return lambda found: "Queue" if found.kind.name == "Group" else found.kind.name
    name = field.name

    def read(found: RelatedRow) -> Any:
        own = found.kind.field(name)
        return None if own is None else getter(found.kind, own)(found.row)

    return read


def _found_renderer(field: Field) -> Callable[[RelatedRow], Any]:
    if field is _TYPE_FIELD:
        return _found_reader(field)
    cache: dict[str, Getter | None] = {}

    def render(found: RelatedRow) -> Any:
        kind = found.kind
        if kind.name not in cache:
            own = kind.field(field.name)
            cache[kind.name] = None if own is None else renderer(kind, own)
        write = cache[kind.name]
        return None if write is None else write(found.row)

    return render


def sort_key(columns: Columns, column: Column) -> Getter:
    """What rows are ordered by, as comparisons see it.

    Raises:
        ApiError: for a field that nothing can be sorted by.
    """
    field = columns.field(column)
    if not field.sortable:
        message = f"field '{field.name}' can not be sorted in a query call"
        raise ApiError("INVALID_FIELD", columns.pointed(column.at, message))
    return folded(field, columns.reader(column))


def folded(field: Field, read: Getter) -> Getter:
    """A reader as comparisons see it: text without regard to case."""
    if field.type not in TEXT_TYPES:
        return read
    return lambda row: None if (value := read(row)) is None else value.lower()
