"""Raw records as the mapping reads them: parents under dotted names, no ``attributes``. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sfsync.errors import ProtocolError


class Flattener:
    """Flattens pages of a query for these fields; compiled once, because it runs for every record.

    A parent that is null gives null under each of its dotted names, because the reply did hold it;
    a parent that the reply does not hold gives nothing.

    Source: docs/salesforce.md §3 (parents in replies).
    """

    def __init__(self, fields: Iterable[str]) -> None:
        dotted = [field for field in dict.fromkeys(fields) if "." in field]
        self._paths = [(field, tuple(field.split("."))) for field in dotted]
        self._parents = {path[0] for _, path in self._paths}

    def __call__(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same records, changed in place.

        Raises:
            ProtocolError: a record without Id.
        """
        for record in records:
            record.pop("attributes", None)
            if not record.get("Id"):
                raise ProtocolError(
                    "the org sent a record without Id; nothing of this page was used"
                )
            if self._paths:
                self._flatten(record)
        return records

    def _flatten(self, record: dict[str, Any]) -> None:
        for name, path in self._paths:
            value: Any = record
            for step in path:
                if value.__class__ is dict:
                    if step not in value:
                        break
                    value = value[step]
            else:
                record[name] = value
        for parent in self._parents:
            record.pop(parent, None)
