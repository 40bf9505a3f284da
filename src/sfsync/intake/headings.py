"""The names that a file of people has for its columns -> the mirror's columns: as stated, by name, as a known export has them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sfsync.document.problems import nearest, shown, suggestion
from sfsync.errors import UsageError
from sfsync.intake.event_values import column_key
from sfsync.intake.known_exports import KnownExport, recognised
from sfsync.model.mapping import ObjectMap

CellText: TypeAlias = Callable[[str], str]

CLEAR: Final = "#N/A"
"""The CSV cell that blanks a value; an empty cell leaves it alone, as in Salesforce's own loaders.

Source: docs/salesforce.md §5.1.
"""


SURE: Final = 0.75
"""How much a name has to be like another one for advice to say that it is that one."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What each column of a file is.

    Attributes:
        given: their names in the file.
        columns: the mirror's, ``None`` for one that is passed over.
        export: the known export that the file is.
        opt_out: the mirror's columns that say that a person has opted out.
    """

    given: tuple[str, ...] = ()
    columns: tuple[str | None, ...] = ()
    export: KnownExport | None = None
    opt_out: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What kind of file it is; empty where it is none of the known exports."""
        return self.export.title if self.export else ""

    @property
    def taken(self) -> dict[str, str]:
        """The file's name -> the mirror's, of what is taken in."""
        pairs = zip(self.given, self.columns, strict=True)
        return {given: column for given, column in pairs if column is not None}

    @property
    def passed_over(self) -> list[str]:
        """The file's names of what is not taken in."""
        pairs = zip(self.given, self.columns, strict=True)
        return [given for given, column in pairs if column is None and given]

    @property
    def cells(self) -> list[tuple[int, str, CellText | None]]:
        """Of each column that is taken in: its place, the mirror's name, and how a cell is to be understood."""
        return [
            (place, column, self._understood(given, column))
            for place, (given, column) in enumerate(zip(self.given, self.columns, strict=True))
            if column is not None
        ]

    def _understood(self, given: str, column: str) -> CellText | None:
        export = self.export
        if export is None:
            return None
        if export.is_opted_out_since(given) and column in self.opt_out:
            return _always_true
        return export.first_of if export.joined_by else None


def _always_true(_cell: str) -> str:
    return "true"


