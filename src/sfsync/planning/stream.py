"""What a process that follows the org's change events does next: on every error, and with its allowance. Pure.

Source: Pub/Sub API, "Handle Errors"; Change Data Capture Developer Guide, "Change Data Capture Allocations".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sfsync.model.facts import EventFacts
from sfsync.model.hint import CLOSED, SILENT, StreamEnd
from sfsync.model.objects import OBJECTS, event_name

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
SLOW_WAIT_SECONDS, LONGEST_SLOW_WAIT_SECONDS = 30.0, 900.0
LOOK_AGAIN_SECONDS = 3600.0
"""How long the stream is left alone where trying again at once changes nothing."""

LOGIN_WAIT_SECONDS = 300.0
STEADY_SECONDS = 60.0
"""A stream that lived for so long was well; the next wait is the first one again."""


class Act(StrEnum):
    """What is done where the stream ended."""

    RETRY = "retry"  # from the stored position
    RETRY_SLOWLY = "retry-slowly"
    RENEW_LOGIN = "renew-login"
    START_ANEW = "start-anew"  # the position is dead: read everything, and follow from now on
    POLL = "poll"  # nothing a new connection mends: poll, and look again in an hour


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an end means.

    Attributes:
        reason: in a sentence, for people.
        hint: what a person can do; empty where nothing.
    """

    act: Act
    reason: str
    hint: str = ""


_SETUP = "`sfsync org check` says what is missing, `sfsync org setup --change-events` makes it"
_REPORT = "please report this: it is a mistake of sfsync's"


def _each(meaning: Meaning, *codes: str) -> dict[str, Meaning]:
    return dict.fromkeys(codes, meaning)


MEANINGS: Final = MappingProxyType(
    _each(
        Meaning(Act.RETRY, "Salesforce's event bus is not available"),
        "service.unavailable",
        "topic.api.unavailable",
        "schema.api.unavailable",
        "subscription.internal.error",
        "subscription.fetch.replay.repeated",
    )
    | _each(Meaning(Act.RETRY, "the connection was closed"), CLOSED)
    | _each(Meaning(Act.RETRY, "nothing came for five minutes"), SILENT)
    | _each(
        Meaning(
            Act.RENEW_LOGIN, "Salesforce does not take the login", "`sfsync login` logs in again"
        ),
        "service.auth.error",
        "service.auth.refresh.invalid",
    )
    | _each(
        Meaning(Act.RETRY_SLOWLY, "Salesforce asks for fewer calls"),
        "service.protection.triggered",
        "service.protection.stream.limit.triggered",
        "stream.limit.triggered",
    )
    | _each(
        Meaning(Act.START_ANEW, "the stored position is too old, or of another org"),
        "subscription.fetch.replayid.corrupted",
    )
    | _each(
        Meaning(
            Act.POLL,
            "the org's allowance of delivered events is spent",
            "other clients of the org share it",
        ),
        "subscription.limit.exceeded",
    )
    | _each(
        Meaning(Act.POLL, "too many clients follow events of this org"),
        "concurrent.client.limit.exceeded",
    )
    | _each(
        Meaning(Act.POLL, "the org is not licensed for the Pub/Sub API"), "service.tenant.license"
    )
    | _each(
        Meaning(Act.POLL, "the org publishes no change events for sfsync", _SETUP),
        "topic.not.found",
    )
    | _each(
        Meaning(Act.POLL, "this user may not follow change events", _SETUP),
        "topic.meta.permission",
        "subscription.topic.cannot.subscribe",
        "schema.meta.permission",
    )
    | _each(
        Meaning(Act.POLL, "Salesforce does not take what sfsync asks", _REPORT),
        "service.auth.headers.invalid",
        "subscription.fetch.overflow",
        "subscription.fetch.requested.events.invalid",
        "subscription.fetch.topic.mismatch",
        "subscription.fetch.replayid.validation.failed",
        "subscription.fetch.request.invalid",
    )
)
"""By Salesforce's code, less what all have in common, and our own two."""

_OTHER = Meaning(Act.RETRY, "the connection broke off")
_OTHER_BY_STATUS: Final = MappingProxyType(
    {
        "UNAUTHENTICATED": MEANINGS["service.auth.error"],
        "PERMISSION_DENIED": MEANINGS["topic.meta.permission"],
        "RESOURCE_EXHAUSTED": MEANINGS["service.protection.triggered"],
        "UNIMPLEMENTED": Meaning(
            Act.POLL, "what answers at org.pubsub does not speak the Pub/Sub API"
        ),
    }
)
"""By gRPC's status, where there is no code, or one that nobody knows."""


def meaning_of(end: StreamEnd) -> Meaning:
    """What this end means.

    >>> meaning_of(StreamEnd("topic.not.found", "NOT_FOUND")).act
    <Act.POLL: 'poll'>
    >>> meaning_of(StreamEnd("", "UNAVAILABLE")).act
    <Act.RETRY: 'retry'>
    """
    known = MEANINGS.get(end.code)
    if known is not None:
        return known
    if end.code and end.status in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}:
        return Meaning(Act.POLL, f"Salesforce refuses the stream ({end.code})")
    return _OTHER_BY_STATUS.get(end.status, _OTHER)


@dataclass(frozen=True, slots=True)
class Next:
    """What comes after an end.

    Attributes:
        polls: whether the stream is left alone for now, told in ``reason``.
    """

    act: Act
    wait_seconds: float
    reason: str
    hint: str = ""
    polls: bool = False


