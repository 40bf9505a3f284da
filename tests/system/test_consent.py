"""Nobody who opted out is mailable: the installed command, over every way in which records come and go.

A case tells what happens to its people, stage by stage; after each stage everything is synced. Many
cases share the runs: each has addresses of its own.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.system.workspace import Workspace, event

OUT = "HasOptedOutOfEmail"
UNSUBSCRIBED = "PenguinMails_Unsubscribed__c"
OTHER = {"Contact": "Lead", "Lead": "Contact"}
TABLES = {"Contact": "contacts", "Lead": "leads"}
REQUIRED = {"Contact": {"LastName": "Case"}, "Lead": {"LastName": "Case", "Company": "Ice"}}
SEVERAL = "    on_multiple: quarantine"


@dataclass
class Case:
    """The people of one case, and what is to become of them.

    Attributes:
        kind: the object that the case is about; the other one is ``OTHER[kind]``.
        out: the records that have to be opted out in the end.
        mailable: those that nobody has opted out.
        events, files: what is handed in after this stage.
        failed: what did not hold on the way; its test says so.
    """

    workspace: Workspace
    name: str
    kind: str
    out: list[str] = field(default_factory=list)
    mailable: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    failed: AssertionError | None = None

    @property
    def address(self) -> str:
        return self.at("ada")

    def at(self, name: str) -> str:
        """An address that no other case has."""
        return f"{name}@{self.name.replace('_', '-')}.{self.kind.lower()}.example"

    def record(self, kind: str | None = None, email: str | None = None, **fields: Any) -> str:
        kind = kind or self.kind
        return self.workspace.create(
            kind, **REQUIRED[kind] | {"Email": email or self.address} | fields
        )

    def happens(
        self, what: str = "unsubscribed", email: str | None = None, *, seconds: int = 0
    ) -> None:
        """An event, now or so many seconds later."""
        address = email or self.address
        now = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        key = f"{what}-{address}-{len(self.events)}"
        self.events.append(event(what, address, key, timestamp=now))

    def imported(self, kind: str, **row: Any) -> None:
        """A line of the file that is imported after this stage."""
        self.files[kind].append({"email": self.address, "last_name": "Case", **row})

    def live(self, email: str | None = None) -> list[str]:
        """Ids of the live records with an address."""
        return [
            key
            for kind in TABLES
            for key, record in self.workspace.records(kind).items()
            if record["Email"] == (email or self.address)
            and not record["IsDeleted"]
            and not record.get("IsConverted")
        ]


Stages = Iterator[None]
CASES: dict[str, Callable[[Case], Stages]] = {}


def case(stages: Callable[[Case], Stages]) -> Callable[[Case], Stages]:
    CASES[stages.__name__] = stages
    return stages


# -- several records of one address ----------------------------------------------------------------
@case
def contact_and_lead(it: Case) -> Stages:
    it.out = [it.record(), it.record(OTHER[it.kind])]
    yield
    it.happens()
    yield


@case
def two_of_a_kind(it: Case) -> Stages:
    it.out = [it.record(), it.record()]
    yield
    it.happens()
    yield


@case
def three_records(it: Case) -> Stages:
    it.out = [it.record(), it.record(), it.record(OTHER[it.kind])]
    yield
    it.happens("complained")
    yield


@case
def one_of_two_is_ticked(it: Case) -> Stages:
    it.out = [it.record(), it.record()]
    yield
    it.workspace.edit(it.out[1], **{OUT: True})
    yield


@case
def one_kind_of_two_is_ticked(it: Case) -> Stages:
    it.out = [it.record(), it.record(OTHER[it.kind])]
    yield
    it.workspace.edit(it.out[0], **{OUT: True})
    yield


@case
def one_of_two_is_ticked_before_the_first_pull(it: Case) -> Stages:
    it.out = [it.record(**{OUT: True}), it.record(OTHER[it.kind])]
    yield


@case
def the_row_of_one_of_two_is_set(it: Case) -> Stages:
    it.out = [it.record(), it.record(OTHER[it.kind])]
    yield
    it.workspace.sql(
        f"UPDATE {TABLES[it.kind]} SET unsubscribed = 1 WHERE salesforce_id = ?", it.out[0]
    )
    yield


@case
def a_shared_mailbox(it: Case) -> Stages:
    it.out = [it.record(LastName=name) for name in ("Ada", "Bob", "Cleo")]
    yield
    it.workspace.edit(it.out[2], **{OUT: True})
    yield


# -- deleted people --------------------------------------------------------------------------------
def opted_out_and_deleted(it: Case, record: str) -> Stages:
    """How a person ends who has opted out."""
    yield
    it.happens()
    yield
    it.workspace.local("delete", id=record)
    yield


@case
def deleted_and_typed_anew(it: Case) -> Stages:
    old = it.record()
    yield from opted_out_and_deleted(it, old)
    it.out = [it.record(), it.record(OTHER[it.kind])]
    yield


@case
def deleted_and_imported_anew(it: Case) -> Stages:
    old = it.record()
    yield from opted_out_and_deleted(it, old)
    it.imported(OTHER[it.kind], company="Ice")
    yield
    it.out = it.live()


@case
def deleted_and_opened_late(it: Case) -> Stages:
    old = it.record()
    yield from opted_out_and_deleted(it, old)
    it.happens("email_opened")
    yield
    assert it.live() == []  # nobody is made anew
    it.workspace.local("undelete", id=old)
    it.out = [old]
    yield


@case
def opted_out_in_the_recycle_bin(it: Case) -> Stages:
    it.out = [it.record()]
    yield
    it.workspace.local("delete", id=it.out[0])
    yield
    it.happens()
    yield
    it.workspace.local("undelete", id=it.out[0])
    yield
    assert it.live() == it.out  # and not there twice


# -- other addresses -------------------------------------------------------------------------------
@case
def the_address_was_changed_there(it: Case) -> Stages:
    it.out = [it.record()]
    yield
    it.workspace.edit(it.out[0], Email=it.at("new"))
    yield
    it.happens(email=it.address)
    yield
    assert it.live() == []
    assert it.live(it.at("new")) == it.out


@case
def the_address_is_changed_there_before_the_event_is_heard_of(it: Case) -> Stages:
    it.out = [it.record()]
    yield
    it.workspace.edit(it.out[0], Email=it.at("new"))
    it.happens(email=it.address)
    yield
    assert it.live(it.at("new")) == it.out


@case
def the_address_was_changed_here(it: Case) -> Stages:
    it.out = [it.record()]
    yield
    it.workspace.sql(
        f"UPDATE {TABLES[it.kind]} SET email = ? WHERE salesforce_id = ?", it.at("new"), it.out[0]
    )
    it.happens()
    yield
    assert it.live() == []
    assert it.live(it.at("new")) == it.out


@case
def both_sides_changed_the_address(it: Case) -> Stages:
    it.out = [it.record()]
    yield
    it.workspace.edit(it.out[0], Email=it.at("theirs"))
    it.workspace.sql(
        f"UPDATE {TABLES[it.kind]} SET email = ? WHERE salesforce_id = ?", it.at("ours"), it.out[0]
    )
    yield
    it.happens(email=it.address)
    yield
    assert it.live(it.at("theirs")) == it.out


@case
def an_opt_out_goes_along_to_the_new_address(it: Case) -> Stages:
    it.out = [it.record(), it.record(OTHER[it.kind], it.at("new"))]
    yield
    it.happens()
    yield
    it.workspace.edit(it.out[0], Email=it.at("new"))
    yield


@case
def the_address_is_passed_on(it: Case) -> Stages:
    """What the first says afterwards, from another address, is not said by the second."""
    first = it.record()
    yield
    it.workspace.edit(first, Email=it.at("elsewhere"))
    it.mailable = [it.record(LastName="Second")]
    yield
    it.happens(email=it.at("elsewhere"))
    it.out = [first]
    yield


@case
def the_second_of_a_passed_on_address_opts_out(it: Case) -> Stages:
    it.mailable = [it.record()]
    yield
    it.workspace.edit(it.mailable[0], Email=it.at("elsewhere"))
    it.out = [it.record(LastName="Second")]
    yield
    it.happens(seconds=2)
    yield


# -- the other kind comes later --------------------------------------------------------------------
@case
def the_other_kind_is_typed(it: Case) -> Stages:
    it.out = [it.record()]
    yield
    it.happens()
    yield
    it.out.append(it.record(OTHER[it.kind]))
    yield


@case
def the_other_kind_is_imported(it: Case) -> Stages:
    it.record()
    yield
    it.happens()
    yield
    it.imported(OTHER[it.kind], company="Ice")
    yield
    it.out = it.live()
    assert len(it.out) == 2


@case
def the_other_kind_is_typed_into_the_mirror(it: Case) -> Stages:
    it.record()
    yield
    it.happens()
    yield
    it.workspace.sql(
        f"INSERT INTO {TABLES[OTHER[it.kind]]} (email, last_name, company) VALUES (?, 'Case', 'Ice')",
        it.address,
    )
    yield
    it.out = it.live()
    assert len(it.out) == 2


# -- merged and converted --------------------------------------------------------------------------
@case
def ticked_and_then_one_with_another(it: Case) -> Stages:
    """A contact is merged, a lead converted, before anybody heard of the tick."""
    one = it.record()
    survivor = it.record("Contact", it.at("survivor"))
    yield
    it.workspace.edit(one, **{OUT: True})
    if it.kind == "Lead":
        it.workspace.local("convert", lead=one, contact=survivor)
    else:
        it.workspace.local("merge", master=survivor, losers=[one])
    it.workspace.edit(survivor, **{OUT: False})
    it.out = [survivor]
    yield


@case
def one_with_another_and_then_an_event_for_the_former(it: Case) -> Stages:
    one = it.record()
    survivor = it.record("Contact", it.at("survivor"))
    yield
    if it.kind == "Lead":
        it.workspace.local("convert", lead=one, contact=survivor)
    else:
        it.workspace.local("merge", master=survivor, losers=[one])
    it.happens()
    it.out = [survivor]
    yield
    assert it.live() == []


# -- what ends it ----------------------------------------------------------------------------------
@case
def a_later_event_ends_it(it: Case) -> Stages:
    it.mailable = [it.record(), it.record(OTHER[it.kind])]
    yield
    it.happens()
    yield
    it.happens("resubscribed")
    yield


@case
def the_command_ends_it(it: Case) -> Stages:
    it.mailable = [it.record(), it.record(OTHER[it.kind])]
    yield
    it.happens()
    yield
    it.workspace.do_in_process("consent", it.address, "--given", "--source", "a letter")
    yield


@case
def both_sides_take_it_back(it: Case) -> Stages:
    it.mailable = [it.record()]
    yield
    it.happens()
    yield
    cleared = {OUT: False} | ({UNSUBSCRIBED: False} if it.kind == "Contact" else {})
    it.workspace.edit(it.mailable[0], **cleared)
    columns = "unsubscribed = 0, opted_out = 0" if it.kind == "Contact" else "unsubscribed = 0"
    it.workspace.sql(
        f"UPDATE {TABLES[it.kind]} SET {columns} WHERE salesforce_id = ?", it.mailable[0]
    )
    yield


@case
def one_side_alone_does_not_end_it(it: Case) -> Stages:
    it.out = [it.record(), it.record(OTHER[it.kind])]
    yield
    it.happens()
    yield
    it.workspace.edit(it.out[0], **{OUT: False})
    yield


# -- the runs --------------------------------------------------------------------------------------
ORDERS = {
    "quarantine, sync": ("quarantine", ["sync"]),
    "newest, push before pull": ("newest", ["push", "pull", "push"]),
}


@pytest.fixture(
    scope="module",
    params=["quarantine, sync", pytest.param("newest, push before pull", marks=pytest.mark.slow)],
)
def ended(request, new_workspace) -> dict[tuple[str, str], Case]:
    """Every case, played to its end for both kinds, for an answer to several records and an order of runs."""
    on_multiple, commands = ORDERS[request.param]
    workspace = new_workspace(
        (SEVERAL, f"    on_multiple: {on_multiple}"), contacts=0, leads=0, pull=False
    )
    cases = {(name, kind): Case(workspace, name, kind) for name in CASES for kind in TABLES}
    waiting = {key: CASES[key[0]](one) for key, one in cases.items()}
    while waiting:
        waiting = {key: stages for key, stages in waiting.items() if goes_on(cases[key], stages)}
        for one in cases.values():
            give(one)
        for command in commands:
            ran = workspace.run(command, "--json")
            assert ran.code in (0, 3), ran.out + ran.err
    for command in commands:
        workspace.run(command, "--json")
    return cases


def goes_on(one: Case, stages: Stages) -> bool:
    """Play the next stage of a case; whether there was one."""
    try:
        next(stages)
    except StopIteration:
        return False
    except AssertionError as error:
        one.failed = error
        return False
    return True


def give(one: Case) -> None:
    """Hand in what happened in the stage of a case."""
    for kind, lines in one.files.items():
        file = one.workspace.folder / "people.csv"
        with file.open("w", encoding="utf-8", newline="") as open_file:
            writer = csv.DictWriter(open_file, sorted({name for line in lines for name in line}))
            writer.writeheader()
            writer.writerows(lines)
        one.workspace.do_in_process("import", str(file), "--object", kind.lower())
    one.files.clear()
    new = [each for each in one.events if not each.pop("given", False)]
    if new:
        one.workspace.push_events_in_process(*new)
    one.events = [each | {"given": True} for each in one.events]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("name", CASES)
def test_whoever_opted_out_is_mailable_nowhere_and_nobody_else_is_opted_out(ended, name, kind):
    one = ended[name, kind]
    if one.failed:
        raise one.failed
    assert one.out + one.mailable
    said = {key: opt_outs(one.workspace, key) for key in one.out + one.mailable}
    expected = {key: {key in one.out} for key in said}
    assert said == expected


def opt_outs(workspace: Workspace, key: str) -> set[bool]:
    """What the opt-outs of a record say, there and here."""
    record, row = workspace.record(key), workspace.row(key)
    assert not record["IsDeleted"]
    said = {record[OUT], bool(row["unsubscribed"])}
    if key.startswith("003"):
        said |= {record[UNSUBSCRIBED], bool(row["opted_out"])}
    return said


# -- while a run works -----------------------------------------------------------------------------
SLOW_WRITE = {"match": {"path": "/composite"}, "fault": "slow", "args": {"seconds": 1}}


@pytest.mark.parametrize(
    "side",
    ["there", *(pytest.param(side, marks=pytest.mark.slow) for side in ("here", "by an event"))],
)
def test_an_opt_out_while_a_push_is_on_its_way(new_workspace, side):
    people = [(kind, {**REQUIRED[kind], "Email": "ada@example.com"}) for kind in TABLES]
    workspace = new_workspace(contacts=0, leads=0, people=people)
    [contact], [lead] = workspace.people("Contact"), workspace.people("Lead")
    workspace.sql("UPDATE contacts SET job_title = 'Countess'")
    workspace.local("faults", faults=[SLOW_WRITE])
    push = workspace.start("push", "--json")
    while not workspace.org.faults.faults[0].seen:
        assert push.poll() is None
    if side == "here":
        workspace.sql("UPDATE contacts SET unsubscribed = 1")
    elif side == "there":
        workspace.edit(contact, **{OUT: True})
    else:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        refused = workspace.push_events(
            event("unsubscribed", "ada@example.com", timestamp=now), expect=6
        )
        assert "mirror-busy" in refused.out
    assert workspace.finish(push).code == 0
    workspace.local("faults", faults=[])
    if side == "by an event":  # refused, and not lost: the same file again
        workspace.do("push-activity", "events.jsonl")
    for _ in range(2):
        workspace.do("sync")
    assert (opt_outs(workspace, contact), opt_outs(workspace, lead)) == ({True}, {True})
    assert workspace.record(contact)["Title"] == "Countess"


# -- what Salesforce refuses -----------------------------------------------------------------------
@pytest.fixture(params=TABLES)
def refused(request, new_workspace) -> tuple[Workspace, str, str]:
    """Somebody whose record an admin's rule guards, and their table."""
    kind = request.param
    people = [(kind, {**REQUIRED[kind], "Email": "ada@example.com"})]
    workspace = new_workspace(contacts=0, leads=0, people=people)
    return workspace, workspace.people(kind)[0], TABLES[kind]


