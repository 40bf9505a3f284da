"""The org's people as the platform knows them: by their address."""

from local_org.email_platform.happenings import Person
from local_org.state.org import OrgState
from local_org.state.tables import Row

_PEOPLE = ("Contact", "Lead")


def people_of(state: OrgState) -> list[Person]:
    """Everybody who has an address."""
    with state.lock:
        rows = [row for name in _PEOPLE for row in state.table(name).rows.values()]
    return [_person(row) for row in rows if row.get("Email") and not row.get("IsDeleted")]


def person_at(state: OrgState, email: str) -> Person:
    """Whose address that is, with a name where the org knows one."""
    with state.lock:
        for name in _PEOPLE:
            table = state.table(name)
            for record_id in table.indexes["Email"].find(email):
                row = table.rows[record_id]
                if not row.get("IsDeleted"):
                    return Person(email, row.get("FirstName") or "", row.get("LastName") or "")
    return Person(email)


def _person(row: Row) -> Person:
    return Person(row["Email"], row.get("FirstName") or "", row.get("LastName") or "")
