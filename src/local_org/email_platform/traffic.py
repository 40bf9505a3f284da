"""What happens at the platform by itself: who does what next, drawn from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from local_org.email_platform.happenings import SPELLINGS, Campaign, Person
from local_org.email_platform.settings import MIXED, Habits

_OFTEN: Final = {
    "email.sent": 40,
    "email.delivered": 15,
    "email.opened": 24,
    "email.clicked": 10,
    "email.replied": 3,
    "email.bounced": 3,
    "email.unsubscribed": 1,
    "email.spam_reported": 1,
    "contact.created": 1,
    "contact.updated": 2,
}
_CAMPAIGNS: Final = (Campaign("c-7", "January"), Campaign("c-8", "Ice News"))
_REORDERED_SECONDS: Final = 60.0
_LATE_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Beat:
    """What happens next.

    Attributes:
        person: None for a campaign.
        delays: seconds before each time it is sent; two of them where it is doubled.
    """

    type: str
    person: Person | None
    campaign: Campaign
    spelling: str
    delays: tuple[float, ...]


class Traffic:
    """Draws what happens.

    Args:
        seed: the same number gives the same people doing the same.
        habits: how much goes wrong on the way.
    """

    def __init__(self, seed: int, habits: Habits) -> None:
        self._random = random.Random(seed)  # noqa: S311  nothing secret is drawn
        self._habits = habits
        self._launched = 0

    def next(self, people: Sequence[Person]) -> Beat:
        """What happens next: first the campaigns are launched."""
        spelling, delays = self._spelling(), self._delays()
        if self._launched < len(_CAMPAIGNS) or not people:
            campaign = _CAMPAIGNS[self._launched % len(_CAMPAIGNS)]
            self._launched += 1
            return Beat("campaign.launched", None, campaign, spelling, delays)
        kind = self._random.choices(list(_OFTEN), list(_OFTEN.values()))[0]
        who, campaign = self._random.choice(people), self._random.choice(_CAMPAIGNS)
        return Beat(kind, who, campaign, spelling, delays)

    def pause(self) -> float:
        """Seconds to the next beat: on average a minute holds as many as it should."""
        return self._random.expovariate(self._habits.traffic / 60.0)

    def _spelling(self) -> str:
        wanted = self._habits.spelling
        return self._random.choice(SPELLINGS) if wanted == MIXED else wanted

    def _delays(self) -> tuple[float, ...]:
        copies = 2 if self._random.random() < self._habits.duplicates else 1
        return tuple(self._delay() for _ in range(copies))

    def _delay(self) -> float:
        drawn, share = self._random.random(), self._random.random()
        if drawn < self._habits.late:
            longest = _LATE_SECONDS
        elif drawn < self._habits.late + self._habits.reordered:
            longest = _REORDERED_SECONDS
        else:
            return 0.0
        return share * longest / self._habits.speed
