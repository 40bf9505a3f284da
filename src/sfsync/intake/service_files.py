"""Files of what email services send, as they send it: one object a line, an array, an array a line, or written over many lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import BinaryIO, TypeAlias

import ijson

from sfsync.errors import InputError
from sfsync.intake.files import Source as File
from sfsync.intake.files import closing, opened, with_good_ones
from sfsync.intake.lines import MAX_LINE_BYTES, SHOWN, Line, bad, lines_of, text_chunks
from sfsync.intake.sources.items import CampaignName, Item
from sfsync.intake.sources.items import Unreadable as UnreadableItem
from sfsync.intake.sources.source import Source
from sfsync.intake.strict_json import NotJsonError, decoded
from sfsync.model.arrival import Arrival, ContactEdit, Unreadable
from sfsync.model.event import EmailEvent

NumberedItem: TypeAlias = tuple[int, Item]
"""What is said, and its line, counted from 1; 0 in a document that has no line for each."""


def read_service(
    file: File, source: Source, *, now: str, refuse_foreign: bool = False
) -> Iterator[NumberedItem | Unreadable]:
    """What a file of a service's events says, in its order.

    Args:
        file: a file, or a binary stream such as standard input, which stays open.
        now: ``2026-01-20T10:00:00Z``; an event more than a day later is refused.
        refuse_foreign: raise ``InputError`` when not one of the first hundred things in it can be read.

    Raises:
        InputError: the file cannot be read, or is no text.
    """
    stream, name = opened(file)
    refusal = partial(_nothing_of_it, name, source) if refuse_foreign else None
    return closing(with_good_ones(_items(stream, source, now, name), refusal), file, stream)


def _nothing_of_it(name: str, source: Source, first: Sequence[Unreadable]) -> InputError:
    return InputError(
        f"{name}: nothing of its beginning is what {source.title} sends; {first[0]}",
        hint="Look at --from: nothing of the file was taken in.",
    )


def _items(
    stream: BinaryIO, source: Source, now: str, name: str
) -> Iterator[NumberedItem | Unreadable]:
    try:
        chunks = text_chunks(stream)
        head = _first_line(chunks)
        if not head:
            return
        if _is_one_line(head):
            yield from _by_lines(lines_of(chain([head], chunks)), source, now)
        else:
            yield from _document(chain([head], chunks), source, now)
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error


def _first_line(chunks: Iterator[bytes]) -> bytes:
    """The beginning, up to the end of the first line that is not blank, and perhaps more."""
    head = b""
    for chunk in chunks:
        head += chunk
        if b"\n" in head.lstrip() or len(head) > MAX_LINE_BYTES:
            break
    return head


def _is_one_line(head: bytes) -> bool:
    """Whether the first line is JSON by itself, so that others will be, too."""
    first = head.lstrip().partition(b"\n")[0]
    if len(first) > MAX_LINE_BYTES:
        return False  # an array without line ends
    try:
        decoded(first.decode())
    except (NotJsonError, UnicodeDecodeError):
        return not first.startswith((b"{", b"["))
    return True


def _by_lines(
    lines: Iterable[Line | Unreadable], source: Source, now: str
) -> Iterator[NumberedItem | Unreadable]:
    for line in lines:
        if isinstance(line, Unreadable):
            yield line
            continue
        if not line.text.strip():
            continue
        try:
            value = decoded(line.text)
        except NotJsonError as error:
            yield bad(line.number, error.reason, line.text)
            continue
        for item in source.from_value(value, now=now):
            yield _numbered(line.number, item)


def _document(
    chunks: Iterator[bytes], source: Source, now: str
) -> Iterator[NumberedItem | Unreadable]:
    """The objects of one array, or objects one after the other, however they are written."""
    first = next(chunks)
    prefix = "item" if first.lstrip().startswith(b"[") else ""
    read = _Reader(chain([first], chunks))
    try:
        for value in ijson.items(read, prefix, multiple_values=True, use_float=True):
            for item in source.from_value(value, now=now):
                yield _numbered(0, item)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        # what follows has no beginning that could be found
        told = str(error).partition("\n")[0][:SHOWN]
        yield bad(0, f"the JSON is broken or ends here; nothing after it was read ({told})", "")


def _numbered(line: int, item: Item) -> NumberedItem | Unreadable:
    if isinstance(item, UnreadableItem):
        return bad(line, item.reason, item.raw, item.column)
    return line, item


class _Reader:
    """Chunks as a file that is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int) -> bytes:
        """The next bytes, however many; nothing is read for ``size`` 0, nor at the end."""
        return next(self._chunks, b"") if size else b""


def arrival_of_items(items: Iterable[NumberedItem | Unreadable], origin: str) -> Arrival:
    """What these say, together."""
    events: list[EmailEvent] = []
    lines: list[int] = []
    unreadable: list[Unreadable] = []
    campaigns: dict[str, str] = {}
    contacts: list[ContactEdit] = []
    skipped = 0
    for each in items:
        if isinstance(each, Unreadable):
            unreadable.append(each)
            continue
        line, item = each
        if isinstance(item, EmailEvent):
            events.append(item)
            lines.append(line)
        elif isinstance(item, CampaignName):
            campaigns[item.campaign_id] = item.name
        elif isinstance(item, ContactEdit):
            contacts.append(item)
        else:
            skipped += 1
    return Arrival(origin, events, lines, unreadable, campaigns, skipped, contacts=contacts)


def arrival_of_delivery(body: bytes, source: Source, *, now: str) -> Arrival:
    """What a delivery says that was proved before."""
    items = (_numbered(0, item) for item in source.read(body, now=now))
    arrival = arrival_of_items(items, source.name)
    return replace(arrival, names_later=source.names_campaigns_apart)
