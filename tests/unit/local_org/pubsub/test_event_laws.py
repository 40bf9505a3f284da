"""Any event of any object: encoded, then read back by the specification's rules, it says the same."""

import io
import json
from types import SimpleNamespace

import fastavro
from hypothesis import given, settings
from hypothesis import strategies as st

from local_org.events.change_event import ChangeEvent, Header, decoded, encoded, event_of
from local_org.events.layout import layout_of
from local_org.schema.field_builders import (
    address,
    checkbox,
    number,
    person_name,
    plain,
    stamps,
    text,
)
from local_org.schema.sobject import SObjectType
from local_org.state.commits import Change
from tests.unit.local_org.pubsub.subscriber import Subscriber

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
MOMENTS = st.integers(0, 4_000_000_000)
DAYS = st.dates().map(str)
VALUES = {
    "string": TEXTS,
    "boolean": st.booleans(),
    "double": st.floats(-1e15, 1e15).map(lambda number: round(number, 3)),
    "int": st.integers(-(2**31), 2**31 - 1),
    "date": DAYS,
    "datetime": MOMENTS,
}


def new_field(name, kind):
    if kind == "string":
        return text(name, 255)
    if kind == "boolean":
        return checkbox(name)
    return number(name, 18, 3, kind) if kind in {"double", "int"} else plain(name, kind)


@st.composite
def objects(draw):
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=90))
    fields = [new_field(f"F{at}__c", kind) for at, kind in enumerate(kinds)]
    compounds = draw(st.lists(st.sampled_from(["Mailing", "Other"]), unique=True))
    for prefix in compounds:
        at = draw(st.integers(0, len(fields)))
        fields[at:at] = address(prefix, f"{prefix}Address")
    if draw(st.booleans()):
        fields[0:0] = person_name()
    return SObjectType("Contact", "Contact", "Contacts", "003", (*fields, *stamps()))


def rows(kind):
    plain_fields = [each for each in kind.fields if each.type in VALUES and each.name != "Name"]
    plain_fields = [
        each for each in plain_fields if each.name not in {"LastModifiedDate", "SystemModstamp"}
    ]
    always = {"LastModifiedDate": MOMENTS}
    return st.fixed_dictionaries(
        always, optional={each.name: VALUES[each.type] for each in plain_fields}
    )


HEADER = Header(
    "Contact", ("003000000000001AAA",), "UPDATE", "", "t", 1, 1_000, 7, "005000000000001AAA"
)


def read_back(layout, payload):
    """As a stranger reads it."""
    stranger = Subscriber.__new__(Subscriber)
    stranger._schemas = {layout.schema_id: json.loads(layout.schema_json)}
    event = SimpleNamespace(id="", schema_id=layout.schema_id, payload=payload)
    return stranger.read(SimpleNamespace(event=event, replay_id=b""))


def names(paths):
    return {name if part is None else f"{name}.{part}" for name, part in paths}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_an_update_names_exactly_what_changed(data):
    kind = data.draw(objects())
    before, after = data.draw(rows(kind)), data.draw(rows(kind))
    layout = layout_of(kind, {})
    change = Change("Contact", "003000000000001AAA", "UPDATE", before, after)
    event = event_of(change, kind, layout, HEADER)
    if event is None:
        return
    found = read_back(layout, encoded(event, layout))
    assert (found.changed, found.nulled) == (names(event.changed), names(event.nulled))
    assert found.nulled <= found.changed
    assert "LastModifiedDate" in found.changed
    told = {
        f"{name}.{part}" if part else name
        for name, value in found.told.items()
        for part in (value if isinstance(value, dict) else [None])
        if part is None or value[part] is not None
    }
    assert told == found.changed - found.nulled
    for item in kind.fields:
        if item.compound or item.name not in layout.positions or item.name == "LastModifiedDate":
            continue
        unset = False if item.type == "boolean" else None
        moved = before.get(item.name, unset) != after.get(item.name, unset)
        assert moved == (item.name in found.changed)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_an_event_is_what_it_was_after_encoding(data):
    kind = data.draw(objects())
    layout = layout_of(kind, {})
    change = Change("Contact", "003000000000001AAA", "CREATE", None, data.draw(rows(kind)))
    event = event_of(change, kind, layout, HEADER)
    payload = encoded(event, layout)
    again = decoded(payload, layout)
    assert encoded(again, layout) == payload
    assert again.header == HEADER
    record = fastavro.schemaless_reader(io.BytesIO(payload), json.loads(layout.schema_json), None)
    assert set(record) == {"ChangeEventHeader", *layout.positions}


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_what_is_hidden_is_in_no_event(data):
    kind = data.draw(objects())
    layout = layout_of(kind, {})
    change = Change(
        "Contact", "003000000000001AAA", "UPDATE", data.draw(rows(kind)), data.draw(rows(kind))
    )
    event = event_of(change, kind, layout, HEADER) or ChangeEvent(HEADER)
    hidden = data.draw(st.frozensets(st.sampled_from(sorted(layout.positions))))
    found = read_back(layout, encoded(event.without(hidden), layout))
    assert not hidden & {
        name.split(".")[0] for name in found.changed | found.nulled | set(found.told)
    }
