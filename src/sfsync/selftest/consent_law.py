"""The law of consent, as somebody states it who has seen everything that people did, and none of sfsync's own notes.

Two claims, each of what is certain. Whoever opted out must not be mailable: the opt-out is known to have been said, it
certainly reaches the record, and nothing may have ended it. Nobody else is opted out: no statement may have reached
them, however generously one reads what happened. Between the two nothing is claimed: what two clocks disagree about,
or what was ticked and taken back before any run could have seen it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Node: TypeAlias = tuple[str, ...]
"""``("record", Id)``, ``("row", table, number)`` or ``("address", key)``."""

OPT_OUTS = frozenset({"unsubscribed", "complained"})
HEARS_RECORDS = frozenset({"pull", "full", "sync", "follow", "tick"})
HEARS_ROWS = HEARS_RECORDS | {"push"}


def key_of(address: str | None) -> str:
    """The form in which two addresses are the same, by Python's own IDNA.

    >>> key_of(" P4@Bücher.example")
    'p4@xn--bcher-kva.example'
    """
    local, at, domain = (address or "").strip().lower().rpartition("@")
    return f"{local}{at}{domain.encode('idna').decode()}" if domain else ""


def record_node(record: str) -> Node:
    """A record of the org."""
    return ("record", record)


def row_node(table: str, number: int) -> Node:
    """A row of the mirror."""
    return ("row", table, str(number))


def address_node(key: str) -> Node:
    """An address."""
    return ("address", key)


@dataclass(frozen=True, slots=True)
class Holder:
    """A record or a row, as it stands.

    Attributes:
        key: its address; empty for none.
        boxes: its opt-out fields.
        live: neither deleted nor converted.
        record: a row's record, or None.
    """

    node: Node
    key: str
    boxes: tuple[bool, ...]
    live: bool
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything as it stands: live, in the recycle bin, converted, soft-deleted."""

    records: Mapping[str, Holder] = field(default_factory=dict)
    rows: tuple[Holder, ...] = ()

    def all(self) -> Iterator[Holder]:
        """Records and rows."""
        yield from self.records.values()
        yield from self.rows

    def of(self, node: Node) -> Holder | None:
        """How it stands, where it is still there."""
        return next((each for each in self.all() if each.node == node), None)

    def with_address(self, key: str) -> set[Node]:
        """Live holders of an address."""
        return {each.node for each in self.all() if each.live and each.key == key}


@dataclass(slots=True)
class OptOut:
    """That somebody opted out.

    Attributes:
        at: not earlier than this.
        who: the record or row that was ticked; None for an event.
        keys: the addresses it is certainly known for; none before a run can have seen it.
        heard: whether it is certainly known.
    """

    at: str
    who: Node | None = None
    keys: frozenset[str] = frozenset()
    heard: bool = False


@dataclass(slots=True)
class Consent:
    """That somebody may have consented again.

    Attributes:
        keys: of all the addresses that it may be about.
        at: not later than this; None for as long as no run has dated it.
        is_explicit: it was certainly said, and at that time.
    """

    keys: frozenset[str]
    at: str | None
    is_explicit: bool = True


