"""One email service: how its deliveries are proved, and how they are read, one event at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sfsync.document.problems import shown
from sfsync.intake.event_values import BadValueError, latest_believed
from sfsync.intake.lines import SHOWN
from sfsync.intake.sources.items import Item, Unreadable
from sfsync.intake.sources.proof import Headers, Reception
from sfsync.intake.strict_json import NotJsonError, decoded

Entry: TypeAlias = Mapping[str, Any]
"""One JSON object of a service."""


def json_of(body: bytes) -> Any:
    """The value of a JSON body.

    Raises:
        NotJsonError: it is none.
    """
    try:
        return decoded(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotJsonError(f"is not UTF-8 at byte {error.start + 1}") from error


def as_it_is(entry: Entry) -> Iterable[Any]:
    """An object that is one event."""
    return (entry,)


@dataclass(frozen=True, slots=True)
class Source:
    """One service.

    Attributes:
        name: as in the configuration, the receiver's path and ``--from``.
        title: as people call it.
        signature_headers: where the proof stands; empty where it is in the body.
        verify: ``verify(headers, body, secrets, reception)`` raises ``ForgedError`` unless the raw
            body, or what the service signs of it, is proved by one of the secrets.
        item: one part, and the last time that is believed -> what it says. Raises ``BadValueError``.
        split: one object -> the parts that are one event each: an object as it is, or one for each
            recipient. Raises ``BadValueError``.
        recognises: whether an object looks like one of this service.
        needs_secret: ``False`` where something else proves it, such as a certificate.
        needs_topics: only topics that are configured may send.
        needs_public_url: the address that the service was told is part of what is signed.
        names_campaigns_apart: events state a campaign's id; its name comes in an event of its own.
        decode: a body -> JSON. Raises ``NotJsonError``.
    """

    name: str
    title: str
    signature_headers: tuple[str, ...]
    verify: Callable[[Headers, bytes, Sequence[str], Reception], None]
    item: Callable[[Any, str], Item]
    recognises: Callable[[Entry], bool]
    split: Callable[[Entry], Iterable[Any]] = as_it_is
    needs_secret: bool = True
    needs_topics: bool = False
    needs_public_url: bool = False
    names_campaigns_apart: bool = False
    decode: Callable[[bytes], Any] = json_of

    def read(self, body: bytes, *, now: str) -> Iterator[Item]:
        """What a proved body says. A bad event costs only itself; nothing is raised.

        Args:
            body: as it came.
            now: ``2026-01-20T10:00:00Z``; an event more than a day later is not believed.
        """
        try:
            value = self.decode(body)
        except NotJsonError as error:
            yield Unreadable(error.reason, raw=body[:SHOWN].decode("utf-8", "replace"))
        else:
            yield from self.from_value(value, now=now)

    def from_value(self, value: Any, *, now: str) -> Iterator[Item]:
        """The same from a JSON value: one object of the service, or a list of them."""
        latest = latest_believed(now)
        for entry in value if isinstance(value, list) else (value,):
            yield from self._items(entry, latest)

    def looks_like(self, value: Any) -> bool:
        """Whether a JSON value looks like something of this service."""
        entry = value[0] if isinstance(value, list) and value else value
        return isinstance(entry, Mapping) and self.recognises(entry)

    def _items(self, entry: Any, latest: str) -> Iterator[Item]:
        if not isinstance(entry, Mapping):
            yield _unreadable(f"expected an object {{…}}, found {shown(entry)}", "", entry)
            return
        try:
            parts = list(self.split(entry))
        except BadValueError as error:
            yield _unreadable(error.reason, error.column, entry)
            return
        for part in parts:
            try:
                yield self.item(part, latest)
            except BadValueError as error:
                yield _unreadable(error.reason, error.column, part)


def _unreadable(reason: str, column: str, value: Any) -> Unreadable:
    try:
        text = json.dumps(value, ensure_ascii=False)[:SHOWN]
    except (RecursionError, TypeError, ValueError):
        text = ""
    return Unreadable(reason, column, text.encode("utf-8", "backslashreplace").decode())