def stated_in(
    cells: Sequence[str], taken: Sequence[tuple[int, str, CellText | None]]
) -> dict[str, str | None]:
    """What a CSV row says of the mirror's columns; an empty cell says nothing.

    Args:
        cells: as many as the header has names, at least.
        taken: a heading's ``cells``.
    """
    found: dict[str, str | None] = {}
    for place, column, understood in taken:
        cell = cells[place].strip()
        if cell:
            value = understood(cell) if understood else cell
            found[column] = None if cell == CLEAR else value
    return found


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why the columns of a file do not fit an object, and what to do."""

    sentence: str
    hint: str = ""


def stated_columns(pairs: Sequence[str], object_map: ObjectMap) -> dict[str, str]:
    """What ``--map`` says: the file's name -> the mirror's column.

    Args:
        pairs: each ``FILE COLUMN=COLUMN``; after the last ``=`` stands a column of the mirror or a Salesforce field.

    Raises:
        UsageError: one makes no sense, or two are about the same column.
    """
    names = names_of(object_map)
    stated: dict[str, str] = {}
    for pair in pairs:
        given, sign, meant = (part.strip() for part in pair.rpartition("="))
        if not (sign and given and meant):
            raise UsageError(
                f"--map {shown(pair)}: the file's column, = and what it is are expected",
                hint="Write it like --map 'Email Address=email'.",
            )
        column = names.get(column_key(meant))
        if column is None:
            known = [*object_map.columns, *object_map.by_remote]
            raise UsageError(
                f"--map {shown(pair)}: {object_map.name} has no field {shown(meant)}{suggestion(meant, known)}"
            )
        if given in stated:
            raise UsageError(f"--map says twice what {shown(given)} is")
        if other := next((each for each, taken in stated.items() if taken == column), ""):
            raise UsageError(
                f"--map: both {shown(other)} and {shown(given)} are said to be {column}; one column can be"
            )
        stated[given] = column
    return stated


def names_of(object_map: ObjectMap) -> dict[str, str]:
    """Every name a column goes by, folded -> column."""
    by_remote = {column_key(each.remote): each.column for each in object_map.fields}
    return by_remote | {column_key(column): column for column in object_map.columns}


def heading_of(
    given: Sequence[str],
    object_map: ObjectMap,
    *,
    stated: Mapping[str, str],
    ignore_unknown: bool,
    is_table: bool = True,
) -> tuple[Heading, Misfit | None]:
    """What each column is, and why they do not fit.

    What is stated counts first, then the names of the mirror and of Salesforce, then those of a known export. A column
    that one of these is for is no other's.

    Args:
        given: the file's names, in its order.
        stated: the file's name -> the mirror's column.
        ignore_unknown: pass over what is none of these; of a known export that is always done.
        is_table: they are the header of a table; else the keys of one object, and others may have more.
    """
    columns, missing = _as_stated(given, stated)
    if missing and is_table:
        return Heading(), _no_such_column(missing[0], stated[missing[0]], given)
    names, spoken_for = names_of(object_map), set(stated.values())
    unknown: list[int] = []
    for place, cell in enumerate(given):
        column = names.get(column_key(cell))
        if columns[place] is None and column not in spoken_for:
            columns[place] = column
            if column is None:
                unknown.append(place)
    export = recognised(given) if is_table else None
    if export is not None:
        for place in unknown:
            column = export.column_of(given[place], object_map)
            columns[place] = column if column and column not in columns else None
    heading = Heading(tuple(given), tuple(columns), export, object_map.opt_out)
    if unknown and not ignore_unknown and export is None:
        return heading, _unknown([given[place] for place in unknown], object_map)
    return heading, _misfit(heading, object_map)


def _as_stated(
    given: Sequence[str], stated: Mapping[str, str]
) -> tuple[list[str | None], list[str]]:
    """The column for each given name that is stated, and the stated names that the file has not got."""
    columns: list[str | None] = [None] * len(given)
    missing = []
    for name, column in stated.items():
        places = [place for place, cell in enumerate(given) if cell == name]
        if not places:  # no one has to copy the capitals
            places = [place for place, cell in enumerate(given) if _folded(cell) == _folded(name)]
        for place in places:
            columns[place] = column
        if not places:
            missing.append(name)
    return columns, missing


def _folded(name: str) -> str:
    return name.strip().casefold()


def _no_such_column(name: str, column: str, given: Sequence[str]) -> Misfit:
    near = nearest(name, given)
    hint = f"Name it as the file does: {_as_option(near, column)}" if near else ""
    return Misfit(
        f"there is no column {shown(name)}, which --map names{suggestion(name, given)}", hint
    )


def _unknown(cells: Sequence[str], object_map: ObjectMap) -> Misfit:
    known = [*object_map.columns, *object_map.by_remote]
    meant = {cell: nearest(cell, known) for cell in cells}
    told = ", ".join(
        f"{shown(cell)} (did you mean {near}?)" if near else shown(cell)
        for cell, near in meant.items()
    )
    sure = {cell: nearest(cell, known, likeness=SURE) for cell in cells}
    one_each = {near: cell for cell, near in reversed(sure.items()) if near}
    said = " ".join(_as_option(cell, near) for near, cell in reversed(one_each.items()))
    # no full stop after an option: it would be copied with it
    hint = "--ignore-unknown passes over what is not mapped"
    if said:
        hint = f"{said} says what it is; {hint}"
    return Misfit(f"no field of {object_map.name} is called {told}", hint)


def _misfit(heading: Heading, object_map: ObjectMap) -> Misfit | None:
    taken = [column for column in heading.columns if column is not None]
    twice = next((column for column in taken if taken.count(column) > 1), "")
    if twice:
        pairs = zip(heading.given, heading.columns, strict=True)
        first = next(given for given, column in pairs if column == twice)
        return Misfit(
            f"two columns are both {twice} ({object_map.by_column[twice].remote})",
            f"Say which one counts: {_as_option(first, twice)}",
        )
    if object_map.match_on in taken:
        return None
    told = f"no column for {object_map.match_on}, by which {object_map.kind.many} are recognised"
    likely = next((each for each in heading.passed_over if "mail" in each.casefold()), "COLUMN")
    hint = f"Say which column it is: {_as_option(likely, object_map.match_on)}"
    return Misfit(told, hint if heading.passed_over else "")


def _as_option(given: str, column: str) -> str:
    return f"--map {shlex.quote(f'{given}={column}')}"
