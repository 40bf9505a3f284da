"""Keyset paging: whatever the stamps, wherever the cursor is lost, whoever comes in between, each record is read once."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from local_org import soql as org_soql
from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.org import OrgState
from sfsync.salesforce.connect import Page, page
from sfsync.salesforce.faults import CallRefused, ErrorEntry
from sfsync.salesforce.keyset import KeysetQuery

NOON = 1_768_900_000
FIELDS = ("Id", "SystemModstamp", "LastName")


@dataclass
class Cursors:
    """The query resource of an org with small pages, whose cursors may be lost, and where people go on working.

    Attributes:
        lost: for each next page in turn, whether its cursor is gone by then.
        arriving: for each question in turn, how many records are made just before it, stamped now.
    """

    state: OrgState
    size: int
    lost: list[bool]
    arriving: list[int]
    results: dict[str, tuple[org_soql.Result, int]] = field(default_factory=dict)
    now: int = NOON + 1_000

    def query(self, statement: str, *, everything: bool) -> Page:
        self._people_work()
        return self._page(org_soql.run(self.state, statement, everything=everything), 0)

    def next_page(self, next_url: str) -> Page:
        self._people_work()
        if self.lost and self.lost.pop():
            raise CallRefused(400, ErrorEntry("INVALID_QUERY_LOCATOR", "the query cursor is gone"))
        return self._page(*self.results[next_url])

    def _page(self, result: org_soql.Result, start: int) -> Page:
        records = result.page(start, self.size, "66.0")
        done = start + self.size >= result.total
        answer = {"records": records, "totalSize": result.total, "done": done}
        if not done:
            answer["nextRecordsUrl"] = url = f"/query/{len(self.results)}"
            self.results[url] = (result, start + self.size)
        return page(answer)

    def _people_work(self) -> None:
        for _ in range(self.arriving.pop() if self.arriving else 0):
            self.now += 1
            add(self.state, self.now)


def add(state: OrgState, stamp: int) -> str:
    table = state.table("Contact")
    record_id = table.next_id()
    stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), stamp)
    state.put(
        table, record_id, {"Id": record_id, "LastName": "L", "OwnerId": state.admin_id, **stamps}
    )
    return record_id


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 5), max_size=25),
    st.integers(1, 4),
    st.lists(st.booleans(), max_size=8),
    st.lists(st.integers(0, 2), max_size=8),
)
def test_each_record_is_read_once_and_in_order(
    offsets: list[int], size: int, lost: list[bool], arriving: list[int]
) -> None:
    state = LocalOrg(LocalOrgConfig(contacts=0, leads=0)).state
    there = [add(state, NOON + offset) for offset in offsets]
    org = Cursors(state, size, lost, arriving)
    reading = KeysetQuery("Contact", FIELDS, "", everything=True)
    first = org.query(reading.statement(), everything=True)
    pages = reading.by_rest(org, first)  # type: ignore[arg-type]
    read = [(record["SystemModstamp"], record["Id"]) for records in pages for record in records]
    assert [record for _, record in sorted(read)] == [record for _, record in read]
    assert len(set(read)) == len(read), "nothing twice"
    assert set(there) <= {record for _, record in read}, "nothing left out"
