"""People go on working in Salesforce while a run is under way: before it reads, between its reading and its writing,
and right after its writing. Each story is judged from both sides' own data when things have calmed
down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local_org.schema.sobject import Field, SObjectType
from local_org.state.settings import ValidationRule
from local_org.state.users import add_user
from sfsync.engine.ports import Org
from sfsync.errors import OrgRefused, WrongOrg
from sfsync.model.event import EventType
from sfsync.model.traffic import Changes
from tests.faults.local_sides import LocalSides, OpenSides, addresses, daily_cells, event
from tests.faults.workload import run_tolerating_errors

MOMENTS = ("before the plan", "between read and write", "between write and verify")
READS = ("changed_since", "fetch", "find")


class Meanwhile:
    """What the verbs see of an org in which somebody does something at one moment, once.

    Args:
        act: what is done there.
        moment: one of ``MOMENTS``.
    """

    def __init__(self, org: Org, act: Callable[[], None], moment: str) -> None:
        self._org, self._act, self._moment, self.acted = org, act, moment, False

    def __getattr__(self, name: str) -> Any:
        if name in READS:
            self._at(MOMENTS[0])
        return getattr(self._org, name)

    def apply(self, writes: Sequence[Any]) -> list[Any]:
        self._at(MOMENTS[1])
        outcomes = self._org.apply(writes)
        self._at(MOMENTS[2])
        return outcomes

    def _at(self, moment: str) -> None:
        if moment == self._moment and not self.acted:
            self.acted = True
            self._act()


@dataclass
class Story:
    """Two Contacts and a Lead, edited here and with a Task queued each, while something happens to them there.

    Attributes:
        one, two: the Contacts' record ids; ``first`` and ``second`` are their addresses.
    """

    sides: LocalSides
    moment: str

    def __post_init__(self) -> None:
        sides = self.sides
        self.first, self.second = addresses(sides)[:2]
        self.person = addresses(sides, "leads")[0]
        self.one, self.two = (sides.record(email)["Id"] for email in (self.first, self.second))
        self.lead = sides.record(self.person, "Lead")["Id"]
        sides.edit(self.first, job_title="Here")
        sides.edit(self.person, "leads", job_title="Here")
        sides.keep_events(
            event(EventType.CLICKED, self.first),
            event(EventType.REPLIED, self.person),
        )
        self.clicks = int(sides.dump("Contact")[self.one]["PenguinMails_Total_Clicks__c"] or 0)

    def unfolds(self, act: Callable[[Story], None]) -> None:
        """One run with people at work, and then runs in peace."""
        acting: list[Meanwhile] = []

        def between(org: Org) -> Any:
            acting.append(Meanwhile(org, lambda: act(self), self.moment))
            return acting[-1]

        self.sides.between = between
        self.sides.do("sync")
        assert acting[0].acted
        self.sides.clear_faults()
        self.sides.do("sync")
        self.sides.do("sync")
        there, here = self.sides.everything(), self.sides.mirror_tables()
        self.sides.do("sync")
        assert (self.sides.everything(), self.sides.mirror_tables()) == (there, here)
        assert not self.sides.unfinished()

    @property
    def there(self) -> dict[str, Any]:
        return self.sides.dump("Contact")[self.one]

    @property
    def here(self) -> dict[str, Any]:
        return self.row(self.one)

    def row(self, record_id: str) -> dict[str, Any]:
        table = "leads" if record_id.startswith("00Q") else "contacts"
        [found] = self.sides.sql(f"SELECT * FROM {table} WHERE salesforce_id = ?", record_id)
        return found

    def in_conflicts(self, value: Any) -> bool:
        """Whether a value that somebody typed is kept where people look for it."""
        return any(value in row.values() for row in self.sides.sql("SELECT * FROM conflicts"))

    def tasks(self) -> list[str]:
        """Whose Tasks there are, of ours."""
        ours = [
            task for task in self.sides.live("Task").values() if task["PenguinMails_Event_Id__c"]
        ]
        assert len({task["PenguinMails_Event_Id__c"] for task in ours}) == len(ours)
        return sorted(task["WhoId"] for task in ours)

    def all_equal(self) -> None:
        """Both sides say the same, every Task is there once, every click counts once."""
        self.sides.check_agreement()
        assert self.there["PenguinMails_Total_Clicks__c"] == self.clicks + 1
        assert self.tasks() == sorted([self.one, self.lead])
        assert self.sides.sql("SELECT * FROM quarantine WHERE state = 'open'") == []


def sobject_of(record_id: str) -> str:
    return "Lead" if record_id.startswith("00Q") else "Contact"


@pytest.fixture(params=daily_cells(MOMENTS, MOMENTS[1]))
def story(sides: LocalSides, request: pytest.FixtureRequest) -> Story:
    return Story(sides, request.param)


# -- edits -----------------------------------------------------------------------------------------
@pytest.mark.always
def test_the_same_field_is_edited(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.edit(it.one, {"Title": "There"}))
    story.all_equal()
    assert story.there["Title"] == "There"
    assert story.in_conflicts("Here") or story.moment == MOMENTS[2]


def test_another_field_is_edited(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.edit(it.one, {"Phone": "555 0199"}))
    story.all_equal()
    assert (story.there["Title"], story.there["Phone"]) == ("Here", "555 0199")


def test_it_is_edited_to_the_same_value(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.edit(it.one, {"Title": "Here"}))
    story.all_equal()
    assert story.there["Title"] == "Here"
    assert not story.in_conflicts("Here")


def test_it_is_edited_and_edited_back(story: Story) -> None:
    def act(it: Story) -> None:
        before = it.there["Title"]
        it.sides.people.edit(it.one, {"Title": "There"})
        it.sides.people.edit(it.one, {"Title": before})

    story.unfolds(act)
    story.all_equal()
    assert story.there["Title"] == "Here"


def test_somebody_else_counts_too(story: Story) -> None:
    """Clicks that another tool adds are added to ours."""
    name = "PenguinMails_Total_Clicks__c"
    story.unfolds(lambda it: it.sides.people.edit(it.one, {name: int(it.there[name] or 0) + 5}))
    story.sides.check_agreement()
    assert story.there[name] == story.clicks + 6


def test_the_address_becomes_one_that_another_row_has(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.edit(it.one, {"Email": it.second}))
    story.sides.check_agreement()
    assert story.here["email"] == story.second
    assert story.there["Title"] == "Here"


def test_a_second_record_with_the_address_in_capitals_appears(story: Story) -> None:
    story.unfolds(
        lambda it: (
            it.sides.people.create("Contact", {"LastName": "Twin", "Email": it.first.upper()})
            and None
        )
    )
    story.sides.check_agreement()
    assert story.there["Title"] == "Here"
    twins = story.sides.sql("SELECT * FROM contacts WHERE lower(email) = ?", story.first)
    assert len(twins) == 2


def test_an_edit_is_committed_late_with_an_older_stamp(story: Story) -> None:
    """It is stamped now and can be seen five minutes later: behind the watermark, and within the overlap."""

    def act(it: Story) -> None:
        replace(it.sides.people, commit_delay_seconds=300.0).edit(it.two, {"Phone": "555 0300"})

    story.unfolds(act)
    assert story.row(story.two)["phone"] != "555 0300"
    story.sides.local.state.advance(360)
    story.sides.do("sync")
    assert story.row(story.two)["phone"] == "555 0300"


# -- between the reading and the writing, on the wire ----------------------------------------------
TITLE, CLICKS, OPT_OUT = "Title", "PenguinMails_Total_Clicks__c", "HasOptedOutOfEmail"
ORGS: dict[str, dict[str, bool]] = {
    "keyed": {},
    "unkeyed": {"external_ids": False},
    "bulk": {"bulk": True},
}


class InTheCall:
    """Somebody saves something while a call is under way: after its question, before its writes.

    The local org executes a call's requests in their order, as Salesforce does; this stands between
    two of them.
    """

    def __init__(self, sides: LocalSides, act: Callable[[], None]) -> None:
        self.acted = False
        api = sides.local.api
        dispatch = api.dispatch
        within = list[Any]()

        def dispatched(call: Any) -> Any:
            if within and call.method == "PATCH" and not self.acted:
                self.acted = True
                act()
            within.append(call)
            try:
                return dispatch(call)
            finally:
                within.pop()

        api.dispatch = dispatched  # type: ignore[method-assign]


def push_while(sides: LocalSides, act: Callable[[], None]) -> None:
    """Push, while somebody does something between the reading and the writing."""
    sides.between = lambda org: Meanwhile(org, act, MOMENTS[1])
    sides.do("push")
    sides.between = None


def later(sides: LocalSides) -> None:
    """A second that the stamps can tell apart."""
    sides.local.state.advance(2)


@pytest.mark.parametrize("stamp", ["a new stamp", "an old stamp"])
@pytest.mark.parametrize("org", ORGS)
def test_what_is_typed_under_our_eyes_wins_and_ours_is_kept(
    open_sides: OpenSides, org: str, stamp: str
) -> None:
    """A new stamp keeps our write from being done; where a long transaction ends, the answer alone tells."""
    sides = open_sides(**ORGS[org])
    first, second = addresses(sides)[:2]
    one, two = (sides.record(email)["Id"] for email in (first, second))
    clicks = int(sides.row(first)["total_clicks"] or 0)
    typed = {TITLE: "There", OPT_OUT: True, CLICKS: clicks + 5}
    if stamp == "an old stamp":
        replace(sides.people, commit_delay_seconds=300.0).edit(one, typed)
    later(sides)
    sides.people.edit(two, {"Phone": "555 0300"})
    later(sides)
    sides.edit(first, job_title="Here", total_clicks=clicks + 2)
    sides.edit(second, job_title="Here too")
    if stamp == "an old stamp":
        push_while(sides, lambda: sides.local.state.advance(360))
    else:
        push_while(sides, lambda: sides.people.edit(one, typed))
    assert sides.record(first)[TITLE] == sides.row(first)["job_title"] == "There"
    assert sides.record(second)[TITLE] == "Here too"
    kept = sides.sql("SELECT local, remote FROM conflicts WHERE \"column\" = 'job_title'")
    assert kept == [{"local": "Here", "remote": "There"}]
    sides.converge()
    assert (sides.record(first)[OPT_OUT], sides.record(first)[CLICKS]) == (True, clicks + 7)


def test_within_one_call_who_writes_last_wins(open_sides: OpenSides) -> None:
    """What no client can see: an edit between two requests that Salesforce executes one after the other."""
    sides = open_sides()
    first = addresses(sides)[0]
    one = sides.record(first)["Id"]
    sides.edit(first, job_title="Here")
    within = InTheCall(sides, lambda: sides.people.edit(one, {TITLE: "There"}))
    sides.do("push")
    assert within.acted
    assert sides.record(first)[TITLE] == "Here"
    sides.converge()


@pytest.mark.parametrize("text", ["Here", "@{guard.records[0].Id}"])
def test_a_text_that_looks_like_a_reference_is_guarded_too(
    open_sides: OpenSides, text: str
) -> None:
    sides = open_sides()
    first, second = addresses(sides)[:2]
    sides.edit(first, job_title=text)
    sides.edit(second, job_title=text)
    later(sides)
    push_while(sides, lambda: sides.people.edit(sides.record(first)["Id"], {TITLE: "There"}))
    assert [sides.record(email)[TITLE] for email in (first, second)] == ["There", text]
    sides.converge()


def test_a_record_deleted_under_our_eyes_costs_no_quarantine_and_holds_up_nobody(
    open_sides: OpenSides,
) -> None:
    sides = open_sides()
    first, second = addresses(sides)[:2]
    one = sides.record(first)["Id"]
    sides.edit(first, job_title="Here")
    sides.edit(second, job_title="Here too")
    push_while(sides, lambda: sides.people.delete(one))
    assert sides.record(second)[TITLE] == "Here too"
    assert sides.sql("SELECT * FROM quarantine") == []
    sides.converge()
    assert sides.sql("SELECT local FROM conflicts") == [{"local": "Here"}]


@pytest.mark.parametrize("count", [3, 60])
def test_a_push_costs_a_read_and_a_write_whoever_guards_it(
    open_sides: OpenSides, count: int
) -> None:
    sides = open_sides(contacts=count)
    sides.sql("UPDATE contacts SET job_title = 'Here'")
    assert sides.do("push").push["contact"].updated == count
    assert sides.open.usage().api_calls == 2


# -- ends ------------------------------------------------------------------------------------------
def test_it_is_deleted(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.delete(it.one))
    assert story.here["deleted_at"]
    assert story.there["IsDeleted"] is True
    assert story.there["Title"] == "Here" or story.in_conflicts("Here")
    whose = {
        story.sides.dump(sobject)[who]["Email"].lower()
        for who in story.tasks()
        for sobject in (sobject_of(who),)
    }
    assert whose <= {
        story.first,
        story.person,
    }  # by the rules, who clicks and is nobody's Contact becomes a new one


def test_it_is_deleted_and_restored(story: Story) -> None:
    def act(it: Story) -> None:
        it.sides.people.delete(it.one)
        it.sides.people.undelete(it.one)

    story.unfolds(act)
    story.all_equal()
    assert story.here["deleted_at"] is None
    assert story.there["Title"] == "Here"


def test_it_is_deleted_and_purged(story: Story) -> None:
    """What is not found any more is not taken for deleted: it may be merely out of sight."""

    def act(it: Story) -> None:
        it.sides.people.delete(it.one)
        it.sides.people.purge(it.one)

    story.unfolds(act)
    assert story.one not in story.sides.dump("Contact")
    assert story.here["deleted_at"] is None
    assert story.here["job_title"] == "Here"


@pytest.mark.always
def test_it_is_merged_into_another(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.merge(it.two, [it.one]))
    assert story.here["deleted_at"]
    survivor = story.sides.dump("Contact")[story.two]
    assert (
        story.there["Title"] == "Here" or survivor["Title"] == "Here" or story.in_conflicts("Here")
    )
    assert story.tasks() == sorted([story.two, story.lead])
    story.sides.check_agreement()


def test_another_is_merged_into_it(story: Story) -> None:
    story.unfolds(lambda it: it.sides.people.merge(it.one, [it.two]))
    assert story.row(story.two)["deleted_at"]
    story.all_equal()
    assert story.there["Title"] == "Here"


@pytest.mark.always
@pytest.mark.parametrize("into", ["a new contact", "one that is there"])
def test_the_lead_is_converted(story: Story, into: str) -> None:
    def act(it: Story) -> None:
        it.sides.people.convert(it.lead, contact_id=it.two if into != "a new contact" else None)

    story.unfolds(act)
    became = story.sides.dump("Lead")[story.lead]["ConvertedContactId"]
    assert story.row(story.lead)["deleted_at"]
    assert story.tasks() == sorted([story.one, became])
    values = [
        story.sides.dump("Contact")[became]["Title"],
        story.sides.dump("Lead")[story.lead]["Title"],
    ]
    assert "Here" in values or story.in_conflicts("Here")
    story.sides.check_agreement()


def test_a_field_that_is_not_mapped_is_edited(story: Story) -> None:
    """As an owner's team, or a record type, would be."""
    story.unfolds(lambda it: it.sides.people.edit(it.one, {"Department": "Elsewhere"}))
    story.all_equal()
    assert (story.there["Title"], story.there["Department"]) == ("Here", "Elsewhere")


