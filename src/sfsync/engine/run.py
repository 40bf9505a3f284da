"""One run: the sides, the mapping, the limits, and the report that fills while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from sfsync.engine.ports import Clock, Mirror, Org, Progress, Silent
from sfsync.errors import (
    AuthError,
    BudgetSpent,
    GrantRevoked,
    NotLoggedIn,
    OrgRefused,
    OrgUnavailable,
    Paused,
    SfsyncError,
    UsageError,
    WrongOrg,
)
from sfsync.mapping.check import narrow
from sfsync.mapping.check_activities import narrow_activities
from sfsync.mapping.problem import Problem
from sfsync.mapping.projection import Projection
from sfsync.model.arrival import Arrival
from sfsync.model.budget import Budget
from sfsync.model.facts import SObjectFacts
from sfsync.model.limits import Limits
from sfsync.model.mapping import ObjectMap, SyncMapping
from sfsync.model.outcome import Deferred, Outcome, RunReport
from sfsync.model.record import SalesforceId
from sfsync.model.traffic import Batching
from sfsync.planning.safety import NO_DAMAGE, Damage, brake

Item = TypeVar("Item")


@dataclass(slots=True)
class Run:
    """Everything a verb works with.

    Attributes:
        mapping: as configured; ``usable`` narrows it to what the org has.
        dry_run: stop before anything is applied on either side.
        allow_mass_change: the safety brake is off for this run, by an option.
        checkpoint: called between two batches, where everything done is kept: it raises where the
            run is to end.
        fully_pulled: objects whose pull was completed by this very run; the mirror knows all of
            their addresses.
        arrivals: what was handed in and is not in the mirror yet, oldest first. Each is durable where
            it comes from until the next one is asked for.
        brakes_by_hour: whether the brake counts what the runs of the last hour took away from the mirror as well.
        passed: what the brake let pass and is not applied yet, by object.
        converted_leads: addresses of Leads that the mirror never knew, with the Contacts they
            became, each as object and Id.
    """

    org: Org
    mirror: Mirror
    mapping: SyncMapping
    limits: Limits
    report: RunReport
    now: Clock
    progress: Progress = field(default_factory=Silent)
    dry_run: bool = False
    allow_mass_change: bool = False
    brakes_by_hour: bool = False
    passed: dict[str, Damage] = field(default_factory=dict)
    fully_pulled: set[str] = field(default_factory=set)
    converted_leads: dict[str, tuple[str, SalesforceId]] = field(default_factory=dict)
    checkpoint: Callable[[], None] = lambda: None
    arrivals: Callable[[], Iterable[Arrival]] = lambda: ()
    _usable: SyncMapping | None = None

    @property
    def usable(self) -> SyncMapping:
        """The mapping, less what this org lacks or this user may not write; asked once a run."""
        if self._usable is None:
            self._usable = self._narrowed()
        return self._usable

    def objects(self, names: Sequence[str]) -> list[ObjectMap]:
        """The chosen objects, in the mapping's order; all of them where none is named.

        Raises:
            UsageError: for a name the configuration does not have.
        """
        known = self.usable.objects
        for name in names:
            if name not in known:
                raise UsageError(
                    f"no object {name!r} in the configuration",
                    hint=f"There are: {', '.join(known)}.",
                )
        return [object_map for name, object_map in known.items() if not names or name in names]

    def refuse_if_paused(self) -> None:
        """Stop where writing is switched off.

        Raises:
            Paused: by ``sfsync pause``.
        """
        since = self.mirror.state.note("paused")
        if since and not self.dry_run:
            raise Paused(
                f"sfsync is paused since {since}: nothing is written", hint="sfsync resume"
            )

    def check_org(self, org_id: str, *, keep: bool = True) -> None:
        """Bind the mirror to the org it first met (unless ``keep`` is off), and refuse any other.

        Raises:
            WrongOrg: the login belongs to another org than the mirror.
        """
        pinned = self.mirror.state.pinned_org()
        if not pinned:
            if keep:
                self.mirror.state.pin_org(org_id)
        elif pinned != org_id:
            raise WrongOrg(
                f"this mirror belongs to the org {pinned}, but the login is for {org_id}",
                hint="Log in to the right org, or use another profile with its own mirror.",
            )

    def afford(self, writes: int, *, creating: bool = False) -> Batching:
        """How so many writes will travel; asked before the first one is sent.

        Raises:
            BudgetSpent: they take more API calls than may still be made. Nothing was sent.
        """
        batching = self.org.batching(writes, creating=creating)
        needed = batching.calls_for(writes)
        if needed and not self.dry_run:
            if needed > 1 and self.org.usage().used is None:
                self.org.describe(
                    self.mapping.activities.sobject
                )  # with any answer the org tells its count
            usage, limits = self.org.usage(), self.limits
            budget = Budget(
                usage.used, usage.limit, limits.api_reserve, limits.api_per_run, usage.api_calls
            )
            budget.check(needed)
        return batching

    def brake(
        self, object_name: str, found: Damage, changed: int, earlier: Damage = NO_DAMAGE
    ) -> None:
        """Stop where an object's plans take away or change too much, unless that is allowed.

        Args:
            earlier: what was taken away within the last hour, see ``damage_memory``.

        Raises:
            UnsafePlan: see ``safety.brake``.
        """
        if not self.allow_mass_change:
            rows = self.mirror.rows.count(object_name)
            brake(object_name, found, changed, rows=rows, limits=self.limits, earlier=earlier)

    def warn_of_unreadable(self, name: str, projection: Projection) -> None:
        """Warn of values of the org that were not of their field's type.

        They count as absent, never as blank.
        """
        for column, sentence in projection.unreadable.items():
            self.report.warn(
                f"{name}.{column}: some of Salesforce's values were left out: {sentence}"
            )

    def _narrowed(self) -> SyncMapping:
        narrowed = {}
        for name, object_map in self.mapping.objects.items():
            narrowed[name] = narrow(object_map, self._facts(object_map.sobject))
        if any(self._waits_for_rights(name, found[0]) for name, found in narrowed.items()):
            # what was granted for one object may have been granted for the others, too
            for name, (_, problems) in narrowed.items():
                if problems:
                    object_map = self.mapping.objects[name]
                    narrowed[name] = narrow(object_map, self._describe(object_map.sobject))
        for _, problems in narrowed.values():
            self._warn_of(problems)
        activities, problems = narrow_activities(
            self.mapping.activities, self._facts(self.mapping.activities.sobject)
        )
        self._warn_of(problems)
        objects = {name: object_map for name, (object_map, _) in narrowed.items()}
        return replace(self.mapping, objects=objects, activities=activities)

    def _facts(self, sobject: str) -> SObjectFacts:
        return self.mirror.state.facts(sobject) or self._describe(sobject)

    def _describe(self, sobject: str) -> SObjectFacts:
        facts = self.org.describe(sobject)
        if not self.dry_run:
            self.mirror.state.keep_facts(facts)
        return facts

    def _waits_for_rights(self, name: str, narrowed: ObjectMap) -> bool:
        """Whether an edit or an opt-out is here that this org did not let us write when it was last asked.

        An admin may have granted it since; where nothing waits for that, nobody needs to ask.
        """
        wanted = self.mapping.objects[name]
        may_be_sent = {field.column for field in narrowed.fields if field.pushes}
        kept_back = [
            field.column
            for field in wanted.fields
            if field.pushes
            and field.column not in may_be_sent
            # a standard field is only ever hidden; a custom one that is not there may never come
            and (not field.remote.endswith("__c") or field.column in narrowed.by_column)
        ]
        opt_outs = [column for column in wanted.opt_out if column in kept_back]
        if opt_outs and self.mirror.consent.lacks_opt_out(name, opt_outs):
            return True
        return bool(kept_back) and self.mirror.rows.are_edited(name, kept_back)

    def _warn_of(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.report.warn(str(problem))


UNDONE = (AuthError, BudgetSpent, OrgRefused, OrgUnavailable)
"""What ``Org.apply`` raises where the org has certainly done nothing."""

_ENDS: Mapping[str, type[SfsyncError]] = {
    each.slug: each for each in (BudgetSpent, GrantRevoked, NotLoggedIn)
}


def end_if_cut_short(outcomes: Iterable[Outcome]) -> None:
    """End the run where a batch could not be sent to its end; called once the batch is settled.

    Raises:
        BudgetSpent: the day's calls are spent, or the reserve would be touched.
        AuthError: the login has ended.
    """
    for outcome in outcomes:
        if isinstance(outcome, Deferred) and outcome.code in _ENDS:
            hint = "sfsync login"
            if outcome.code == BudgetSpent.slug:
                hint = (
                    "the next run goes on from here; see limits.api_reserve and limits.api_per_run"
                )
            raise _ENDS[outcome.code](outcome.message, hint=hint)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most ``size``, the last one shorter; nothing is read ahead."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
