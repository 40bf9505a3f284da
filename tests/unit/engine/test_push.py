"""push: what was edited here goes to Salesforce, to the right record, once, and nothing on the way is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.errors import OrgUnavailable, UnsafePlan
from sfsync.model.change import OrgAction
from sfsync.model.limits import Limits
from sfsync.model.mapping import OnLocalDelete, OnMultiple
from tests.sides import MAPPING, Sides, with_object

CLICKS = "PenguinMails_Total_Clicks__c"
OPTED_OUT = "HasOptedOutOfEmail"
UNSUBSCRIBED = "PenguinMails_Unsubscribed__c"


def ada(sides: Sides, **fields) -> str:
    """One contact, known on both sides."""
    record = sides.org.create(
        "Contact", **{"LastName": "Lovelace", "Email": "ada@x.example"} | fields
    )
    sides.pull()
    return record


# -- edits -----------------------------------------------------------------------------------------
def test_only_the_changed_fields_are_sent(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.push()
    (write,) = sides.org.written
    assert (write.salesforce_id, dict(write.fields)) == (record, {"Phone": "555"})


def test_a_push_with_nothing_to_send_asks_nothing(sides: Sides) -> None:
    ada(sides)
    assert sides.push().api_calls == 0


def test_an_edit_taken_back_before_the_push_is_no_edit(sides: Sides) -> None:
    ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'CTO'")
    sides.edit("UPDATE contacts SET job_title = 'Countess'")
    assert sides.push().api_calls == 0


def test_what_sales_changed_since_the_last_pull_is_judged_fresh(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET job_title = 'ours', phone = '555'")
    sides.org.edit(record, Title="theirs")
    sides.push()
    assert sides.remote(record, "Title", "Phone") == ("theirs", "555")
    assert sides.local("ada@x.example", "job_title") == "theirs"
    assert sides.conflicts() == [("job_title", "ours", "theirs", "remote", "decided")]


def test_an_edit_made_under_way_of_what_sales_changed_too_is_a_conflict(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.org.edit(record, Title="theirs")
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.trouble.after_apply = lambda _: sides.edit("UPDATE contacts SET job_title = 'ours'")
    sides.push()
    sides.org.trouble.after_apply = lambda _: None
    sides.sync()
    assert sides.conflicts() == [("job_title", "ours", "theirs", "remote", "decided")]
    assert sides.local("ada@x.example", "job_title") == sides.remote(record, "Title") == "theirs"


def test_an_edit_made_while_the_request_is_under_way_is_sent_next_time(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'first'")
    sides.org.trouble.before_apply = lambda _: sides.edit(
        "UPDATE contacts SET job_title = 'second'"
    )
    sides.push()
    sides.org.trouble.before_apply = lambda _: None
    assert sides.remote(record, "Title") == "first"
    assert sides.local("ada@x.example", "job_title") == "second"
    sides.push()
    assert sides.remote(record, "Title") == "second"


def test_an_edit_back_to_the_old_value_while_the_request_is_under_way_holds(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'first'")
    sides.org.trouble.after_apply = lambda _: sides.edit(
        "UPDATE contacts SET job_title = 'Countess'"
    )
    sides.push()
    sides.org.trouble.after_apply = lambda _: None
    sides.sync_until_quiet()
    assert sides.remote(record, "Title") == sides.local("ada@x.example", "job_title") == "Countess"


def test_a_click_counted_while_the_request_is_under_way_counts(sides: Sides) -> None:
    record = ada(sides, **{CLICKS: 5})
    sides.edit("UPDATE contacts SET total_clicks = 7")
    sides.org.edit(record, **{CLICKS: 8})
    sides.org.trouble.before_apply = lambda _: sides.edit(
        "UPDATE contacts SET total_clicks = total_clicks + 1"
    )
    sides.push()
    sides.org.trouble.before_apply = lambda _: None
    sides.sync_until_quiet()
    assert sides.local("ada@x.example", "total_clicks") == sides.remote(record, CLICKS) == 11


def test_a_row_edited_and_deleted_for_good_while_the_request_is_under_way_comes_back(
    sides: Sides,
) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.trouble.after_apply = lambda _: sides.edit("DELETE FROM contacts")
    sides.push()
    sides.org.trouble.after_apply = lambda _: None
    sides.pull(full=True)
    assert sides.local("ada@x.example", "salesforce_id", "phone") == (record, "555")


def test_an_opt_out_by_one_word_is_sent_as_all_of_them_and_never_taken_back(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET unsubscribed = 1")
    sides.push()
    assert sides.remote(record, UNSUBSCRIBED, OPTED_OUT) == (True, True)
    sides.edit("UPDATE contacts SET unsubscribed = 0, opted_out = 0")
    sides.sync_until_quiet()
    assert sides.remote(record, UNSUBSCRIBED, OPTED_OUT) == (True, True)
    assert sides.local("ada@x.example", "unsubscribed", "opted_out") == (1, 1)


def test_values_as_people_type_them_are_brought_into_form(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit(
        "UPDATE contacts SET job_title = '  Countess ', last_email_opened = '2026-01-02 03:04:05'"
    )
    sides.push()
    (write,) = sides.org.written
    assert dict(write.fields) == {"PenguinMails_Last_Email_Opened__c": "2026-01-02T03:04:05.000Z"}
    assert sides.local("ada@x.example", "job_title") == "Countess"
    assert sides.remote(record, "Title") == "Countess"


def test_a_row_with_a_value_that_cannot_be_read_is_put_aside_and_stops_nobody(sides: Sides) -> None:
    record = ada(sides)
    sides.org.create("Contact", LastName="Bad", Email="bad@x.example")
    sides.pull()
    sides.edit(
        "UPDATE contacts SET last_email_opened = 'soon', phone = '1' WHERE email = 'bad@x.example'"
    )
    sides.edit("UPDATE contacts SET phone = '555' WHERE email = 'ada@x.example'")
    report = sides.push()
    assert report.push["contact"].quarantined == 1
    assert sides.refusals() == ["UNREADABLE_VALUE"]
    assert sides.remote(record, "Phone") == "555"
    assert sides.push().api_calls == 0
    sides.edit("UPDATE contacts SET last_email_opened = NULL WHERE email = 'bad@x.example'")
    sides.push()
    assert sides.refusals() == []


# -- who is it -------------------------------------------------------------------------------------
def test_somebody_new_is_created_and_linked(sides: Sides) -> None:
    sides.edit(
        "INSERT INTO contacts (email, last_name, total_clicks) VALUES ('new@x.example', 'New', 3)"
    )
    assert sides.push().push["contact"].created == 1
    (raw,) = sides.org.live("Contact")
    assert (raw["LastName"], raw[CLICKS]) == ("New", 3)
    assert sides.local("new@x.example", "salesforce_id") == raw["Id"]
    sides.sync_until_quiet()


def test_somebody_without_a_name_gets_the_placeholder_there_and_not_here(sides: Sides) -> None:
    sides.edit("INSERT INTO leads (email) VALUES ('new@x.example')")
    sides.push()
    (raw,) = sides.org.live("Lead")
    assert (raw["LastName"], raw["Company"]) == ("(unknown)", "(unknown)")
    sides.sync_until_quiet()
    assert sides.local("new@x.example", "last_name", "company", table="leads") == (None, None)


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_who_is_in_the_org_already_is_linked_by_address_and_not_created(
    sides: Sides, verb: str
) -> None:
    record = sides.org.create("Contact", LastName="Lovelace", Email="Ada@X.example")
    sides.edit("INSERT INTO contacts (email, phone) VALUES ('ada@x.example ', '555')")
    getattr(sides, verb)()
    assert sides.remote(record, "Phone") == "555"
    assert len(sides.org.live("Contact")) == 1
    assert sides.one("SELECT count(*) FROM contacts") == 1


@pytest.mark.parametrize("end", ["\n", "\t", "\r\n", " "])
@pytest.mark.parametrize("verb", ["push", "sync"])
def test_an_address_with_something_invisible_at_its_end_is_still_that_address(
    sides: Sides, verb: str, end: str
) -> None:
    record = sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example")
    sides.edit("INSERT INTO contacts (email, phone) VALUES (?, '555')", f"ada@x.example{end}")
    getattr(sides, verb)()
    sides.sync()
    assert [raw["Id"] for raw in sides.org.live("Contact")] == [record]


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_several_records_with_the_address_are_told_and_nothing_is_sent(
    sides: Sides, verb: str
) -> None:
    for name in ("One", "Two"):
        sides.org.create("Contact", LastName=name, Email="twin@x.example")
    sides.pull()
    sides.edit("INSERT INTO contacts (email, phone) VALUES ('twin@x.example', '555')")
    getattr(sides, verb)()
    assert sides.org.written == []
    assert len(sides.refusals()) == 1


def test_of_several_records_the_newest_is_taken_where_the_mapping_says_so(sides: Sides) -> None:
    sides.reopen(with_object(MAPPING, "contact", on_multiple=OnMultiple.NEWEST))
    sides.org.create("Contact", LastName="One", Email="twin@x.example")
    newest = sides.org.create("Contact", LastName="Two", Email="twin@x.example")
    sides.edit("INSERT INTO contacts (email, phone) VALUES ('twin@x.example', '555')")
    sides.push()
    assert [write.salesforce_id for write in sides.org.written] == [newest]


def test_the_same_address_twice_here_makes_one_person_there(sides: Sides) -> None:
    sides.edit(
        "INSERT INTO contacts (email, last_name) VALUES ('ada@x.example', 'A'), ('ADA@x.example', 'B')"
    )
    sides.push()
    assert len(sides.org.live("Contact")) == 1
    assert sides.refusals() == ["SAME_PERSON"]
    assert sides.push().api_calls == 0


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_a_row_deleted_here_and_put_in_again_makes_no_second_record(
    sides: Sides, verb: str
) -> None:
    ada(sides)
    sides.pass_time(7_200)
    sides.pull()
    sides.edit("DELETE FROM contacts")
    sides.edit("INSERT INTO contacts (email, phone) VALUES ('ada@x.example', '555')")
    getattr(sides, verb)()
    assert len(sides.org.live("Contact")) == 1


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_a_row_soft_deleted_here_and_put_in_again_makes_no_second_record(
    sides: Sides, verb: str
) -> None:
    ada(sides)
    sides.edit("UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.edit("INSERT INTO contacts (email, phone) VALUES ('ada@x.example', '555')")
    getattr(sides, verb)()
    assert len(sides.org.live("Contact")) == 1


def test_where_new_records_do_not_come_down_nobody_is_created_twice(sides: Sides) -> None:
    rules = MAPPING.rules["contact"]
    kept = tuple(rule for rule in rules.records if rule.on.value != "created")
    sides.reopen(replace(MAPPING, rules={**MAPPING.rules, "contact": replace(rules, records=kept)}))
    record = sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example")
    sides.sync()
    sides.edit("INSERT INTO contacts (email, phone) VALUES ('ada@x.example', '555')")
    sides.sync()
    assert [raw["Id"] for raw in sides.org.live("Contact")] == [record]
    assert sides.remote(record, "Phone") == "555"


def test_somebody_put_in_while_the_push_is_at_work_is_looked_for_before_being_created(
    sides: Sides,
) -> None:
    known = ada(sides)
    sides.pass_time(7_200)
    sides.pull()
    sides.edit("DELETE FROM contacts")
    sides.edit("INSERT INTO contacts (email, last_name) VALUES ('new@x.example', 'New')")
    find = sides.org.find

    def slowly(*asked):
        yield from find(*asked)
        sides.edit("INSERT INTO contacts (email, phone) VALUES ('ada@x.example', '555')")

    sides.org.find = slowly
    sides.push()
    sides.org.find = find
    sides.push()
    assert sides.remote(known, "Phone") == "555"
    assert len(sides.org.live("Contact")) == 2


def test_a_row_edited_while_the_push_is_at_work_is_not_taken_for_one_out_of_sight(
    sides: Sides,
) -> None:
    record = ada(sides)
    other = sides.org.create("Contact", LastName="Other", Email="other@x.example")
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '1' WHERE email = 'ada@x.example'")
    fetch = sides.org.fetch

    def slowly(*asked):
        yield from fetch(*asked)
        sides.edit("UPDATE contacts SET phone = '2' WHERE email = 'other@x.example'")

    sides.org.fetch = slowly
    sides.push()
    sides.org.fetch = fetch
    assert sides.refusals() == []
    sides.push()
    assert (sides.remote(record, "Phone"), sides.remote(other, "Phone")) == ("1", "2")


# -- refusals --------------------------------------------------------------------------------------
def test_a_refused_record_is_put_aside_in_the_orgs_words_until_somebody_edits_it(
    sides: Sides,
) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET email = 'nonsense', phone = '1'")
    sides.push()
    assert sides.look("SELECT code, message FROM quarantine") == [
        ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: nonsense")
    ]
    assert sides.push().api_calls == 0
    sides.edit("UPDATE contacts SET email = 'ada2@x.example'")
    sides.push()
    assert sides.remote(record, "Email", "Phone") == ("ada2@x.example", "1")
    assert sides.refusals() == []


def test_a_refused_record_stops_nobody_else(sides: Sides) -> None:
    sides.edit(
        "INSERT INTO contacts (email, last_name) VALUES ('a@x.example', 'A'), ('b@x.example', 'B')"
    )
    sides.org.trouble.rejected = lambda write: (
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no A here")
        if write.fields.get("LastName") == "A"
        else None
    )
    report = sides.push()
    assert (report.push["contact"].created, report.push["contact"].quarantined) == (1, 1)


def test_a_record_put_off_by_a_lock_is_sent_next_time(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.trouble.deferred = lambda _: True
    sides.push()
    sides.org.trouble.deferred = lambda _: False
    sides.push()
    assert sides.remote(record, "Phone") == "555"
    assert sides.refusals() == []


def test_a_request_turned_away_at_the_door_leaves_everything_to_be_sent(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")

    def refuse(_writes):
        raise OrgUnavailable("down")

    sides.org.trouble.before_apply = refuse
    with pytest.raises(OrgUnavailable):
        sides.push()
    sides.org.trouble.before_apply = lambda _: None
    sides.push()
    assert sides.remote(record, "Phone") == "555"
    assert len(sides.org.written) == 1


def test_a_row_whose_record_is_out_of_sight_is_put_aside(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.out_of_sight.add(record)
    sides.push()
    assert sides.refusals() == ["NOT_FOUND"]
    assert sides.one("SELECT deleted_at FROM contacts") is None


# -- deletes, mergers, conversions -----------------------------------------------------------------
def test_a_soft_delete_here_keeps_the_record_unless_the_mapping_says_delete(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.sync()
    assert not sides.org.records[record].get("IsDeleted")
    sides.reopen(with_object(MAPPING, "contact", on_local_delete=OnLocalDelete.DELETE))
    sides.sync()
    assert sides.org.records[record]["IsDeleted"]
    assert [write.action for write in sides.org.written] == [OrgAction.DELETE]
    sides.sync_until_quiet()


def test_a_record_deleted_since_the_last_pull_is_followed_and_the_edit_kept(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.delete(record)
    sides.push()
    sides.sync_until_quiet()
    assert sides.one("SELECT deleted_at FROM contacts")
    assert sides.conflicts() == [("phone", "555", None, "remote", "decided")]


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_what_a_merged_row_still_owes_goes_to_the_survivor(sides: Sides, verb: str) -> None:
    record = ada(sides, **{CLICKS: 5})
    master = sides.org.create("Contact", LastName="Byron", Email="byron@x.example", **{CLICKS: 10})
    sides.pull()
    sides.edit(
        "UPDATE contacts SET total_clicks = 7, unsubscribed = 1, phone = '555' WHERE email = 'ada@x.example'"
    )
    sides.org.merge(master, record)
    getattr(sides, verb)()
    sides.sync_until_quiet()
    assert sides.remote(master, CLICKS, UNSUBSCRIBED, OPTED_OUT) == (12, True, True)
    assert ("phone", "555") in [row[:2] for row in sides.conflicts()]


@pytest.mark.parametrize("verb", ["push", "sync"])
def test_what_a_converted_lead_still_owes_goes_to_its_contact(sides: Sides, verb: str) -> None:
    lead = sides.org.create("Lead", LastName="Hopper", Company="Navy", Email="grace@x.example")
    sides.pull()
    sides.edit("UPDATE leads SET unsubscribed = 1, phone = '555'")
    contact = sides.org.convert(lead)
    getattr(sides, verb)()
    sides.sync_until_quiet()
    assert sides.remote(contact, UNSUBSCRIBED, OPTED_OUT) == (True, True)
    assert sides.local("grace@x.example", "unsubscribed", "opted_out") == (1, 1)
    assert ("phone", "555") in [row[:2] for row in sides.conflicts()]


def test_mergers_in_a_chain_carry_what_is_owed_to_the_last(sides: Sides) -> None:
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)):
        people = [
            sides.org.create("Contact", LastName=f"P{n}", Email=f"c{order}{n}@x.example")
            for n in range(3)
        ]
        first, second, last = (people[place] for place in order)
        sides.pull()
        sides.edit(
            "UPDATE contacts SET total_clicks = 2, opted_out = 1 WHERE salesforce_id = ?", first
        )
        sides.edit(
            "UPDATE contacts SET total_clicks = 3, phone = '555' WHERE salesforce_id = ?", second
        )
        sides.org.merge(second, first)
        sides.org.merge(last, second)
        sides.sync()
        sides.sync_until_quiet()
        assert sides.remote(last, CLICKS, OPTED_OUT) == (5, True), order


def test_a_merger_into_somebody_out_of_sight_keeps_the_edits_as_conflicts(sides: Sides) -> None:
    record = ada(sides)
    master = sides.org.create("Contact", LastName="Byron", Email="byron@x.example")
    sides.org.out_of_sight.add(master)
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.merge(master, record)
    sides.pull()
    assert ("phone", "555") in [row[:2] for row in sides.conflicts()]


# -- the brake -------------------------------------------------------------------------------------
def test_too_many_blanked_values_stop_the_push_and_nothing_is_sent_for_any_object(
    sides: Sides,
) -> None:
    for n in range(5):
        sides.org.create("Contact", LastName=f"P{n}", Email=f"p{n}@x.example")
        sides.org.create(
            "Lead", LastName=f"L{n}", Company="C", Email=f"l{n}@x.example", Phone="555"
        )
    sides.pull()
    sides.limits = Limits(max_delete=0.0, max_delete_rows=3)
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.edit("UPDATE leads SET phone = NULL")
    with pytest.raises(UnsafePlan, match="lead"):
        sides.push()
    assert sides.org.written == []
    sides.push(allow_mass_change=True)
    assert len(sides.org.written) == 10


def test_a_dry_push_changes_neither_side(sides: Sides) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET phone = ' 555 ', job_title = 'ours'")
    sides.edit(
        "INSERT INTO contacts (email, last_name) VALUES ('a@x.example', 'A'), ('a@x.example', 'B')"
    )
    sides.org.edit(record, Title="theirs")
    before = sides.bytes_of_both()
    report = sides.push(dry_run=True)
    told = report.push["contact"]
    assert (told.created, told.updated, told.conflicts, told.quarantined) == (1, 1, 1, 1)
    assert sides.bytes_of_both() == before
