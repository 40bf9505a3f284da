"""What people do in Salesforce's own pages, while a sync works with the same records.

An ``Actor`` is one such person. Over HTTP the same is under ``/_local`` (``control_api``).

Source: docs/salesforce.md §6.4 (merge, conversion, undelete) and §7.3 (archiving).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_org import timestamps
from local_org.api_error import ApiError, entity_is_deleted, not_found
from local_org.records import writes
from local_org.records.lookup import live_row
from local_org.records.writer import Writer
from local_org.state.commits import Told
from local_org.state.org import OrgState
from local_org.state.tables import Row, Table

_YEAR_SECONDS = 365 * 86_400
_MOST_MERGED = 3
_CARRIED_OVER = (
    "Salutation",
    "FirstName",
    "LastName",
    "Title",
    "Email",
    "Phone",
    "MobilePhone",
    "Fax",
    "LeadSource",
    "Description",
)
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")
_MAPPED = {
    "PenguinMails_Id__c": "PenguinMails_Id__c",
    "PenguinMails_Engagement_Score__c": "PenguinMails_Lead_Score__c",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a converted Lead became."""

    contact_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who works in the org's own pages.

    Args:
        state: the org.
        user_id: who.
        commit_delay_seconds: how long what they save stays invisible to readers; None for the org's
            setting.
    """

    state: OrgState
    user_id: str
    commit_delay_seconds: float | None = None

    @classmethod
    def of(
        cls,
        state: OrgState,
        name_or_id: str | None = None,
        *,
        commit_delay_seconds: float | None = None,
    ) -> "Actor":
        """The user of that id, username or email; the admin where none is named.

        Raises:
            ApiError: where there is no such user.
        """
        user = state.user(name_or_id or state.admin_id)
        if user is None:
            raise not_found(f"no such user: {name_or_id}")
        return cls(state, user["Id"], commit_delay_seconds)

    @property
    def _writer(self) -> Writer:
        delay = self.commit_delay_seconds
        if delay is None:
            delay = self.state.settings.commit_delay_seconds
        return Writer(user_id=self.user_id, commit_delay_seconds=delay, human=True)

    def create(self, sobject: str, fields: Mapping[str, Any]) -> str:
        """Create a record; gives its id."""
        return writes.create(self.state, sobject, fields, self._writer)

    def edit(self, record_id: str, fields: Mapping[str, Any]) -> None:
        """Change fields of a record."""
        writes.update(self.state, self._table(record_id).kind.name, record_id, fields, self._writer)

    def delete(self, record_id: str) -> None:
        """Put a record into the recycle bin."""
        writes.delete(self.state, self._table(record_id).kind.name, record_id, self._writer)

    def undelete(self, record_id: str) -> None:
        """Take a record, and what went with it, out of the recycle bin."""
        with self.state.transaction():
            table = self._table(record_id)
            row = table.rows.get(record_id)
            if row is None:
                raise entity_is_deleted() if record_id in table.delete_log else not_found()
            if not row.get("IsDeleted"):
                raise ApiError("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
            self._revive(table, row)
            for other in self.state.tables:
                for child in [
                    each for each in other.rows.values() if each.get("_deleted_with") == record_id
                ]:
                    self._revive(other, child)

    def _revive(self, table: Table, row: Row) -> None:
        kept = {
            name: value
            for name, value in row.items()
            if name not in {"IsDeleted", "MasterRecordId", "_deleted_with"}
        }
        self._save(table, kept)
        table.delete_log.pop(row["Id"], None)

    def purge(self, record_id: str) -> None:
        """Empty the recycle bin of a record; a live one is deleted for good."""
        with self.state.transaction():
            table = self._table(record_id)
            row = table.rows.get(record_id)
            if row is None:
                raise entity_is_deleted() if record_id in table.delete_log else not_found()
            if not row.get("IsDeleted"):
                self.delete(record_id)
            self.state.put(table, record_id, None)

    def merge(
        self, master_id: str, loser_ids: Iterable[str], fields: Mapping[str, Any] | None = None
    ) -> None:
        """Merge up to two records into a third: losers are deleted, their Tasks move to it.

        Args:
            master_id: the record that stays.
            loser_ids: one or two others of the same object.
            fields: values to take over into the master.
        """
        losers = list(loser_ids)
        with self.state.transaction():
            table = self._table(master_id)
            if (
                not table.kind.mergeable
                or not 1 <= len(losers) < _MOST_MERGED
                or master_id in losers
            ):
                raise ApiError(
                    "INVALID_OPERATION",
                    "merge takes a master and one or two other records of its object",
                    [],
                )
            rows = [live_row(table, each) for each in (master_id, *losers)]
            for row in rows[1:]:
                self._move_children(row["Id"], master_id)
                self._absorb(table, row, master_id)
            writes.update(self.state, table.kind.name, master_id, dict(fields or {}), self._writer)

    def _absorb(self, table: Table, row: Row, master_id: str) -> None:
        self._save(table, {**row, "IsDeleted": True, "MasterRecordId": master_id})
        table.delete_log[row["Id"]] = self.state.stamp()

    def _move_children(self, old_id: str, new_id: str) -> None:
        """Point to another record whatever points to one."""
        for sobject, name in (("Task", "WhoId"), ("Task", "AccountId"), ("Contact", "AccountId")):
            table = self.state.table(sobject)
            for child_id in table.indexes[name].find(old_id):
                self._save(table, {**table.rows[child_id], name: new_id}, told="nothing")

    def convert(
        self,
        lead_id: str,
        *,
        contact_id: str | None = None,
        account_id: str | None = None,
    ) -> Conversion:
        """Convert a Lead to a Contact at an Account, both new or given.

        Its Tasks move to the Contact, and it becomes read-only.
        """
        with self.state.transaction():
            leads = self.state.table("Lead")
            lead = live_row(leads, lead_id)
            if lead.get("IsConverted"):
                raise ApiError(
                    "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", []
                )
            account_id = account_id or self._account_for(lead, contact_id)
            contact_id = self._contact_for(lead, contact_id, account_id)
            self._move_children(lead["Id"], contact_id)
            became = {
                "IsConverted": True,
                "Status": "Closed - Converted",
                "ConvertedDate": timestamps.day_of(self.state.stamp()),
                "ConvertedContactId": contact_id,
                "ConvertedAccountId": account_id,
            }
            self._save(leads, {**lead, **became})
            return Conversion(contact_id, account_id)

    def _account_for(self, lead: Row, contact_id: str | None) -> str:
        contact = live_row(self.state.table("Contact"), contact_id) if contact_id else None
        if contact is not None and contact.get("AccountId"):
            return str(contact["AccountId"])
        found = [
            each
            for each in self.state.table("Account").indexes["Name"].find(str(lead["Company"]))
            if self.state.find(each)
        ]
        return found[0] if found else self.create("Account", {"Name": lead["Company"]})

    def _contact_for(self, lead: Row, contact_id: str | None, account_id: str) -> str:
        kind = self.state.kind("Contact")
        carried = {name: lead[name] for name in _CARRIED_OVER if lead.get(name) is not None}
        carried |= {f"Mailing{name}": lead[name] for name in _ADDRESS if lead.get(name) is not None}
        mapped = {
            ours: lead[theirs]
            for theirs, ours in _MAPPED.items()
            if kind.field(ours) and lead.get(theirs) is not None
        }
        if contact_id is None:
            return self.create("Contact", {**carried, **mapped, "AccountId": account_id})
        row = live_row(self.state.table("Contact"), contact_id)
        missing = {
            name: value for name, value in (carried | mapped).items() if row.get(name) is None
        }
        if row.get("AccountId") is None:
            missing["AccountId"] = account_id
        self.edit(contact_id, missing)
        return contact_id

    def archive_tasks(self) -> int:
        """Archive what Salesforce would by now: closed Tasks a year past; gives their number."""
        with self.state.transaction():
            table = self.state.table("Task")
            now = self.state.stamp()
            before = timestamps.day_of(now - _YEAR_SECONDS)
            old = [
                row
                for row in table.rows.values()
                if row.get("Status") == "Completed"
                and not row.get("IsArchived")
                and not row.get("IsDeleted")
                and (row.get("ActivityDate") or timestamps.day_of(row["CreatedDate"])) <= before
            ]
            for row in old:
                archived = {**row, "IsArchived": True, "SystemModstamp": now}
                self.state.put(table, row["Id"], archived, told="gap")
            return len(old)

    def _table(self, record_id: str) -> Table:
        table = self.state.table_of_id(record_id)
        if table is None:
            raise not_found()
        return table

    def _save(self, table: Table, row: Row, *, told: Told = "values") -> None:
        now = self.state.stamp()
        stamped = {
            **row,
            "LastModifiedDate": now,
            "LastModifiedById": self.user_id,
            "SystemModstamp": now,
        }
        delay = self._writer.commit_delay_seconds
        self.state.put(table, row["Id"], stamped, commit_delay_seconds=delay, told=told)