@dataclass
class ConsentLaw:
    """What was said, who it must reach and who it may reach.

    Attributes:
        survivors: record -> the record that it was merged or converted into; ``certain_survivors``
            the other way round, where sfsync certainly knows.
        had: the addresses that a row certainly had, and ``may_have_had`` those that anybody may have had.
        gave_up: (who, key) -> when an address was certainly given up.
        linked: everything that ever had to do with each other.
        may_be_out: who may be opted out, and since when at the earliest.
        clocks_agree: no clock was ever wrong; else no order of two statements is certain.
        last_run: when a run last ended, well or not.
    """

    said: list[OptOut] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    survivors: dict[Node, Node] = field(default_factory=dict)
    certain_survivors: dict[Node, set[Node]] = field(default_factory=lambda: defaultdict(set))
    had: dict[Node, set[str]] = field(default_factory=lambda: defaultdict(set))
    may_have_had: dict[Node, set[str]] = field(default_factory=lambda: defaultdict(set))
    gave_up: dict[tuple[Node, str], str] = field(default_factory=dict)
    linked: dict[Node, set[Node]] = field(default_factory=lambda: defaultdict(set))
    may_be_out: dict[Node, str] = field(default_factory=dict)
    clocks_agree: bool = True
    last_run: str = ""

    # -- what people do
    def ticked(self, who: Node, at: str) -> None:
        """A box was set by a person."""
        self.said.append(OptOut(at, who))
        self._reached(who, at)

    def event(self, kind: str, key: str, at: str) -> None:
        """An event was kept that may say something of consent."""
        if kind in OPT_OUTS:
            self.opted_out_by_event(key, at)
        elif kind == "resubscribed":
            self.consented_by_event(key, at)

    def opted_out_by_event(self, key: str, at: str) -> None:
        """An event says it, for its address, at its own time."""
        self.said.append(OptOut(at, None, frozenset({key}), heard=True))
        if not self._is_certainly_ended(key, at):
            self._reached(address_node(key), at)

    def consented_by_event(self, key: str, at: str) -> None:
        """An event says that they consent again, for its address."""
        self._consented(key, Consent(frozenset({key}), at))

    def consented_by_command(self, key: str, at: str) -> None:
        """``sfsync consent --given``: for all addresses of the person, whichever these are."""
        self._consented(key, Consent(self._keys_around(address_node(key)) | {key}, at))

    def cleared_on_both_sides(self, who: Node) -> None:
        """The boxes are clear in the row and in the record, because people cleared them."""
        self.consents.append(Consent(self._keys_around(who), None, is_explicit=False))
        self.said = [each for each in self.said if each.heard or each.who != who]

    def survived(self, loser: str, survivor: str) -> None:
        """A record was merged or converted into another."""
        self.survivors[record_node(loser)] = record_node(survivor)

    def row_is_gone(self, node: Node) -> None:
        """A row was deleted for good: nothing of it is known any more."""
        self.had.pop(node, None)
        self.said = [each for each in self.said if each.heard or each.who != node]
        for said in self.said:
            if said.who == node:
                said.who = None  # another row may get its number

    def _consented(self, key: str, consent: Consent) -> None:
        self.consents.append(consent)
        if consent.at is None or not self._ends_all_around(key, consent.at):
            return
        for node in self._around(address_node(key)):
            self.may_be_out.pop(node, None)

    def _ends_all_around(self, key: str, at: str) -> bool:
        """Whether a consent certainly ends every opt-out that may concern this address."""
        around = self._around(address_node(key))
        if not self.clocks_agree or at <= self.last_run or self._is_mixed_up(key):
            return False
        concerned = [each for each in self.said if each.who in around or key in each.keys]
        return all(each.heard and each.at < at for each in concerned)

    def _is_certainly_ended(self, key: str, at: str) -> bool:
        """Whether an opt-out that comes late was ended already, by a consent dated later."""
        later = any(
            each.is_explicit and key in each.keys and (each.at or "") > at for each in self.consents
        )
        return later and self.clocks_agree and not self._is_mixed_up(key)

    def _is_mixed_up(self, key: str) -> bool:
        """Whether people with this address ever had another one, too."""
        return bool(self._keys_around(address_node(key)) - {key})

    # -- who belongs together
    def _around(self, node: Node) -> set[Node]:
        """Everything that was ever linked with this one."""
        found, unseen = {node}, [node]
        while unseen:
            more = self.linked[unseen.pop()] - found
            found |= more
            unseen += more
        return found

    def _keys_around(self, node: Node) -> frozenset[str]:
        return frozenset(each[1] for each in self._around(node) if each[0] == "address")

    def _link(self, one: Node, other: Node) -> None:
        self.linked[one].add(other)
        self.linked[other].add(one)

    # -- time goes on
    def look(self, sight: Sight, now: str) -> None:
        """See how everything stands, after a step or a run."""
        for holder in sight.all():
            if holder.key:
                self._link(holder.node, address_node(holder.key))
                self.may_have_had[holder.node].add(holder.key)
            if holder.record:
                self._link(holder.node, record_node(holder.record))
        for loser, survivor in self.survivors.items():
            self._link(loser, survivor)
        while self._spread(sight, now):
            pass

    def _spread(self, sight: Sight, now: str) -> bool:
        """Whoever may be reached by those who may be opted out; whether that was anybody new."""
        before = len(self.may_be_out)
        for holder in sight.all():
            if holder.key:
                self._share(holder.node, address_node(holder.key), now)
            if holder.record:
                self._share(holder.node, record_node(holder.record), now)
            for key in self.may_have_had[holder.node] - {holder.key}:
                if self._may_reach_former(holder, key, sight):
                    self._reached(holder.node, now)
        for loser, survivor in self.survivors.items():
            if loser in self.may_be_out:
                self._reached(survivor, now)
        return len(self.may_be_out) > before

    def _share(self, one: Node, other: Node, now: str) -> None:
        if one in self.may_be_out:
            self._reached(other, now)
        if other in self.may_be_out:
            self._reached(one, now)

    def _reached(self, node: Node, at: str) -> None:
        self.may_be_out[node] = min(at, self.may_be_out.get(node, at))

    def _may_reach_former(self, holder: Holder, key: str, sight: Sight) -> bool:
        """Whether what is said for an address may hold for somebody who had it once.

        Certainly not where it was said after they are known to have given it up, and another row
        has it.
        """
        since = self.may_be_out.get(address_node(key))
        if since is None:
            return False
        until = self.gave_up.get((holder.node, key))
        if until is None or not self.clocks_agree or since <= until:
            return True
        return not any(row.live and row.key == key for row in sight.rows if row != holder)

    def after_run(self, verb: str, *, started: Sight, ended: Sight, now: str) -> None:
        """A run came to its end: what it found, it has certainly seen.

        Args:
            started: how everything stood when it began.
        """
        if verb not in HEARS_ROWS:
            return
        for said in self.said:
            if not said.heard and said.who is not None and verb in _who_hears(said.who):
                self._hear(said, started)
        # what was not there any more was never seen: nothing is claimed of it
        self.said = [each for each in self.said if each.heard or verb not in _who_hears(each.who)]
        if verb not in HEARS_RECORDS:
            return
        for consent in self.consents:
            consent.at = consent.at or now
        self._note_survivors(started)
        self._note_addresses(ended, now)

    def forget_unheard(self) -> None:
        """Nothing is claimed of what no run has seen so far: it may be seen later than the next one."""
        self.said = [each for each in self.said if each.heard]

    def _hear(self, said: OptOut, sight: Sight) -> None:
        who = sight.of(said.who) if said.who else None
        if who is None or not any(who.boxes):
            return
        said.heard = True
        record = sight.records.get(who.record or "")
        if who.key and (record is None or record.key == who.key):
            said.keys = frozenset({who.key})

    def _note_survivors(self, sight: Sight) -> None:
        """A merger is certainly known where its loser was still in the recycle bin, and has a row."""
        with_row = {row.record for row in sight.rows}
        for loser, survivor in self.survivors.items():
            if loser[1] in sight.records and loser[1] in with_row:
                self.certain_survivors[survivor].add(loser)

    def _note_addresses(self, sight: Sight, now: str) -> None:
        for row in sight.rows:
            record = sight.records.get(row.record or "")
            if record is not None and record.key == row.key and row.key:
                self.had[row.node].add(row.key)
        for holder in sight.all():
            for key in self.may_have_had[holder.node]:
                if key == holder.key:
                    self.gave_up.pop((holder.node, key), None)
                else:
                    self.gave_up.setdefault((holder.node, key), now)

    # -- the claims
    def must_be_out(self, holder: Holder, sight: Sight) -> str:
        """Why a live record or row must be opted out; empty where that is not certain."""
        person = self._person(holder, sight)
        former = {key for node in person for key in self.had.get(node, ())}
        for said in self.said:
            if not said.heard or self._may_be_ended(said, holder):
                continue
            if holder.key and holder.key in said.keys:
                return f"{holder.key} opted out at {said.at}"
            if said.who in person:
                return f"{' '.join(said.who or ())} was ticked at {said.at}"
            for key in said.keys & former:
                if not sight.with_address(key) - person:
                    return f"{key}, which they had, opted out at {said.at}"
        return ""

    def _may_be_ended(self, said: OptOut, holder: Holder) -> bool:
        keys = said.keys | self._keys_around(said.who or holder.node)
        if said.who is None:
            keys = said.keys
        return any(
            consent.at is None or not self.clocks_agree or said.at <= consent.at
            for consent in self.consents
            if consent.keys & keys
        )

    def _person(self, holder: Holder, sight: Sight) -> set[Node]:
        """The record with its row, and all that certainly live on in it, with theirs."""
        found = {holder.node}
        if holder.record:
            found.add(record_node(holder.record))
        unseen = list(found)
        while unseen:
            node = unseen.pop()
            more = set(self.certain_survivors.get(node, ()))
            more |= {row.node for row in sight.rows if ("record", row.record) == node}
            more -= found
            found |= more
            unseen += more
        return found

    def may_not_be_out(self, holder: Holder) -> bool:
        """Whether nothing that was said may have reached this record or row."""
        return holder.node not in self.may_be_out

    def may_have_consented(self, key: str) -> bool:
        """Whether somebody around this address may have consented again."""
        around = self._keys_around(address_node(key)) | {key}
        return any(consent.keys & around for consent in self.consents)


def _who_hears(who: Node | None) -> frozenset[str]:
    """The verbs that see a tick."""
    return HEARS_RECORDS if who and who[0] == "record" else HEARS_ROWS
