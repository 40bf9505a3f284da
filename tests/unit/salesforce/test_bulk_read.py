"""Bulk query jobs that do not go as they should: no page is read half."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import stamina

from sfsync.errors import OrgUnavailable, ProtocolError
from sfsync.salesforce.bulk_read import BulkReader, JobFailed

from .bulk_script import Script, as_csv, bulk_web, query_job, reader
from .web import Answer, Web


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def bulk() -> Iterator[Callable[[Script], tuple[BulkReader, Web]]]:
    with bulk_web() as serving:

        def made(script: Script) -> tuple[BulkReader, Web]:
            web = serving(script)
            return reader(web), web

        yield made


def test_pages_are_fetched_by_locator_to_their_end(
    bulk: Callable[[Script], tuple[BulkReader, Web]],
) -> None:
    pages = [
        as_csv('"Id"\n"1"\n"2"\n', Sforce_Locator="MTAw", Sforce_NumberOfRecords="2"),
        as_csv('"Id"\n"3"\n', Sforce_Locator="null"),
    ]
    made, web = bulk(query_job(*pages, processed=3))
    rows = [row for some in made.query("SELECT Id FROM Contact", everything=True) for row in some]
    assert [row["Id"] for row in rows] == ["1", "2", "3"]
    assert json.loads(web.asked[0].body) == {
        "operation": "queryAll",
        "query": "SELECT Id FROM Contact",
    }
    assert web.asked[-1].path.endswith("&locator=MTAw")


@pytest.mark.parametrize(
    "broken",
    [
        as_csv('"Id","Name"\n"1","a"\n', Sforce_NumberOfRecords="2", Sforce_Locator="null"),
        as_csv('"Id","Name"\n"1","a"\n"2","b', Sforce_NumberOfRecords="2", Sforce_Locator="null"),
        as_csv('"Id","Name"\n"1","a"\n"2"', Sforce_NumberOfRecords="2", Sforce_Locator="null"),
    ],
)
def test_a_page_that_is_not_whole_is_fetched_again(
    bulk: Callable[[Script], tuple[BulkReader, Web]], broken: Answer
) -> None:
    whole = as_csv(
        '\ufeff"Id","Name"\r\n"1","a"\r\n"2","b\r\nc"\r\n',
        Sforce_NumberOfRecords="2",
        Sforce_Locator="null",
    )
    made, _ = bulk(query_job(broken, whole, processed=2))
    (rows,) = made.query("SELECT Id, Name FROM Contact", everything=False)
    assert rows == [{"Id": "1", "Name": "a"}, {"Id": "2", "Name": "b\r\nc"}]


def test_a_page_that_is_never_whole_gives_nothing(
    bulk: Callable[[Script], tuple[BulkReader, Web]],
) -> None:
    made, _ = bulk(query_job(as_csv('"Id"\n"1"\n', Sforce_NumberOfRecords="2"), processed=2))
    with pytest.raises(OrgUnavailable, match="announced 2 records and sent 1"):
        list(made.query("SELECT Id FROM Contact", everything=False))


def test_fewer_records_than_the_job_read_are_noticed(
    bulk: Callable[[Script], tuple[BulkReader, Web]],
) -> None:
    made, _ = bulk(query_job(as_csv('"Id"\n"1"\n', Sforce_Locator="null"), processed=2))
    with pytest.raises(ProtocolError, match="read 2 records and gave 1"):
        list(made.query("SELECT Id FROM Contact", everything=False))


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_fails_says_so_before_anything_is_read(
    bulk: Callable[[Script], tuple[BulkReader, Web]], state: str
) -> None:
    made, _ = bulk(query_job(as_csv(""), state=state))
    with pytest.raises(JobFailed, match=state):
        made.query("SELECT Id FROM Contact", everything=False)


def test_a_job_that_never_ends_is_left_to_itself(
    bulk: Callable[[Script], tuple[BulkReader, Web]],
) -> None:
    made, web = bulk(query_job(as_csv(""), state="InProgress"))
    with pytest.raises(OrgUnavailable, match="still running"):
        made.query("SELECT Id FROM Contact", everything=False)
    assert not any(asked.method == "PATCH" for asked in web.asked)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": 5}'])
def test_a_job_without_a_name_is_refused(
    bulk: Callable[[Script], tuple[BulkReader, Web]], body: bytes
) -> None:
    made, _ = bulk(lambda _: Answer(200, body))
    with pytest.raises(ProtocolError):
        made.query("SELECT Id FROM Contact", everything=False)
