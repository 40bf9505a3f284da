"""Raw records: parents under dotted names."""

from __future__ import annotations

import pytest

from sfsync.errors import ProtocolError
from sfsync.salesforce.records import Flattener

ATTRIBUTES = {"type": "Contact", "url": "/x"}


def test_parents_are_told_by_dotted_names() -> None:
    told = {
        "attributes": ATTRIBUTES,
        "Id": "1",
        "Account": {"attributes": {}, "Name": "A", "Owner": {"Name": "O"}},
    }
    flat = Flattener(["Id", "Account.Name", "Account.Owner.Name"])([told])
    assert flat == [{"Id": "1", "Account.Name": "A", "Account.Owner.Name": "O"}]


def test_a_parent_that_is_null_gives_nulls() -> None:
    flat = Flattener(["Account.Name", "Account.Owner.Name"])([{"Id": "1", "Account": None}])
    assert flat == [{"Id": "1", "Account.Name": None, "Account.Owner.Name": None}]


def test_a_parent_that_was_not_told_gives_nothing() -> None:
    assert Flattener(["Account.Name"])([{"Id": "1"}]) == [{"Id": "1"}]
    assert Flattener(["Account.Name"])([{"Id": "1", "Account": {"X": 1}}]) == [{"Id": "1"}]


def test_records_without_parents_lose_their_attributes_only() -> None:
    assert Flattener(["Id"])([{"attributes": ATTRIBUTES, "Id": "1", "N": 5.0}]) == [
        {"Id": "1", "N": 5.0}
    ]


@pytest.mark.parametrize("record", [{}, {"Id": None}, {"Name": "x"}])
def test_a_record_without_id_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        Flattener(["Id"])([dict(record)])
