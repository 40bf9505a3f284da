"""What follows the end of a stream, how long it waits, and the allowance of events."""

from __future__ import annotations

import pytest

from sfsync.model.facts import EventFacts
from sfsync.model.hint import SILENT, StreamEnd
from sfsync.planning.stream import LOOK_AGAIN_SECONDS, Act, Allowance, Course, meaning_of, untold

LATE = "subscription.fetch.replayid.corrupted"


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("service.unavailable", Act.RETRY),
        ("topic.api.unavailable", Act.RETRY),
        ("schema.api.unavailable", Act.RETRY),
        ("subscription.internal.error", Act.RETRY),
        ("subscription.fetch.replay.repeated", Act.RETRY),
        (SILENT, Act.RETRY),
        ("service.auth.error", Act.RENEW_LOGIN),
        ("service.auth.refresh.invalid", Act.RENEW_LOGIN),
        ("service.protection.triggered", Act.RETRY_SLOWLY),
        (LATE, Act.START_ANEW),
        ("subscription.limit.exceeded", Act.POLL),
        ("concurrent.client.limit.exceeded", Act.POLL),
        ("service.tenant.license", Act.POLL),
        ("topic.not.found", Act.POLL),
        ("topic.meta.permission", Act.POLL),
        ("subscription.topic.cannot.subscribe", Act.POLL),
        ("schema.meta.permission", Act.POLL),
        ("service.auth.headers.invalid", Act.POLL),
        ("subscription.fetch.overflow", Act.POLL),
        ("subscription.fetch.replayid.validation.failed", Act.POLL),
        ("never.heard.of", Act.RETRY),
        ("", Act.RETRY),
    ],
)
def test_each_code_has_its_act(code, act):
    assert meaning_of(StreamEnd(code, "UNAVAILABLE")).act is act


@pytest.mark.parametrize(
    ("status", "act"),
    [
        ("UNAVAILABLE", Act.RETRY),
        ("INTERNAL", Act.RETRY),
        ("DEADLINE_EXCEEDED", Act.RETRY),
        ("UNAUTHENTICATED", Act.RENEW_LOGIN),
        ("PERMISSION_DENIED", Act.POLL),
        ("RESOURCE_EXHAUSTED", Act.RETRY_SLOWLY),
        ("UNIMPLEMENTED", Act.POLL),
    ],
)
def test_without_a_code_the_status_counts(status, act):
    assert meaning_of(StreamEnd("", status)).act is act


def ended(course: Course, code: str = "", lived: float = 0.0):
    return course.ended(StreamEnd(code, "UNAVAILABLE"), lived_seconds=lived)


def test_each_wait_is_twice_the_last_up_to_a_minute_and_the_first_again_after_a_steady_time():
    course = Course(lambda: 1.0)
    assert [ended(course).wait_seconds for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert ended(course, lived=5).wait_seconds == 60  # a stream that breaks off again and again
    assert ended(course, lived=61).wait_seconds == 1


def test_waits_are_spread():
    assert ended(Course(lambda: 0.0)).wait_seconds == 0.5
    assert 0.5 < ended(Course(lambda: 0.5)).wait_seconds < 1.0


def test_a_login_is_renewed_once_and_then_polled_without():
    course = Course(lambda: 1.0)
    first = ended(course, "service.auth.error")
    assert (first.act, first.polls) == (Act.RENEW_LOGIN, False)
    second = ended(course, "service.auth.error")
    assert (second.act, second.polls) == (Act.RETRY_SLOWLY, True)
    assert "`sfsync login`" in second.hint
    assert second.wait_seconds >= 60
    # once it worked, the next end of a session is the first one again
    assert ended(course, "service.auth.error", lived=100).act is Act.RENEW_LOGIN


def test_a_new_beginning_that_is_refused_is_not_begun_again_at_once():
    course = Course(lambda: 1.0)
    assert ended(course, LATE).act is Act.START_ANEW
    again = ended(course, LATE)
    assert (again.act, again.wait_seconds >= 30) == (Act.RETRY_SLOWLY, True)


def test_what_a_new_connection_does_not_mend_is_left_alone_for_an_hour_and_told():
    then = ended(Course(lambda: 0.0), "topic.not.found")
    assert (then.polls, then.wait_seconds) == (True, LOOK_AGAIN_SECONDS)
    assert "org setup" in then.hint


# -- what the org does not tell
BOTH = frozenset({"ContactChangeEvent", "LeadChangeEvent"})


@pytest.mark.parametrize(
    ("events", "names"),
    [
        (EventFacts(), []),  # it does not say
        (EventFacts(channel=True, members=BOTH), []),
        (EventFacts(channel=True, members=BOTH, view_all=frozenset({"Contact", "Lead"})), []),
        (EventFacts(channel=True, members=frozenset({"LeadChangeEvent"})), ["contact"]),
        (EventFacts(channel=True, members=BOTH, view_all=frozenset({"Contact"})), ["lead"]),
        (EventFacts(channel=False), ["contact", "lead"]),
    ],
)
def test_what_the_org_leaves_out_without_a_word_is_known(events, names):
    assert list(untold(["contact", "lead"], events)) == names


# -- the allowance
def test_at_four_fifths_the_stream_is_left_and_taken_up_below():
    allowance = Allowance()
    assert not allowance.is_spent(streaming=True)
    allowance.told(19_000, 25_000, now=0)
    assert not allowance.is_spent(streaming=True)
    assert allowance.is_spent(streaming=False)
    allowance.delivered(1_000, 0, now=1)
    assert allowance.is_spent(streaming=True)
    allowance.told(18_000, 25_000, now=2)
    assert not allowance.is_spent(streaming=False)


def test_an_idle_stream_asks_nothing_of_the_org():
    allowance = Allowance()
    assert allowance.wants_a_look(0)
    allowance.told(0, 25_000, now=0)
    assert not allowance.wants_a_look(1_000_000)
    allowance.delivered(250, 0, now=10)
    assert not allowance.wants_a_look(10)
    assert allowance.wants_a_look(301)
    allowance.looked(301)
    assert not allowance.wants_a_look(302)


def test_own_writes_that_come_back_in_numbers_are_a_push_under_way():
    allowance = Allowance()
    allowance.told(0, 25_000, now=0)
    allowance.delivered(499, 499, now=1)
    assert not allowance.push_is_under_way()
    allowance.delivered(1, 1, now=2)
    assert allowance.push_is_under_way()
    allowance.left()
    assert not allowance.push_is_under_way()
    allowance.delivered(499, 499, now=10)
    allowance.delivered(499, 499, now=1_000)  # long after: no push
    assert not allowance.push_is_under_way()
