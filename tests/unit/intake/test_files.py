"""Events and people from files: good lines are values, bad ones say why, and nothing is raised for one line."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.errors import InputError
from sfsync.intake.event_files import read_events
from sfsync.intake.people_files import HowToRead, read_records
from sfsync.model.arrival import Unreadable
from sfsync.model.event import EmailEvent, EventType, derived_id
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, FieldMap, ObjectMap
from sfsync.model.merges import Merge

NOW = "2026-11-23T12:00:00Z"
GOOD = {
    "id": "evt-1",
    "type": "email_opened",
    "email": "ada@example.com",
    "campaign_id": "c-7",
    "campaign_name": "January",
    "timestamp": "2026-01-20T10:00:00Z",
}
EVENT = EmailEvent(
    "evt-1", EventType.OPENED, "ada@example.com", "2026-01-20T10:00:00Z", "c-7", "January"
)
HEADER = "id,type,email,campaign_id,campaign_name,timestamp\n"


def events(content: str | bytes, **options: object) -> list[EmailEvent | Unreadable]:
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return without_lines(read_events(stream, now=NOW, **options))


def without_lines(items: Iterator[object]) -> list[EmailEvent | Unreadable]:
    return [item if isinstance(item, Unreadable) else item[1] for item in items]


def told(items: list[object]) -> list[str]:
    return [str(item) for item in items if isinstance(item, Unreadable)]


def one(**changes: object) -> EmailEvent | Unreadable:
    entry = {name: value for name, value in (GOOD | changes).items() if value != "ABSENT"}
    found = events(json.dumps(entry))
    assert len(found) == 1
    return found[0]


# -- both forms ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        json.dumps(GOOD),
        "\n\n" + json.dumps(GOOD) + "\r\n\n",
        "\ufeff" + json.dumps(GOOD),
        json.dumps(GOOD | {"other": {"nested": [1]}, "more": None}),
        HEADER + "evt-1,email_opened,ada@example.com,c-7,January,2026-01-20T10:00:00Z",
        "\ufeff"
        + HEADER
        + "evt-1,email_opened,ada@example.com,c-7,January,2026-01-20T10:00:00Z\n\n",
        (
            "Timestamp;Type;Email;ID;Campaign ID;Campaign-Name;Note\r\n"
            "2026-01-20T12:00:00+02:00;Email Opened; ada@example.com ;evt-1;c-7;January;x\r\n"
        ),
        "type\temail\tid\ttimestamp\tcampaign_id\tcampaign_name\nopened\tada@example.com\tevt-1\t1768903200\tc-7\tJanuary",
        "type|email|id|timestamp|campaign_id|campaign_name\nopened|ada@example.com|evt-1|1768903200000|c-7|January||",
        (
            '"id","type","email","campaign_id","campaign_name","timestamp"\n'
            '"evt-1","opened","ada@example.com","c-7","January","2026-01-20T10:00:00Z"'
        ),
    ],
)
def test_the_same_event_in_every_form(content: str) -> None:
    assert events(content) == [EVENT]


@pytest.mark.parametrize("content", ["", "\n \n", HEADER, "\ufeff"])
def test_a_file_without_events_is_no_mistake(content: str) -> None:
    assert events(content) == []


def test_the_format_may_be_stated() -> None:
    assert events(json.dumps(GOOD), file_format="jsonl") == [EVENT]
    with pytest.raises(InputError, match="unknown format json; did you mean jsonl"):
        events("x", file_format="json")


def test_without_an_id_the_same_facts_give_the_same_id() -> None:
    expected = derived_id("email_opened", "ada@example.com", "c-7", "2026-01-20T10:00:00Z")
    for absent in ("ABSENT", None, "", "  "):
        found = one(id=absent, email="Ada@Example.com", campaign_name="ABSENT")
        assert isinstance(found, EmailEvent)
        assert found.id == expected
    assert events(
        "type,email,campaign_id,timestamp\nopened,ada@example.com,c-7,2026-01-20T10:00:00Z"
    )[0] == EmailEvent(expected, EventType.OPENED, "ada@example.com", "2026-01-20T10:00:00Z", "c-7")


def test_without_an_id_two_clicks_in_one_second_are_two_where_they_differ() -> None:
    differing: list[dict[str, object]] = [
        {},
        {"campaign_name": "February"},
        {"link": "https://example.com/a"},
        {"link": "https://example.com/b"},
        {"timestamp": "2026-01-20T10:00:00.001Z"},
        {"timestamp": "2026-01-20T10:00:00.002Z"},
        {"timestamp": 1768903200003},
        {"timestamp": 1768903200.004},
    ]
    found = [one(id=None, type="clicked", **changes) for changes in differing]
    ids = [each.id for each in found if isinstance(each, EmailEvent)]
    assert len(set(ids)) == len(differing)
    assert ids == [one(id=None, type="clicked", **changes).id for changes in differing]


def test_the_same_millisecond_written_in_three_ways_is_one_event() -> None:
    spelled = ["2026-01-20T10:00:00.250Z", "2026-01-20T11:00:00.25+01:00", 1768903200250]
    assert len({one(id=None, timestamp=each).id for each in spelled}) == 1


def test_link_machine_and_bounce_are_taken_in() -> None:
    found = one(type="bounced", link="https://example.com/a", machine=True, bounce="Soft")
    assert isinstance(found, EmailEvent)
    assert (found.link, found.is_machine, found.bounce) == ("https://example.com/a", True, "soft")
    in_csv = events(
        "type,email,timestamp,machine,bounce,link\n"
        "opened,ada@example.com,2026-01-20T10:00:00Z,yes,,https://example.com/a\n"
        "opened,ada@example.com,2026-01-20T10:00:00Z,,,\n"
    )
    assert [(each.is_machine, each.bounce) for each in in_csv] == [(True, ""), (False, "")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"machine": "perhaps"}, "machine: 'perhaps' is neither true nor false"),
        ({"machine": [True]}, "machine: expected text, found a list"),
        ({"bounce": "bouncy"}, "bounce: 'bouncy' is neither hard nor soft"),
        ({"link": "x" * 32_001}, "link: longer than 32000 characters"),
    ],
)
def test_a_senseless_link_machine_or_bounce_is_told(
    changes: dict[str, object], expected: str
) -> None:
    assert told([one(**changes)]) == [f"line 1: {expected}"]


@pytest.mark.parametrize("event_type", list(EventType))
def test_types_have_three_spellings(event_type: EventType) -> None:
    for spelling in (
        event_type.value,
        event_type.action,
        event_type.label,
        event_type.value.upper(),
    ):
        found = one(type=spelling)
        assert isinstance(found, EmailEvent)
        assert found.type is event_type


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("2026-01-20T10:00:00Z", "2026-01-20T10:00:00Z"),
        ("2026-01-20T10:00:00.987654Z", "2026-01-20T10:00:00Z"),
        ("2026-01-20T10:00Z", "2026-01-20T10:00:00Z"),
        ("2026-01-20 12:00:00+02:00", "2026-01-20T10:00:00Z"),
        ("2026-01-20T10:00:00.000+0000", "2026-01-20T10:00:00Z"),
        (1768903200, "2026-01-20T10:00:00Z"),
        (1768903200.9, "2026-01-20T10:00:00Z"),
        (1768903200987, "2026-01-20T10:00:00Z"),
        ("1768903200", "2026-01-20T10:00:00Z"),
        ("2026-11-24T11:00:00Z", "2026-11-24T11:00:00Z"),
    ],
)
def test_times_are_kept_in_utc_and_whole_seconds(raw: object, kept: str) -> None:
    found = one(timestamp=raw)
    assert isinstance(found, EmailEvent)
    assert found.timestamp == kept


def test_a_time_without_a_zone_is_read_where_it_was_written_if_that_is_stated() -> None:
    content = json.dumps(GOOD | {"timestamp": "2026-01-20T11:00:00"})
    assert events(content, zone=ZoneInfo("Europe/Berlin")) == [EVENT]
    assert told(events(content)) == [
        "line 1: timestamp: '2026-01-20T11:00:00' has no time zone; add Z for UTC or an offset like +02:00"
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "ABSENT"}, "type: missing"),
        ({"email": "ABSENT", "emial": "x"}, "email: missing (there is emial; was that meant?)"),
        ({"timestamp": None}, "timestamp: empty"),
        ({"type": " "}, "type: empty"),
        ({"type": "email_opend"}, "type: no such event: 'email_opend'; did you mean email_opened?"),
        ({"type": "clikked"}, "type: no such event: 'clikked'; did you mean email_clicked?"),
        ({"type": "delivered"}, ("type: no such event: 'delivered'; known here: email_sent, email_opened, email_clicked, "
                                "email_replied, email_bounced, unsubscribed, complained, resubscribed")),
        ({"type": 5}, ("type: no such event: '5'; known here: email_sent, email_opened, email_clicked, email_replied, "
                      "email_bounced, unsubscribed, complained, resubscribed")),
        ({"type": True}, "type: expected text, found true"),
        ({"email": "ada"}, "email: 'ada' is not one plain address like ada@example.com"),
        ({"email": "a@b@c"}, "email: 'a@b@c' is not one plain address like ada@example.com"),
        ({"email": "a@b.c, d@e.f"}, "email: 'a@b.c, d@e.f' is not one plain address like ada@example.com"),
        ({"email": "Ada <a@b.c>"}, "email: 'Ada <a@b.c>' is not one plain address like ada@example.com"),
        ({"email": "a" * 251 + "@b.c"}, "email: longer than 254 characters"),
        ({"email": ["a@b.c"]}, "email: expected text, found a list"),
        ({"email": {"a": "b"}}, "email: expected text, found keys with values"),
        ({"email": "a\ud800@b.c"}, "email: holds half a character (a lone surrogate)"),
        ({"id": "x" * 256}, "id: longer than 255 characters"),
        ({"id": "a\x07"}, "id: holds control characters"),
        ({"id": False}, "id: expected text, found false"),
        ({"campaign_name": "x" * 32_001}, "campaign_name: longer than 32000 characters"),
        ({"timestamp": "yesterday"}, "timestamp: 'yesterday' is not a time like 2026-01-20T10:00:00Z"),
        ({"timestamp": "20260120T100000Z"}, "timestamp: '20260120T100000Z' is not a time like 2026-01-20T10:00:00Z"),
        ({"timestamp": "2026-02-30T10:00:00Z"}, ("timestamp: '2026-02-30T10:00:00Z' is not a time like "
                                                "2026-01-20T10:00:00Z")),
        ({"timestamp": "2026-01-20"}, ("timestamp: '2026-01-20' has no time of day; write it like "
                                      "2026-01-20T10:00:00Z")),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "timestamp: '1970-01-01T00:00:00Z' lies before the year 2000"),
        ({"timestamp": 0}, "timestamp: '0' lies before the year 2000"),
        ({"timestamp": -5}, "timestamp: '-5' lies before the year 2000"),
        ({"timestamp": 1e300}, "timestamp: '1e+300' is neither seconds nor milliseconds since 1970"),
        ({"timestamp": "2026-11-24T12:00:01Z"}, "timestamp: '2026-11-24T12:00:01Z' lies more than a day in the future"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, ("timestamp: '0001-01-01T00:00:00+14:00' is no time of our "
                                                     "calendar")),
        ({"timestamp": True}, "timestamp: expected text, found true"),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_with_its_column(changes: dict[str, object], reason: str) -> None:
    found = one(**changes)
    assert isinstance(found, Unreadable)
    assert str(found) == f"line 1: {reason}"
    assert found.raw
    assert len(found.raw) <= 200


def test_numbers_pass_for_ids_and_addresses_of_other_scripts_for_addresses() -> None:
    found = one(id=7, campaign_id=12, email="jürgen@müller.example")
    assert isinstance(found, EmailEvent)
    assert (found.id, found.campaign_id, found.email) == ("7", "12", "jürgen@müller.example")


# -- JSON lines ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"type":', "is no JSON: Expecting value at character 9"),
        ("[1]", "expected an object {…}, found a list"),
        ('"x"', "expected an object {…}, found 'x'"),
        ("nonsense", "is no JSON: Expecting value at character 1"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"id": "1", "id": "2"}', "the key 'id' stands here twice"),
        ('{"a": ' + "9" * 5000 + "}", "holds a number too large to be one"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "is nested too deeply"),
        ("{} {}", "is no JSON: Extra data at character 4"),
        ("{}", "type: missing"),
    ],
)
def test_a_bad_json_line_costs_only_itself(line: str, reason: str) -> None:
    good = json.dumps(GOOD)
    found = events(f"{good}\n{line}\n{good}\n")
    assert (found[0], found[2]) == (EVENT, EVENT)
    assert str(found[1]) == f"line 2: {reason}"


def test_a_half_written_last_line_is_told_as_such() -> None:
    good = json.dumps(GOOD)
    found = events(f"{good}\n{good[:50]}")
    assert found[0] == EVENT
    assert told(found) == [
        "line 2: the last line is not complete; is the file still being written?"
    ]
    assert events(f"{good}\n{good}") == [EVENT, EVENT]


def test_a_json_array_is_refused_with_the_way_to_split_it() -> None:
    with pytest.raises(InputError) as caught:
        events(json.dumps([GOOD]))
    assert "one JSON array" in caught.value.message
    assert "jq -c" in caught.value.hint


# -- CSV -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("evt-1,email_opened,ada@example.com\n", "line 1 names no column type, email, timestamp"),
        (
            "id,type,emial,timestamp\n",
            "line 1 names no column email; found: emial (did you mean email?)",
        ),
        (
            "id^type^email^timestamp\n",
            "line 1 names no column type, email, timestamp; found: id^type^email^timestamp",
        ),
        ("type,email,timestamp,Email\n", "the header names email twice"),
        (b"type,email,timestamp,caf\xe9\n", "line 1: is not UTF-8"),
        ('type,email,"timestamp\n', "line 1: a quote is opened here and never closed"),
    ],
)
def test_a_header_that_is_none_is_refused(content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        events(content)
    assert (
        caught.value.message.startswith(f"standard input: {message}")
        or message in caught.value.message
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("evt-1,opened", "has 2 values, and the header names 6 columns"),
        ("evt-1", "has 1 value, and the header names 6 columns"),
        (
            "evt-1,opened,a@b.c,c,J,2026-01-20T10:00:00Z,more",
            "has 7 values, and the header names 6 columns",
        ),
        ('evt-1,"opened,a@b.c', "a quote is opened here and never closed"),
        (
            'evt-1,"op"ened,a@b.c',
            "something follows a closing quote; a quote inside a quoted value is written twice",
        ),
        ("evt-1,,a@b.c,c,J,2026-01-20T10:00:00Z", "type: empty"),
        (
            "evt-1,opened,=1+1,c,J,2026-01-20T10:00:00Z",
            "email: '=1+1' is not one plain address like ada@example.com",
        ),
    ],
)
def test_a_bad_csv_row_costs_only_itself(row: str, reason: str) -> None:
    good = "evt-1,opened,ada@example.com,c-7,January,2026-01-20T10:00:00Z"
    found = events(f"{HEADER}{good}\n{row}\n{good}\n")
    assert (found[0], found[-1]) == (EVENT, EVENT)
    assert told(found) == [f"line 3: {reason}"]


def test_a_half_written_last_row_is_told_as_such() -> None:
    assert told(events(HEADER + "evt-1,opened,ada@ex")) == [
        "line 2: the last line is not complete; is the file still being written?"
    ]


def test_lines_are_counted_through_quoted_line_ends() -> None:
    found = events(
        HEADER + 'evt-1,opened,ada@example.com,c-7,"a\nb\nc",2026-01-20T10:00:00Z\nx,y\n'
    )
    assert isinstance(found[0], EmailEvent)
    assert found[0].campaign_name == "a\nb\nc"
    assert isinstance(found[1], Unreadable)
    assert found[1].line == 5


# -- files -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["events.jsonl", "events.ndjson", "events.json", "events.log"])
def test_json_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(GOOD))
    assert list(read_events(path, now=NOW)) == [(1, EVENT)]


def test_csv_files(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(HEADER + "evt-1,opened,ada@example.com,c-7,January,2026-01-20T10:00:00Z")
    assert list(read_events(path, now=NOW)) == [(2, EVENT)]


def test_a_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, json.dumps(GOOD).encode() + b"\n")
    with os.fdopen(reader, "rb") as stream:
        found = read_events(stream, now=NOW)
        assert next(found) == (1, EVENT)  # before the other end is closed
        os.close(writer)
        assert list(found) == []


@pytest.mark.parametrize(
    ("name", "message"), [("nope.csv", "nope.csv: no such file"), (".", "is a folder, not a file")]
)
def test_a_file_that_is_none_is_told(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_events(tmp_path / name, now=NOW)
    with pytest.raises(InputError, match=message):
        read_records(tmp_path / name, CONTACT)


def test_a_file_of_another_kind_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00 and so on")
    with pytest.raises(InputError, match=r"events.csv.gz: this is a gzip file"):
        read_events(path, now=NOW)


def test_a_read_error_on_the_way_is_an_input_error() -> None:
    class Broken(io.RawIOBase):
        def read1(self, _size: int) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="cannot be read: Input/output error"):
        read_events(Broken(), now=NOW)


LINES = st.lists(
    st.sampled_from(
        [json.dumps(GOOD), "{", "", "[]", '{"a":1}', HEADER.strip(), '"', "\x00", ",,,,,", "{}"]
    )
    | st.text(st.characters(codec="utf-8"), max_size=20),
    max_size=8,
)


@settings(deadline=None)
@given(LINES, st.sampled_from(["csv", "jsonl"]))
def test_whatever_comes_is_an_event_a_bad_line_or_an_input_error(
    found: list[str], file_format: str
) -> None:
    try:
        items = events("\n".join(found), file_format=file_format)
    except InputError:
        items = []
    assert all(isinstance(item, EmailEvent | Unreadable) for item in items)


# -- people ----------------------------------------------------------------------------------------
CONTACT = ObjectMap(
    name="contact",
    table="contacts",
    sobject="Contact",
    match_on="email",
    fields=(
        FieldMap("Email", "email"),
        FieldMap("FirstName", "first_name"),
        FieldMap("Account.Name", "company", direction=Direction.PULL),
        FieldMap(
            "PenguinMails_Total_Clicks__c", "total_clicks", FieldType.INTEGER, merge=Merge.COUNTER
        ),
        FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
    ),
)


def people(content: str, **options: bool) -> Iterator[object]:
    return read_records(io.BytesIO(content.encode()), CONTACT, HowToRead(**options))


@pytest.mark.parametrize(
    "header",
    [
        "email,first_name,total_clicks",
        "Email,FirstName,PenguinMails_Total_Clicks__c",
        "EMAIL; First Name ;total clicks",
        "Email\tfirst_name\tPENGUINMAILS_TOTAL_CLICKS__C",
    ],
)
def test_columns_go_by_the_mirrors_or_by_salesforces_names(header: str) -> None:
    sign = next(sign for sign in ",;\t" if sign in header)
    assert list(people(f"{header}\n" + sign.join([" a@b.c ", "Ada", "5.0"]))) == [
        (2, {"email": "a@b.c", "first_name": "Ada", "total_clicks": 5})
    ]


def test_an_empty_cell_leaves_alone_and_a_marker_blanks() -> None:
    assert list(people("Email,FirstName,opted_out\na@b.c,,true\nd@e.f,#N/A,\n")) == [
        (2, {"email": "a@b.c", "opted_out": 1}),
        (3, {"email": "d@e.f", "first_name": None}),
    ]


def test_json_null_blanks_and_an_absent_key_leaves_alone() -> None:
    lines = [{"email": "a@b.c", "FirstName": None}, {"Email": "d@e.f", "total_clicks": 3}]
    assert list(people("\n".join(map(json.dumps, lines)))) == [
        (1, {"email": "a@b.c", "first_name": None}),
        (2, {"email": "d@e.f", "total_clicks": 3}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "Email,Frist Name\n",
            "no field of contact is called 'Frist Name' (did you mean FirstName?)",
        ),
        ("Email,zzz,qqq\n", "no field of contact is called 'zzz', 'qqq'"),
        ("first_name,total_clicks\n", "no column for email, by which people are recognised"),
        ("email,Email\n", "two columns are both email (Email)"),
        ('{"emial": "a@b.c"}', "no field of contact is called 'emial' (did you mean Email?)"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_before_anything_is_read(
    content: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        people(content)
    assert message in caught.value.message


def test_unknown_columns_may_be_passed_over() -> None:
    assert list(people("Email,Shoe size,Shoe size\na@b.c,42,43\n", ignore_unknown=True)) == [
        (2, {"email": "a@b.c"})
    ]
    assert list(people('{"Email": "a@b.c", "shoes": [1]}', ignore_unknown=True)) == [
        (1, {"email": "a@b.c"})
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Ada,5", "email: empty; people are recognised by it"),
        ("#N/A,Ada,5", "email: empty; people are recognised by it"),
        ("a@b.c,Ada,many", "total_clicks: 'many' is not a whole number"),
        ("a@b.c,Ada", "has 2 values, and the header names 3 columns"),
        (f"a@b.c,{'x' * 32_001},5", "first_name: longer than 32000 characters"),
        ('a@b.c,"Ada,5', "a quote is opened here and never closed"),
    ],
)
def test_a_bad_person_costs_only_the_row(row: str, reason: str) -> None:
    found = list(people(f"Email,FirstName,total_clicks\n{row}\nd@e.f,,\n"))
    assert str(found[0]) == f"line 2: {reason}"
    assert found[1] == (3, {"email": "d@e.f"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"email": "a@b.c", "shoes": 42}', "no field of contact is called 'shoes'"),
        ('{"first_name": "Ada"}', "no column for email, by which people are recognised"),
        ('{"email": "a@b.c", "first_name": {"x": 1}}', "first_name: a compound value is no text"),
        ("{", "is no JSON: Expecting property name enclosed in double quotes at character 2"),
    ],
)
def test_a_bad_json_person_costs_only_the_line(line: str, reason: str) -> None:
    good = '{"email": "d@e.f"}'
    found = list(people(f"{good}\n{line}\n\n{good}\n"))
    assert (found[0], found[2]) == ((1, {"email": "d@e.f"}), (4, {"email": "d@e.f"}))
    assert str(found[1]) == f"line 2: {reason}"


def test_a_file_without_people_is_no_mistake() -> None:
    assert list(people("")) == []
    assert list(people("email\n")) == []


def test_people_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\na@b.c\n")
    assert list(read_records(path, CONTACT)) == [(2, {"email": "a@b.c"})]
    path.write_text("emial\na@b.c\n")
    with pytest.raises(InputError, match=r"people.csv: no field"):
        read_records(path, CONTACT)
