"""Consent follows the person: what statements add up to, and that SQL and Python say the same of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.mirror.consent import Settled, is_mailable
from sfsync.mirror.store import SqliteMirror
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import match_key
from sfsync.model.consent import ConsentSource, ConsentState, Statement
from sfsync.planning.consent import Holding, is_opted_out, standing
from tests.ready_mirror import write_ready_mirror
from tests.sides import fast_folder
from tests.unit.mirror.samples import CONTACT, LEAD, NOW, foreign, mapping, one, open_mirror

KEYS = ("a@x.example", "b@x.example", "c@x.example", "d@xn--bcher-kva.example")
AT = tuple(f"2026-01-{day:02d}T10:00:00Z" for day in range(1, 10))
TABLES = {"contact": "contacts", "lead": "leads"}
OPT_OUT = {"contact": CONTACT.opt_out, "lead": LEAD.opt_out}

statements = st.builds(
    Statement,
    st.sampled_from(KEYS),
    st.sampled_from(ConsentState),
    st.sampled_from(AT),
    st.sampled_from(ConsentSource),
    st.sampled_from(("", "evt-1", "list.csv")),
)


@given(st.lists(statements), st.randoms(use_true_random=False))
def test_the_order_in_which_statements_are_heard_does_not_matter(
    said: list[Statement], random: Random
) -> None:
    shuffled = [*said, *said[:2]]
    random.shuffle(shuffled)
    for key in KEYS:
        of_key = [one for one in said if one.address_key == key]
        again = [one for one in shuffled if one.address_key == key]
        assert standing(of_key) == standing(again)


@given(st.lists(statements))
def test_an_opt_out_ends_by_a_later_consent_alone(said: list[Statement]) -> None:
    held = standing(said)
    outs = [one.since for one in said if one.state is ConsentState.OPTED_OUT]
    ins = [one.since for one in said if one.state is ConsentState.CONSENTED]
    if outs:
        assert held is not None
        ended = bool(ins) and max(ins) > max(outs)
        assert (held.state is ConsentState.CONSENTED) == ended


# -- SQL and Python --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """A row of the mirror, as the law sees it; ``survivor`` is another's number."""

    object: str
    address: str
    live: bool
    former: dict[str, str]
    survivor: int | None


rows = st.builds(
    Row,
    st.sampled_from(("contact", "lead")),
    st.sampled_from((*KEYS, "d@bücher.example", " A@X.Example")),
    st.booleans(),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(AT), max_size=2),
    st.one_of(st.none(), st.integers(0, 5)),
)


def _new_mirror(folder: Path) -> SqliteMirror:
    path = folder / "mirror.db"
    write_ready_mirror(path, mapping())
    return open_mirror(path)


@settings(max_examples=80, deadline=None)
@given(st.lists(rows, min_size=1, max_size=6), st.lists(statements, max_size=6))
def test_sql_and_python_reach_the_same_rows(people: list[Row], said: list[Statement]) -> None:
    people = [_sound(person, number, people) for number, person in enumerate(people)]
    with TemporaryDirectory(dir=fast_folder()) as folder, _new_mirror(Path(folder)) as mirror:
        ids = [_insert(mirror, number, people) for number in range(len(people))]
        consent = mirror.consent
        consent.record(said)
        consent.settle(OPT_OUT)
        expected = _expected(people, said)
        for number, person in enumerate(people):
            if person.live:
                sql = f"SELECT opted_out FROM {TABLES[person.object]} WHERE id = ?"
                assert bool(one(mirror, sql, ids[number])) == (number in expected)
                assert _is_mailable(mirror, person, ids[number]) == (number not in expected)
        assert consent.settle(OPT_OUT) == Settled()  # again: nothing is left to do


def _is_mailable(mirror: SqliteMirror, person: Row, local_id: int) -> bool:
    """What a filter by consent says of the row."""
    table = MappedTable(CONTACT if person.object == "contact" else LEAD)
    sql = f"SELECT {is_mailable(table, 'r')} FROM {table.name} AS r WHERE id = ?"
    return bool(one(mirror, sql, local_id))


def _sound(person: Row, number: int, people: list[Row]) -> Row:
    """A row with a survivor has ended, and nobody is their own survivor."""
    if person.survivor is None or person.survivor == number or person.survivor >= len(people):
        return replace(person, survivor=None)
    return replace(person, live=False)


def _expected(people: list[Row], said: list[Statement]) -> set[int]:
    """The numbers of the rows that are opted out, by the law alone."""
    known = list(said)
    while True:
        found = {
            number
            for number in range(len(people))
            if is_opted_out(_holdings(people, number), known) is not None
        }
        new = [
            Statement(
                match_key(people[number].address), ConsentState.OPTED_OUT, NOW, ConsentSource.RECORD
            )
            for number in found
            if people[number].live
        ]
        new = [one for one in new if not _is_out(one.address_key, known)]
        if not new:
            return found
        known += new


def _is_out(key: str, known: list[Statement]) -> bool:
    held = standing(one for one in known if one.address_key == key)
    return held is not None and held.state is ConsentState.OPTED_OUT


def _holdings(people: list[Row], number: int) -> list[Holding]:
    """What a row and all that it survived hold or held."""
    numbers, grew = {number}, True
    while grew:
        more = {n for n, person in enumerate(people) if person.survivor in numbers} - numbers
        numbers, grew = numbers | more, bool(more)
    holdings = []
    for each in numbers:
        person = people[each]
        holdings.append(Holding(match_key(person.address)))
        for key, until in person.former.items():
            has_it = any(
                other.live and match_key(other.address) == key
                for n, other in enumerate(people)
                if n != each
            )
            holdings.append(Holding(key, until, passed_on=has_it))
    return holdings


def _insert(mirror: SqliteMirror, number: int, people: list[Row]) -> int:
    person = people[number]
    with foreign(mirror) as file:
        file.execute("UPDATE _sync SET guard = 1")
        file.execute(
            f"INSERT INTO {TABLES[person.object]} (email, salesforce_id, deleted_at, opted_out)"
            " VALUES (?, ?, ?, 0)",
            [person.address, f"sf{number}", None if person.live else NOW],
        )
        [(local_id,)] = file.execute("SELECT last_insert_rowid()")
        for key, until in person.former.items():
            file.execute(
                "INSERT INTO _former_addresses VALUES (?, ?, ?, ?)",
                [person.object, local_id, key, until],
            )
        if person.survivor is not None:
            survivor = people[person.survivor].object
            link = [person.object, f"sf{number}", survivor, f"sf{person.survivor}", "merged", NOW]
            file.execute("INSERT INTO _successors VALUES (?, ?, ?, ?, ?, ?)", link)
        file.execute("UPDATE _sync SET guard = 0")
    return int(local_id)
