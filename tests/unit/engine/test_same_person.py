"""Two rows that are one person: the row that was deleted here comes back, others are merged on demand."""

from __future__ import annotations

import pytest

from sfsync.engine.edits import normalised_row
from sfsync.engine.same_person import merge_rows
from sfsync.model.change import RowPlan
from sfsync.model.consent import ConsentSource, ConsentState
from sfsync.model.event import EventType
from sfsync.model.record import LocalId
from tests.sides import Sides, event

OUT = "HasOptedOutOfEmail"
KINDS = [("Contact", "contacts", {}), ("Lead", "leads", {"Company": "C"})]
ADA = "ada@x.example"


@pytest.mark.parametrize(("kind", "table", "more"), KINDS)
def test_whoever_is_typed_anew_after_a_deletion_here_is_the_same_row(
    sides: Sides, kind, table, more
) -> None:
    record = sides.org.create(kind, LastName="Ada", Email=ADA, **more)
    sides.pull()
    sides.edit(f"UPDATE {table} SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.sync()
    sides.edit(
        f"INSERT INTO {table} (email, last_name, phone, unsubscribed) VALUES (?, 'Ada', '5', 1)",
        ADA.upper(),
    )
    sides.sync_until_quiet()
    assert sides.look(f"SELECT salesforce_id, phone, deleted_at FROM {table}") == [
        (record, "5", None)
    ]
    assert sides.remote(record, "Phone", OUT) == ("5", True)
    assert sides.refusals() == []


@pytest.mark.parametrize(("kind", "table", "more"), KINDS)
def test_whoever_is_imported_anew_after_a_deletion_here_is_the_same_row(
    sides: Sides, kind, table, more
) -> None:
    record = sides.org.create(kind, LastName="Ada", Email=ADA, **more)
    sides.pull()
    sides.edit(f"UPDATE {table} SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.mirror.imports.store(kind.lower(), [{"email": ADA, "last_name": "Ada", "phone": "5"}])
    sides.sync_until_quiet()
    assert len(sides.org.live(kind)) == 1
    assert sides.remote(record, "Phone") == "5"
    assert sides.look(f"SELECT salesforce_id FROM {table} WHERE deleted_at IS NULL") == [(record,)]


def test_two_live_rows_are_named_and_one_takes_over_what_the_other_says(sides: Sides) -> None:
    record = sides.org.create("Contact", LastName="Ada", Email=ADA, Phone="1")
    sides.pull()
    sides.edit(
        "INSERT INTO contacts (email, last_name, job_title, total_clicks, unsubscribed)"
        " VALUES (?, 'Ada', 'Countess', 2, 1)",
        ADA,
    )
    sides.sync()
    [(message, hint, payload)] = sides.look("SELECT message, hint, payload FROM quarantine")
    assert "contact 2 and contact 1 are one person in Salesforce" in message
    assert "--merge" in hint
    assert payload == "contact 1"
    rows = sides.mirror.rows
    staying, going = (rows.by_local_id("contact", LocalId(number)) for number in (1, 2))
    assert staying is not None
    assert going is not None
    merge_rows(sides.mirror, sides.mapping.objects["contact"], staying, going)
    sides.sync_until_quiet()
    assert sides.look("SELECT id, phone, job_title, total_clicks FROM contacts") == [
        (1, "1", "Countess", 2)
    ]
    assert sides.remote(record, "Title", OUT) == ("Countess", True)
    assert sides.refusals() == []


@pytest.mark.parametrize("order", [("1", "0"), ("0", "1")])
def test_a_file_opts_out_and_never_in(sides: Sides, order) -> None:
    sides.org.create("Contact", LastName="Ada", Email=ADA)
    sides.pull()
    sides.edit("UPDATE contacts SET unsubscribed = 1")
    lines = [{"email": ADA, "unsubscribed": int(value)} for value in order]
    counts = sides.mirror.imports.store("contact", lines)
    assert counts["still_opted_out"] == 1
    assert sides.look("SELECT unsubscribed FROM contacts") == [(1,)]


def test_both_spellings_of_a_domain_are_one_row_for_a_file(sides: Sides) -> None:
    lines = [{"email": name} for name in ("ada@bücher.example", "ada@xn--bcher-kva.example")]
    assert sides.mirror.imports.store("contact", lines)["created"] == 1


@pytest.mark.parametrize("by_hand", [True, False])
def test_whoever_was_purged_is_still_opted_out_when_let_in_again(sides: Sides, by_hand) -> None:
    record = sides.org.create("Contact", LastName="Ada", Email=ADA)
    sides.sync()
    sides.org.edit(record, **{OUT: True})
    sides.sync()
    assert sides.mirror.purge.person(ADA)["removed"]["consent"] == 1
    assert sides.look("SELECT * FROM consent") == []
    sides.close()
    assert ADA.encode() not in sides.path.read_bytes()
    sides.org.delete(record)
    if by_hand:
        sides.edit("INSERT INTO contacts (email, last_name) VALUES (?, 'Ada')", ADA)
    else:
        sides.mirror.purge.readmit(ADA)
        sides.org.create("Contact", LastName="Ada", Email=ADA)
    sides.sync_until_quiet()
    [new] = sides.org.live("Contact")
    assert sides.remote(new["Id"] if isinstance(new, dict) else new, OUT) is True


def test_whoever_is_let_in_again_by_one_address_is_opted_out_by_the_others_too(
    sides: Sides,
) -> None:
    other = "countess@x.example"
    record = sides.org.create("Contact", LastName="Ada", Email=other)
    sides.sync()
    sides.org.edit(record, Email=ADA)
    sides.sync()
    sides.keep(event(1, ADA, EventType.UNSUBSCRIBED), event(2, other, EventType.UNSUBSCRIBED))
    sides.sync_until_quiet()
    sides.mirror.purge.person(ADA)
    sides.org.delete(record)
    for address in (ADA, other):
        [said] = sides.mirror.consent.statements([address])
        assert (said.state, said.source) == (ConsentState.OPTED_OUT, ConsentSource.PURGED)
    sides.mirror.purge.readmit(ADA)
    back = sides.org.create("Lead", LastName="Ada", Company="C", Email=other)
    sides.sync_until_quiet()
    assert sides.remote(back, OUT) is True


def test_a_tick_a_new_address_and_a_merger_before_the_next_sync(sides: Sides) -> None:
    record = sides.org.create("Contact", LastName="Ada", Email=ADA)
    other = sides.org.create("Contact", LastName="Other", Email="other@x.example")
    sides.sync()
    sides.org.edit(record, **{OUT: True})
    sides.org.edit(record, Email="new@x.example")
    sides.org.merge(other, record)
    sides.sync_until_quiet()
    assert sides.remote(other, OUT) is True


# -- what is replaced ------------------------------------------------------------------------------
def twins(sides: Sides, elder: str = "phone = '1'", younger: str = "phone = '2'") -> str:
    """Two rows of one person after a sync, the elder with a record; each with something typed since."""
    record = sides.org.create("Contact", LastName="Ada", Email=ADA)
    sides.pull()
    sides.edit("INSERT INTO contacts (email, last_name) VALUES (?, 'Ada')", ADA)
    sides.sync()
    assert sides.refusals() == ["SAME_PERSON"]
    for number, values in enumerate((elder, younger), 1):
        sides.edit(f"UPDATE contacts SET {values} WHERE id = {number}")
    return record


def merge(sides: Sides) -> RowPlan:
    """The second row goes into the first one."""
    contact = sides.mapping.objects["contact"]
    rows = (sides.mirror.rows.by_local_id("contact", LocalId(number)) for number in (1, 2))
    return merge_rows(sides.mirror, contact, *(normalised_row(row, contact) for row in rows if row))


def test_of_two_edits_one_is_kept_in_a_conflict_and_can_be_taken_back(sides: Sides) -> None:
    record = twins(sides)
    merge(sides)
    sides.sync_until_quiet()
    assert sides.remote(record, "Phone") == "2"
    assert sides.conflicts() == [("phone", "2", "1", "local", "decided")]
    sides.mirror.conflicts.take(1, "remote")
    sides.sync_until_quiet()
    assert sides.remote(record, "Phone") == "1"


@pytest.mark.parametrize(
    ("elder", "younger", "column", "value"),
    [
        ("phone = '1'", "phone = NULL", "Phone", "1"),
        ("phone = '1'", "phone = ' '", "Phone", "1"),
        ("job_title = 'Countess'", "job_title = ' Countess '", "Title", "Countess"),
        ("phone = phone", "phone = '2'", "Phone", "2"),  # nothing unsent is replaced
    ],
)
def test_where_nothing_typed_is_lost_there_is_no_conflict(
    sides: Sides, elder, younger, column, value
) -> None:
    record = twins(sides, elder, younger)
    merge(sides)
    sides.sync_until_quiet()
    assert sides.remote(record, column) == value
    assert sides.conflicts() == []


def test_what_is_kept_of_the_row_that_goes_is_the_other_rows(sides: Sides) -> None:
    twins(sides)
    sides.edit(
        'INSERT INTO conflicts (object, person_id, "column", local, remote, winner, rule, state,'
        " run_id, found_at) VALUES ('contact', 2, 'city', 'a', 'b', 'local', 'r', 'decided', '', '')"
    )
    sides.edit("UPDATE contacts SET email = 'old@x.example' WHERE id = 2")
    sides.edit("UPDATE contacts SET email = ? WHERE id = 2", ADA)
    merge(sides)
    assert sides.look("SELECT DISTINCT person_id FROM conflicts") == [(1,)]
    former = "SELECT person_id FROM _former_addresses WHERE match_key = 'old@x.example'"
    assert set(sides.look(former)) <= {(1,)}
    assert sides.look("SELECT * FROM _provenance WHERE person_id = 2") == []


def test_an_edit_of_a_row_that_was_deleted_here_and_comes_back_is_kept(sides: Sides) -> None:
    record = sides.org.create("Contact", LastName="Ada", Email=ADA)
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '1', deleted_at = '2026-01-20T10:00:00Z'")
    sides.sync()
    sides.mirror.imports.store("contact", [{"email": ADA, "last_name": "Ada", "phone": "2"}])
    sides.sync_until_quiet()
    assert sides.remote(record, "Phone") == "2"
    assert [conflict[:3] for conflict in sides.conflicts()] == [("phone", "2", "1")]


def test_a_dry_run_tells_that_the_row_would_be_live_again(sides: Sides) -> None:
    sides.org.create("Contact", LastName="Ada", Email=ADA)
    sides.pull()
    sides.edit("UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.sync()
    sides.edit("INSERT INTO contacts (email, last_name, phone) VALUES (?, 'Ada', '5')", ADA)
    before = sides.bytes_of_both()
    report = sides.push(dry_run=True)
    assert sides.bytes_of_both() == before
    assert [
        warning for warning in report.warnings if "contact 2 would go into contact 1" in warning
    ]
    assert report.quarantined == 0
