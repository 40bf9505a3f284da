"""People who opt out, consent again, and change their addresses: on both sides, by events, files and hand.

What they say is told to the law (``consent_law``), which judges from that alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sfsync.mirror.store import SqliteMirror
from sfsync.model.consent import ConsentSource, ConsentState, Statement
from sfsync.model.cursor import iso
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.mapping import ObjectMap, SyncMapping
from sfsync.selftest.consent_law import ConsentLaw, Holder, Sight, key_of, record_node, row_node
from sfsync.selftest.people import ADDRESSES, SOBJECTS, People, Raw


@dataclass
class ConsentSteps:
    """What people do about consent and addresses, and the judge of it.

    Each step returns what was done; empty where there was nothing to do it to.

    Attributes:
        usable: the part of the mapping that the org has.
        here, there: the clocks of this machine and of the org.
    """

    people: People
    mirror: Callable[[], SqliteMirror]
    usable: Callable[[], SyncMapping]
    here: Callable[[], datetime]
    there: Callable[[], datetime]
    _started: Sight = field(default_factory=Sight)
    _number: int = 0

    @property
    def law(self) -> ConsentLaw:
        """What is known of what was said."""
        return self.people.law

    # -- in Salesforce
    def opt_out_there(self, number: int, table: str) -> str:
        """A person asks sales people for no more emails."""
        raw = self.people.record(number, SOBJECTS[table])
        if raw is None:
            return ""
        line = self.people.save(raw["Id"], {"HasOptedOutOfEmail": True})
        if not raw.get("HasOptedOutOfEmail"):
            self.law.ticked(record_node(raw["Id"]), iso(self.there()))
        return line

    def clear_opt_out_there(self, number: int, table: str) -> str:
        """A user takes an opt-out back that the record has."""
        raw = self.people.record(number, SOBJECTS[table])
        names = [self._map(table).by_column[column].remote for column in self._map(table).opt_out]
        if raw is None or not any(raw.get(name) for name in names):
            return ""
        line = self.people.save(raw["Id"], dict.fromkeys(names, False))
        self._look_for_agreement(raw["Id"])
        return line

    def move_there(self, number: int, table: str, address: int) -> str:
        """A record gets another address, which may have been somebody's."""
        raw = self.people.record(number, SOBJECTS[table])
        if raw is None:
            return ""
        return self.people.save(raw["Id"], {"Email": ADDRESSES[address]})

    # -- at the mirror
    def opt_out_here(self, number: int, table: str) -> str:
        """A person asks the email platform for no more emails."""
        row = self.people.row(number, table)
        if row is None:
            return ""
        column = self._map(table).opt_out[0]
        ((was,),) = self.people.look(f"SELECT {column} FROM {table} WHERE id = ?", row)
        self.people.edit(f"UPDATE {table} SET {column} = 1 WHERE id = ?", row)
        if not was:
            self.law.ticked(row_node(table, row), iso(self.here()))
        return f"{table} {row}: {column}"

    def take_an_opt_out_back_here(self, number: int, table: str) -> str:
        """A program that does not know better clears an opt-out."""
        row = self.people.row(number, table)
        if row is None:
            return ""
        columns = self._map(table).opt_out
        held = self.people.look(
            f"SELECT salesforce_id, {', '.join(columns)} FROM {table} WHERE id = ?", row
        )[0]
        if not any(held[1:]):
            return ""
        setting = ", ".join(f"{column} = 0" for column in columns)
        self.people.edit(f"UPDATE {table} SET {setting} WHERE id = ?", row)
        self._look_for_agreement(held[0])
        return f"{table} {row}: not opted out"

    def clear_on_both_sides(self, number: int, table: str) -> str:
        """Both sides agree that somebody may get emails again."""
        row = self.people.row(number, table)
        if row is None:
            return ""
        ((record,),) = self.people.look(f"SELECT salesforce_id FROM {table} WHERE id = ?", row)
        raw = self.people.org.state.table(SOBJECTS[table]).rows.get(record)
        if raw is None or raw.get("IsDeleted") or raw.get("IsConverted"):
            return ""
        columns = self._map(table).opt_out
        names = [self._map(table).by_column[column].remote for column in columns]
        self.people.save(record, dict.fromkeys(names, False))
        setting = ", ".join(f"{column} = 0" for column in columns)
        self.people.edit(f"UPDATE {table} SET {setting} WHERE id = ?", row)
        self._look_for_agreement(record)
        return f"{table} {row} and {record}: not opted out"

    def move_here(self, number: int, table: str, address: int) -> str:
        """A row gets another address, which may have been somebody's."""
        row = self.people.row(number, table)
        if row is None:
            return ""
        self.people.edit(f"UPDATE {table} SET email = ? WHERE id = ?", ADDRESSES[address], row)
        return f"{table} {row} gets {ADDRESSES[address]}"

    def import_consent_here(self, table: str, address: int, opted_out: bool) -> str:
        """``sfsync import`` of a list with an opt-out column, which may be older than what is known."""
        column = self._map(f"{table}s").opt_out[0]
        email = ADDRESSES[address]
        self.mirror().imports.store(table, [{"email": email, column: int(opted_out)}])
        if opted_out:
            # the row that a list means has this address: whichever it is, it is ticked now
            for holder in self.sight().rows:
                if (
                    holder.node[1] == f"{table}s"
                    and holder.key == key_of(email)
                    and any(holder.boxes)
                ):
                    self.law.ticked(holder.node, iso(self.here()))
        return f"{table} {email} with {column} {opted_out}"

    def consent_given(self, address: int) -> str:
        """``sfsync consent EMAIL --given``."""
        email, now, consent = ADDRESSES[address], iso(self.here()), self.mirror().consent
        if now <= consent.last_opt_out(email):
            return ""  # refused: it is not later
        consent.record(
            Statement(key, ConsentState.CONSENTED, now, ConsentSource.COMMAND, "a form")
            for key in consent.keys_of_person(email)
        )
        consent.settle({each.name: each.opt_out for each in self.usable().objects.values()})
        self.law.consented_by_command(key_of(email), now)
        return f"{email} consents at {now}"

    def consent_event_comes(self, address: int, kind: str, minutes_ago: int) -> str:
        """An event that says something of consent, dated now or a while ago."""
        self._number += 1
        at = iso(self.there() - timedelta(minutes=minutes_ago))
        made = EmailEvent(f"say-{self._number}", EventType(kind), ADDRESSES[address], at)
        self.mirror().events.keep([made], source="selftest")
        self.law.event(kind, key_of(made.email), at)
        return f"{made.id}: {kind} of {made.email}, dated {at}"

    def _look_for_agreement(self, record: str | None) -> None:
        """Whether a box that was just cleared is clear on the other side, too."""
        sight = self.sight()
        both = [each for each in sight.rows if each.record == record and record is not None]
        both += [each for name, each in sight.records.items() if name == record]
        for holder in both:
            if not any(any(each.boxes) for each in both):
                self.law.cleared_on_both_sides(holder.node)

    # -- looking
    def _map(self, table: str) -> ObjectMap:
        return next(each for each in self.usable().objects.values() if each.table == table)

    def begin(self) -> None:
        """Who is opted out in the org to begin with has said so."""
        for record, holder in self._records().items():
            if any(holder.boxes):
                self.law.ticked(record_node(record), iso(self.there()))

    def sight(self) -> Sight:
        """How everything stands."""
        rows = [row for table in SOBJECTS for row in self._rows(table, self._map(table).opt_out)]
        return Sight(self._records(), tuple(rows))

    def _records(self) -> dict[str, Holder]:
        found: dict[str, Holder] = {}
        for table, sobject in SOBJECTS.items():
            object_map = self._map(table)
            names = [object_map.by_column[column].remote for column in object_map.opt_out]
            for raw in self.people.org.state.table(sobject).rows.values():
                found[raw["Id"]] = _record(raw, names)
        return found

    def _rows(self, table: str, columns: tuple[str, ...]) -> Iterator[Holder]:
        prefix = self._map(table).kind.prefix
        for row, written, deleted, email, *boxes in self.people.look(
            f"SELECT id, salesforce_id, deleted_at, email, {', '.join(columns)} FROM {table}"
        ):
            # another object's Id makes a row nobody's
            record = written if written and written.startswith(prefix) else None
            yield Holder(
                row_node(table, row), key_of(email), _boxes(boxes), deleted is None, record
            )

    def look(self) -> None:
        """See how everything stands, after a step."""
        self.law.look(self.sight(), iso(self.there()))

    def before_run(self) -> None:
        """A run begins."""
        self._started = self.sight()
        self.law.look(self._started, iso(self.there()))

    def after_run(self, verb: str, *, came_to_its_end: bool) -> None:
        """A run is over."""
        sight, now = self.sight(), iso(self.there())
        if came_to_its_end:
            self.law.after_run(verb, started=self._started, ended=sight, now=now)
        self.law.last_run = now
        self.law.look(sight, now)

    def judge(self, forgiven: set[str]) -> Iterator[tuple[str, str]]:
        """At rest: who is mailable and must not be, and who is opted out and need not be.

        Args:
            forgiven: records that the mirror does not know of.
        """
        sight = self.sight()
        for holder in sight.all():
            if not holder.live or holder.node[-1] in forgiven:
                continue
            name = f"{' '.join(holder.node)} with {holder.key or 'no address'}"
            why = self.law.must_be_out(holder, sight)
            if why and not all(holder.boxes):
                yield "opt-outs", f"{name} has {list(holder.boxes)}, though {why}"
            elif any(holder.boxes) and self.law.may_not_be_out(holder):
                yield "consent", f"{name} is opted out, and nobody has said so"
            elif any(holder.boxes) and self._is_alone(holder, sight, forgiven):
                yield "opt-outs", f"{name} is opted out, and others with the address are not"

    def _is_alone(self, holder: Holder, sight: Sight, forgiven: set[str]) -> bool:
        """Whether another record of the address is mailable, and nobody may have consented."""
        if not holder.key or self.law.may_have_consented(holder.key):
            return False
        return any(
            each.live and each.key == holder.key and not all(each.boxes)
            for record, each in sight.records.items()
            if record not in forgiven
        )


def _record(raw: Raw, names: list[str]) -> Holder:
    live = not raw.get("IsDeleted") and not raw.get("IsConverted")
    boxes = _boxes([raw.get(name) for name in names])
    return Holder(record_node(raw["Id"]), key_of(raw.get("Email")), boxes, live)


def _boxes(values: list[Any]) -> tuple[bool, ...]:
    return tuple(value == 1 for value in values)
