"""One suite over the real adapter and over the org in memory, so that the laws are not proven against a fiction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import stamina

from local_org.server import LocalOrg, LocalOrgConfig
from sfsync.engine.ports import Org
from sfsync.errors import OrgRefused, OrgUnavailable
from sfsync.mapping.check import narrow
from sfsync.mapping.check_activities import narrow_activities
from sfsync.mapping.projection import Projection
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.mapping import ActivityMap
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import RemoteState, SalesforceId
from sfsync.model.token import Token
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from tests.fakes import FakeOrg
from tests.sides import MAPPING

CONTACTS, LEADS = MAPPING.objects["contact"], MAPPING.objects["lead"]
FIELDS = Projection(CONTACTS).remote_fields
LEAD_FIELDS = Projection(LEADS).remote_fields
KEY, TASK_KEY = "PenguinMails_Id__c", "PenguinMails_Event_Id__c"
LONG_AGO = "2000-01-01T00:00:00Z"

Raw = dict[str, Any]


class World(ABC):
    """An org as the verbs see it, with people and trouble in it."""

    org: Org
    people: Any

    @abstractmethod
    def pass_time(self, seconds: float) -> None: ...

    @abstractmethod
    def lose_the_next_reply(self, path: str = "") -> None: ...

    @abstractmethod
    def refuse_requests(self) -> None: ...

    @abstractmethod
    def lock(self) -> None: ...

    def create(self, sobject: str, **fields: Any) -> SalesforceId:
        return SalesforceId(self.people.create(sobject, fields))

    def edit(self, record: str, **fields: Any) -> None:
        self.people.edit(record, fields)

    def merge(self, master: str, loser: str) -> None:
        self.people.merge(master, [loser])

    def convert(self, lead: str, contact: str | None = None) -> str:
        return str(self.people.convert(lead, contact_id=contact).contact_id)

    # -- what the tests ask ------------------------------------------------------------------------
    def contact(self, **fields: Any) -> SalesforceId:
        return self.create("Contact", **{"LastName": "Lovelace", "Email": "ada@x.example"} | fields)

    def one(self, record: str, sobject: str = "Contact") -> Raw:
        fields = LEAD_FIELDS if sobject == "Lead" else FIELDS
        (found,) = flat(self.org.fetch(sobject, fields, [SalesforceId(record)]))
        return found

    def apply(self, *writes: OrgWrite) -> dict[int, Outcome]:
        return {outcome.ref: outcome for outcome in self.org.apply(list(writes))}


class Served(World):
    """The real adapter, and a local org at the other end of the wire."""

    def __init__(self, local: LocalOrg) -> None:
        def refresh(_stale: Token) -> Token:
            return Token(
                local.token(), local.url, f"{local.url}/id/{local.state.org_id}/005000000000001AAA"
            )

        session = OrgSession(refresh(Token("", "", "")), refresh, timeouts_seconds=(2.0, 2.0))
        self.local = local
        self.org = SalesforceOrg(Connection(session, patience=Patience(first_wait_seconds=0.01)))
        self.people = local.as_user()

    def pass_time(self, seconds: float) -> None:
        self.local.state.clock.advance(seconds)
        flat(
            self.org.fetch("Contact", ["Id"], [SalesforceId("003000000000000AAA")])
        )  # it hears the new time

    def lose_the_next_reply(self, path: str = "/composite/sobjects") -> None:
        self.local.faults.add({"match": {"path": path}, "nth": 1, "fault": "lose_reply"})

    def refuse_requests(self) -> None:
        self.local.faults.add(
            {
                "match": {"path": ""},
                "nth": (),
                "fault": "rate_limited",
                "args": {"retry_after": 86400},
            }
        )

    def lock(self) -> None:
        path = "/composite/sobjects"
        self.local.faults.add(
            {"match": {"path": path}, "nth": (), "fault": "lock_rows", "args": {"rows": [0]}}
        )


class InMemory(World):
    """The fake."""

    def __init__(self) -> None:
        self.org = self.fake = FakeOrg()

    def create(self, sobject: str, **fields: Any) -> SalesforceId:
        return self.fake.create(sobject, **fields)

    def edit(self, record: str, **fields: Any) -> None:
        self.fake.edit(record, **fields)

    def merge(self, master: str, loser: str) -> None:
        self.fake.merge(master, loser)

    def convert(self, lead: str, contact: str | None = None) -> str:
        return self.fake.convert(lead, contact)

    @property
    def people(self) -> FakeOrg:  # type: ignore[override]
        return self.fake

    def pass_time(self, seconds: float) -> None:
        self.fake.pass_time(seconds)

    def lose_the_next_reply(self, path: str = "") -> None:
        self.fake.trouble.lost_replies = 1

    def refuse_requests(self) -> None:
        self.fake.trouble.refused_requests = 99

    def lock(self) -> None:
        self.fake.trouble.deferred = lambda _: True


@pytest.fixture(scope="module")
def local() -> Iterator[LocalOrg]:
    with LocalOrg(LocalOrgConfig(contacts=0, leads=0)) as running:
        yield running


@pytest.fixture(params=["served", "in memory"])
def world(request: pytest.FixtureRequest, local: LocalOrg) -> Iterator[World]:
    if request.param == "in memory":
        yield InMemory()
        return
    for sobject in ("Contact", "Lead", "Task", "Account"):
        table = local.state.table(sobject)
        with local.state.transaction():
            for record in list(table.rows):
                local.state.put(table, record, None)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield Served(local)
    local.faults.clear()


def flat(pages: Iterable[Sequence[Any]]) -> list[Raw]:
    return [dict(record) for page in pages for record in page]


def update(ref: int, record: str, **fields: Any) -> OrgWrite:
    return OrgWrite(ref, OrgAction.UPDATE, "Contact", fields, SalesforceId(record))


def create(ref: int, key: str = "", sobject: str = "Contact", **fields: Any) -> OrgWrite:
    return OrgWrite(ref, OrgAction.CREATE, sobject, fields, None, KEY if key else "", key)


def delete(ref: int, record: str) -> OrgWrite:
    return OrgWrite(ref, OrgAction.DELETE, "Contact", {}, SalesforceId(record))


def refused(outcome: Outcome) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.code


# -- reading ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["contact", "lead"])
def test_the_whole_example_mapping_fits(world: World, name: str) -> None:
    object_map = MAPPING.objects[name]
    narrowed, _ = narrow(object_map, world.org.describe(object_map.sobject))
    # how far a number is kept is the org's own to say
    as_configured = tuple(replace(field, scale=None) for field in narrowed.fields)
    assert replace(narrowed, fields=as_configured) == object_map
    activities, _ = narrow_activities(MAPPING.activities, world.org.describe("Task"))
    assert activities == MAPPING.activities


def test_a_field_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(OrgRefused, match="No such column") as caught:
        flat(world.org.changed_since("Contact", ["Id", "Nope__c"], None).pages)
    assert caught.value.code == "INVALID_FIELD"


def test_records_come_as_the_mapping_reads_them(world: World) -> None:
    world.contact(
        Title=" CTO ", HasOptedOutOfEmail=True, PenguinMails_Total_Clicks__c=3, MailingCity="London"
    )
    (raw,) = flat(world.org.changed_since("Contact", FIELDS, None).pages)
    assert set(FIELDS) <= set(raw)
    remote = Projection(CONTACTS).to_remote_record(raw)
    assert remote.state is RemoteState.PRESENT
    told = {column: value for column, value in remote.values.items() if value not in (None, 0)}
    assert told == {
        "email": "ada@x.example",
        "last_name": "Lovelace",
        "job_title": "CTO",
        "opted_out": 1,
        "total_clicks": 3,
        "city": "London",
    }


def test_all_live_records_come_without_a_time_and_deleted_ones_since_one(world: World) -> None:
    kept, gone = world.contact(), world.contact(Email="gone@x.example")
    world.people.delete(gone)
    assert {raw["Id"] for raw in flat(world.org.changed_since("Contact", FIELDS, None).pages)} == {
        kept
    }
    told = {
        raw["Id"]: raw for raw in flat(world.org.changed_since("Contact", FIELDS, LONG_AGO).pages)
    }
    assert {record: raw["IsDeleted"] for record, raw in told.items()} == {kept: False, gone: True}


def test_a_mark_shows_everything_stamped_since_and_nothing_before(world: World) -> None:
    first, second = world.contact(), world.contact(Email="b@x.example")
    world.pass_time(3_600)
    mark = world.org.changed_since("Contact", FIELDS, None).as_of
    world.edit(second, Title="now")
    told = flat(world.org.changed_since("Contact", FIELDS, str(mark)).pages)
    assert [raw["Id"] for raw in told] == [second]
    assert first != second


def test_a_merger_is_told_with_its_survivor(world: World) -> None:
    master, loser = world.contact(), world.contact(Email="loser@x.example")
    world.merge(master, loser)
    remote = Projection(CONTACTS).to_remote_record(world.one(loser))
    assert (remote.state, remote.successor_id) == (RemoteState.MERGED, master)
    assert flat(world.org.find("Contact", FIELDS, "Email", ["loser@x.example"])) == []


@pytest.mark.parametrize("existing", [True, False])
def test_a_conversion_is_told_with_its_contact(world: World, existing: bool) -> None:
    lead = world.create("Lead", LastName="L", Company="Co", Email="lead@x.example", Title="CTO")
    contact = world.convert(lead, world.contact(Title="Boss") if existing else None)
    remote = Projection(LEADS).to_remote_record(world.one(lead, "Lead"))
    assert (remote.state, remote.successor_id) == (RemoteState.CONVERTED, contact)
    assert world.one(contact)["Title"] == ("Boss" if existing else "CTO")
    (found,) = flat(world.org.find("Lead", LEAD_FIELDS, "Email", ["lead@x.example"]))
    assert found["IsConverted"] is True


def test_an_undeleted_record_is_told_again(world: World) -> None:
    record = world.contact()
    world.people.delete(record)
    world.pass_time(3_600)
    mark = world.org.changed_since("Contact", FIELDS, None).as_of
    world.people.undelete(record)
    (raw,) = flat(world.org.changed_since("Contact", FIELDS, str(mark)).pages)
    assert (raw["Id"], raw["IsDeleted"]) == (record, False)


def test_fetch_leaves_out_what_is_nowhere_and_asks_nothing_for_nobody(world: World) -> None:
    record = world.contact()
    nowhere = SalesforceId("003000000000000AAA")
    assert [raw["Id"] for raw in flat(world.org.fetch("Contact", FIELDS, [nowhere, record]))] == [
        record
    ]
    before = world.org.usage().api_calls
    assert flat(world.org.fetch("Contact", FIELDS, [])) == []
    assert flat(world.org.find("Contact", FIELDS, "Email", [" "])) == []
    assert world.org.apply([]) == []
    assert world.org.usage().api_calls == before


def test_a_purged_record_is_nowhere(world: World) -> None:
    record = world.contact()
    world.people.delete(record)
    world.people.purge(record)
    assert flat(world.org.fetch("Contact", FIELDS, [record])) == []


def test_people_are_found_by_any_field_whatever_its_case(world: World) -> None:
    record = world.contact(**{KEY: "Key-1"})
    for field, key in (("Email", "ADA@X.example"), (KEY, "kEY-1"), ("LastName", "lovelace")):
        assert [
            raw["Id"] for raw in flat(world.org.find("Contact", ["Id", field], field, [key]))
        ] == [record]


def test_each_question_is_one_call(world: World) -> None:
    record = world.contact()
    before = world.org.usage().api_calls
    flat(world.org.changed_since("Contact", FIELDS, None).pages)
    flat(world.org.fetch("Contact", FIELDS, [record]))
    flat(world.org.find("Contact", FIELDS, "Email", [f"p{n}@x.example" for n in range(1_000)]))
    world.apply(update(1, record, Title="x"))
    assert world.org.usage().api_calls == before + 4


# -- writing ---------------------------------------------------------------------------------------
def test_writes_are_done_each_with_its_outcome(world: World) -> None:
    record, doomed = world.contact(), world.contact(Email="doomed@x.example")
    told = world.apply(
        update(1, record, Title=" CTO ", HasOptedOutOfEmail=True),
        create(2, LastName="New", Email="new@x.example"),
        delete(3, doomed),
    )
    assert told[1] == Accepted(1, record)
    assert isinstance(told[2], Accepted)
    assert told[2].created
    assert told[3] == Accepted(3, doomed)
    assert (world.one(record)["Title"], world.one(record)["HasOptedOutOfEmail"]) == ("CTO", True)
    assert world.one(doomed)["IsDeleted"] is True


def test_null_clears_and_a_write_moves_the_stamp(world: World) -> None:
    record = world.contact(Title="CTO")
    before = world.one(record)["SystemModstamp"]
    world.pass_time(60)
    world.apply(update(1, record, Title=None))
    assert world.one(record)["Title"] is None
    assert world.one(record)["SystemModstamp"] > before


def test_refusals_have_the_orgs_codes_and_stop_nobody_else(world: World) -> None:
    record, gone = world.contact(), world.contact(Email="gone@x.example")
    world.people.delete(gone)
    lead = world.create("Lead", LastName="L", Company="Co", Email="l@x.example")
    world.convert(lead)
    on_lead = replace(update(6, lead, Title="x"), sobject="Lead")
    told = world.apply(
        update(1, record, Email="nonsense"),
        create(2, Email="nameless@x.example"),
        update(3, gone, Title="x"),
        update(4, record, LastName=None),
        update(5, record, Title="fine"),
        on_lead,
    )
    assert refused(told[1]) == "INVALID_EMAIL_ADDRESS"
    assert refused(told[2]) == "REQUIRED_FIELD_MISSING"
    assert refused(told[3]) == "ENTITY_IS_DELETED"
    assert refused(told[4]) == "REQUIRED_FIELD_MISSING"
    assert refused(told[6]) == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert isinstance(told[5], Accepted)


def test_what_is_deleted_already_counts_as_deleted(world: World) -> None:
    record = world.contact()
    world.people.delete(record)
    assert world.apply(delete(1, record))[1] == Accepted(1, record)


def test_a_create_by_key_is_done_once_whatever_its_case(world: World) -> None:
    first = world.apply(create(1, "key-1", LastName="Once"))[1]
    again = world.apply(create(1, "KEY-1", LastName="Again"))[1]
    assert isinstance(first, Accepted)
    assert again == Accepted(1, first.salesforce_id, created=False)
    assert world.one(first.salesforce_id)["LastName"] == "Again"


def test_a_key_whose_record_was_deleted_makes_a_new_one(world: World) -> None:
    first = world.apply(create(1, "key-1", LastName="Once"))[1]
    assert isinstance(first, Accepted)
    world.people.delete(first.salesforce_id)
    again = world.apply(create(1, "key-1", LastName="Again"))[1]
    assert isinstance(again, Accepted)
    assert again.created


# -- updates that somebody else may get in the way of ----------------------------------------------
def read_at(world: World, record: str, sobject: str = "Contact") -> str:
    """The record's stamp, as a plan holds it."""
    raw = world.one(record, sobject)
    return Projection(LEADS if sobject == "Lead" else CONTACTS).to_remote_record(raw).modified_at


