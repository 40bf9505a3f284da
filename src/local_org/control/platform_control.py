"""``/_local/platform``: what somebody at the email platform does, and how its deliveries fare.

- ``GET /_local/platform``: where it sends, how the endpoint is doing, its settings, and the latest
  attempts.
- ``POST /_local/platform``: ``{setting: value}``, see ``email_platform.settings``; answers the same.
- ``POST /_local/platform/send``: ``{"type", "email"?, "id"?, "campaign_id"?, "campaign_name"?,
  "copies"?, "delay_seconds"?, "spelling"?, "data"?}``; answers ``{"id"}``.
- ``POST /_local/platform/replay``: ``{"since", "until"?, "type"?}``, times as in ISO 8601; answers
  ``{"events"}``.
- ``POST /_local/platform/resume``: ``{}``, after too many failures.
"""

from collections.abc import Callable
from typing import Any

from local_org.api_error import ApiError
from local_org.email_platform.happenings import Campaign
from local_org.email_platform.platform import EmailPlatform
from local_org.state.org import OrgState
from local_org.timestamps import read_moment

Body = dict[str, Any]


class PlatformControl:
    """The platform's addresses.

    Args:
        platform: gives the platform, if there is one.
        state: the org, whose clock is the platform's.
    """

    def __init__(self, platform: Callable[[], EmailPlatform | None], state: OrgState) -> None:
        self._current = platform
        self._state = state

    def posts(self) -> dict[str, Callable[[Body], Any]]:
        """What is asked by POST alone."""
        return {
            "platform/send": self._send,
            "platform/replay": self._replay,
            "platform/resume": lambda _: self._platform.resume(),
        }

    def overview(self) -> Body:
        """How it goes."""
        return self._platform.overview()

    def overview_if_any(self) -> Body | None:
        """The same; None without a platform."""
        platform = self._current()
        return None if platform is None else platform.overview()

    def change(self, body: Body) -> Body:
        """Change settings."""
        self._platform.change(body)
        return self.overview()

    @property
    def _platform(self) -> EmailPlatform:
        platform = self._current()
        if platform is None:
            raise ApiError(
                "NOT_FOUND", "there is no email platform: start the org with --webhooks", status=404
            )
        return platform

    def _send(self, body: Body) -> Body:
        usual = Campaign()
        event = self._platform.send(
            str(body["type"]),
            str(body.get("email") or ""),
            event_id=str(body.get("id") or ""),
            campaign=Campaign(
                str(body.get("campaign_id") or usual.id),
                str(body.get("campaign_name") or usual.name),
            ),
            spelling=str(body.get("spelling") or ""),
            copies=int(body.get("copies", 1)),
            delay_seconds=float(body.get("delay_seconds", 0)),
            more=dict(body.get("data") or {}),
        )
        return {"id": event.id}

    def _replay(self, body: Body) -> Body:
        until = self._state.clock.seconds()
        if body.get("until"):
            until = _moment(body["until"]) + 1
        kind = str(body.get("type") or "")
        return {"events": self._platform.replay(_moment(body["since"]), until, kind)}


def _moment(text: object) -> float:
    """A moment in whole seconds.

    Raises:
        ValueError: it is none.
    """
    moment = read_moment(str(text))
    if moment is None:
        raise ValueError(f"{text} is no time like 2026-01-20T10:00:00Z")
    return float(moment)