def test_its_owner_leaves_the_company(story: Story) -> None:
    """Records stay with their inactive owner, may be edited, and are not given to anybody else."""
    state = story.sides.local.state
    owner = add_user(state, first_name="Sal", last_name="Esman", username="sal@org.example")
    for record_id in (story.one, story.lead):
        story.sides.people.edit(record_id, {"OwnerId": owner})
    story.unfolds(
        lambda it: state.put(state.table("User"), owner, {**state.user(owner), "IsActive": False})
    )
    story.all_equal()
    assert story.there["Title"] == "Here"
    assert story.there["OwnerId"] == story.sides.dump("Lead")[story.lead]["OwnerId"] == owner


# -- the org itself --------------------------------------------------------------------------------
def test_a_validation_rule_appears(story: Story) -> None:
    def act(it: Story) -> None:
        rule = ValidationRule("Contact", "Title = 'Here'", "No such title, please", "Title")
        it.sides.local.state.settings.validation_rules = [rule]

    story.unfolds(act)
    assert story.there["Title"] == "Here" or [
        row["message"] for row in story.sides.sql("SELECT * FROM quarantine WHERE state = 'open'")
    ] == ["No such title, please"]
    assert story.here["job_title"] == "Here"


@pytest.mark.always
def test_a_trigger_rewrites_what_was_written(sides: LocalSides) -> None:
    story = Story(sides, MOMENTS[2])
    story.unfolds(lambda it: it.sides.people.edit(it.one, {"Title": "HERE"}))
    story.all_equal()
    assert story.here["job_title"] == "HERE"


