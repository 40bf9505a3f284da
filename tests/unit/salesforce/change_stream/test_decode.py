"""A change event as a hint: Ids where they are named, the whole object where they are not, and never a value."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sfsync.model.hint import HintKind, fingerprint
from tests.pubsub import CONTACT, LEAD, EventShape

decode = pytest.importorskip("sfsync.salesforce.change_stream.decode")

ADA, BOB = "003000000000001AAA", "003000000000002AAA"
OURS = "com/salesforce/api/rest/66.0;client=sfsync"
SCHEMAS = {
    "contact": CONTACT.schema_json,
    "lead": LEAD.schema_json,
    "task": EventShape("Task", {"Subject": "string"}).schema_json,
    "no-json": "{",
    "no-record": '"string"',
    "platform-event": json.dumps({**LEAD.schema, "name": "Note__e"}),
}


class Schemas:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, schema_id: str) -> str:
        self.asked.append(schema_id)
        return SCHEMAS[schema_id]


@pytest.fixture
def schemas() -> Schemas:
    return Schemas()


@pytest.fixture
def decoder(schemas):
    return decode.Decoder(["contact", "lead"], schemas)


def only(decoded):
    [hint] = decoded.hints
    return hint


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("CREATE", HintKind.CREATE),
        ("UPDATE", HintKind.UPDATE),
        ("DELETE", HintKind.DELETE),
        ("UNDELETE", HintKind.UNDELETE),
        ("GAP_UPDATE", HintKind.GAP),
        ("GAP_DELETE", HintKind.GAP),
    ],
)
def test_ids_that_are_named_are_to_be_read(decoder, change, kind):
    changed = {"Email": "a@example.com"} if change == "UPDATE" else None
    decoded = decoder.decode("contact", CONTACT.payload(change, [ADA, BOB], changed=changed))
    hint = only(decoded)
    assert (hint.object, hint.ids, hint.kind, decoded.oddities) == ("contact", (ADA, BOB), kind, ())


@pytest.mark.parametrize(
    ("payload", "object_name", "kind", "oddities"),
    [
        (("contact", CONTACT.payload("GAP_OVERFLOW", ["000000000000000AAA"])), "contact", HintKind.OVERFLOW, ()),
        (("contact", CONTACT.payload("UPDATE", ["003*"])), "contact", HintKind.WILDCARD, ()),
        (("contact", CONTACT.payload("UPDATE", ["00Q000000000001AAA"])), "contact", HintKind.UPDATE, ("foreign_id",)),
        (("contact", CONTACT.payload("DELETE", [])), "contact", HintKind.DELETE, ("foreign_id",)),
        (("contact", CONTACT.payload("UPDATE", [ADA, "'; --"])), "contact", HintKind.UPDATE, ("foreign_id",)),
        (("contact", CONTACT.payload("UPDATE", [ADA])[:20]), "contact", HintKind.UNDECODABLE, ("payload",)),
        (("lead", b""), "lead", HintKind.UNDECODABLE, ("payload",)),
        (("lead", b"\xff" * 400), "lead", HintKind.UNDECODABLE, ("payload",)),
    ],
)  # fmt: skip
def test_what_names_no_ids_is_the_whole_object(decoder, payload, object_name, kind, oddities):
    decoded = decoder.decode(*payload)
    hint = only(decoded)
    assert (hint.object, hint.ids, hint.kind, decoded.oddities) == (object_name, (), kind, oddities)


def test_only_a_wildcard_and_a_dead_position_ask_for_everything(decoder):
    assert only(decoder.decode("contact", CONTACT.payload("UPDATE", ["003*"]))).is_full
    overflow = CONTACT.payload("GAP_OVERFLOW", ["000000000000000AAA"])
    assert not only(decoder.decode("contact", overflow)).is_full


def test_a_type_of_change_that_nobody_knows_is_a_gap(decoder):
    decoded = decoder.decode("contact", CONTACT.payload("SNAPSHOT", [ADA]))
    assert (only(decoded).ids, only(decoded).kind) == ((ADA,), HintKind.UNKNOWN)
    assert decoded.oddities == ("change_type",)


def test_a_short_id_is_made_whole(decoder):
    assert only(decoder.decode("contact", CONTACT.payload("DELETE", [ADA[:15]]))).ids == (ADA,)


@pytest.mark.parametrize("schema", ["no-json", "no-record", "platform-event"])
def test_a_schema_that_cannot_be_read_widens_to_all_that_is_followed_and_is_asked_for_once(
    decoder, schemas, schema
):
    for _ in range(3):
        decoded = decoder.decode(schema, b"anything")
        assert [(each.object, each.ids) for each in decoded.hints] == [
            ("contact", ()),
            ("lead", ()),
        ]
        assert decoded.oddities == ("schema",)
    assert schemas.asked == [schema]


def test_other_objects_are_counted_and_nothing_else(decoder):
    task = EventShape("Task", {"Subject": "string"})
    decoded = decoder.decode("task", task.payload("CREATE", ["00T000000000001AAA"]))
    assert (decoded.hints, decoded.oddities) == ((), ("other_object",))


def test_each_event_is_read_by_its_own_schema(decoder):
    grown = EventShape("Contact", {"New__c": "string", **CONTACT.fields}, CONTACT.docs)
    SCHEMAS["grown"] = grown.schema_json
    for schema, shape in (("contact", CONTACT), ("grown", grown), ("contact", CONTACT)):
        payload = shape.payload("UPDATE", [ADA], changed={"Title": "Dr"}, origin=OURS)
        assert set(only(decoder.decode(schema, payload)).changed) == {"Title"}


# -- what was changed: only for own echoes ---------------------------------------------------------
def changed_by(decoder, origin: str = OURS, **payload):
    return decoder.decode("contact", CONTACT.payload("UPDATE", [ADA], origin=origin, **payload))


def test_an_own_write_tells_what_it_changed_and_nothing_else(decoder):
    at = datetime(2026, 1, 20, 10, tzinfo=UTC)
    hint = only(
        changed_by(
            decoder,
            changed={
                "Title": None,
                "Name.LastName": "Lovelace",
                "MailingAddress.City": "London",
                "PenguinMails_Lead_Score__c": 75.0,
                "HasOptedOutOfEmail": True,
                "PenguinMails_Last_Email_Opened__c": int(at.timestamp() * 1000),
                "Birthdate": 0,
            },
        )
    )
    assert hint.changed == {
        "Title": fingerprint(None),
        "LastName": fingerprint("Lovelace"),
        "MailingCity": fingerprint("London"),
        "PenguinMails_Lead_Score__c": fingerprint(75),
        "HasOptedOutOfEmail": fingerprint(True),
        "PenguinMails_Last_Email_Opened__c": fingerprint("2026-01-20T10:00:00Z"),
        "Birthdate": fingerprint("1970-01-01"),
    }
    assert hint.origin.client == "sfsync"


@pytest.mark.parametrize(
    "origin", ["", "com/salesforce/api/rest/66.0", "x;client=dataloader", "client=sfsync"]
)
def test_what_others_changed_is_read_without_a_look_at_it(decoder, origin):
    assert only(changed_by(decoder, origin, changed={"Title": "Dr"})).changed is None


@pytest.mark.parametrize(
    ("header", "oddities"),
    [
        ({"changedFields": ["0xFFFFFFFFFF"]}, ("bitmap",)),
        ({"changedFields": []}, ("bitmap",)),
        ({"changedFields": ["nonsense"]}, ("bitmap",)),
        ({"nulledFields": ["0x20"]}, ("bitmap",)),  # Phone is not among the changed ones
        ({"diffFields": ["0x80"]}, ("bitmap",)),  # a long text, as a difference
        (
            {"changedFields": ["0xA0"]},
            ("bitmap",),
        ),  # Phone is marked as changed, null, and not as nulled
    ],
)
def test_where_what_changed_cannot_be_known_the_record_is_read(decoder, header, oddities):
    decoded = changed_by(decoder, changed={"Title": "Dr"}, **header)
    assert (only(decoded).ids, only(decoded).changed) == ((ADA,), None)
    assert decoded.oddities == oddities


def test_a_null_of_an_unchanged_field_is_nothing_that_was_changed(decoder):
    assert set(only(changed_by(decoder, changed={"Title": "Dr"})).changed) == {"Title"}
