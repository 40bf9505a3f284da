"""The Account for a company's name: a record that is sent is linked to the Account of that name.

A Contact has no company of its own, so a name typed in the mirror becomes the Id of an Account:
looked up exactly, capital letters aside, for a whole batch at once. Where there is none, the
mapping's policy says whether it is made. An Account made here needs no journal: its name is looked
up before any is made, by the next run too.

Source: docs/salesforce.md §0 (Contact.Company), §3 (comparison ignores case).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sfsync.engine.run import Run, batched
from sfsync.model.change import OrgAction, OrgWrite, RowPlan
from sfsync.model.mapping import ObjectMap, OnMissing
from sfsync.model.outcome import Accepted, Rejected
from sfsync.model.record import LocalId, SalesforceId

NAMES_PER_LOOKUP = 300
"""Names of Accounts in one look-up."""

NO_SUCH_COMPANY = "NO_SUCH_COMPANY"
SEVERAL_COMPANIES = "SEVERAL_COMPANIES"
HINT = "Make the Account, or correct the name, then `sfsync retry`."


def _key(name: str) -> str:
    """The form in which two names are the same."""
    return name.strip().casefold()


@dataclass(frozen=True, slots=True)
class UnresolvedAccount:
    """Why a name has no Account to link to; without a code it is tried again by the next run."""

    code: str
    message: str


@dataclass(slots=True)
class Accounts:
    """The Accounts for the names of one batch.

    Attributes:
        ids: a name as `_key` folds it -> the Account's Id.
        spelled: folded name -> the name as the org writes it.
        unresolved: folded name -> why there is no Account to link to.
    """

    ids: dict[str, SalesforceId] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    unresolved: dict[str, UnresolvedAccount] = field(default_factory=dict)

    def add(self, name: str, account_id: SalesforceId) -> None:
        """An Account that the org has, as it spells it."""
        self.ids[_key(name)] = account_id
        self.spelled[_key(name)] = name

    def why_unresolved(self, name: str) -> UnresolvedAccount | None:
        """Why this name has no Account; ``None`` where it has one."""
        key = _key(name)
        if key in self.unresolved:
            return self.unresolved[key]
        if key in self.ids:
            return None
        return UnresolvedAccount(NO_SUCH_COMPANY, f"no Account is called {name}")


@dataclass(frozen=True, slots=True)
class AccountLinks:
    """One batch's plans, ready to send.

    Attributes:
        plans: as given, with the org's spelling of each name, and without the names that cannot be
            linked.
        unlinked: row -> why its name is not among what is sent.
    """

    plans: list[RowPlan]
    accounts: Accounts
    unlinked: Mapping[LocalId, UnresolvedAccount]

    def fields(self, object_map: ObjectMap, plan: RowPlan) -> dict[str, SalesforceId | None]:
        """The field that links this record to its Account; empty where the plan has no name."""
        linked = object_map.linked
        if linked is None or linked.column not in plan.to_org:
            return {}
        parent = linked.remote.split(".", maxsplit=1)[0]
        name = str(plan.to_org[linked.column] or "")
        return {f"{parent}Id": self.accounts.ids.get(_key(name))}


def account_links(run: Run, object_map: ObjectMap, plans: Sequence[RowPlan]) -> AccountLinks:
    """Find, or make, the Accounts that these plans name.

    Raises:
        BudgetSpent: making them takes more API calls than may still be made; none was made.
    """
    linked = object_map.linked
    if linked is None:
        return AccountLinks(list(plans), Accounts(), {})
    named = {
        plan.local_id: str(plan.to_org[linked.column])
        for plan in plans
        if plan.local_id is not None and plan.to_org.get(linked.column)
    }
    accounts = _existing(run, linked.remote, named.values())
    if linked.on_missing is OnMissing.CREATE:
        _create_missing(run, linked.remote, named.values(), accounts)
    unlinked = {}
    for local_id, name in named.items():
        unresolved = accounts.why_unresolved(name)
        if unresolved is not None:
            unlinked[local_id] = unresolved
    ready = []
    for plan in plans:
        if plan.local_id is None or not plan.to_org.get(linked.column):
            ready.append(plan)  # names none
        elif plan.local_id in unlinked:
            ready.append(_without_name(plan, linked.column))
        else:
            ready.append(_as_spelled(plan, linked.column, accounts))
    return AccountLinks(ready, accounts, unlinked)


def _existing(run: Run, path: str, names: Iterable[str]) -> Accounts:
    """The Accounts that the org has of these names."""
    parent, name_field = path.split(".", maxsplit=1)
    accounts = Accounts()
    wanted = sorted({_key(name): name for name in names}.values())
    for chunk in batched(wanted, NAMES_PER_LOOKUP):
        for page in run.org.find(parent, ("Id", name_field), name_field, chunk):
            for raw in page:
                name = str(raw[name_field])
                if _key(name) in accounts.ids:
                    # Which of the two is meant is for a person to say.
                    message = f"several records of {parent} are called {raw[name_field]}"
                    unresolved = UnresolvedAccount(SEVERAL_COMPANIES, message)
                    accounts.unresolved[_key(name)] = unresolved
                accounts.add(name, SalesforceId(str(raw["Id"])))
    return accounts


def _create_missing(run: Run, path: str, names: Iterable[str], accounts: Accounts) -> None:
    """Create the Accounts that are not there; of several spellings the first."""
    parent, name_field = path.split(".", maxsplit=1)
    missing: dict[str, str] = {}
    for name in names:
        if _key(name) not in accounts.ids:
            missing.setdefault(_key(name), name)
    batching = run.afford(len(missing), creating=True)
    for chunk in batched(enumerate(missing.values(), start=1), batching.size):
        by_ref = dict(chunk)
        writes = [
            OrgWrite(ref, OrgAction.CREATE, parent, {name_field: name})
            for ref, name in by_ref.items()
        ]
        for outcome in run.org.apply(writes):
            name = by_ref[outcome.ref]
            match outcome:
                case Accepted():
                    accounts.add(name, outcome.salesforce_id)
                case Rejected():
                    message = f"no record of {parent} could be made: {outcome.message}"
                    accounts.unresolved[_key(name)] = UnresolvedAccount(outcome.code, message)
                case _:
                    # Put off, or unanswered: the next run looks for it again.
                    accounts.unresolved[_key(name)] = UnresolvedAccount("", outcome.message)


def _as_spelled(plan: RowPlan, column: str, accounts: Accounts) -> RowPlan:
    """The plan with the name as the org spells it, on both sides."""
    spelled = accounts.spelled[_key(str(plan.to_org[column]))]
    if spelled == plan.to_org[column]:
        return plan
    to_org = {**plan.to_org, column: spelled}
    return replace(plan, to_org=to_org, to_local={**plan.to_local, column: spelled})


def _without_name(plan: RowPlan, column: str) -> RowPlan:
    """The plan without a name that has no Account: the rest is sent."""
    rest = {name: value for name, value in plan.to_org.items() if name != column}
    if plan.org_action is OrgAction.UPDATE and not rest:
        return replace(plan, to_org=rest, org_action=OrgAction.NONE)
    return replace(plan, to_org=rest)
