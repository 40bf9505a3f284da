"""The platform as a whole: what happens is owed to the endpoint, sent by a few threads, and tried again.

This is the door for the rest of the local org: ``EmailPlatform``.
"""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from local_org.email_platform import sending, signing
from local_org.email_platform.happenings import (
    SPELLINGS,
    Campaign,
    Happening,
    Person,
    body,
    happened,
    iso,
)
from local_org.email_platform.outbox import AT_ONCE, Attempt, Delivery, Outbox
from local_org.email_platform.people import people_of, person_at
from local_org.email_platform.settings import MIXED, Habits, WebhookConfig, checked_url
from local_org.email_platform.traffic import Beat, Traffic
from local_org.state.org import OrgState

MOST_WAITING: Final = 10_000
_MOST_COPIES: Final = 100
_LONGEST_DELAY: Final = 86_400
_LONGEST_ID: Final = 255
_SHOWN: Final = 50
_LOOK_AT_PEOPLE_EVERY: Final = 500
_STOP_SECONDS: Final = 2.0


class EmailPlatform:
    """Sends signed webhooks to one endpoint.

    Args:
        config: where to, and signed with what.
        state: the org, whose people these things happen to, and whose clock is the platform's.

    Attributes:
        habits: how it sends.

    Raises:
        ValueError: the address is not on this machine, or there is no secret.
    """

    def __init__(self, config: WebhookConfig, state: OrgState) -> None:
        self.url = checked_url(config.url)
        if not config.secret.strip():
            raise ValueError("the platform has no secret to sign with")
        self._secret = config.secret
        self._state = state
        self.habits = Habits()
        self.habits.change({"traffic": config.traffic, "speed": config.speed})
        self._outbox = Outbox(self.habits)
        self._traffic = Traffic(config.seed, self.habits)
        self._in_turn = itertools.cycle(SPELLINGS)
        self._launched: set[str] = set()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stopping = False

    # -- running

    def start(self) -> None:
        """Begin to send."""
        self._stopping = False
        work: list[Callable[[], None]] = [self._send_what_is_due] * AT_ONCE
        self._threads = [
            threading.Thread(target=each, name="email-platform", daemon=True)
            for each in [*work, self._live]
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more; a request under way may end by itself."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        self._threads = []

    # -- what people ask of it

    def send(
        self,
        kind: str,
        email: str = "",
        *,
        event_id: str = "",
        campaign: Campaign | None = None,
        spelling: str = "",
        copies: int = 1,
        delay_seconds: float = 0.0,
        more: Mapping[str, Any] | None = None,
    ) -> Happening:
        """Let something happen now, and send it, ``copies`` times and no sooner than after ``delay_seconds``.

        A campaign that was not launched yet is launched before its first email.

        Raises:
            ValueError: there is no such type, nobody is named, or too much waits already.
        """
        if spelling not in ("", *SPELLINGS):
            raise ValueError(f"spelling is one of {', '.join(SPELLINGS)}")
        if not (event_id.isascii() and event_id.isprintable() and len(event_id) <= _LONGEST_ID):
            raise ValueError("an id is a line of plain letters, digits and signs")
        if not (1 <= copies <= _MOST_COPIES and 0 <= delay_seconds <= _LONGEST_DELAY):
            raise ValueError(f"copies are 1 to {_MOST_COPIES}, delay_seconds 0 to {_LONGEST_DELAY}")
        if self._outbox.waiting >= MOST_WAITING:
            raise ValueError(f"{MOST_WAITING} deliveries wait already")
        person = person_at(self._state, email) if email else None
        event = self._happened(kind, person, campaign, event_id, more)
        if kind.startswith("email."):
            self._launch(campaign or Campaign())
        self._tell(event, spelling or self._next_spelling(), (delay_seconds,) * copies)
        return event

    def replay(self, since: float, until: float, kind: str = "") -> int:
        """Send the events of a range of time again, with the ids they have; how many there are.

        Args:
            since: seconds since 1970, as ``until``.
            kind: a type of event; empty for all.
        """
        with self._changed:
            found = self._outbox.between(since, until, kind)
        for event in found:
            self._owe(event, self._next_spelling(), (0.0,))
        return len(found)

    def resume(self) -> None:
        """Go on with an endpoint that was paused."""
        with self._changed:
            self._outbox.endpoint.resume()
            self._changed.notify_all()

    def change(self, wanted: dict[str, Any]) -> None:
        """Change how it sends; what is waiting keeps its time.

        Raises:
            ValueError: see ``Habits``.
        """
        with self._changed:
            self.habits.change(wanted)
            self._changed.notify_all()

    @property
    def happened(self) -> list[Happening]:
        """The events that there were, the first one first."""
        with self._changed:
            return list(self._outbox.events)

    def attempts_of(self, event_id: str) -> list[Attempt]:
        """How the attempts to deliver an event were answered, the first one first."""
        with self._changed:
            return [each for each in self._outbox.attempts if each.event_id == event_id]

    def overview(self) -> dict[str, Any]:
        """How it goes, and the latest attempts, the newest first."""
        with self._changed:
            outbox = self._outbox
            names = ("events", "attempts", "taken", "failed", "given_up")
            return {
                "url": self.url,
                "state": outbox.endpoint.state,
                "failures_in_a_row": outbox.endpoint.failures,
                "waiting": outbox.waiting,
                **{name: outbox.counts[name] for name in names},
                "settings": self.habits.as_dict(),
                "latest": [each.as_dict() for each in reversed(outbox.attempts)][:_SHOWN],
            }

    # -- what happens

    def _happened(
        self,
        kind: str,
        person: Person | None,
        campaign: Campaign | None,
        event_id: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> Happening:
        """Ids are new in every run: the same seed must not make an old event anew."""
        return happened(
            kind,
            id=event_id or f"evt_{secrets.token_hex(12)}",
            at=self._state.clock.seconds(),
            person=person,
            campaign=campaign,
            more=more,
        )

    def _launch(self, campaign: Campaign) -> None:
        with self._changed:
            if campaign.id in self._launched:
                return
            self._launched.add(campaign.id)
        event = self._happened("campaign.launched", None, campaign)
        self._tell(event, self._next_spelling(), (0.0,))

    def _next_spelling(self) -> str:
        wanted = self.habits.spelling
        return next(self._in_turn) if wanted == MIXED else wanted

    def _tell(self, event: Happening, spelling: str, delays: tuple[float, ...]) -> None:
        """It happened, and is owed as often as there are delays."""
        with self._changed:
            self._outbox.happened(event)
            self._owe(event, spelling, delays)

    def _owe(self, event: Happening, spelling: str, delays: tuple[float, ...]) -> None:
        now = time.monotonic()
        with self._changed:
            for delay in delays:
                self._outbox.owe(event, spelling, now + delay)
            self._changed.notify_all()

    def _live(self) -> None:
        """Let things happen by themselves."""
        people: list[Person] = []
        beats = 0
        while not self._stopping:
            with self._changed:
                if not self.habits.traffic or self._outbox.waiting >= MOST_WAITING:
                    self._changed.wait(1.0)
                    continue
                pause, traffic = self._traffic.pause(), self.habits.traffic
            if self._changes_within(pause, traffic):
                continue
            if beats % _LOOK_AT_PEOPLE_EVERY == 0:
                people = people_of(self._state)
            beats += 1
            self._play(self._traffic.next(people))

    def _play(self, beat: Beat) -> None:
        event = self._happened(beat.type, beat.person, beat.campaign)
        self._launched.add(beat.campaign.id)
        self._tell(event, beat.spelling, beat.delays)

    def _changes_within(self, seconds: float, traffic: float) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stopping or self.habits.traffic != traffic, seconds
            )

    # -- sending

    def _send_what_is_due(self) -> None:
        while (delivery := self._next()) is not None:
            self._deliver(delivery)

    def _next(self) -> Delivery | None:
        """The next delivery, as soon as one is due; None once it is to stop."""
        with self._changed:
            while not self._stopping:
                delivery = self._outbox.take(time.monotonic())
                if delivery is not None:
                    return delivery
                self._changed.wait(self._outbox.seconds_to_next(time.monotonic()))
        return None

    def _deliver(self, delivery: Delivery) -> None:
        event, at = delivery.event, iso(self._state.clock.seconds())
        delivery_id, content = signing.new_delivery_id(), body(delivery.event, delivery.spelling)
        bare = self.habits.bare_signature
        headers = signing.headers(self._secret, event, content, delivery_id, bare=bare)
        began = time.monotonic()
        status, answer = sending.post(self.url, content, headers)
        ended = time.monotonic()
        with self._changed:
            again = self._outbox.answered(delivery, status, ended)
            self._outbox.attempts.append(
                Attempt(
                    at, delivery_id, event.id, event.type, event.email, delivery.spelling, delivery.attempts,
                    status, answer, round(ended - began, 4), again,
                )
            )  # fmt: skip
            self._changed.notify_all()
