"""The small facts: keys, marks, notes, runs, the lock, tokens, and what status tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sfsync.errors import MirrorBusy, MirrorError, UsageError, WrongOrg
from sfsync.mapping.check import narrow
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import Watermark
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.mapping import FieldMap
from sfsync.model.record import LocalId
from tests.unit.mirror.samples import (
    CONTACT,
    NOW,
    PULLED,
    edit,
    event,
    mapping,
    one,
    open_mirror,
    pull,
    remote,
    sid,
)

if TYPE_CHECKING:
    from sfsync.engine.ports import Mirror

    def satisfies_the_port(mirror: SqliteMirror) -> Mirror:
        return mirror


ADA = {"email": "Ada@example.com", "last_name": "Lovelace"}


def test_external_keys_stay_the_same_and_differ_by_mirror_object_and_person(
    mirror: SqliteMirror,
) -> None:
    key_of, one = mirror.rows.external_key, LocalId(1)
    key = key_of("contact", one, ADA)
    assert key.startswith(f"{mirror.state.mirror_key}-c1-")
    assert len(mirror.state.mirror_key) == 8
    assert key_of("contact", one, {"email": "ada@EXAMPLE.com", "last_name": "Byron"}) == key
    nobody = {"last_name": "Lovelace", "email": None}
    others = [
        key_of("lead", one, ADA),
        key_of("contact", LocalId(2), ADA),
        key_of("contact", one, {"email": "bob@example.com"}),
        key_of("contact", one, nobody),
        key_of("contact", one, nobody | {"last_name": "Byron"}),
    ]
    assert len({key, *others}) == 6
    mirror.close()
    with open_mirror(mirror.path) as again, open_mirror(mirror.path.with_name("other.db")) as other:
        assert again.rows.external_key("contact", one, ADA) == key
        assert other.rows.external_key("contact", one, ADA) != key


def test_a_mapped_external_id_is_the_key_where_it_has_a_value(path: Path) -> None:
    keyed = replace(CONTACT, fields=(*CONTACT.fields, FieldMap("Key__c", "own_key")))
    with open_mirror(path, keyed) as mirror:
        mirror.imports.store("contact", [{"email": "a", "own_key": "K-1"}, {"email": "b"}])
        assert mirror.rows.external_key("contact", LocalId(1), ADA) == "K-1"
        begins = f"{mirror.state.mirror_key}-c2-"
        assert mirror.rows.external_key("contact", LocalId(2), ADA).startswith(begins)


def test_a_mirror_belongs_to_one_org(mirror: SqliteMirror) -> None:
    assert mirror.state.pinned_org() == ""
    mirror.state.pin_org("00D1")
    mirror.state.pin_org("00D1")
    with pytest.raises(WrongOrg):
        mirror.state.pin_org("00D2")
    assert mirror.state.pinned_org() == "00D1"


def test_a_watermark_never_moves_back(mirror: SqliteMirror) -> None:
    early, late = Watermark.parse("2026-01-01T00:00:00Z"), Watermark.parse("2026-01-02T00:00:00Z")
    assert mirror.state.watermark("contact", PULLED) is None
    mirror.state.advance_watermark("contact", late, PULLED)
    mirror.state.advance_watermark("contact", early, PULLED)
    assert mirror.state.watermark("contact", PULLED) == late
    assert mirror.state.watermark("lead", ("email",)) is None


def test_a_watermark_counts_only_for_the_columns_that_were_read(mirror: SqliteMirror) -> None:
    mirror.state.advance_watermark("contact", Watermark.parse(NOW), ("email", "phone"))
    assert mirror.state.watermark("contact", ("phone",)) is not None
    assert mirror.state.watermark("contact", ("phone", "nick")) is None


def test_facts_and_notes_are_kept(mirror: SqliteMirror) -> None:
    facts = SObjectFacts("Contact", {"Email": FieldFacts("Email", "email", picklist=("a",))})
    assert mirror.state.facts("Contact") is None
    mirror.state.keep_facts(facts)
    mirror.state.keep_facts(facts)
    assert mirror.state.facts("Contact") == facts
    assert mirror.state.note("paused") == ""
    mirror.state.keep_note("paused", NOW)
    assert mirror.state.note("paused") == NOW
    mirror.state.keep_note("paused", "")
    assert mirror.state.note("paused") == ""


def test_an_object_without_a_table_is_told(mirror: SqliteMirror) -> None:
    with pytest.raises(MirrorError, match="no table for 'account'"):
        mirror.rows.count("account")


def test_sealed_logins_are_kept_by_profile_and_wiped(mirror: SqliteMirror) -> None:
    tokens = mirror.tokens
    assert tokens.read("default") is None
    tokens.write("default", b"sealed-login-1")
    tokens.write("default", b"sealed-login-2")
    tokens.write("sandbox", b"\x00\xff")
    assert (tokens.read("default"), tokens.read("sandbox")) == (b"sealed-login-2", b"\x00\xff")
    tokens.delete("default")
    tokens.delete("default")
    assert tokens.read("default") is None
    mirror.close()
    assert b"sealed-login" not in mirror.path.read_bytes()


def test_the_lock_names_who_holds_it(mirror: SqliteMirror) -> None:
    with (
        open_mirror(mirror.path) as second,
        mirror.lock("run-1", "sync"),
        pytest.raises(
            MirrorBusy, match=r"`sync` holds the lock since 2026-01-20T10:00:00Z \(run run-1"
        ),
        second.lock("run-2", "pull"),
    ):
        pass
    with open_mirror(mirror.path) as third, third.lock("run-3", "push"):
        pass


def test_runs_are_kept_with_how_they_ended(mirror: SqliteMirror) -> None:
    mirror.runs.begin("run-1", "sync")
    mirror.runs.finish("run-1", "ok", {"api_calls": 3})
    mirror.runs.begin("run-2", "push")
    second, first = mirror.runs.listed()
    assert (second["status"], second["finished_at"], second["report"]) == ("running", None, None)
    assert (first["command"], first["status"], first["report"]) == ("sync", "ok", {"api_calls": 3})


def test_status_tells_what_waits(mirror: SqliteMirror) -> None:
    facts = SObjectFacts("Contact", {n: FieldFacts(n, "string") for n in ("Email", "Phone")})
    pull(mirror, remote(1), remote(2), remote(3))
    edit(mirror, "UPDATE contacts SET phone = '1' WHERE id = 1")
    edit(mirror, "UPDATE contacts SET nick = 'hidden in the org' WHERE id = 2")
    mirror.imports.store("contact", [{"email": "new@example.com"}])
    mirror.events.keep([event(1)], source="test")
    mirror.state.advance_watermark("contact", Watermark.parse(NOW), PULLED)
    mirror.runs.begin("run-1", "sync")
    mirror.runs.finish("run-1", "partial", {})
    told = mirror.diagnostics.status([narrow(CONTACT, facts)[0]])
    assert told["objects"][0] == {
        "object": "contact", "rows": 4, "deleted": 0, "edited": 2, "watermark": NOW,
    }  # fmt: skip
    counts = ("events_waiting", "tasks_waiting", "conflicts_open", "quarantined", "in_doubt")
    assert [told[name] for name in counts] == [1, 0, 0, 0, 0]
    assert told["last_good_run"] == NOW
    assert told["runs"][0]["run_id"] == "run-1"


def test_conflicts_are_listed_for_people(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, nick="a", phone="1"))
    edit(mirror, "UPDATE contacts SET nick = 'b', phone = '2'")
    pull(mirror, remote(1, nick="c", phone="3"))
    assert {entry["field"] for entry in mirror.conflicts.listed()} == {"nick", "phone"}
    (entry,) = mirror.conflicts.listed(open_only=True)
    assert (entry["record"], entry["salesforce_id"], entry["local"], entry["remote"]) == (
        "p1@example.com", sid(1), "b", "c",
    )  # fmt: skip
    mirror.conflicts.take(entry["id"], "remote")
    with pytest.raises(UsageError, match="settled already"):
        mirror.conflicts.take(entry["id"], "local")
    with pytest.raises(UsageError, match="no conflict 99"):
        mirror.conflicts.take(99, "local")


def test_preparing_twice_in_one_process_is_harmless(mirror: SqliteMirror) -> None:
    assert mirror.prepare(mapping()) == ()
    assert one(mirror, "SELECT count(*) FROM _mapping") == 2