def put_off(outcome: Outcome) -> str:
    assert isinstance(outcome, Deferred), outcome
    return outcome.code


def guarded(world: World, ref: int, record: SalesforceId, **fields: Any) -> OrgWrite:
    return replace(update(ref, record, **fields), if_unmodified_since=read_at(world, record))


def test_an_update_tells_what_it_replaced(world: World) -> None:
    record = world.contact(Title="Old", PenguinMails_Total_Clicks__c=3)
    write = guarded(world, 1, record, Title="x", Phone="555", PenguinMails_Total_Clicks__c=4)
    told = world.apply(write)[1]
    assert told == Accepted(1, record)
    assert isinstance(told, Accepted)
    assert told.seen is not None
    seen = {name: told.seen[name] for name in write.fields}
    assert seen == {"Title": "Old", "Phone": None, "PenguinMails_Total_Clicks__c": 3.0}
    assert world.one(record)["Title"] == "x"


def test_a_record_that_moved_is_left_alone_and_holds_up_no_other(world: World) -> None:
    one, two = world.contact(), world.contact(Email="bob@x.example")
    writes = [guarded(world, 1, one, Title="x"), guarded(world, 2, two, Title="x")]
    world.pass_time(2)
    world.edit(one, Phone="555")
    told = world.apply(*writes)
    assert put_off(told[1]) == RECORD_CHANGED
    assert told[2] == Accepted(2, two)
    assert (world.one(one)["Title"], world.one(two)["Title"]) == (None, "x")
    assert world.apply(guarded(world, 3, one, Title="y"))[3] == Accepted(3, one)


