"""The text of a Task: names are filled in, everything else is taken as it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.mapping.template import (
    NAMES,
    alone,
    literal,
    render_task,
    render_value,
    segments,
    shortened,
)
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.mapping import ActivityMap
from sfsync.model.record import SalesforceId

WHO = SalesforceId("003000000000001AAA")
SEED = ActivityMap(
    timezone="America/New_York",
    fields=(
        ("Subject", "Email: {campaign_name}"),
        ("Description", "Email {action} by {contact_name}"),
        ("WhoId", "contact_id"),
        ("ActivityDate", "event_timestamp"),
        ("Status", "Completed"),
        ("Type", "Email"),
    ),
)


def event(**changes: str) -> EmailEvent:
    values = {
        "campaign_id": "c-7",
        "campaign_name": "January",
        "timestamp": "2026-01-20T03:00:00Z",
    } | changes
    return EmailEvent("evt-1", EventType.OPENED, "ada@example.com", **values)


def task(template: str, **changes: str) -> object:
    activity_map = ActivityMap(fields=(("Description", template),))
    return render_task(activity_map, event(**changes), contact_id=WHO, contact_name="Ada")[
        "Description"
    ]


def test_the_seeds_task_is_rendered() -> None:
    assert render_task(SEED, event(), contact_id=WHO, contact_name="Ada Lovelace") == {
        "Subject": "Email: January",
        "Description": "Email opened by Ada Lovelace",
        "WhoId": WHO,
        "ActivityDate": "2026-01-19",  # ten in the evening of the day before, in New York
        "Status": "Completed",
        "Type": "Email",
    }


def test_without_a_person_the_who_field_is_left_out() -> None:
    assert "WhoId" not in render_task(SEED, event(), contact_id=None, contact_name="Ada")
    assert SEED.who_field == "WhoId"
    assert ActivityMap().who_field == ""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("action", "opened"),
        ("activity_type", "Email Opened"),
        ("{campaign_id}", "c-7"),
        ("{event_id}/{campaign_id}", "evt-1/c-7"),
        ("{event_timestamp}", "2026-01-20T03:00:00Z"),
        ("at {event_timestamp}", "at 2026-01-20T03:00:00Z"),
        ("an action", "an action"),
        ("{{campaign_name}}", "{campaign_name}"),
        ("100 % {{}}", "100 % {}"),
        ("", ""),
    ],
)
def test_names_alone_and_in_text(template: str, text: str) -> None:
    assert task(template) == text


def test_a_campaign_without_a_name_goes_by_its_id() -> None:
    assert task("{campaign_name}", campaign_name="") == "c-7"
    assert task("{campaign_name}", campaign_name="", campaign_id="") == "(no campaign)"
    assert task("{campaign_id}", campaign_id="") == "(no campaign)"


def test_somebody_without_a_name_goes_by_the_address() -> None:
    assert render_task(SEED, event(), contact_id=None, contact_name=" ")["Description"] == (
        "Email opened by ada@example.com"
    )


@pytest.mark.parametrize(
    "name", ["{campaign_id}", "{0}", "{campaign_name.__class__}", "%s", "{{x}}"]
)
def test_what_an_event_holds_is_never_read_as_a_template(name: str) -> None:
    assert task("Email: {campaign_name}", campaign_name=name) == f"Email: {name}"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{campain_name}", "unknown name {campain_name}; did you mean campaign_name?"),
        ("{campaign_name!r}", "unknown name {campaign_name!r}"),
        ("{event_id:>10}", "unknown name {event_id:>10}"),
        ("{}", "unknown name {}"),
        ("{event_id", "a lone {; write {{ for the character itself"),
        ("event_id}", "a lone }; write }} for the character itself"),
        ("{a{b}}", "a lone {"),
    ],
)
def test_a_wrong_template_says_why(template: str, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        segments(template)
    assert told in str(caught.value)


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_characters="{}"), max_size=30).filter(
        lambda text: text not in NAMES
    )
)
def test_text_without_braces_is_itself(text: str) -> None:
    assert literal(text) == text
    assert alone(text) == ""


@settings(deadline=None)
@given(st.text(max_size=30))
def test_doubled_braces_give_any_text(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    if escaped not in NAMES:
        assert literal(escaped) == text


def test_a_long_subject_is_cut_with_an_ellipsis_and_kept_on_one_line() -> None:
    subject = render_task(
        SEED, event(campaign_name="very\n long " * 60), contact_id=WHO, contact_name=""
    )["Subject"]
    assert isinstance(subject, str)
    assert len(subject) <= 255
    assert subject.startswith("Email: very long very")
    assert subject.endswith("…")
    assert "\n" not in subject


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(1, 20))
def test_a_cut_text_fits_and_begins_like_the_whole(text: str, limit: int) -> None:
    cut = shortened(text, limit)
    assert len(cut.encode("utf-16-le", "surrogatepass")) // 2 <= limit
    assert cut == text or text.startswith(cut.removesuffix("…"))


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab cd", 4, "ab…"),
        ("a👩‍👩‍👧b", 6, "a…"),
        ("ae\u0301x", 3, "a…"),
        ("a👍🏽b", 5, "a…"),
        ("🙈🙈", 3, "🙈…"),
        ("🙈🙈", 2, "…"),
    ],
)
def test_a_cut_falls_between_characters_as_people_see_them(text: str, limit: int, cut: str) -> None:
    assert shortened(text, limit) == cut


def test_a_rules_value_is_filled_from_the_event() -> None:
    assert render_value("{campaign_name} ({action})", event()) == "January (opened)"
    assert render_value("campaign_id", event()) == "c-7"


def test_what_the_event_does_not_know_is_not_written() -> None:
    nameless = event(campaign_id="", campaign_name="")
    assert render_value("{campaign_id}", nameless) is None
    assert render_value("campaign_name", nameless) is None
    assert render_value("campaign_name", event(campaign_name="")) == "c-7"
    assert render_value("fixed", nameless) == "fixed"
    assert render_value("{action} {campaign_id}", nameless) == "opened (no campaign)"