def guarded(workspace: Workspace, record: str, when: str) -> None:
    sobject = "Contact" if record.startswith("003") else "Lead"
    rules = [{"sobject": sobject, "when": when, "message": "Not like this, please"}]
    workspace.local("settings", validation_rules=rules if when else [])


def test_an_opt_out_is_sent_alone_where_the_rest_is_refused(refused):
    workspace, record, table = refused
    guarded(workspace, record, "LastName LIKE 'No%'")
    workspace.sql(f"UPDATE {table} SET last_name = 'Nobody', unsubscribed = 1")
    ran = workspace.run("sync", "--json")
    assert (ran.code, "may still be mailed" in ran.warnings) == (3, False)
    assert opt_outs(workspace, record) == {True}
    assert workspace.record(record)["LastName"] == "Case"
    [entry] = workspace.do("quarantine")["quarantine"]
    assert entry["message"].endswith("Not like this, please")
    assert workspace.do("status")["consent_due"] == 0


def test_a_refused_opt_out_is_told_by_every_run_until_it_is_done(refused):
    workspace, record, _ = refused
    guarded(workspace, record, f"{OUT} = true")
    workspace.push_events(event("unsubscribed", "ada@example.com"), expect=3)
    for line in ("sync", "push", "sync"):
        ran = workspace.run(line, "--json")
        assert (ran.code, ran.data["consent_due"]) == (3, 1)
        assert f"may still be mailed by Salesforce: {record_name(record)}" in ran.warnings
    status = workspace.run("status")
    assert "1 record of people who opted out may still be mailed by Salesforce" in status.out
    if record.startswith("003"):  # the other opt-out is not kept back by the one that is refused
        assert workspace.record(record)[UNSUBSCRIBED] is True
    guarded(workspace, record, "")
    assert workspace.run("sync", "--json").code == 0
    assert opt_outs(workspace, record) == {True}
    assert workspace.do("status")["consent_due"] == 0