def test_all_that_moved_are_left_alone(world: World) -> None:
    records = [world.contact(Email=f"p{number}@x.example") for number in range(3)]
    writes = [guarded(world, number, record, Title="x") for number, record in enumerate(records)]
    world.pass_time(2)
    for record in records:
        world.edit(record, Title="theirs")
    assert {put_off(told) for told in world.apply(*writes).values()} == {RECORD_CHANGED}
    assert {world.one(record)["Title"] for record in records} == {"theirs"}


def test_an_edit_in_the_very_second_of_the_latest_stamp_is_told(world: World) -> None:
    record = world.contact(Title="Old")
    write = guarded(world, 1, record, Title="x")
    world.edit(record, Title="theirs")
    told = world.apply(replace(write, if_unmodified_since=read_at(world, record)))[1]
    assert isinstance(told, Accepted)
    assert told.seen is not None
    assert told.seen["Title"] == "theirs"


def test_a_record_deleted_or_purged_has_moved(world: World) -> None:
    gone, purged = world.contact(), world.contact(Email="bob@x.example")
    writes = [guarded(world, 1, gone, Title="x"), guarded(world, 2, purged, Title="x")]
    world.people.delete(gone)
    world.people.delete(purged)
    world.people.purge(purged)
    assert {put_off(told) for told in world.apply(*writes).values()} == {RECORD_CHANGED}