@dataclass(slots=True)
class Course:
    """How one process goes on after each end of the stream, and how long it waits.

    Args:
        random: a number from 0 to 1: many processes that lost the stream together do not come back together.
    """

    random: Callable[[], float]
    _tries: int = 0
    _renewed: bool = False
    _anew: bool = False

    def ended(self, end: StreamEnd, *, lived_seconds: float) -> Next:
        """What to do now.

        Args:
            lived_seconds: from the first message to the last; 0 where none came.
        """
        if lived_seconds >= STEADY_SECONDS:
            self._tries = 0
        meaning = meaning_of(end)
        act = self._act(meaning.act, lived_seconds)
        self._renewed, self._anew = act is Act.RENEW_LOGIN, act is Act.START_ANEW
        polls = act is Act.POLL or (meaning.act is Act.RENEW_LOGIN and act is not meaning.act)
        return Next(act, self._wait(act, polls=polls), meaning.reason, meaning.hint, polls)

    def _act(self, act: Act, lived_seconds: float) -> Act:
        """A renewed login, or a new beginning, that is refused at once is no remedy."""
        again = lived_seconds == 0
        if (act is Act.RENEW_LOGIN and self._renewed and again) or (
            act is Act.START_ANEW and self._anew and again
        ):
            return Act.RETRY_SLOWLY
        return act

    def _wait(self, act: Act, *, polls: bool) -> float:
        if act is Act.POLL:
            return LOOK_AGAIN_SECONDS
        if polls:
            return LOGIN_WAIT_SECONDS
        first, longest = FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
        if act is Act.RETRY_SLOWLY:
            first, longest = SLOW_WAIT_SECONDS, LONGEST_SLOW_WAIT_SECONDS
        wait = min(first * 2.0 ** min(self._tries, 20), longest)
        self._tries += 1
        return wait * (0.5 + self.random() / 2)


# -- what is told ---------------------------------------------------------------------------------
def untold(names: Sequence[str], events: EventFacts) -> dict[str, str]:
    """Objects of which the org tells no changes, or not all, though the stream goes well; each with the reason.

    An org leaves out without a word what is not on the channel, and what the user may not view.

    Args:
        names: the configuration's.
        events: what the org told of its channel; what it did not tell counts as well.
    """
    if events.channel is None:
        return {}
    reasons = {}
    for name in names:
        sobject = OBJECTS[name].sobject
        if event_name(sobject) not in events.members:
            reasons[name] = "its events are not on the channel"
        elif events.view_all is not None and sobject not in events.view_all:
            reasons[name] = "this user may not view all of its records"
    return reasons


# -- the allowance ---------------------------------------------------------------------------------
LEAVE_AT, RETURN_AT = 0.80, 0.75
"""Shares of the day's deliverable events at which the stream is left, and taken up again."""

OWN_SHARE, OWN_AT_LEAST = 0.02, 200
"""Own echoes within ``OWN_SECONDS`` from which on a push is under way that had better be followed by a pull: a share of
the allowance, and a number at least."""

OWN_SECONDS = 600.0
LOOK_EVERY_SECONDS, LOOK_EVERY_SHARE, LOOK_EVERY_EVENTS = 300.0, 0.01, 100


@dataclass(slots=True)
class Allowance:
    """How many events the org may still deliver, to all its clients together. Times are of a clock that never goes back.

    What the org says is minutes late, so that what was delivered here since is added.
    """

    limit: int | None = None
    used: int = 0
    _since: int = 0
    _looked_at: float = float("-inf")
    _own: int = 0
    _own_since: float = float("-inf")

    @property
    def share(self) -> float | None:
        """Of the day's events, how much is used; ``None`` where the org has not told."""
        return (self.used + self._since) / self.limit if self.limit else None

    def told(self, used: int, limit: int, now: float) -> None:
        """What the org says."""
        self.used, self.limit, self._since, self._looked_at = used, limit, 0, now

    def looked(self, now: float) -> None:
        """The org was asked, and did not say."""
        self._looked_at = now

    def delivered(self, events: int, own: int, now: float) -> None:
        """So many events came, of which so many are echoes of sfsync's own writes."""
        self._since += events
        if now - self._own_since > OWN_SECONDS:
            self._own, self._own_since = 0, now
        self._own += own

    def wants_a_look(self, now: float) -> bool:
        """Whether the org is to be asked: at first, and after many events. An idle stream asks nothing."""
        if self._looked_at == float("-inf"):
            return True
        many = max(LOOK_EVERY_EVENTS, int((self.limit or 0) * LOOK_EVERY_SHARE))
        return self._since >= many and now - self._looked_at >= LOOK_EVERY_SECONDS

    def is_spent(self, *, streaming: bool) -> bool:
        """Whether the stream is to be left, or not taken up yet."""
        share = self.share
        return share is not None and share >= (LEAVE_AT if streaming else RETURN_AT)

    def push_is_under_way(self) -> bool:
        """Whether sfsync's own writes come back in numbers."""
        return self._own >= large_push(self.limit)

    def left(self) -> None:
        """The stream was left: what comes next is counted anew."""
        self._own, self._own_since = 0, float("-inf")


def large_push(limit: int | None) -> int:
    """Writes from which on a push is followed by a pull instead of the stream.

    >>> large_push(25_000), large_push(None)
    (500, 200)
    """
    return max(OWN_AT_LEAST, int((limit or 0) * OWN_SHARE))
