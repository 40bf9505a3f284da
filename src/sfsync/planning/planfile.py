"""A plan in a file: complete, one record a line, any later change noticed with its place. Pure.

The file is one JSON document. Each line's ``check`` covers the line and everything before it, so
that a record that was changed, taken out, put in or moved is found by the line where it happened.
It guards against mistakes; whoever can write the file and read this can make a valid one, as they
could edit the mirror.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sfsync.errors import InputError
from sfsync.model.change import RowPlan
from sfsync.model.plan_json import full_plan_to_json, plan_from_json
from sfsync.model.record import Local, LocalId, Remote, RemoteState, SalesforceId, Triple

SCHEMA = "sfsync-plan/1"
FIRST_RECORD_LINE = 2
"""The line of the first record; each record has a line."""
_RECORDS = '"records": ['
_HINT = "Make it anew with `sfsync diff --out`."


@dataclass(frozen=True, slots=True)
class Header:
    """What a plan was made for.

    Attributes:
        mirror: the mirror's own key.
        mapping: the mapping's fingerprint.
    """

    org_id: str
    mirror: str
    mapping: str
    made_at: str


Planned = tuple[Triple, RowPlan]


def lines(header: Header, planned: Iterable[Planned]) -> Iterator[str]:
    """The file, line by line."""
    head = json.dumps({"schema": SCHEMA, **asdict(header)})
    yield f"{head[:-1]}, {_RECORDS}\n"
    check, count = _check("", head), 0
    for triple, plan in planned:
        text = json.dumps({**full_plan_to_json(plan), "judged": _judged(triple)})
        check = _check(check, text)
        yield f'{"," if count else ""}{text[:-1]}, "check": "{check}"}}\n'
        count += 1
    yield f'], "count": {count}, "check": "{_check(check, str(count))}"}}\n'


def _check(before: str, text: str) -> str:
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()[:16]


def header_of(first: str, name: str) -> Header:
    """What the first line says.

    Raises:
        InputError: it is no plan, or of another version.
    """
    try:
        stored = json.loads(first.rstrip().removesuffix(_RECORDS).rstrip(", ") + "}")
        schema = stored.pop("schema")
        header = Header(**stored)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError(f"{name}:1: this is no plan of sfsync's", hint=_HINT) from None
    if schema != SCHEMA:
        raise InputError(
            f"{name}:1: a plan of the form {schema!r}; this sfsync reads {SCHEMA!r}", hint=_HINT
        )
    return header


def records(content: Iterable[str], name: str) -> Iterator[Planned]:
    """What is planned, record by record, as the file is read.

    Raises:
        InputError: the file was changed or cut; the message names the line.
    """
    check, count, at = "", 0, 0
    for at, line in enumerate(content, 1):
        if at == 1:
            head = json.dumps({"schema": SCHEMA, **asdict(header_of(line, name))})
            check = _check("", head)
        elif line.startswith("]"):
            if line.strip() != f'], "count": {count}, "check": "{_check(check, str(count))}"}}':
                raise _changed(name, at)
            return
        else:
            check, planned = _record(line, check, f"{name}:{at}")
            count += 1
            yield planned
    raise InputError(f"{name}: the plan ends too early, after line {at}", hint=_HINT)


def _record(line: str, before: str, place: str) -> tuple[str, Planned]:
    text, marked, rest = line.rstrip("\n").removeprefix(",").rpartition(', "check": "')
    text = f"{text}}}"
    check = _check(before, text)
    if not marked or rest != f'{check}"}}':
        raise InputError(f"{place}: the plan was changed here after it was made", hint=_HINT)
    try:
        stored = json.loads(text)
        return check, (_triple(stored), plan_from_json(stored))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise InputError(f"{place}: this record cannot be read", hint=_HINT) from None


def _changed(name: str, at: int) -> InputError:
    return InputError(f"{name}:{at}: the plan was changed here after it was made", hint=_HINT)


def _judged(triple: Triple) -> dict[str, Any]:
    """What the plan was judged against: the row and the record, whole."""
    local, remote = triple.local, triple.remote
    return {
        "local": local
        and {"id": local.local_id, "values": dict(local.values), "deleted_at": local.deleted_at},
        "remote": remote
        and {
            "id": remote.salesforce_id,
            "values": dict(remote.values),
            "state": remote.state.value,
        },
    }


def _triple(stored: Mapping[str, Any]) -> Triple:
    local, remote = stored["judged"]["local"], stored["judged"]["remote"]
    return Triple(
        stored["object"],
        None,
        Local(LocalId(local["id"]), local["values"], local["deleted_at"]) if local else None,
        Remote(SalesforceId(remote["id"]), remote["values"], RemoteState(remote["state"]))
        if remote
        else None,
    )
