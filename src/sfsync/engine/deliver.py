"""deliver: send what is new in the feed of changes to the endpoints that want it.

Needs neither the org nor the run lock. Nobody waits for a receiver: posts are begun, and settled
once their answer is there. An endpoint that fails is asked with one message at a time, so that it
costs the others nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from sfsync.engine.ports import Clock, Deliveries, Poster
from sfsync.model.delivery import (
    ACTIVE,
    Attempt,
    Delivery,
    DeliveryReport,
    Message,
    PostAnswer,
    Recipient,
    Settlement,
)
from sfsync.planning.deliveries import body_of, settlement

AT_ONCE = 8
"""Posts to one endpoint that are under way together."""

MOST_UNDER_WAY = 32
"""Posts under way to all of them."""

LOOK_SECONDS = 0.25
"""How long one turn waits for an answer."""

DRAIN_SECONDS = 30.0
"""How long what is under way at the end is waited for: more than one post may take."""

Key = tuple[str, str]
"""An endpoint's name, and the message's id."""


def _nothing(_attempt: Attempt, _settled: Settlement) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Courier:
    """Sends, a turn at a time.

    Attributes:
        jitter: a chance from 0 to 1, another one each time.
        pause_after_days: an endpoint is paused after so many days of nothing but failures.
        on_settled: hears of every attempt.
    """

    recipients: list[Recipient]
    deliveries: Deliveries
    poster: Poster
    now: Clock
    jitter: Callable[[], float]
    pause_after_days: int
    on_settled: Callable[[Attempt, Settlement], None] = _nothing
    report: DeliveryReport = field(default_factory=DeliveryReport)
    _under_way: dict[Key, Delivery] = field(default_factory=dict)
    _answered: list[tuple[Message, PostAnswer]] = field(default_factory=list)

    def turn(self, seconds: float = LOOK_SECONDS, *, begins: bool = True) -> bool:
        """Begin what is due, and settle what was answered; whether anything is under way or was done.

        Args:
            seconds: how long to wait for an answer.
            begins: whether new posts are begun.

        Raises:
            MirrorBusy: a run keeps the mirror locked. The next turn settles what was answered.
        """
        if begins:
            for recipient in self.recipients:
                self._begin(recipient)
        self._answered += self.poster.finished(seconds if self._under_way else 0)
        has_answers = bool(self._answered)
        self._settle()
        return bool(self._under_way) or has_answers

    def count_waiting(self) -> int:
        """How many messages are still to be sent."""
        return sum(self.deliveries.waiting(each.name, each.kinds) for each in self.recipients)

    def _begin(self, recipient: Recipient) -> None:
        endpoint = self.deliveries.endpoint(recipient.name)
        if endpoint is None or endpoint.state != ACTIVE:
            return
        self.report.lost += self.deliveries.queue(recipient.name, recipient.kinds)
        if endpoint.held_until > self.now():
            return
        under_way = [each.number for each in self._of(recipient)]
        room = (1 if endpoint.failures else AT_ONCE) - len(under_way)
        room = min(room, MOST_UNDER_WAY - len(self._under_way))
        if room <= 0:
            return
        due = self.deliveries.due(recipient.name, limit=room, under_way=under_way)
        for delivery in due:
            message = Message(recipient, str(delivery.change.cursor), body_of(delivery.change))
            self._under_way[recipient.name, message.id] = delivery
            self.poster.start(message)

    def _of(self, recipient: Recipient) -> Iterable[Delivery]:
        return (each for (name, _), each in self._under_way.items() if name == recipient.name)

    def _settle(self) -> None:
        if not self._answered:
            return
        settled = self.deliveries.settle(self._attempt(*each) for each in self._answered)
        for message, _ in self._answered:
            del self._under_way[message.to.name, message.id]
        self._answered.clear()
        for attempt, what in settled:
            self.report.count(what.outcome)
            self.on_settled(attempt, what)

    def _attempt(self, message: Message, answer: PostAnswer) -> Attempt:
        delivery = self._under_way[message.to.name, message.id]
        decide = partial(
            settlement, delivery, answer,
            now=self.now(), jitter=self.jitter(), pause_after_days=self.pause_after_days,
        )  # fmt: skip
        return Attempt(delivery, answer, decide)


def deliver(
    courier: Courier,
    *,
    seconds: float,
    clock: Callable[[], float],
    checkpoint: Callable[[], None] = lambda: None,
) -> None:
    """Send until nothing is left that may be sent now, or time is up.

    What is under way then is waited for, as long as one post may take. Nothing is raised for what
    cannot be delivered: it waits.

    Args:
        seconds: how long to begin new posts.
        clock: seconds that never go back.
        checkpoint: called at each turn; raises where the work is to end.
    """
    end = clock() + seconds
    while courier.turn(begins=clock() < end) and clock() < end + DRAIN_SECONDS:
        checkpoint()
    courier.report.waiting = courier.count_waiting()
