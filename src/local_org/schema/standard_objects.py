"""The standard objects of the org, with Salesforce's standard fields for each.

Lengths, flags and value sets are those of recorded describes and of a stock org's value sets.

Source: docs/salesforce.md §7.1-7.3 and §8.1; Object Reference (Account, User, Organization,
TaskStatus, Group).
"""

from dataclasses import replace

from local_org.schema.admin_objects import admin_objects
from local_org.schema.field_builders import (
    address,
    checkbox,
    deleted_flag,
    last_viewed,
    number,
    opt_outs,
    owner,
    person_name,
    phones,
    picklist,
    plain,
    read_only,
    record_id,
    reference,
    stamps,
    text,
)
from local_org.schema.sobject import SObjectType

LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
LEAD_STATUSES = (
    "Open - Not Contacted",
    "Working - Contacted",
    "Closed - Converted",
    "Closed - Not Converted",
)
TASK_STATUSES = ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")
INDUSTRIES = (
    "Agriculture",
    "Apparel",
    "Banking",
    "Biotechnology",
    "Communications",
    "Construction",
    "Consulting",
    "Education",
    "Electronics",
    "Energy",
    "Engineering",
    "Finance",
    "Healthcare",
    "Insurance",
    "Manufacturing",
    "Media",
    "Retail",
    "Technology",
    "Transportation",
    "Other",
)
PERSON_FIELD = "IsPersonAccount"
OPT_OUT_FIELDS = ("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall")


_ACCOUNT = SObjectType(
    "Account",
    "Account",
    "Accounts",
    "001",
    (
        record_id(),
        deleted_flag(),
        read_only(reference("MasterRecordId", "Account")),
        text("Name", 255, nillable=False, label="Account Name"),
        picklist(
            "Type",
            (
                "Prospect",
                "Customer - Direct",
                "Customer - Channel",
                "Channel Partner / Reseller",
                "Other",
            ),
        ),
        reference("ParentId", "Account"),
        *address("Billing", "BillingAddress"),
        read_only(checkbox(PERSON_FIELD)),
        *phones("Phone", "Fax"),
        text("Website", 255, "url"),
        picklist("Industry", INDUSTRIES),
        number("AnnualRevenue", 18, 0, "currency"),
        number("NumberOfEmployees", 8, 0, "int"),
        text("Description", 32000, "textarea", filterable=False),
        owner("User"),
        *stamps(),
        read_only(plain("LastActivityDate", "date")),
        *last_viewed(),
        picklist("AccountSource", LEAD_SOURCES),
    ),
    mergeable=True,
)

