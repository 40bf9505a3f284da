"""What services send becomes events: each kind of each service, one bad one among good ones, and whatever bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.intake.sources.items import Item, Skipped, Unreadable
from sfsync.intake.sources.registry import NAMES, SOURCES
from sfsync.model.event import EmailEvent, EventType
from tests.telling_cells import telling_cells
from tests.unit.intake.sources.deliveries import NOW, delivery
from tests.unit.intake.sources.samples import SAMPLES, Sample, first

sources = pytest.mark.parametrize("source", NAMES)
few_sources = pytest.mark.parametrize("source", telling_cells(NAMES, ("penguinmails", "ses")))


def read(source: str, value: Any) -> list[Item]:
    """What a delivery of a value says."""
    return list(SOURCES[source].read(delivery(source, value).body, now=NOW))


def listed(source: str, value: Any) -> list[Item]:
    return list(SOURCES[source].from_value(value, now=NOW))


def without_ids(items: list[Item]) -> list[Item]:
    return [replace(item, id="") if isinstance(item, EmailEvent) else item for item in items]


def ids(items: list[Item]) -> list[str]:
    return [item.id for item in items if isinstance(item, EmailEvent)]


def as_delivered(sample: Sample) -> Any:
    return [sample.entry] if sample.source in {"sendgrid", "mandrill"} else sample.entry


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{each.source}-{number}" for number, each in enumerate(SAMPLES)]
)
def test_what_is_sent_says_what_it_says(sample: Sample) -> None:
    assert without_ids(listed(sample.source, sample.entry)) == list(sample.said)
    assert read(sample.source, as_delivered(sample)) == listed(sample.source, sample.entry)


@sources
def test_every_kind_of_a_persons_doing_is_in_the_samples(source: str) -> None:
    known = {
        item.type
        for sample in SAMPLES
        if sample.source == source
        for item in sample.said
        if isinstance(item, EmailEvent)
    }
    assert {EventType.OPENED, EventType.CLICKED, EventType.BOUNCED, EventType.UNSUBSCRIBED} <= known
    complains = source != "mautic"  # which has no such event
    assert (EventType.COMPLAINED in known) is complains


@sources
def test_fields_that_are_unknown_do_no_harm(source: str) -> None:
    sample = first(source)
    more = copy.deepcopy(sample.entry) | {"new": {"field": [1, None]}, "another": True}
    assert listed(source, more) == listed(source, sample.entry)


@sources
def test_an_event_that_is_unknown_is_skipped(source: str) -> None:
    unknown: dict[str, Any] = {
        "penguinmails": {"id": "evt_1", "type": "email.dreamt", "data": {}},
        "standard": {"type": "email.dreamt", "timestamp": NOW, "data": {}},
        "mautic": {"mautic.dreamt": [{}]},
        "postmark": {"RecordType": "email.dreamt"},
        "ses": {"eventType": "email.dreamt", "mail": {}},
        "resend": {"type": "email.dreamt", "data": {}},
        "customerio": {"object_type": "email", "metric": "dreamt"},
    }
    value = unknown.get(source, {"event": "email.dreamt"})
    [found] = listed(source, value)
    assert isinstance(found, Skipped)
    assert "dreamt" in found.type


# -- ids -------------------------------------------------------------------------------------------
OWN_IDS = {
    "penguinmails": "evt_email.sent",
    "standard": "evt-email_sent",
    "sendgrid": "sg-1",
    "mailgun": "mg-20@2026-01-20",
    "customerio": "01E4C4CT6YDC7Y5M7FE1GWWPQJ-sent",
}


@pytest.mark.parametrize("source", OWN_IDS)
def test_the_senders_id_is_the_events_id(source: str) -> None:
    assert ids(listed(source, first(source).entry)) == [OWN_IDS[source]]


def test_the_id_of_a_standard_event_stands_beside_its_data_or_in_it() -> None:
    entry = copy.deepcopy(first("standard").entry)
    assert ids(listed("standard", entry | {"id": "evt-beside"})) == ["evt-beside"]
    del entry["data"]["id"]
    [derived] = ids(listed("standard", entry))
    native = {"type": entry["type"], "timestamp": entry["timestamp"], **entry["data"]}
    assert [derived] == ids(listed("standard", native))
    assert derived.startswith("auto-")


def test_a_bounce_of_postmark_has_an_id_of_its_own() -> None:
    bounce = next(one for one in SAMPLES if one.source == "postmark" and "ID" in one.entry)
    assert ids(listed("postmark", bounce.entry)) == ["postmark-42"]


@sources
def test_the_same_again_has_the_same_ids_and_nothing_else_has_them(source: str) -> None:
    entries = [one.entry for one in SAMPLES if one.source == source]
    once, again = listed(source, entries), listed(source, copy.deepcopy(entries))
    assert ids(once) == ids(again)
    by_id: dict[str, set[tuple[str, ...]]] = {}
    for item in once:
        if isinstance(item, EmailEvent):
            facts = (item.type, item.email, item.timestamp, item.link)
            by_id.setdefault(item.id, set()).add(facts)
    assert [facts for facts in by_id.values() if len(facts) > 1] == []


DERIVED = [name for name in NAMES if name not in OWN_IDS]
Change = Callable[[Any], None]


def _changed(entry: Any, change: Change) -> Any:
    changed = copy.deepcopy(entry)
    change(changed)
    return changed


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("postmark", lambda e: e.update(Recipient="eve@example.com")),
        ("postmark", lambda e: e.update(MessageID="another")),
        ("postmark", lambda e: e.update(ReceivedAt="2026-01-20T09:30:00.908Z")),
        ("postmark", lambda e: e.update(RecordType="Click")),
        ("brevo", lambda e: e.update({"ts_epoch": e["ts_epoch"] + 1})),
        ("brevo", lambda e: e.update({"message-id": "<another>"})),
        ("brevo", lambda e: e.update({"link": "https://example.com/b"})),
        ("mandrill", lambda e: e.update(_id="another")),
        ("mandrill", lambda e: e["msg"].update(email="eve@example.com")),
        ("mandrill", lambda e: e.update(url="https://example.com/b")),
        ("mandrill", lambda e: e.update(ts=e["ts"] + 1)),
        ("resend", lambda e: e.update(created_at="2026-01-20T09:30:00.127Z")),
        ("resend", lambda e: e["data"].update(email_id="another")),
        ("ses", lambda e: e["mail"].update(messageId="another")),
        ("ses", lambda e: e["mail"].update(destination=["eve@example.com"])),
        ("mautic", lambda e: e["mautic.email_on_send"][0].update(idHash="another")),
    ],
)
def test_a_derived_id_tells_apart_who_what_which_email_when_and_which_link(
    source: str, change: Change
) -> None:
    entry = first(source).entry
    found = ids([*listed(source, entry), *listed(source, _changed(entry, change))])
    assert len(set(found)) == 2
    assert all(one.startswith(f"{source}-") for one in found)


@pytest.mark.parametrize("source", DERIVED)
def test_a_derived_id_does_not_change_with_what_is_not_of_the_event(source: str) -> None:
    entry = first(source).entry
    assert ids(listed(source, entry | {"delivery": "17"})) == ids(listed(source, entry))
    assert ids(read(source, as_delivered(first(source)))) == ids(listed(source, entry))


def test_several_recipients_of_one_event_are_several_events() -> None:
    several = next(one for one in SAMPLES if one.source == "ses" and len(one.said) == 2)
    assert len(set(ids(listed("ses", several.entry)))) == 2


def test_a_complaint_of_an_older_resend_is_believed_of_all_its_recipients() -> None:
    entry = copy.deepcopy(next(one.entry for one in SAMPLES if one.source == "resend"))
    entry["type"] = "email.complained"
    entry["data"]["to"] = ["ada@example.com", "bob@example.com"]
    found = listed("resend", entry)
    assert [one.email for one in found if isinstance(one, EmailEvent)] == entry["data"]["to"]
    assert len(set(ids(found))) == 2


@pytest.mark.parametrize("stated", ["x" * 256, "a\nb", "a\x00b", "half \ud800"])
def test_an_id_that_does_not_fit_is_hashed(stated: str) -> None:
    entry = first("sendgrid").entry
    [one] = ids(listed("sendgrid", entry | {"sg_event_id": stated}))
    [same] = ids(listed("sendgrid", entry | {"sg_event_id": stated}))
    [other] = ids(listed("sendgrid", entry | {"sg_event_id": stated + "y"}))
    assert one == same != other
    assert one.startswith("sendgrid-")
    assert len(one) == len("sendgrid-") + 32


def test_mailguns_id_is_of_its_day() -> None:
    entry = first("mailgun").entry
    yesterday = listed("mailgun", entry | {"timestamp": entry["timestamp"] - 86_400})
    assert ids(yesterday) == ["mg-20@2026-01-19"]


# -- bad ones --------------------------------------------------------------------------------------
BATCHES = ("penguinmails", "standard", "sendgrid", "mandrill", "brevo", "customerio", "postmark")


@pytest.mark.parametrize("source", BATCHES)
def test_one_bad_among_a_thousand_costs_only_itself(source: str) -> None:
    good = first(source).entry
    text = json.dumps(good).replace("ada@example.com", "no address")
    batch = [good] * 400 + [json.loads(text)] + [good] * 599
    found = read(source, batch)
    assert sum(isinstance(item, EmailEvent) for item in found) == 999
    bad = found[400]
    assert isinstance(bad, Unreadable)
    assert str(bad) == "email: 'no address' is not one plain address like ada@example.com"
    assert "no address" in bad.raw or len(bad.raw) == 200


def test_one_bad_among_mautics_costs_only_itself() -> None:
    entry = copy.deepcopy(first("mautic").entry)
    good = entry["mautic.email_on_send"][0]
    entry["mautic.email_on_send"] = [good, {**good, "timestamp": "yesterday"}, None, good]
    kinds = [type(item).__name__ for item in listed("mautic", entry)]
    assert kinds == ["EmailEvent", "Unreadable", "Unreadable", "EmailEvent"]


def test_one_bad_recipient_of_ses_costs_only_itself() -> None:
    entry = copy.deepcopy(
        next(one.entry for one in SAMPLES if one.source == "ses" and len(one.said) == 2)
    )
    entry["mail"]["destination"] = ["ada@example.com", "nobody", 7, "bob@example.com"]
    kinds = [type(item).__name__ for item in listed("ses", entry)]
    assert kinds == ["EmailEvent", "Unreadable", "Unreadable", "EmailEvent"]


@sources
@pytest.mark.parametrize("value", [None, True, 7, "text", [7], [None, "text"], [[{}]]])
def test_what_is_no_object_is_told(source: str, value: Any) -> None:
    found = listed(source, value)
    assert found
    assert all(isinstance(item, Unreadable) for item in found)
    assert all("expected an object {…}, found" in str(item) for item in found)


@sources
def test_an_empty_list_says_nothing(source: str) -> None:
    assert listed(source, []) == []


@sources
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is no JSON: Expecting value at character 1"),
        (b'{"a": ', "is no JSON: "),
        (b'{"a": "\xff"}', "is not UTF-8 at byte 8"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands here twice"),
        (b"[NaN]", "NaN is no JSON number"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[1" + b"0" * 5000 + b"]", "holds a number too large to be one"),
        (b"\x1f\x8b\x08\x00", "is "),
    ],
)
def test_a_body_that_cannot_be_read_is_told(source: str, body: bytes, reason: str) -> None:
    if source == "mandrill" and body[:1] not in {b"{", b"["}:
        reason = "is no form" if body[1:2] == b"\x8b" else "has no field mandrill_events"
    [found] = SOURCES[source].read(body, now=NOW)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith(reason)
    assert len(found.raw) <= 200


def test_a_form_of_mandrill_that_holds_no_json_is_told() -> None:
    [found] = SOURCES["mandrill"].read(b"mandrill_events=%5B%7B", now=NOW)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith("is no JSON")


def test_a_form_of_mandrill_with_many_fields_is_refused() -> None:
    [found] = SOURCES["mandrill"].read(b"&".join([b"a=1"] * 1000), now=NOW)
    assert found == Unreadable("is no form", raw=("a=1&" * 50))


@sources
@pytest.mark.parametrize(
    "address",
    ['""', "null", "7", '"ada"', '"ada@example.com, eve@example.com"', '"half\\ud800@x.example"'],
)
def test_whose_it_is_is_checked_as_in_a_file(source: str, address: str) -> None:
    text = json.dumps(first(source).entry).replace('"ada@example.com"', address)
    [found] = listed(source, json.loads(text))
    assert isinstance(found, Unreadable)
    assert found.column == "email"


@sources
@pytest.mark.parametrize(
    ("iso", "seconds", "told"),
    [
        ("2027-01-20T09", "18000000", "lies more than a day in the future"),
        ("1999-01-20T09", "9151488", "lies before the year 2000"),
    ],
)
def test_when_it_was_is_checked_as_in_a_file(
    source: str, iso: str, seconds: str, told: str
) -> None:
    text = json.dumps(first(source).entry)
    text = text.replace("2026-01-20T09", iso).replace("17689014", seconds)
    [found] = listed(source, json.loads(text))
    assert isinstance(found, Unreadable)
    assert found.column == "timestamp"
    assert told in found.reason


@pytest.mark.parametrize(
    ("source", "campaign"),
    [
        ("penguinmails", "camp_7"),
        ("sendgrid", "cat facts"),
        ("mailgun", "welcome"),
        ("postmark", "welcome"),
        ("ses", "c-7"),
        ("brevo", "welcome"),
        ("resend", "8b146471"),
        ("mandrill", "welcome"),
    ],
)
@pytest.mark.parametrize("strange", ["x" * 5000, "tab\there \x00\ud800", "\u263a", "", None, [1]])
def test_a_strange_campaign_costs_no_event(source: str, campaign: str, strange: object) -> None:
    sample = next(
        one
        for one in SAMPLES
        if one.source == source
        and isinstance(one.said[0], EmailEvent)
        and one.said[0].campaign_id == campaign
    )
    text = json.dumps(sample.entry).replace(json.dumps(campaign), json.dumps(strange))
    [found] = listed(source, json.loads(text))
    assert isinstance(found, EmailEvent)
    assert len(found.campaign_id) <= 255
    assert found.campaign_id.isprintable()


# -- whatever comes --------------------------------------------------------------------------------
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@few_sources
@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_items(source: str, body: bytes) -> None:
    for item in SOURCES[source].read(body, now=NOW):
        assert isinstance(item, Item)


@few_sources
@settings(max_examples=40, deadline=None)
@given(value=json_values)
def test_any_json_is_items(source: str, value: Any) -> None:
    for item in SOURCES[source].read(json.dumps(value).encode(), now=NOW):
        assert isinstance(item, Item)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = (
        value.keys()
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = _with(value[path[0]], path[1:], new)
    return changed


@few_sources
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_value_in_any_place_of_a_sample_is_items(source: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from([one for one in SAMPLES if one.source == source]))
    place = data.draw(st.sampled_from(_places(sample.entry)))
    value = _with(sample.entry, place, data.draw(json_values))
    found = list(SOURCES[source].from_value(value, now=NOW))
    assert all(isinstance(item, Item) for item in found)
    assert all(len(one) <= 255 for one in ids(found))


@settings(deadline=None)
@given(value=json_values)
def test_any_json_in_a_form_or_an_envelope_is_items(value: Any) -> None:
    form = urlencode({"mandrill_events": json.dumps(value)}).encode()
    enveloped = json.dumps({"Type": "Notification", "Message": json.dumps(value)}).encode()
    for item in [
        *SOURCES["mandrill"].read(form, now=NOW),
        *SOURCES["ses"].read(enveloped, now=NOW),
    ]:
        assert isinstance(item, Item)
