"""When there is something to say of the org as a whole, and of the user that sfsync works as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import Wanted
from sfsync.diagnosis.finding import Finding
from sfsync.model.facts import OrgFacts

_WITHOUT_API: Final = ("Group", "Essentials", "Team", "Starter")
"""Words in the names of editions that have no API, as a rule."""


def version_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """Whether the org can be asked, in this version of its API."""
    if org.trouble:
        trouble, remedy = org.trouble
        yield finding("org.unreachable", trouble=trouble, remedy=remedy)
    if org.versions and wanted.api_version not in org.versions:
        yield finding(
            "org.api-version",
            version=wanted.api_version,
            oldest=org.versions[0],
            newest=org.versions[-1],
        )


def org_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """What is switched on in this org that changes what a sync does."""
    names = {each.sobject for each in wanted.mapping.objects.values()}
    if any(word in org.edition for word in _WITHOUT_API):
        yield finding("org.edition", edition=org.edition)
    contact = org.objects.get("Contact")
    # The field exists only where person accounts are switched on.
    if contact and "Contact" in names and "IsPersonAccount" in contact.fields:
        yield finding("org.person-accounts", "Contact")
    for sobject, rule in org.duplicate_rules or ():
        if sobject in names:
            yield finding("org.duplicate-rule", sobject, rule=rule, sobject=sobject)
    if "Lead" in names and org.lead_assignment:
        yield finding("org.lead-assignment", "Lead", rule=org.lead_assignment[0])


def user_findings(org: OrgFacts) -> Iterator[Finding]:
    """Whether the user may do too much, or sees too little."""
    user = org.user
    if user is None:
        return
    rights = user.permissions or frozenset()
    if user.profile == "System Administrator" or "ModifyAllData" in rights:
        yield finding("user.admin", user.username)
        return
    # Without the list of rights it is unknown whether sharing matters to this user at all.
    if user.permissions is None or "ViewAllData" in rights:
        return
    private = [name for name, access in org.access.items() if access in {"None", "Private"}]
    if private:
        yield finding("user.sharing", objects=" and ".join(private))
