"""What changed and what went in a span of time, and what is not visible yet."""

import pytest

from local_org.timestamps import rest_text


def span(rest, kind, start, end, sobject="Contact"):
    def text(at):
        return rest_text(rest.state.stamp() + at).replace("+0000", "+00:00")

    return rest.get(f"/sobjects/{sobject}/{kind}/", params={"start": text(start), "end": text(end)})


def test_updated_gives_created_and_changed_ids_once(rest):
    old = rest.create()
    rest.advance(3_600)
    new = rest.create()
    rest.patch(f"/sobjects/Contact/{old}", {"Title": "x"})
    rest.patch(f"/sobjects/Contact/{old}", {"Title": "y"})
    gone = rest.create()
    rest.delete(f"/sobjects/Contact/{gone}")
    rest.advance(120)
    body = span(rest, "updated", -600, 0).json()
    assert sorted(body["ids"]) == sorted([old, new])
    assert body["latestDateCovered"].endswith(":00.000+0000")
    assert body["latestDateCovered"] <= rest_text(rest.state.stamp())


def test_deleted_gives_ids_with_their_time(rest):
    one, two, back = rest.create(), rest.create(), rest.create()
    for each in (one, two, back):
        rest.delete(f"/sobjects/Contact/{each}")
    rest.local("undelete", {"id": back})
    rest.local("purge", {"id": two})
    rest.advance(120)
    body = span(rest, "deleted", -600, 0).json()
    assert {each["id"] for each in body["deletedRecords"]} == {one, two}
    assert body["deletedRecords"][0]["deletedDate"].endswith(".000+0000")
    assert body["earliestDateAvailable"] < body["latestDateCovered"]
    assert back in span(rest, "updated", -600, 0).json()["ids"]


def test_a_trimmed_delete_log_says_so(rest):
    rest.delete(f"/sobjects/Contact/{rest.create()}")
    rest.advance(7_200)
    rest.local("settings", {"delete_log_from": rest.state.stamp() - 60})
    body = span(rest, "deleted", -86_400, 0).json()
    assert body["deletedRecords"] == []
    assert body["earliestDateAvailable"] >= rest_text(rest.state.stamp() - 120)


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("updated", 0, 0),
        ("updated", 0, -600),
        ("updated", -31 * 86_400, 0),
        ("deleted", -16 * 86_400, 0),
    ],
)
def test_spans_that_are_refused(rest, kind, start, end):
    answer = span(rest, kind, start, end)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")


def test_other_refusals(rest):
    assert (
        rest.get("/sobjects/Contact/updated?start=yesterday&end=today").json()[0]["errorCode"]
        == "INVALID_REPLICATION_DATE"
    )
    assert span(rest, "updated", -600, 0, "TaskStatus").json()[0]["errorCode"] == "INVALID_TYPE"


def test_a_late_commit_hides_behind_later_stamps(rest):
    record_id = rest.create(Title="old")
    rest.advance(600)
    rest.local("edit", {"id": record_id, "fields": {"Title": "new"}, "commit_delay_seconds": 300})
    new_id = rest.local(
        "create",
        {
            "sobject": "Contact",
            "fields": {"LastName": "Slow", "Email": "slow@b.example"},
            "commit_delay_seconds": 300,
        },
    )["id"]
    stamped = rest_text(rest.state.stamp())
    rest.advance(120)
    later = rest.create(LastName="Quick")
    query = "SELECT Id, Title FROM Contact WHERE SystemModstamp >= " + stamped.replace(
        ".000+0000", "Z"
    )
    assert [each["Id"] for each in rest.query(query)["records"]] == [later]
    assert rest.names("SELECT Title FROM Contact WHERE Title != null", "Title") == ["old"]
    assert rest.names("SELECT Id FROM Contact WHERE Email = 'slow@b.example'", "Id") == []
    assert rest.get(f"/sobjects/Contact/{new_id}").status_code == 404
    covered = span(rest, "updated", -3_600, 0).json()["latestDateCovered"]
    assert covered <= stamped
    rest.advance(181)
    seen = {each["Id"] for each in rest.query(query)["records"]}
    assert seen == {record_id, new_id, later}
    assert span(rest, "updated", -3_600, 0).json()["latestDateCovered"] > stamped