def test_the_opt_out_fields_are_hidden(story: Story) -> None:
    """A field out of sight is never read as blank."""
    sides = story.sides
    sides.people.edit(story.two, {"HasOptedOutOfEmail": True})
    sides.do("pull")
    before = {row["id"]: row["opted_out"] for row in sides.rows()}
    assert sum(before.values()) == 1

    def act() -> None:
        sides.local.state.settings.hide_opt_out = True

    sides.between = lambda org: Meanwhile(org, act, story.moment)
    error = run_tolerating_errors(sides)
    assert error is None or isinstance(error, OrgRefused)
    assert {row["id"]: row["opted_out"] for row in sides.rows()} == before
    sides.local.state.settings.hide_opt_out = False
    sides.converge()
    assert sides.dump("Contact")[story.two]["HasOptedOutOfEmail"] is True


def redefine(
    sides: LocalSides, sobject: str, name: str, change: Callable[[Field], Field | None]
) -> Callable[[], None]:
    """An admin changes a field, or takes it away; gives the way back."""
    state = sides.local.state
    table = state.table(sobject)
    before = table.kind

    def become(kind: SObjectType) -> None:
        table.kind = kind
        state._visibility.forget()

    field = before.field(name)
    assert field is not None
    changed = change(field)
    become(before.without([name]).plus([changed] if changed else []))
    return lambda: become(before)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: None, id="taken away"),
        pytest.param(lambda field: replace(field, type="string", length=255), id="made a text"),
        pytest.param(
            lambda field: replace(field, updateable=False, createable=False), id="made read-only"
        ),
    ],
)
def test_a_field_that_we_write_is_changed_by_an_admin(
    story: Story, change: Callable[[Field], Field | None]
) -> None:
    """The rest goes on; once the field is as it was, its clicks are counted once."""
    sides, back = story.sides, []

    def act() -> None:
        if not back:
            back.append(redefine(sides, "Contact", "PenguinMails_Total_Clicks__c", change))

    sides.between = lambda org: Meanwhile(org, act, story.moment)
    counted = {row["id"]: row["total_clicks"] for row in sides.rows()}
    errors = [run_tolerating_errors(sides), run_tolerating_errors(sides)]
    assert back
    assert all(error is None or isinstance(error, OrgRefused) for error in errors), errors
    assert all(
        row["total_clicks"] is not None or counted[row["id"]] is None for row in sides.rows()
    )
    back[0]()
    sides.mirror.quarantine.retry()
    sides.converge()
    story.all_equal()
    assert story.there["Title"] == "Here"


