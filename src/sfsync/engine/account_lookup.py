"""A company's name on its way up: the record is linked to the Account of that name.

A Contact has no company of its own, so a name typed in the mirror becomes the Id of an Account:
looked up exactly, capital letters aside, for a whole batch at once. Where there is none, the
mapping's policy says whether it is made.
An Account made here needs no journal: its name is looked up before any is made, by the next run
    too.

Source: salesforce-facts §0 (Contact.Company), §3 (comparison ignores case).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sfsync.engine.run import Run, batched
from sfsync.model.change import OrgAction, OrgWrite, RowPlan
from sfsync.model.mapping import ObjectMap, OnMissing
from sfsync.model.outcome import Accepted, Rejected
from sfsync.model.record import LocalId, SalesforceId

LOOKUP = 300
"""Names a look-up."""

NO_SUCH_COMPANY = "NO_SUCH_COMPANY"
SEVERAL_COMPANIES = "SEVERAL_COMPANIES"
HINT = "Make the Account, or correct the name, then `sfsync retry`."


def _key(name: str) -> str:
    """The form in which two names are the same."""
    return name.strip().casefold()


@dataclass(frozen=True, slots=True)
class UnresolvedAccount:
    """Why a name could not become a link; without a code it is tried again by the next run."""

    code: str
    message: str


@dataclass(slots=True)
class Accounts:
    """The Accounts for the names of one batch.

    Attributes:
        ids: a name as `_key` folds it -> the Account's Id.
        spelled: folded name -> the name as the org writes it.
        refused: folded name -> why there is no Account to link to.
    """

    ids: dict[str, SalesforceId] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    refused: dict[str, UnresolvedAccount] = field(default_factory=dict)


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
        """The field that links this record to its Account; empty where the plan says nothing about it."""
        column = object_map.linked
        if column is None or column.column not in plan.to_org:
            return {}
        parent = column.remote.split(".", maxsplit=1)[0]
        return {f"{parent}Id": self.accounts.ids.get(_key(str(plan.to_org[column.column] or "")))}


def account_links(run: Run, object_map: ObjectMap, plans: Sequence[RowPlan]) -> AccountLinks:
    """Find, or make, the Accounts that these plans name.

    Raises:
        BudgetSpent: making them takes more API calls than may still be made; none was made.
    """
    column = object_map.linked
    if column is None:
        return AccountLinks(list(plans), Accounts(), {})
    named = {
        plan.local_id: str(plan.to_org[column.column])
        for plan in plans
        if plan.local_id is not None and plan.to_org.get(column.column)
    }
    accounts = _found(run, column.remote, named.values())
    if column.on_missing is OnMissing.CREATE:
        _make(run, column.remote, named.values(), accounts)
    unlinked = {
        local_id: refusal
        for local_id, name in named.items()
        if (refusal := _refusal(accounts, name)) is not None
    }
    ready = [_ready(plan, column.column, accounts, unlinked) for plan in plans]
    return AccountLinks(ready, accounts, unlinked)


def _found(run: Run, path: str, names: Iterable[str]) -> Accounts:
    parent, name_field = path.split(".", maxsplit=1)
    accounts = Accounts()
    wanted = sorted({_key(name): name for name in names}.values())
    for chunk in batched(wanted, LOOKUP):
        for page in run.org.find(parent, ("Id", name_field), name_field, chunk):
            for raw in page:
                key = _key(str(raw[name_field]))
                if key in accounts.ids:
                    message = f"several records of {parent} are called {raw[name_field]}"
                    accounts.refused[key] = UnresolvedAccount(SEVERAL_COMPANIES, message)
                accounts.ids[key] = SalesforceId(str(raw["Id"]))
                accounts.spelled[key] = str(raw[name_field])
    return accounts


def _make(run: Run, path: str, names: Iterable[str], accounts: Accounts) -> None:
    """Make the Accounts that are not there."""
    parent, name_field = path.split(".", maxsplit=1)
    missing: dict[str, str] = {}
    for name in names:
        if _key(name) not in accounts.ids:
            missing.setdefault(_key(name), name)
    batching = run.afford(len(missing), creating=True)
    for chunk in batched(enumerate(missing.items(), start=1), batching.size):
        keys = {ref: key for ref, (key, _) in chunk}
        writes = [
            OrgWrite(ref, OrgAction.CREATE, parent, {name_field: name}) for ref, (_, name) in chunk
        ]
        for outcome in run.org.apply(writes):
            key = keys[outcome.ref]
            match outcome:
                case Accepted():
                    accounts.ids[key], accounts.spelled[key] = outcome.salesforce_id, missing[key]
                case Rejected():
                    message = f"no record of {parent} could be made: {outcome.message}"
                    accounts.refused[key] = UnresolvedAccount(outcome.code, message)
                case _:
                    accounts.refused[key] = UnresolvedAccount("", outcome.message)


def _refusal(accounts: Accounts, name: str) -> UnresolvedAccount | None:
    key = _key(name)
    if key in accounts.refused:
        return accounts.refused[key]
    return (
        None
        if key in accounts.ids
        else UnresolvedAccount(NO_SUCH_COMPANY, f"no Account is called {name}")
    )


def _ready(
    plan: RowPlan, column: str, accounts: Accounts, unlinked: Mapping[LocalId, UnresolvedAccount]
) -> RowPlan:
    """The plan with the org's spelling; without the name, where nothing bears it."""
    if not plan.to_org.get(column) or plan.local_id is None:
        return plan
    if plan.local_id not in unlinked:
        spelled = accounts.spelled[_key(str(plan.to_org[column]))]
        if spelled == plan.to_org[column]:
            return plan
        return replace(
            plan,
            to_org={**plan.to_org, column: spelled},
            to_local={**plan.to_local, column: spelled},
        )
    rest = {name: value for name, value in plan.to_org.items() if name != column}
    idle = plan.org_action is OrgAction.UPDATE and not rest
    return replace(plan, to_org=rest, org_action=OrgAction.NONE if idle else plan.org_action)
