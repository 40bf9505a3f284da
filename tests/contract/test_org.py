"""``SalesforceOrg`` against the local org: what the verbs may rely on, in good times and in bad."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
import stamina

from local_org.server import LocalOrg, LocalOrgConfig
from sfsync.engine.ports import Org
from sfsync.errors import (
    BudgetSpent,
    GrantRevoked,
    OrgRefused,
    OrgUnavailable,
    ProtocolError,
    SfsyncError,
)
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.mapping import ActivityMap
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId
from sfsync.model.token import Token
from sfsync.salesforce.bulk_jobs import BulkJobs, Polling
from sfsync.salesforce.bulk_write import BulkWriter
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession

FIELDS = ["Id", "IsDeleted", "MasterRecordId", "SystemModstamp", "Email", "Title", "Account.Name"]
LEAD_FIELDS = ["Id", "IsDeleted", "SystemModstamp", "Email", "IsConverted", "ConvertedContactId"]
LONG_AGO = "2000-01-01T00:00:00Z"
CONTACTS = 450
QUERY = "/query/|/queryAll/"
COLLECTIONS = "/composite/sobjects$"

Raw = dict[str, Any]


@pytest.fixture(scope="module")
def served() -> Iterator[LocalOrg]:
    with LocalOrg(LocalOrgConfig(contacts=CONTACTS, leads=20)) as running:
        yield running


@pytest.fixture
def local(served: LocalOrg) -> Iterator[LocalOrg]:
    served.faults.clear()
    with stamina.set_testing(True, attempts=5, cap=True):
        yield served
    served.faults.clear()


def opened(
    local: LocalOrg, *, page_size: int = 200, patience_seconds: float = 2.0, **options: Any
) -> SalesforceOrg:
    """An org with pages of 200 records, so that a few hundred are several pages."""

    def refresh(_stale: Token) -> Token:
        return Token(
            local.token(), local.url, f"{local.url}/id/{local.state.org_id}/005000000000001AAA"
        )

    session = OrgSession(
        refresh(Token("", "", "")), refresh, timeouts_seconds=(2.0, patience_seconds)
    )
    session.headers["Sforce-Query-Options"] = f"batchSize={page_size}"
    return SalesforceOrg(
        Connection(session, patience=Patience(first_wait_seconds=0.01)),
        polling=Polling(0.005, 1.5, 0.05, 5.0),
        **options,
    )


@pytest.fixture
def org(local: LocalOrg) -> SalesforceOrg:
    return opened(local)


@pytest.fixture
def bulk_org(local: LocalOrg) -> SalesforceOrg:
    """An org that takes Bulk for everything that has more than a page."""
    return opened(local, bulk_query_from=1, bulk_write_from=1)


def flat(pages: Iterable[Sequence[Any]]) -> list[Raw]:
    return [dict(record) for page in pages for record in page]


def everybody(org: SalesforceOrg) -> list[Raw]:
    return flat(org.changed_since("Contact", FIELDS, None).pages)


def trouble(
    local: LocalOrg, fault: str, path: str = "", nth: int | Sequence[int] = 1, **args: Any
) -> None:
    local.faults.add({"match": {"path": path}, "nth": nth, "fault": fault, "args": args})


def by_ref(outcomes: Iterable[Outcome]) -> dict[int, Outcome]:
    return {outcome.ref: outcome for outcome in outcomes}


def update(ref: int, record: Raw | str, **fields: Any) -> OrgWrite:
    record_id = record if isinstance(record, str) else record["Id"]
    return OrgWrite(ref, OrgAction.UPDATE, "Contact", fields, SalesforceId(record_id))


def create(ref: int, key: str = "", sobject: str = "Contact", **fields: Any) -> OrgWrite:
    return OrgWrite(
        ref, OrgAction.CREATE, sobject, fields, None, "PenguinMails_Id__c" if key else "", key
    )


def test_it_is_an_org(org: SalesforceOrg) -> None:
    as_port: Org = org
    assert as_port.usage().api_calls == 0


# -- describe --------------------------------------------------------------------------------------
def test_describe_tells_what_a_field_takes(org: SalesforceOrg) -> None:
    facts = org.describe("Contact")
    assert facts.name == "Contact"
    email = facts.fields["Email"]
    assert (email.type, email.length, email.id_lookup, email.external_id) == (
        "email",
        80,
        True,
        False,
    )
    assert facts.fields["LastName"].required
    assert not facts.fields["OwnerId"].required
    assert facts.fields["AccountId"].relationship == "Account"
    assert facts.fields["PenguinMails_Id__c"].external_id
    assert "Web" in facts.fields["LeadSource"].picklist
    assert not facts.fields["SystemModstamp"].updateable
    assert org.usage().api_calls == 1


def test_describe_of_nothing_is_refused(org: SalesforceOrg) -> None:
    with pytest.raises(OrgRefused, match="NOT_FOUND"):
        org.describe("Nothing__c")


# -- changed_since ---------------------------------------------------------------------------------
def test_every_live_record_comes_once_oldest_first(org: SalesforceOrg, local: LocalOrg) -> None:
    changes = org.changed_since("Contact", FIELDS, None)
    records = flat(changes.pages)
    assert changes.transport == "rest"
    live = [row for row in local.state.table("Contact").rows.values() if not row.get("IsDeleted")]
    assert len(records) == len({record["Id"] for record in records}) == changes.total == len(live)
    order = [(record["SystemModstamp"], record["Id"]) for record in records]
    assert order == sorted(order)
    assert {"Id", "Email", "Account.Name"} <= set(records[0])
    assert not {"attributes", "Account"} & set(records[0])


def test_nothing_changed_is_one_call(org: SalesforceOrg, local: LocalOrg) -> None:
    local.state.clock.advance(60)
    mark = org.changed_since("Contact", FIELDS, None)
    for _ in mark.pages:
        pass
    local.state.clock.advance(60)
    now = opened(local)
    assert flat(now.changed_since("Contact", FIELDS, "2999-01-01T00:00:00Z").pages) == []
    assert now.usage().api_calls == 1


def test_changes_and_deletions_come_since_a_mark(org: SalesforceOrg, local: LocalOrg) -> None:
    people = local.as_user()
    local.state.clock.advance(3_600)
    first, second, third = everybody(org)[:3]
    local.state.clock.advance(3_600)
    since = str(opened(local).changed_since("Contact", ["Id"], None).as_of)
    people.edit(first["Id"], {"Title": "Changed"})
    people.delete(second["Id"])
    people.merge(third["Id"], [everybody(org)[10]["Id"]])
    changes = org.changed_since("Contact", FIELDS, since)
    told = {record["Id"]: record for record in flat(changes.pages)}
    assert told[first["Id"]]["Title"] == "Changed"
    assert told[second["Id"]]["IsDeleted"] is True
    losers = [record for record in told.values() if record["MasterRecordId"]]
    assert [(loser["MasterRecordId"], loser["IsDeleted"]) for loser in losers] == [
        (third["Id"], True)
    ]
    assert len(told) == 4


def test_the_mark_is_the_orgs_clock_before_the_question(local: LocalOrg) -> None:
    org = opened(local)
    org.describe("Contact")
    asked = local.state.clock.seconds()
    local.state.clock.advance(100)
    changes = org.changed_since("Contact", FIELDS, None)
    assert asked - 2 <= changes.as_of.at.timestamp() <= asked + 2


def test_a_converted_lead_is_told_by_itself(org: SalesforceOrg, local: LocalOrg) -> None:
    lead = flat(org.changed_since("Lead", LEAD_FIELDS, None).pages)[0]
    made = local.as_user().convert(lead["Id"])
    told = {
        record["Id"]: record for record in flat(org.changed_since("Lead", LEAD_FIELDS, None).pages)
    }
    assert told[lead["Id"]]["IsConverted"] is True
    assert told[lead["Id"]]["ConvertedContactId"] == made.contact_id
    (found,) = flat(org.find("Lead", LEAD_FIELDS, "Email", [lead["Email"]]))
    assert found["IsConverted"] is True


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("since", [None, LONG_AGO])
def test_a_lost_cursor_leaves_no_gap_and_no_double(
    org: SalesforceOrg, local: LocalOrg, nth: int, since: str | None
) -> None:
    whole = [
        record["Id"] for record in flat(opened(local).changed_since("Contact", FIELDS, since).pages)
    ]
    trouble(local, "expired_cursor", r"/query(All)?/01g", nth)
    assert [
        record["Id"] for record in flat(org.changed_since("Contact", FIELDS, since).pages)
    ] == whole


def test_a_cursor_that_is_lost_for_ever_still_gets_through(
    org: SalesforceOrg, local: LocalOrg
) -> None:
    whole = [record["Id"] for record in everybody(opened(local))]
    trouble(local, "expired_cursor", r"/query/01g", nth=())
    assert [record["Id"] for record in everybody(org)] == whole


def test_many_records_with_one_stamp_are_all_read(local: LocalOrg) -> None:
    local.state.clock.advance(10_000)
    org = opened(local)
    since = str(org.changed_since("Contact", ["Id"], None).as_of)
    writes = [create(ref, LastName="Same", Email=f"same.{ref}@stamp.example") for ref in range(450)]
    assert all(isinstance(outcome, Accepted) for outcome in org.apply(writes))
    trouble(local, "expired_cursor", r"/queryAll/01g", nth=())
    told = flat(org.changed_since("Contact", FIELDS, since).pages)
    assert (
        len({record["Id"] for record in told if str(record["Email"]).endswith("stamp.example")})
        == 450
    )
    gone = [
        OrgWrite(ref, OrgAction.DELETE, "Contact", {}, record["Id"])
        for ref, record in enumerate(told)
    ]
    assert all(isinstance(outcome, Accepted) for outcome in org.apply(gone))


def test_an_unknown_field_is_told_in_the_orgs_words(org: SalesforceOrg) -> None:
    with pytest.raises(OrgRefused, match="No such column") as caught:
        org.changed_since("Contact", ["Id", "Nope__c"], None)
    assert "org check" in caught.value.hint


def test_a_name_that_is_more_than_a_name_is_not_sent(org: SalesforceOrg) -> None:
    with pytest.raises(ValueError):
        org.changed_since("Contact WHERE Id != null", ["Id"], None)


def test_bulk_reads_the_same_as_rest(org: SalesforceOrg, bulk_org: SalesforceOrg) -> None:
    by_rest = everybody(org)
    changes = bulk_org.changed_since("Contact", FIELDS, None)
    by_bulk = flat(changes.pages)
    assert changes.transport == "bulk"
    assert {record["Id"] for record in by_bulk} == {record["Id"] for record in by_rest}
    assert len(by_bulk) == len(by_rest)
    plain = {record["Id"]: record["Account.Name"] or "" for record in by_rest}
    assert {record["Id"]: record["Account.Name"] or "" for record in by_bulk} == plain


def test_bulk_that_is_not_to_be_had_is_done_without(
    bulk_org: SalesforceOrg, local: LocalOrg
) -> None:
    expected = len(everybody(opened(local)))
    trouble(
        local,
        "status",
        "/jobs/query$",
        status=403,
        code="FEATURENOTENABLED",
        message="no Bulk here",
    )
    assert len(everybody(bulk_org)) == expected


# -- fetch and find --------------------------------------------------------------------------------
def test_records_are_fetched_as_they_are_now_deleted_ones_too(local: LocalOrg) -> None:
    org = opened(local, page_size=2_000)
    records = everybody(org)
    gone = records[-1]["Id"]
    local.as_user().delete(gone)
    local.as_user().edit(records[0]["Id"], {"Title": "Now"})
    before = org.usage().api_calls
    told = {
        record["Id"]: record
        for record in flat(org.fetch("Contact", FIELDS, [r["Id"] for r in records]))
    }
    assert org.usage().api_calls == before + 1
    assert len(told) == len(records)
    assert told[gone]["IsDeleted"] is True
    assert told[records[0]["Id"]]["Title"] == "Now"
    assert told[records[0]["Id"]]["Account.Name"] == records[0]["Account.Name"]


def test_an_id_that_is_nowhere_is_left_out(org: SalesforceOrg) -> None:
    assert flat(org.fetch("Contact", FIELDS, [SalesforceId("003000000000000AAA")])) == []
    before = org.usage().api_calls
    assert flat(org.fetch("Contact", FIELDS, [])) == []
    assert org.usage().api_calls == before


def test_people_are_found_by_address_whatever_its_case(org: SalesforceOrg) -> None:
    addresses = [record["Email"] for record in everybody(org) if record["Email"]][:300]
    before = org.usage().api_calls
    found = flat(org.find("Contact", FIELDS, "Email", [address.upper() for address in addresses]))
    assert org.usage().api_calls == before + 1
    assert {record["Email"] for record in found} >= set(addresses)
    assert len({record["Id"] for record in found}) == len(found)


@pytest.mark.parametrize(
    "address",
    [
        "o'hara@x.example",
        'a"b@x.example',
        "a\\b@x.example",
        "a%b@x.example",
        "x' OR Email != '",
        "a\0b",
        "ü@x.de",
    ],
)
def test_no_address_becomes_part_of_the_question(org: SalesforceOrg, address: str) -> None:
    assert flat(org.find("Contact", FIELDS, "Email", [address])) == []


def test_the_deleted_are_not_found(org: SalesforceOrg, local: LocalOrg) -> None:
    record_id = local.as_user().create(
        "Contact", {"LastName": "Gone", "Email": "gone@found.example"}
    )
    assert len(flat(org.find("Contact", FIELDS, "Email", ["gone@found.example"]))) == 1
    local.as_user().delete(record_id)
    assert flat(org.find("Contact", FIELDS, "Email", ["gone@found.example"])) == []


def test_more_matches_than_a_page_are_all_found(org: SalesforceOrg, local: LocalOrg) -> None:
    for number in range(250):
        local.as_user().create("Contact", {"LastName": f"T{number}", "Email": "twin@many.example"})
    found = flat(org.find("Contact", FIELDS, "Email", ["twin@many.example", "TWIN@many.example"]))
    assert len({record["Id"] for record in found}) == len(found) == 250


# -- apply -----------------------------------------------------------------------------------------
def test_each_write_has_its_own_outcome(org: SalesforceOrg, local: LocalOrg) -> None:
    records = everybody(org)
    told = by_ref(
        org.apply(
            [
                update(1, records[0], Title="Applied"),
                update(2, records[1], Email="not an address"),
                create(3, LastName="Made", Email="made@apply.example"),
                create(4, Email="no.last.name@apply.example"),
                create(5, "key-5", LastName="Keyed"),
                OrgWrite(6, OrgAction.DELETE, "Contact", {}, records[2]["Id"]),
                update(7, records[2], Title="too late?"),
                create(8, sobject="Task", Subject="Hello", WhoId=records[0]["Id"]),
            ]
        )
    )
    assert told[1] == Accepted(1, records[0]["Id"])
    assert isinstance(told[2], Rejected)
    assert (told[2].code, told[2].fields) == ("INVALID_EMAIL_ADDRESS", ("Email",))
    assert isinstance(told[3], Accepted)
    assert told[3].created
    assert isinstance(told[4], Rejected)
    assert told[4].code == "REQUIRED_FIELD_MISSING"
    assert isinstance(told[5], Accepted)
    assert told[5].created
    assert told[6] == Accepted(6, records[2]["Id"])
    assert isinstance(told[8], Accepted)
    assert local.state.table("Contact").rows[records[0]["Id"]]["Title"] == "Applied"
    again = by_ref(org.apply([create(5, "KEY-5", LastName="Keyed again")]))
    assert again[5] == Accepted(5, told[5].salesforce_id, created=False)


def test_a_thousand_writes_are_one_call(org: SalesforceOrg) -> None:
    records = everybody(org)
    writes = [update(ref, records[ref % len(records)], Title=f"T{ref}") for ref in range(900)]
    before = org.usage().api_calls
    assert len([outcome for outcome in org.apply(writes) if isinstance(outcome, Accepted)]) == 900
    assert org.usage().api_calls - before <= 2
    assert org.batching(900).transport == "collections"
    assert org.batching(1_000_000).transport == "bulk"


def test_null_clears_a_field(org: SalesforceOrg, local: LocalOrg) -> None:
    record = everybody(org)[5]
    org.apply([update(1, record, Title="x")])
    org.apply([update(1, record, Title=None)])
    assert local.state.table("Contact").rows[record["Id"]].get("Title") is None


def test_one_bad_field_in_a_batch_stops_nobody_else(org: SalesforceOrg) -> None:
    records = everybody(org)
    writes = [update(ref, records[ref], Title="ok") for ref in range(300)]
    writes[77] = update(77, records[77], Nope__c="x")
    told = by_ref(org.apply(writes))
    assert [ref for ref, outcome in told.items() if not isinstance(outcome, Accepted)] == [77]


def test_a_duplicate_rule_names_who_is_there(local: LocalOrg) -> None:
    org = opened(local)
    there = local.as_user().create(
        "Contact", {"LastName": "Dupont", "FirstName": "Anne", "Email": "anne@dup.example"}
    )
    local.state.settings.duplicate_rules = True
    try:
        (told,) = org.apply(
            [create(1, LastName="Dupont", FirstName="Anne", Email="anne@dup.example")]
        )
    finally:
        local.state.settings.duplicate_rules = False
    assert isinstance(told, Rejected)
    assert told.code == "DUPLICATES_DETECTED"
    assert told.matched_id == there


def test_leads_keep_their_owner(local: LocalOrg) -> None:
    org = opened(local)
    leads = flat(org.changed_since("Lead", LEAD_FIELDS, None).pages)
    lead = next(record for record in leads if not record["IsConverted"])
    local.state.settings.lead_assignment_user_id = "005000000000099AAA"
    writes = [OrgWrite(1, OrgAction.UPDATE, "Lead", {"Title": "x"}, lead["Id"])]
    many = [create(ref, sobject="Lead", LastName="L", Company="C") for ref in range(2, 300)]
    try:
        told = org.apply([*writes, *many])
    finally:
        local.state.settings.lead_assignment_user_id = None
    assert all(isinstance(outcome, Accepted) for outcome in told)
    owners = {row["OwnerId"] for row in local.state.table("Lead").rows.values()}
    assert "005000000000099AAA" not in owners


def test_text_that_looks_like_a_reference_is_only_text(org: SalesforceOrg, local: LocalOrg) -> None:
    records = everybody(org)
    writes = [
        update(ref, records[ref], Title="@{c0[0].id}" if ref == 250 else "plain")
        for ref in range(300)
    ]
    assert all(isinstance(outcome, Accepted) for outcome in org.apply(writes))
    assert local.state.table("Contact").rows[records[250]["Id"]]["Title"] == "@{c0[0].id}"


def test_locked_records_get_through_when_the_lock_goes(org: SalesforceOrg, local: LocalOrg) -> None:
    records = everybody(org)
    trouble(local, "lock_rows", COLLECTIONS, nth=(1, 2), rows=[0, 2])
    told = by_ref(org.apply([update(ref, records[ref], Title="locked") for ref in range(5)]))
    assert all(isinstance(outcome, Accepted) for outcome in told.values())


def test_records_that_stay_locked_are_deferred(org: SalesforceOrg, local: LocalOrg) -> None:
    records = everybody(org)
    trouble(local, "lock_rows", COLLECTIONS, nth=(), rows=[0])
    told = by_ref(org.apply([update(ref, records[ref], Title="locked") for ref in range(3)]))
    assert isinstance(told[0], Deferred)
    assert told[0].code == "UNABLE_TO_LOCK_ROW"


def test_a_lost_reply_is_unknown_and_is_not_sent_twice(org: SalesforceOrg, local: LocalOrg) -> None:
    before = len(local.state.table("Contact").rows)
    trouble(local, "lose_reply", COLLECTIONS)
    (told,) = org.apply([create(1, LastName="Once")])
    assert isinstance(told, Unknown)
    assert len(local.state.table("Contact").rows) == before + 1


@pytest.mark.parametrize("fault", ["drop", "truncate"])
def test_a_broken_write_is_unknown(org: SalesforceOrg, local: LocalOrg, fault: str) -> None:
    trouble(local, fault, COLLECTIONS)
    (told,) = org.apply([create(1, LastName="Broken")])
    assert isinstance(told, Unknown)


def test_a_slow_write_is_unknown(local: LocalOrg) -> None:
    org = opened(local, patience_seconds=0.2)
    trouble(local, "slow", COLLECTIONS, seconds=0.4)
    (told,) = org.apply([create(1, LastName="Slow")])
    assert isinstance(told, Unknown)


@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("rate_limited", {"retry_after": 2}),
        (
            "status",
            {
                "status": 403,
                "code": "REQUEST_LIMIT_EXCEEDED",
                "message": "ConcurrentPerOrgLongTxn Limit exceeded",
            },
        ),
        ("expired_session", {}),
    ],
)
def test_a_write_that_was_turned_away_at_the_door_is_sent_again(
    org: SalesforceOrg, local: LocalOrg, fault: str, args: dict[str, Any]
) -> None:
    trouble(local, fault, COLLECTIONS, **args)
    (told,) = org.apply([create(1, LastName="Again")])
    assert isinstance(told, Accepted)


@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 502}),
        ("html", {"status": 504}),
        # a proxy says so, too, when its upstream broke off after the work was done
        ("unavailable", {}),
        ("html", {"status": 503}),
    ],
)
def test_a_write_that_the_org_failed_on_is_unknown(
    org: SalesforceOrg, local: LocalOrg, fault: str, args: dict[str, Any]
) -> None:
    trouble(local, fault, COLLECTIONS, **args)
    (told,) = org.apply([create(1, LastName="Failed")])
    assert isinstance(told, Unknown)


def test_what_is_known_is_kept_when_the_rest_cannot_be_sent(
    org: SalesforceOrg, local: LocalOrg
) -> None:
    records = everybody(org)
    trouble(local, "request_limit", COLLECTIONS, nth=2)
    told = by_ref(
        org.apply([update(1, records[0], Title="in time"), create(2, LastName="too late")])
    )
    assert isinstance(told[1], Accepted)
    assert told[2] == Deferred(2, "budget-spent", told[2].message)  # type: ignore[union-attr]


def test_nothing_done_at_all_is_an_error(org: SalesforceOrg, local: LocalOrg) -> None:
    trouble(local, "request_limit", COLLECTIONS)
    with pytest.raises(BudgetSpent):
        org.apply([create(1, LastName="Never")])
    trouble(local, "rate_limited", COLLECTIONS, nth=(), retry_after=86400)
    with pytest.raises(OrgUnavailable):
        org.apply([create(1, LastName="Never")])


# -- apply by Bulk ---------------------------------------------------------------------------------
def test_bulk_writes_give_the_same_outcomes(local: LocalOrg) -> None:
    jobs: list[tuple[str, int]] = []
    org = opened(
        local, bulk_write_from=10, on_job=lambda job_id, writes: jobs.append((job_id, len(writes)))
    )
    records = everybody(org)
    writes = [update(ref, records[ref], Title=None if ref == 3 else f"B{ref}") for ref in range(30)]
    writes[5] = update(5, records[5], Email="not an address")
    writes[6] = update(6, records[6], Title="#N/A")
    writes.append(update(30, records[0], Title="twice"))
    writes += [
        create(100 + n, f"bulk-{n}", LastName='multi\nline, "quoted"', Email=f"b{n}@bulk.example")
        for n in range(20)
    ]
    writes += [
        create(200 + n, LastName="Plain" if n else None, Email="same@bulk.example")
        for n in range(15)
    ]
    told = by_ref(org.apply(writes))
    assert sorted(told) == sorted(write.ref for write in writes)
    refused = {ref: outcome.code for ref, outcome in told.items() if isinstance(outcome, Rejected)}
    assert refused == {5: "INVALID_EMAIL_ADDRESS", 200: "REQUIRED_FIELD_MISSING"}
    rows = local.state.table("Contact").rows
    assert rows[records[3]["Id"]].get("Title") is None
    assert rows[records[6]["Id"]]["Title"] == "#N/A"
    assert rows[records[0]["Id"]]["Title"] == "twice"
    keyed = told[107]
    assert isinstance(keyed, Accepted)
    assert keyed.created
    assert rows[keyed.salesforce_id]["LastName"] == 'multi\nline, "quoted"'
    assert rows[keyed.salesforce_id]["PenguinMails_Id__c"] == "bulk-7"
    assert (
        len(
            {
                outcome.salesforce_id
                for outcome in told.values()
                if isinstance(outcome, Accepted) and outcome.ref > 200
            }
        )
        == 14
    )
    assert [count for _, count in jobs] == [29, 20, 15]


def test_bulk_deletes_and_knows_what_is_gone_already(
    bulk_org: SalesforceOrg, local: LocalOrg
) -> None:
    ids = [local.as_user().create("Contact", {"LastName": "Doomed"}) for _ in range(5)]
    local.as_user().delete(ids[0])
    told = bulk_org.apply(
        [
            OrgWrite(ref, OrgAction.DELETE, "Contact", {}, SalesforceId(each))
            for ref, each in enumerate(ids)
        ]
    )
    assert all(isinstance(outcome, Accepted) for outcome in told)


@pytest.mark.parametrize(
    ("fault", "path", "nth"),
    [
        ("drop", "/jobs/ingest$", 1),
        ("lose_reply", "/jobs/ingest$", 1),
        ("lose_reply", r"/jobs/ingest/750\w+$", 1),
        ("drop", r"/jobs/ingest/750\w+$", 1),
        ("drop", r"/jobs/ingest/750\w+$", 2),
        ("html", r"/jobs/ingest/750\w+$", 2),
        ("truncate", r"/jobs/ingest/750\w+$", 2),
        ("truncate", "successfulResults", 1),
        ("unavailable", "successfulResults", 1),
        ("expired_session", "successfulResults", 1),
        ("expired_session", "batches", 1),
    ],
)
def test_bulk_comes_through_trouble_without_writing_twice(
    bulk_org: SalesforceOrg, local: LocalOrg, fault: str, path: str, nth: int
) -> None:
    before = len(local.state.table("Contact").rows)
    trouble(local, fault, path, nth)
    told = bulk_org.apply([create(ref, LastName=f"N{ref}") for ref in range(20)])
    assert all(isinstance(outcome, Accepted) for outcome in told)
    assert len(local.state.table("Contact").rows) == before + 20
    assert local.faults.faults[0].fired == 1


@pytest.mark.parametrize("fault", ["drop", "lose_reply"])
def test_a_bulk_upload_that_breaks_defers_everything(
    bulk_org: SalesforceOrg, local: LocalOrg, fault: str
) -> None:
    before = len(local.state.table("Contact").rows)
    trouble(local, fault, "/batches")
    told = bulk_org.apply([create(ref, LastName=f"N{ref}") for ref in range(20)])
    assert all(isinstance(outcome, Deferred) for outcome in told)
    assert len(local.state.table("Contact").rows) == before


def test_a_bulk_job_that_cannot_be_asked_after_is_unknown_and_collected_later(
    local: LocalOrg,
) -> None:
    jobs: list[str] = []
    org = opened(local, bulk_write_from=1, on_job=lambda job_id, _: jobs.append(job_id))
    writes = [create(ref, LastName=f"N{ref}") for ref in range(20)]
    trouble(local, "unavailable", r"/jobs/ingest/750\w+$", nth=range(2, 30))
    told = org.apply(writes)
    assert all(isinstance(outcome, Unknown) for outcome in told)
    local.faults.clear()
    connection = opened(local).connection
    jobs_of_another_process = BulkWriter(connection, BulkJobs(connection, "jobs/ingest"))
    collected = jobs_of_another_process.collect(jobs[0], writes)
    assert all(isinstance(outcome, Accepted) for outcome in collected)


def test_rows_that_bulk_refuses_for_a_lock_are_deferred(
    bulk_org: SalesforceOrg, local: LocalOrg
) -> None:
    local.faults.add({"match": {"method": "PATCH"}, "fault": "lock_rows", "args": {"rows": [2]}})
    told = by_ref(bulk_org.apply([create(ref, LastName=f"N{ref}") for ref in range(4)]))
    assert [type(told[ref]).__name__ for ref in range(4)] == [
        "Accepted",
        "Accepted",
        "Deferred",
        "Accepted",
    ]


# -- reading through trouble -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("drop", {}),
        ("lose_reply", {}),
        ("truncate", {"share": 0.5}),
        ("status", {"status": 500}),
        ("html", {"status": 502}),
        ("unavailable", {}),
        ("rate_limited", {"retry_after": 2}),
        ("expired_session", {}),
        ("status", {"status": 400, "code": "InvalidSessionId", "message": "Invalid session id"}),
        ("html", {"status": 401}),
        ("html", {"status": 403}),
    ],
)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_pull_comes_through_trouble_on_any_page(
    org: SalesforceOrg, local: LocalOrg, fault: str, args: dict[str, Any], nth: int
) -> None:
    expected = [record["Id"] for record in everybody(opened(local))]
    trouble(local, fault, "/query/", nth, **args)
    assert [record["Id"] for record in everybody(org)] == expected
    assert local.faults.faults[0].fired == 1


@pytest.mark.parametrize(
    ("fault", "path", "nth"),
    [
        ("drop", "/jobs/query$", 1),
        ("lose_reply", "/jobs/query$", 1),
        ("drop", r"/jobs/query/750\w+$", 1),
        ("html", r"/jobs/query/750\w+$", 2),
        ("expired_session", r"/jobs/query/750\w+$", 1),
        ("drop", "/results", 1),
        ("truncate", "/results", 1),
        ("unavailable", "/results", 1),
    ],
)
def test_a_bulk_pull_comes_through_trouble(
    bulk_org: SalesforceOrg, local: LocalOrg, fault: str, path: str, nth: int
) -> None:
    expected = {record["Id"] for record in everybody(opened(local))}
    trouble(local, fault, path, nth)
    read = [record["Id"] for record in everybody(bulk_org)]
    assert set(read) == expected
    assert len(read) == len(expected)
    assert local.faults.faults[0].fired == 1


@pytest.mark.parametrize("path", ["/describe", "/query/", "/composite$"])
def test_trouble_that_lasts_is_told_after_patient_tries(
    org: SalesforceOrg, local: LocalOrg, path: str
) -> None:
    def everything() -> None:
        org.describe("Contact")
        everybody(org)
        flat(org.find("Contact", ["Id"], "Email", [f"a{n}@b.example" for n in range(900)]))

    trouble(local, "html", path, nth=(), status=503)
    with pytest.raises(OrgUnavailable) as caught:
        everything()
    assert "<html" not in caught.value.message
    assert local.faults.faults[0].fired == 5


def test_a_wait_too_long_ends_the_run_at_once(org: SalesforceOrg, local: LocalOrg) -> None:
    trouble(local, "rate_limited", "/query/", nth=(), retry_after=86_400)
    with pytest.raises(OrgUnavailable):
        everybody(org)
    assert local.faults.faults[0].fired == 1


def test_the_days_limit_is_not_tried_again(org: SalesforceOrg, local: LocalOrg) -> None:
    trouble(local, "request_limit", "", nth=())
    for call in (
        lambda: org.describe("Contact"),
        lambda: everybody(org),
        lambda: flat(org.fetch("Contact", FIELDS, [SalesforceId("003000000000000AAA")])),
    ):
        with pytest.raises(BudgetSpent):
            call()
    assert local.faults.faults[0].fired == 3


def test_a_login_that_never_works_again_ends_the_run(org: SalesforceOrg, local: LocalOrg) -> None:
    trouble(local, "expired_session", "", nth=())
    with pytest.raises(GrantRevoked):
        org.describe("Contact")
    with pytest.raises(GrantRevoked):
        org.apply([create(1, LastName="Never")])


def test_a_pull_that_would_touch_the_reserve_is_not_begun(local: LocalOrg) -> None:
    used = local.state.meter.used
    before, local.state.settings.daily_api_requests = (
        local.state.settings.daily_api_requests,
        (used + 2) * 5 // 4,
    )
    try:
        with pytest.raises(SfsyncError):
            everybody(opened(local))
    finally:
        local.state.settings.daily_api_requests = before


# -- Tasks -----------------------------------------------------------------------------------------
def tasks_made(
    org: SalesforceOrg, who: str, *keys: str, field: str = ""
) -> dict[str, SalesforceId]:
    writes = [
        create(
            ref, sobject="Task", Subject="x", WhoId=who, Description=f"Opened\nsfsync-ref: {key}\n"
        )
        if not field
        else OrgWrite(
            ref, OrgAction.CREATE, "Task", {"Subject": "x", "WhoId": who}, None, field, key
        )
        for ref, key in enumerate(keys)
    ]
    outcomes = by_ref(org.apply(writes))
    return {key: outcomes[ref].salesforce_id for ref, key in enumerate(keys)}  # type: ignore[union-attr]


def test_tasks_are_found_by_their_reference_line(org: SalesforceOrg) -> None:
    activities = ActivityMap(fields=(("WhoId", "contact_id"), ("Subject", "Email")))
    assert activities.who_field == "WhoId"
    people = [record["Id"] for record in everybody(org)]
    made = tasks_made(org, people[0], "evt-1", "evt-12")
    assert org.find_tasks(activities, ["evt-1", "evt-2"], people, LONG_AGO) == {
        "evt-1": made["evt-1"]
    }
    assert org.find_tasks(activities, ["evt-1"], people[1:], LONG_AGO) == {}
    assert org.find_tasks(activities, ["evt-1"], people, "2999-01-01T00:00:00Z") == {}
    assert org.find_tasks(activities, [], people, LONG_AGO) == {}


def test_tasks_tied_to_nobody_are_found_too(org: SalesforceOrg) -> None:
    made = tasks_made(org, everybody(org)[0]["Id"], "evt-9")
    assert org.find_tasks(ActivityMap(), ["evt-9"], [], LONG_AGO) == {"evt-9": made["evt-9"]}


def test_tasks_are_found_by_external_id_archived_and_deleted_too(
    org: SalesforceOrg, local: LocalOrg
) -> None:
    activities = ActivityMap(external_id="PenguinMails_Event_Id__c")
    who = everybody(org)[0]["Id"]
    made = tasks_made(org, who, "evt-a", "evt-b", "evt-c", field=activities.external_id)
    local.as_user().delete(made["evt-b"])
    asked = ["evt-a", "evt-b", "evt-nowhere", *(f"filler-{number}" for number in range(700))]
    before = org.usage().api_calls
    assert org.find_tasks(activities, asked, [], LONG_AGO) == {
        key: made[key] for key in ("evt-a", "evt-b")
    }
    assert org.usage().api_calls == before + 1


def test_garbled_answers_store_nothing(org: SalesforceOrg, local: LocalOrg) -> None:
    trouble(local, "status", "/query/", nth=(), status=200, code="X", message="not a page")
    with pytest.raises(ProtocolError):
        everybody(org)
