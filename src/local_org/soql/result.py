"""What a query found, and how REST writes it.

Source: docs/salesforce.md §3 (attributes, nested records).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from local_org.schema.sobject import SObjectType
from local_org.soql.columns import Output, RelatedRow
from local_org.state.rendering import Getter, attributes, is_plain, record_url, renderer
from local_org.state.tables import Row


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


def _recorder(
    kind: SObjectType, outputs: Sequence[Output], version: str
) -> Callable[[Row], dict[str, Any]]:
    """Give the function that writes a row as REST does.

    It is made once a page, so that a row costs little.
    """
    name, base = kind.name, record_url(version, kind.name, "")
    steps = [(output.field.name, _writing(kind, output), output) for output in outputs]

    def record(row: Row) -> dict[str, Any]:
        written: dict[str, Any] = {"attributes": {"type": name, "url": base + row["Id"]}}
        for field, write, output in steps:
            if write is not None:
                written[field] = write(row)
            elif output.owners:
                _nest(written, RelatedRow(kind, row), output, version)
            else:
                written[field] = row.get(field)
        return written

    return record


def _writing(kind: SObjectType, output: Output) -> Getter | None:
    """How to write an own field; None where it is kept as it is written, or is another object's."""
    return None if output.owners or is_plain(kind, output.field) else renderer(kind, output.field)


def _nest(record: dict[str, Any], found: RelatedRow, output: Output, version: str) -> None:
    for name, hop in output.owners:
        related = hop(found.row)
        if related is None:
            record.setdefault(name, None)
            return
        record = record.setdefault(name, {"attributes": _related_attributes(related, version)})
        found = related
    record[output.field.name] = output.render(found)


def _related_attributes(found: RelatedRow, version: str) -> dict[str, str]:
    return attributes(version, found.kind.name, found.row["Id"])
