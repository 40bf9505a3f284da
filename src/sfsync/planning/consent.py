"""Consent belongs to the person: what statements about an address add up to, and whom they reach. Pure.

A statement is made for an address, at a time. What holds for an address depends on the statements alone and not on
the order in which they were heard of: an opt-out stands until a consent that is dated later. So a late delivery, a
file read twice and a crash in between change nothing.

What a statement reaches is every record that has the address, had it, or survived one that had. An address that was
passed on says nothing of its former holder but what was said while it was still theirs.

The mirror does the same by SQL, for many records at once (``mirror.consent``); a property test holds the one against
the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sfsync.model.consent import ConsentState, Standing, Statement
from sfsync.model.mapping import ObjectMap, SyncMapping


def standing(statements: Iterable[Statement]) -> Standing | None:
    """What the statements about one address add up to; ``None`` where there is none.

    At the same instant an opt-out goes before a consent.

    >>> from sfsync.model.consent import ConsentSource
    >>> out = Statement("a@x.example", ConsentState.OPTED_OUT, "2026-01-02T00:00:00Z", ConsentSource.EVENT)
    >>> again = Statement("a@x.example", ConsentState.CONSENTED, "2026-01-03T00:00:00Z", ConsentSource.COMMAND)
    >>> standing([again, out]).state.value, standing([out]).state.value, standing([])
    ('consented', 'opted_out', None)
    """
    ordered = sorted(statements, key=_by_time)
    if not ordered:
        return None
    last = ordered[-1]
    if last.state is ConsentState.CONSENTED:
        return Standing(ConsentState.CONSENTED, last.since, last)
    consents = [one.since for one in ordered if one.state is ConsentState.CONSENTED]
    ended = max(consents, default="")
    first = next(
        one for one in ordered if one.state is ConsentState.OPTED_OUT and one.since >= ended
    )
    return Standing(ConsentState.OPTED_OUT, first.since, first)


def _by_time(statement: Statement) -> tuple[str, bool, str, str]:
    opts_out = statement.state is ConsentState.OPTED_OUT
    return statement.since, opts_out, statement.source.value, statement.reason


@dataclass(frozen=True, slots=True)
class Holding:
    """That a record has an address, or had it.

    Attributes:
        until: when it gave the address up; ``None`` for one it has now.
        passed_on: whether another live record has it now.
    """

    address_key: str
    until: str | None = None
    passed_on: bool = False


def reaches(opted_out: Standing, holding: Holding) -> bool:
    """Whether an opt-out, said for an address, holds for a record by this holding of it.

    >>> from sfsync.model.consent import ConsentSource
    >>> said = Statement("a@x.example", ConsentState.OPTED_OUT, "2026-03-01T00:00:00Z", ConsentSource.EVENT)
    >>> opted_out = Standing(said.state, said.since, said)
    >>> reaches(opted_out, Holding("a@x.example"))
    True
    >>> reaches(opted_out, Holding("a@x.example", until="2026-02-01T00:00:00Z"))
    True
    >>> reaches(opted_out, Holding("a@x.example", until="2026-02-01T00:00:00Z", passed_on=True))
    False
    """
    if holding.until is None or not holding.passed_on:
        return True
    return opted_out.since <= holding.until


def is_opted_out(holdings: Sequence[Holding], statements: Iterable[Statement]) -> Standing | None:
    """Whether a record is not to get emails: the opt-out that says so, the earliest of several.

    Args:
        holdings: of the record and of all that it survived.
        statements: about any addresses.
    """
    by_key: dict[str, list[Statement]] = {}
    for statement in statements:
        by_key.setdefault(statement.address_key, []).append(statement)
    found = []
    for holding in holdings:
        held = standing(by_key.get(holding.address_key, ()))
        if held is None or held.state is not ConsentState.OPTED_OUT:
            continue
        if reaches(held, holding):
            found.append(held)
    return min(found, key=lambda one: one.since, default=None)


def sent_opt_outs(configured: SyncMapping, usable: Iterable[ObjectMap]) -> dict[str, list[str]]:
    """By object, the opt-outs that the configuration sends and this org has, whoever may write them there.

    Args:
        usable: the objects, narrowed to what the org has.
    """
    return {
        each.name: [
            column
            for column in each.opt_out
            if configured.objects[each.name].by_column[column].pushes
        ]
        for each in usable
        if configured.rules_for(each.name).pushes
    }
