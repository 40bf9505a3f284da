"""A record seen from the other side: the org's raw record -> columns, columns -> the org's fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

RawRecord: TypeAlias = Mapping[str, Any]
"""``{field: value}`` as the org sent it: JSON values from REST, text from Bulk; parents under dotted names."""
