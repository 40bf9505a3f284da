"""The org's event bus: tells every committed change, in order, to the log and to who listens.

Source: docs/salesforce.md §14.3, §14.4.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from local_org.events.change_event import (
    NO_RECORD,
    ChangeEvent,
    Header,
    Path,
    decoded,
    encoded,
    event_of,
)
from local_org.events.channels import selected
from local_org.events.event_log import EventLog, Kept
from local_org.events.layout import Layout, layout_of
from local_org.schema.custom_fields import sobject_of
from local_org.schema.sobject import SObjectType
from local_org.schema.standard_objects import PERSON_FIELD
from local_org.state.access import running
from local_org.state.commits import Change, Commit
from local_org.state.org import OrgState

_MOST_EVENT_BYTES = 1_000_000
_MERGED = frozenset({"UPDATE", "DELETE"})


@dataclass(frozen=True, slots=True)
class _Held:
    """Events of a transaction that readers do not see yet."""

    due_at: float
    events: tuple[tuple[ChangeEvent, Layout], ...]


class Bus:
    """The event bus of an org.

    Args:
        state: the org; its commits are told from now on.
        log: where events are kept.

    Attributes:
        streams_broken: how often the streams that ran then were broken.
    """

    def __init__(self, state: OrgState, log: EventLog) -> None:
        self.state = state
        self.log = log
        self._layouts: dict[str, tuple[SObjectType, Layout]] = {}
        self._known: dict[str, Layout] = {}
        self._added: dict[str, tuple[str, int]] = {}
        self._held: list[_Held] = []
        self._listeners: set[Callable[[], None]] = set()
        self._commits = 0
        self.streams_broken = 0
        log.mark(state.clock.seconds())
        state.on_commit = self._on_commit

    @property
    def selected(self) -> frozenset[str]:
        """The objects whose changes are told."""
        return selected(self.state)

    def reset(self) -> None:
        """Begin a new stream: no position is known any more, and who listens has to come again."""
        self.log.reset()
        self.drop_streams()

    def drop_streams(self) -> None:
        """Break the streams that run."""
        self.streams_broken += 1
        self._wake()

    # -- who listens

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def listen(self, wake: Callable[[], None]) -> None:
        """Have a function called whenever there is something new."""
        self._listeners.add(wake)

    def forget(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        self._listeners.discard(wake)

    def _wake(self) -> None:
        for wake in list(self._listeners):
            wake()

    # -- schemas

    def layout(self, sobject: str) -> Layout:
        """The layout of an object's events as the object is now."""
        with self.state.lock:
            kind = self.state.table(sobject).kind
            if not self.state.settings.person_accounts:
                kind = kind.without([PERSON_FIELD])
            found = self._layouts.get(sobject)
            if found is None or found[0] != kind:
                found = self._layouts[sobject] = (kind, self._new_layout(kind))
            return found[1]

    def _new_layout(self, kind: SObjectType) -> Layout:
        layout = layout_of(kind, self._field_ids(kind.name))
        if kind.name in self._added:
            layout = layout.with_field(*self._added[kind.name])
        return self._known.setdefault(layout.schema_id, layout)

    def _field_ids(self, sobject: str) -> dict[str, str]:
        return {
            f"{row['DeveloperName']}__c": record_id[:15]
            for record_id, row in self.state.table("CustomField").rows.items()
            if sobject_of(row["TableEnumOrId"]) == sobject
        }

    def schema(self, schema_id: str) -> Layout | None:
        """The layout of that schema id, if there ever was one."""
        return self._known.get(schema_id)

    def event(self, kept: Kept) -> tuple[ChangeEvent, Layout]:
        """What stands at a position, and its layout."""
        layout = self._known[kept.schema_id]
        return decoded(kept.payload, layout), layout

    def add_field(self, sobject: str, name: str, position: int) -> Layout:
        """Give an object a field more in its schema, as a release of Salesforce does."""
        self._added[sobject] = (name, position)
        self._layouts.pop(sobject, None)
        return self.layout(sobject)

    def hidden(self, sobject: str, user_id: str) -> frozenset[str]:
        """The fields of an object that a user may not see."""
        with self.state.lock, running(user_id):
            layout = self.layout(sobject)
            if not self.state.has_object(sobject):
                return frozenset(layout.positions)
            seen = self.state.kind(sobject)
            return frozenset(
                place.name
                for place in layout.places
                if place.field is not None and seen.field(place.name) is None
            )

    # -- commits

    def _on_commit(self, commit: Commit) -> None:
        wanted = selected(self.state)
        changes = [
            each for each in commit.changes if each.sobject in wanted and each.told != "nothing"
        ]
        if not changes:
            return
        with running(None):
            events = tuple(self._events(changes, commit))
        if commit.visible_at > self.state.clock.seconds():
            self._held.append(_Held(commit.visible_at, events))
            self._held.sort(key=lambda each: each.due_at)
        else:
            self.release()
            self._publish(events, commit.visible_at)

    def release(self) -> None:
        """Tell what has become visible by now."""
        with self.state.lock:
            now = self.state.clock.seconds()
            while self._held and self._held[0].due_at <= now:
                held = self._held.pop(0)
                self._publish(held.events, held.due_at)

    @property
    def holds_back(self) -> bool:
        """Whether something waits to become visible."""
        return bool(self._held)

    def _publish(self, events: Iterable[tuple[ChangeEvent, Layout]], at: float) -> None:
        rows = [
            (event.header.entity, str(uuid.uuid4()), layout.schema_id, _payload(event, layout))
            for event, layout in events
        ]
        if rows:
            self.log.append(rows, at)
            self._wake()

    def _events(
        self, changes: list[Change], commit: Commit
    ) -> Iterator[tuple[ChangeEvent, Layout]]:
        self._commits += 1
        key, most = str(uuid.uuid4()), self.state.settings.change_event_overflow
        told = 0
        overflown: list[str] = []
        merged: list[tuple[ChangeEvent, Layout]] = []
        for change in changes:
            layout = self.layout(change.sobject)
            header = self._header(change, commit, key)
            event = event_of(change, self.state.table(change.sobject).kind, layout, header)
            if event is None:
                continue
            told += max(1, len(event.changed))
            if told <= most:
                _merge(merged, event, layout)
            elif change.sobject not in overflown:
                overflown.append(change.sobject)
                merged.append((event.as_gap("GAP_OVERFLOW", [NO_RECORD]), layout))
        for number, (event, layout) in enumerate(merged, 1):
            yield replace(event, header=replace(event.header, sequence_number=number)), layout

    def _header(self, change: Change, commit: Commit, key: str) -> Header:
        return Header(
            entity=change.sobject,
            record_ids=(change.record_id,),
            change_type=change.kind,
            origin=commit.origin,
            transaction_key=key,
            sequence_number=0,
            commit_timestamp=int(commit.visible_at * 1000),
            commit_number=(int(commit.visible_at) << 20) + self._commits,
            commit_user=change.user_id,
        )


def _merge(merged: list[tuple[ChangeEvent, Layout]], event: ChangeEvent, layout: Layout) -> None:
    """Add an event, or its record to the last one where the same happened to that one's records."""
    last = merged[-1][0] if merged else None
    if last is not None and event.header.change_type in _MERGED and _same(last, event):
        ids = (*last.header.record_ids, *event.header.record_ids)
        merged[-1] = (replace(last, header=replace(last.header, record_ids=ids)), layout)
    else:
        merged.append((event, layout))


def _same(one: ChangeEvent, other: ChangeEvent) -> bool:
    def told(event: ChangeEvent) -> tuple[object, ...]:
        header = event.header
        paths: tuple[frozenset[Path], ...] = (event.changed, event.nulled, event.diffed)
        return header.entity, header.change_type, header.commit_user, event.values, paths

    return told(one) == told(other)


def _payload(event: ChangeEvent, layout: Layout) -> bytes:
    """The event; a gap, where it is too large or a value cannot be told, such as half a character."""
    try:
        payload = encoded(event, layout)
    except ValueError:
        return encoded(event.as_gap(), layout)
    return payload if len(payload) <= _MOST_EVENT_BYTES else encoded(event.as_gap(), layout)