def test_a_picklist_value_that_tasks_have_is_retired(story: Story) -> None:
    """Tasks are put aside in the org's words, and sent once when somebody has made the value good."""
    sides, back = story.sides, []

    def retired(field: Field) -> Field:
        return replace(field, restricted=True, picklist=("Call", "Meeting"))

    sides.between = lambda org: Meanwhile(
        org, lambda: back.append(redefine(sides, "Task", "Type", retired)), story.moment
    )
    run_tolerating_errors(sides)
    assert back
    told = {row["code"] for row in sides.sql("SELECT code FROM quarantine WHERE state = 'open'")}
    assert told <= {"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"}
    back[0]()
    sides.mirror.quarantine.retry()
    sides.converge()
    story.all_equal()
    assert story.there["Title"] == "Here"


def test_another_org_answers_at_the_same_address(story: Story) -> None:
    """A sandbox that was refreshed or copied: the login has to be renewed, and is for another org now."""
    sides, own = story.sides, story.sides.local.state.org_id

    def refreshed() -> None:
        sides.local.state.org_id = "00D000000000999AAA"
        sides.add_fault("expired_session")

    sides.between = lambda org: Meanwhile(org, refreshed, story.moment)
    error = run_tolerating_errors(sides)
    assert isinstance(error, WrongOrg)
    assert error.exit_code == 4
    there = sides.everything()
    assert isinstance(run_tolerating_errors(sides), WrongOrg)
    assert sides.everything() == there, "nothing is ever written to the other org"
    sides.local.state.org_id = own
    sides.converge()
    story.all_equal()
    assert story.there["Title"] == "Here"


class Blinkered:
    """What a user sees who has lost access to every other record."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def __getattr__(self, name: str) -> Any:
        return getattr(self._org, name)

    def changed_since(self, *args: Any) -> Changes:
        changes = self._org.changed_since(*args)
        return replace(changes, pages=self._seen(changes.pages))

    def fetch(self, *args: Any) -> Iterator[list[Any]]:
        return self._seen(self._org.fetch(*args))

    def _seen(self, pages: Any) -> Iterator[list[Any]]:
        for page in pages:
            yield [record for record in page if int(record["Id"][-4], 36) % 2]


def test_half_of_the_records_go_out_of_sight(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=60)
    before = sides.rows()
    sides.between = Blinkered
    report = sides.do("pull", full=True)
    assert sides.rows() == before
    assert "no longer visible to this user" in "".join(report.warnings)
    sides.converge()
    assert sides.rows() == before
