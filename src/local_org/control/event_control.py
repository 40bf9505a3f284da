"""``/_local/events``: what was published, and the whole stream in trouble.

``GET`` answers ``{"delivered", "limit", "subscribers", "selected", "latest"}``; ``POST`` with
``{"do": "reset"}`` begins a new stream, in which no older position is known, and with
``{"do": "drop"}`` breaks every stream that runs.
"""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from local_org.state.org import OrgState
from local_org.timestamps import rest_text

if TYPE_CHECKING:
    from local_org.events.bus import Bus
    from local_org.events.event_log import Kept

_SHOWN = 20


class EventControl:
    """What a test wants of an org's change events.

    Args:
        state: the org.
        bus: its event bus; None where it has none.
    """

    def __init__(self, state: OrgState, bus: "Bus | None") -> None:
        self._state = state
        self._bus = bus

    def show(self, _request: Request) -> Any:
        """What was published and delivered."""
        return self._overview(self._needed())

    def act(self, body: dict[str, Any]) -> Any:
        """Begin a new stream, or break those that run.

        Raises:
            ValueError: for anything else, or where the org has no bus.
        """
        bus = self._needed()
        steps = {"reset": bus.reset, "drop": bus.drop_streams}
        if body["do"] not in steps:
            raise ValueError(f"do: {' or '.join(steps)}, not {body['do']}")
        steps[body["do"]]()
        return self._overview(bus)

    def overview_if_any(self) -> dict[str, Any] | None:
        """What the page shows."""
        return None if self._bus is None else self._overview(self._bus)

    def _needed(self) -> "Bus":
        if self._bus is None:
            raise ValueError("this org serves no change events: start it with --change-events")
        return self._bus

    def _overview(self, bus: "Bus") -> dict[str, Any]:
        bus.release()
        return {
            "delivered": self._state.deliveries.used,
            "limit": self._state.settings.daily_event_deliveries,
            "subscribers": bus.listeners,
            "selected": sorted(bus.selected),
            "latest": [_line(bus, at, kept) for at, kept in bus.log.latest(_SHOWN)],
        }


def _line(bus: "Bus", at: float, kept: "Kept") -> dict[str, Any]:
    header = bus.event(kept)[0].header
    return {
        "at": rest_text(int(at)),
        "position": kept.position,
        "object": header.entity,
        "type": header.change_type,
        "ids": list(header.record_ids),
        "origin": header.origin,
    }