def record_name(record: str) -> str:
    return f"{'contact' if record.startswith('003') else 'lead'} {record}"


def test_rights_that_come_back_are_noticed_by_the_next_run(refused):
    workspace, record, _ = refused
    workspace.local("settings", hide_opt_out=True)
    workspace.run_in_process("org", "check", "--fix")  # so that it is known as it is now
    # a lead has no other opt-out, so nothing could be said of it
    expected = 0 if record.startswith("003") else 3
    workspace.push_events_in_process(event("unsubscribed", "ada@example.com"), expect=expected)
    assert workspace.run("sync", "--json").code == expected
    assert OUT in workspace.run("sync", "--json").warnings
    workspace.local("settings", hide_opt_out=False)
    for _ in range(2):
        ran = workspace.run("sync", "--json")
    assert (ran.code, OUT in ran.warnings) == (0, False)
    assert opt_outs(workspace, record) == {True}


# -- what it costs ---------------------------------------------------------------------------------
def calls_for(new_workspace, records: int) -> tuple[int, int]:
    people = [
        ("Contact", {**REQUIRED["Contact"], "Email": "ada@example.com"}) for _ in range(records)
    ]
    workspace = new_workspace(contacts=0, leads=0, people=people)
    with workspace.counted() as opting_out:
        workspace.push_events(event("unsubscribed", "ada@example.com"))
        workspace.do("sync")
    assert {opt_outs(workspace, key).pop() for key in workspace.people()} == {True}
    with workspace.counted() as idle:
        workspace.do("sync")
    return opting_out["used"], idle["used"]


def test_an_opt_out_of_three_records_costs_no_call_more_than_one_of_one(new_workspace):
    one, three = calls_for(new_workspace, 1), calls_for(new_workspace, 3)
    assert one == three
    assert three[1] == 2  # one an object