def test_guarded_and_other_writes_go_together(world: World) -> None:
    one, two = world.contact(), world.contact(Email="bob@x.example")
    lead = world.create("Lead", LastName="Dee", Company="Co")
    on_lead = OrgWrite(4, OrgAction.UPDATE, "Lead", {"Title": "x"}, lead)
    writes = (
        guarded(world, 1, one, Title="x"),
        update(2, two, Title="x"),
        create(3, "key-3", LastName="New"),
        replace(on_lead, if_unmodified_since=read_at(world, lead, "Lead")),
        delete(5, world.contact(Email="eve@x.example")),
    )
    told = world.apply(*writes)
    assert sorted(told) == [1, 2, 3, 4, 5]
    assert all(isinstance(outcome, Accepted) for outcome in told.values())


def test_a_guarded_update_that_is_refused_is_refused(world: World) -> None:
    one, two = world.contact(), world.contact(Email="bob@x.example")
    told = world.apply(guarded(world, 1, one, Email="nonsense"), guarded(world, 2, two, Title="x"))
    assert refused(told[1]) == "INVALID_EMAIL_ADDRESS"
    assert told[2] == Accepted(2, two)


def test_a_lost_reply_to_a_guarded_update_is_unknown(world: World) -> None:
    record = world.contact()
    write = guarded(world, 1, record, Title="done")
    world.lose_the_next_reply("/composite")
    assert isinstance(world.apply(write)[1], Unknown)
    assert world.one(record)["Title"] == "done"