_CONTACT = SObjectType(
    "Contact",
    "Contact",
    "Contacts",
    "003",
    (
        record_id(),
        deleted_flag(),
        read_only(reference("MasterRecordId", "Contact")),
        reference("AccountId", "Account"),
        *person_name(),
        *address("Other", "OtherAddress"),
        *address("Mailing", "MailingAddress"),
        read_only(checkbox(PERSON_FIELD)),
        *phones("Phone", "Fax", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone"),
        reference("ReportsToId", "Contact"),
        text("Email", 80, "email", id_lookup=True),
        text("Title", 128),
        text("Department", 80),
        text("AssistantName", 40),
        picklist("LeadSource", LEAD_SOURCES),
        plain("Birthdate", "date"),
        text("Description", 32000, "textarea", filterable=False),
        owner("User"),
        *opt_outs(),
        *stamps(),
        read_only(plain("LastActivityDate", "date")),
        read_only(plain("LastCURequestDate", "datetime")),
        read_only(plain("LastCUUpdateDate", "datetime")),
        *last_viewed(),
        text("EmailBouncedReason", 255),
        plain("EmailBouncedDate", "datetime"),
        read_only(checkbox("IsEmailBounced")),
        read_only(text("PhotoUrl", 255, "url")),
        text("Jigsaw", 20),
        reference("IndividualId", "Individual"),
    ),
    mergeable=True,
)

_LEAD = SObjectType(
    "Lead",
    "Lead",
    "Leads",
    "00Q",
    (
        record_id(),
        deleted_flag(),
        read_only(reference("MasterRecordId", "Lead")),
        *person_name(),
        text("Title", 128),
        text("Company", 255, nillable=False),
        *address("", "Address"),
        *phones("Phone", "MobilePhone", "Fax"),
        text("Email", 80, "email", id_lookup=True),
        text("Website", 255, "url"),
        read_only(text("PhotoUrl", 255, "url")),
        text("Description", 32000, "textarea", filterable=False),
        picklist("LeadSource", LEAD_SOURCES),
        picklist("Status", LEAD_STATUSES, nillable=False, default=LEAD_STATUSES[0]),
        picklist("Industry", INDUSTRIES),
        picklist("Rating", ("Hot", "Warm", "Cold")),
        number("AnnualRevenue", 18, 0, "currency"),
        number("NumberOfEmployees", 8, 0, "int"),
        owner("Group", "User"),
        *opt_outs(),
        checkbox("IsConverted", updateable=False),
        read_only(plain("ConvertedDate", "date")),
        read_only(reference("ConvertedAccountId", "Account")),
        read_only(reference("ConvertedContactId", "Contact")),
        read_only(reference("ConvertedOpportunityId", "Opportunity")),
        checkbox("IsUnreadByOwner", default=True),
        *stamps(),
        read_only(plain("LastActivityDate", "date")),
        *last_viewed(),
        text("Jigsaw", 20),
        text("EmailBouncedReason", 255, createable=False),
        plain("EmailBouncedDate", "datetime", createable=False),
        reference("IndividualId", "Individual"),
    ),
    mergeable=True,
)

_TASK = SObjectType(
    "Task",
    "Task",
    "Tasks",
    "00T",
    (
        record_id(),
        deleted_flag(),
        reference("WhoId", "Contact", "Lead", label="Name ID"),
        reference("WhatId", "Account", "Opportunity", label="Related To ID"),
        text(
            "Subject",
            255,
            "combobox",
            picklist=("Call", "Email", "Send Letter", "Send Quote", "Other"),
        ),
        plain("ActivityDate", "date", label="Due Date Only"),
        picklist("Status", TASK_STATUSES, nillable=False, default="Not Started"),
        picklist("Priority", ("High", "Normal", "Low"), nillable=False, default="Normal"),
        read_only(checkbox("IsHighPriority")),
        owner("Group", "User"),
        text("Description", 32000, "textarea", filterable=False),
        picklist("Type", ("Call", "Meeting", "Other", "Email")),
        read_only(reference("AccountId", "Account")),
        read_only(checkbox("IsClosed")),
        *stamps(),
        read_only(checkbox("IsArchived")),
        number("CallDurationInSeconds", 8, 0, "int"),
        picklist("CallType", ("Internal", "Inbound", "Outbound"), length=40, restricted=True),
        text("CallDisposition", 255),
        text("CallObject", 255),
        plain("ReminderDateTime", "datetime"),
        checkbox("IsReminderSet"),
        read_only(checkbox("IsRecurrence")),
        picklist(
            "TaskSubtype",
            ("Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn"),
            length=40,
            restricted=True,
            updateable=False,
            default="Task",
        ),
        read_only(plain("CompletedDateTime", "datetime")),
    ),
)

_USER = SObjectType(
    "User",
    "User",
    "Users",
    "005",
    (
        record_id(),
        text("Username", 80, nillable=False, id_lookup=True, unique=True),
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        read_only(text("Name", 121, nillable=False, label="Full Name")),
        text("CompanyName", 80),
        text("Title", 80),
        text("Email", 128, "email", nillable=False, id_lookup=True),
        text("Alias", 8, nillable=False),
        checkbox("IsActive", default=True),
        text("TimeZoneSidKey", 40, default="America/Los_Angeles"),
        text("LocaleSidKey", 40, default="en_US"),
        text("LanguageLocaleKey", 40, default="en_US"),
        text("EmailEncodingKey", 40, default="UTF-8"),
        reference("ProfileId", "Profile", nillable=False),
        read_only(
            picklist("UserType", ("Standard",), length=40, restricted=True, default="Standard")
        ),
        *stamps(),
    ),
    deletable=False,
)

_ORGANIZATION = SObjectType(
    "Organization",
    "Organization",
    "Organizations",
    "00D",
    tuple(
        read_only(item)
        for item in (
            record_id(),
            text("Name", 80, nillable=False),
            picklist(
                "OrganizationType",
                (
                    "Team Edition",
                    "Professional Edition",
                    "Enterprise Edition",
                    "Developer Edition",
                    "Unlimited Edition",
                ),
                length=40,
            ),
            checkbox("IsSandbox"),
            text("InstanceName", 5),
            text("NamespacePrefix", 15),
            text("PrimaryContact", 80),
            text("Country", 80),
            text("DefaultLocaleSidKey", 40),
            text("TimeZoneSidKey", 40),
            text("LanguageLocaleKey", 40),
            plain("TrialExpirationDate", "datetime"),
            text("DefaultContactAccess", 40),
            text("DefaultLeadAccess", 40),
            text("DefaultAccountAccess", 40),
            *stamps(),
        )
    ),
    createable=False,
    updateable=False,
    deletable=False,
    replicateable=False,
)


def _status(name: str, label: str, prefix: str, closing: str) -> SObjectType:
    fields = (
        record_id(),
        text("MasterLabel", 255),
        text("ApiName", 255),
        number("SortOrder", 8, 0, "int"),
        checkbox("IsDefault"),
        checkbox(closing),
        *stamps(),
    )
    return SObjectType(
        name,
        label,
        label + " Values",
        prefix,
        tuple(read_only(item) for item in fields),
        createable=False,
        updateable=False,
        deletable=False,
        replicateable=False,
    )


_GROUP = SObjectType(
    "Group",
    "Group",
    "Groups",
    "00G",
    (
        record_id(),
        text("Name", 40, nillable=False),
        text("DeveloperName", 80),
        picklist("Type", ("Regular", "Queue"), length=40, restricted=True),
        *stamps(),
    ),
    deletable=False,
    replicateable=False,
)


def object_types(*, email_task_type: bool) -> dict[str, SObjectType]:
    """Every object of the org, by lower-cased name, without custom fields.

    Args:
        email_task_type: whether a Task may be of the type Email.
    """
    every = (
        _ACCOUNT,
        _CONTACT,
        _LEAD,
        _TASK if email_task_type else _without_email(_TASK),
        _USER,
        _GROUP,
        _ORGANIZATION,
        _status("TaskStatus", "Task Status", "01J", "IsClosed"),
        _status("LeadStatus", "Lead Status", "01K", "IsConverted"),
        *admin_objects(),
    )
    return {kind.name.lower(): kind for kind in every}


def _without_email(task: SObjectType) -> SObjectType:
    """An org whose admin took Email out of the Task types, as docs/salesforce.md §7.3 has seen."""
    kept = [
        replace(item, picklist=tuple(value for value in item.picklist if value != "Email"))
        if item.name == "Type"
        else item
        for item in task.fields
    ]
    return task.without(item.name for item in task.fields).plus(kept)
