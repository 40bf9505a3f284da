"""All sources by name. A source's module is loaded when it is asked for, for most commands need none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from sfsync.intake.sources.source import Source

NAMES: Final = (
    "penguinmails",
    "standard",
    "mautic",
    "sendgrid",
    "mailgun",
    "postmark",
    "ses",
    "brevo",
    "resend",
    "mandrill",
    "customerio",
)


class _Sources(Mapping[str, Source]):
    def __getitem__(self, name: str) -> Source:
        if name not in NAMES:
            raise KeyError(name)
        source: Source = import_module(f"sfsync.intake.sources.{name}").SOURCE
        return source

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


SOURCES: Final[Mapping[str, Source]] = _Sources()


def looks_like(value: Any) -> str:
    """The name of the source that sends values like this one; empty where it is none that is known.

    >>> looks_like({"RecordType": "Open", "Recipient": "ada@example.com"})
    'postmark'
    """
    return next((name for name in NAMES if SOURCES[name].looks_like(value)), "")