# -- trouble ---------------------------------------------------------------------------------------
def test_a_lost_reply_is_unknown_and_the_work_is_done(world: World) -> None:
    record = world.contact()
    world.lose_the_next_reply()
    assert isinstance(world.apply(update(1, record, Title="done"))[1], Unknown)
    assert world.one(record)["Title"] == "done"


def test_a_request_turned_away_is_an_error_and_nothing_is_done(world: World) -> None:
    record = world.contact()
    world.refuse_requests()
    for ask in (
        lambda: world.org.describe("Contact"),
        lambda: world.org.changed_since("Contact", FIELDS, None),
        lambda: flat(world.org.fetch("Contact", FIELDS, [record])),
        lambda: world.org.apply([update(1, record, Title="x")]),
    ):
        with pytest.raises(OrgUnavailable):
            ask()


def test_a_locked_record_is_put_off(world: World) -> None:
    record = world.contact()
    world.lock()
    told = world.apply(update(1, record, Title="x"))[1]
    assert isinstance(told, Deferred)
    assert told.code == "UNABLE_TO_LOCK_ROW"


# -- Tasks -----------------------------------------------------------------------------------------
def task(ref: int, who: str, key: str, *, keyed: bool) -> OrgWrite:
    fields = {"Subject": "Email", "WhoId": who, "Status": "Completed"}
    if keyed:
        return OrgWrite(ref, OrgAction.CREATE, "Task", fields, None, TASK_KEY, key)
    return OrgWrite(
        ref, OrgAction.CREATE, "Task", fields | {"Description": f"Opened\nsfsync-ref: {key}"}
    )


@pytest.mark.parametrize("keyed", [True, False])
def test_tasks_are_found_by_their_keys_and_go_along_with_their_person(
    world: World, keyed: bool
) -> None:
    activities = MAPPING.activities if keyed else replace(MAPPING.activities, external_id="")
    record, master = world.contact(), world.contact(Email="master@x.example")
    made = world.apply(task(1, record, "evt-1", keyed=keyed))[1]
    assert isinstance(made, Accepted)
    assert find(world, activities, record) == {"evt-1": made.salesforce_id}
    world.merge(master, record)
    assert find(world, activities, master) == {"evt-1": made.salesforce_id}
    if not keyed:
        assert find(world, activities, record) == {}
        assert world.org.find_tasks(activities, ["evt-1"], [master], "2999-01-01T00:00:00Z") == {}


def find(world: World, activities: ActivityMap, who: SalesforceId) -> dict[str, SalesforceId]:
    return world.org.find_tasks(activities, ["evt-1", "evt-2"], [who], LONG_AGO)


def test_a_task_for_somebody_who_has_ended_is_refused(world: World) -> None:
    gone = world.contact()
    world.people.delete(gone)
    lead = world.create("Lead", LastName="L", Company="Co", Email="l@x.example")
    world.convert(lead)
    told = world.apply(task(1, gone, "evt-1", keyed=True), task(2, lead, "evt-2", keyed=True))
    assert refused(told[1]) == "ENTITY_IS_DELETED"
    assert refused(told[2]) == "CANNOT_UPDATE_CONVERTED_LEAD"
