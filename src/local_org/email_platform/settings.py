"""How the platform sends, and what may be changed of that while it runs."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from urllib.parse import urlsplit

from local_org.email_platform.happenings import SPELLINGS
from local_org.email_platform.retries import SCHEDULES

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SHARES: Final = ("duplicates", "reordered", "late")
MIXED: Final = "mixed"
_WORDS: Final = {"spelling": (*SPELLINGS, MIXED), "schedule": tuple(SCHEDULES)}
DEFAULT_SPEED: Final = 60.0


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where the platform sends.

    Args:
        url: on this machine.
        secret: what it signs with.
        traffic: how many events happen by themselves in a minute.
        speed: how many times faster than the documentation says a delivery is tried again.
        seed: which people do what, and when.
    """

    url: str
    secret: str = field(repr=False)
    traffic: float = 0.0
    speed: float = DEFAULT_SPEED
    seed: int = 7


@dataclass(slots=True)
class Habits:
    """The platform's switches: ``POST /_local/platform`` with the same names.

    Attributes:
        traffic: how many events happen by themselves in a minute.
        speed: how many times faster than the documentation says a delivery is tried again.
        schedule: ``2025`` or ``2026``, the page whose retries are followed.
        spelling: ``snake``, ``camel``, or ``mixed``: now this, now that.
        bare_signature: leave ``sha256=`` out.
        duplicates: the share of events that are sent twice.
        reordered: the share that is held back for up to a minute, so that others overtake it.
        late: the share that is held back for up to an hour. All waits are shortened by ``speed``.
    """

    traffic: float = 0.0
    speed: float = DEFAULT_SPEED
    schedule: str = "2026"
    spelling: str = MIXED
    bare_signature: bool = False
    duplicates: float = 0.05
    reordered: float = 0.05
    late: float = 0.02

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some switches by name: all, or none.

        Raises:
            ValueError: for a name that is no switch, or a value that is none of it.
        """
        known = {item.name for item in fields(self)}
        unknown = sorted(set(wanted) - known)
        if unknown:
            raise ValueError(
                f"no such setting: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        made = {name: _checked(name, value) for name, value in wanted.items()}
        for name, value in made.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """All switches as JSON values."""
        return asdict(self)


def _checked(name: str, value: Any) -> Any:
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise ValueError(f"{name} is one of {', '.join(_WORDS[name])}")
        return value
    if name == "bare_signature":
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is a number")  # noqa: TRY004  told to whoever asked, as the others
    most = 1.0 if name in _SHARES else 1_000_000.0
    least = 0.001 if name == "speed" else 0.0
    if not least <= value <= most:
        raise ValueError(f"{name} is from {least:g} to {most:g}")
    return float(value)


def checked_url(url: str) -> str:
    """The address, if deliveries to it stay on this machine.

    Raises:
        ValueError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"{url} is no address") from None
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise ValueError(f"{url} is not on this machine: http://127.0.0.1:PORT/… is what it may be")
    if parts.username is not None or port == 0:
        raise ValueError(f"{url} is no address: http://127.0.0.1:PORT/… is what it may be")
    return url
