"""The objects of the org: Salesforce's standard fields for each, and PenguinMails' own.

Lengths, flags and value sets are those of recorded describes and of a stock org's value sets.

Source: salesforce-facts §7.1-7.3 and §8.1; Object Reference (Account, User, Organization,
TaskStatus, Group).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local_org.schema.admin_objects import admin_objects
from local_org.schema.countries import COUNTRIES, STATES
from local_org.schema.sobject import Field, FieldType, SObjectType

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
_STATE_CODES = tuple(dict.fromkeys(code for states in STATES.values() for code in states))
PERSON_FIELD = "IsPersonAccount"
OPT_OUT_FIELDS = ("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall")


def _label(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("__c").replace("_", " "))
    return spaced.removesuffix(" Id") + " ID" if spaced.endswith(" Id") else spaced


def _make(name: str, kind: FieldType, **more: Any) -> Field:
    return Field(name=name, type=kind, **{"label": _label(name), **more})


def _text(name: str, length: int, kind: FieldType = "string", **more: Any) -> Field:
    return _make(name, kind, length=length, **more)


def _pick(name: str, values: tuple[str, ...], **more: Any) -> Field:
    return _make(name, "picklist", **{"length": 255, "picklist": values, **more})


def _flag(name: str, **more: Any) -> Field:
    return _make(name, "boolean", **{"nillable": False, "default": False, **more})


def _number(
    name: str, precision: int, scale: int = 0, kind: FieldType = "double", **more: Any
) -> Field:
    return _make(name, kind, precision=precision, scale=scale, **more)


def _link(name: str, *to: str, **more: Any) -> Field:
    relationship = name.removesuffix("Id")
    return _make(
        name,
        "reference",
        **{"length": 18, "reference_to": to, "relationship_name": relationship, **more},
    )


def _fixed(item: Field) -> Field:
    return replace(item, createable=False, updateable=False)


def _address(prefix: str, name: str) -> tuple[Field, ...]:
    return (
        _text(f"{prefix}Street", 255, "textarea", compound=name),
        _text(f"{prefix}City", 40, compound=name),
        _text(f"{prefix}State", 80, compound=name),
        _pick(f"{prefix}StateCode", _STATE_CODES, length=10, restricted=True, compound=name),
        _text(f"{prefix}PostalCode", 20, compound=name),
        _text(f"{prefix}Country", 80, compound=name),
        _pick(f"{prefix}CountryCode", tuple(COUNTRIES), length=10, restricted=True, compound=name),
        _number(f"{prefix}Latitude", 18, 15, compound=name),
        _number(f"{prefix}Longitude", 18, 15, compound=name),
        _pick(
            f"{prefix}GeocodeAccuracy",
            ("Address", "NearAddress", "Block", "Street", "City", "Zip"),
            length=40,
            restricted=True,
            compound=name,
        ),
        _fixed(_make(name, "address")),
    )


def _phones(*names: str) -> tuple[Field, ...]:
    return tuple(_text(name, 40, "phone") for name in names)


def _identity() -> tuple[Field, ...]:
    return (
        _fixed(_text("Id", 18, "id", nillable=False, id_lookup=True, label="Record ID")),
        _fixed(_flag("IsDeleted", label="Deleted")),
    )


def _stamps() -> tuple[Field, ...]:
    return (
        _fixed(_make("CreatedDate", "datetime", nillable=False)),
        _fixed(_link("CreatedById", "User", nillable=False)),
        _fixed(_make("LastModifiedDate", "datetime", nillable=False)),
        _fixed(_link("LastModifiedById", "User", nillable=False)),
        _fixed(_make("SystemModstamp", "datetime", nillable=False)),
    )


def _seen() -> tuple[Field, ...]:
    return (
        _fixed(_make("LastViewedDate", "datetime")),
        _fixed(_make("LastReferencedDate", "datetime")),
    )


def _person_name() -> tuple[Field, ...]:
    return (
        _text("LastName", 80, nillable=False, compound="Name"),
        _text("FirstName", 40, compound="Name"),
        _pick("Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof."), length=40, compound="Name"),
        _fixed(_text("Name", 121, nillable=False, label="Full Name", calculated=False)),
    )


def _opt_outs() -> tuple[Field, ...]:
    return (
        _flag("HasOptedOutOfEmail", label="Email Opt Out"),
        _flag("HasOptedOutOfFax", label="Fax Opt Out"),
        _flag("DoNotCall"),
    )


def _owner(*to: str) -> Field:
    return _link("OwnerId", *to, nillable=False, default=None)


_ACCOUNT = SObjectType(
    "Account",
    "Account",
    "Accounts",
    "001",
    (
        *_identity(),
        _fixed(_link("MasterRecordId", "Account")),
        _text("Name", 255, nillable=False, label="Account Name"),
        _pick(
            "Type",
            (
                "Prospect",
                "Customer - Direct",
                "Customer - Channel",
                "Channel Partner / Reseller",
                "Other",
            ),
        ),
        _link("ParentId", "Account"),
        *_address("Billing", "BillingAddress"),
        _fixed(_flag(PERSON_FIELD)),
        *_phones("Phone", "Fax"),
        _text("Website", 255, "url"),
        _pick("Industry", INDUSTRIES),
        _number("AnnualRevenue", 18, 0, "currency"),
        _number("NumberOfEmployees", 8, 0, "int"),
        _text("Description", 32000, "textarea", filterable=False),
        _owner("User"),
        *_stamps(),
        _fixed(_make("LastActivityDate", "date")),
        *_seen(),
        _pick("AccountSource", LEAD_SOURCES),
    ),
    mergeable=True,
)

_CONTACT = SObjectType(
    "Contact",
    "Contact",
    "Contacts",
    "003",
    (
        *_identity(),
        _fixed(_link("MasterRecordId", "Contact")),
        _link("AccountId", "Account"),
        *_person_name(),
        *_address("Other", "OtherAddress"),
        *_address("Mailing", "MailingAddress"),
        _fixed(_flag(PERSON_FIELD)),
        *_phones("Phone", "Fax", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone"),
        _link("ReportsToId", "Contact"),
        _text("Email", 80, "email", id_lookup=True),
        _text("Title", 128),
        _text("Department", 80),
        _text("AssistantName", 40),
        _pick("LeadSource", LEAD_SOURCES),
        _make("Birthdate", "date"),
        _text("Description", 32000, "textarea", filterable=False),
        _owner("User"),
        *_opt_outs(),
        *_stamps(),
        _fixed(_make("LastActivityDate", "date")),
        _fixed(_make("LastCURequestDate", "datetime")),
        _fixed(_make("LastCUUpdateDate", "datetime")),
        *_seen(),
        _text("EmailBouncedReason", 255),
        _make("EmailBouncedDate", "datetime"),
        _fixed(_flag("IsEmailBounced")),
        _fixed(_text("PhotoUrl", 255, "url")),
        _text("Jigsaw", 20),
        _link("IndividualId", "Individual"),
    ),
    mergeable=True,
)

_LEAD = SObjectType(
    "Lead",
    "Lead",
    "Leads",
    "00Q",
    (
        *_identity(),
        _fixed(_link("MasterRecordId", "Lead")),
        *_person_name(),
        _text("Title", 128),
        _text("Company", 255, nillable=False),
        *_address("", "Address"),
        *_phones("Phone", "MobilePhone", "Fax"),
        _text("Email", 80, "email", id_lookup=True),
        _text("Website", 255, "url"),
        _fixed(_text("PhotoUrl", 255, "url")),
        _text("Description", 32000, "textarea", filterable=False),
        _pick("LeadSource", LEAD_SOURCES),
        _pick("Status", LEAD_STATUSES, nillable=False, default=LEAD_STATUSES[0]),
        _pick("Industry", INDUSTRIES),
        _pick("Rating", ("Hot", "Warm", "Cold")),
        _number("AnnualRevenue", 18, 0, "currency"),
        _number("NumberOfEmployees", 8, 0, "int"),
        _owner("Group", "User"),
        *_opt_outs(),
        _flag("IsConverted", updateable=False),
        _fixed(_make("ConvertedDate", "date")),
        _fixed(_link("ConvertedAccountId", "Account")),
        _fixed(_link("ConvertedContactId", "Contact")),
        _fixed(_link("ConvertedOpportunityId", "Opportunity")),
        _flag("IsUnreadByOwner", default=True),
        *_stamps(),
        _fixed(_make("LastActivityDate", "date")),
        *_seen(),
        _text("Jigsaw", 20),
        _text("EmailBouncedReason", 255, createable=False),
        _make("EmailBouncedDate", "datetime", createable=False),
        _link("IndividualId", "Individual"),
    ),
    mergeable=True,
)

_TASK = SObjectType(
    "Task",
    "Task",
    "Tasks",
    "00T",
    (
        *_identity(),
        _link("WhoId", "Contact", "Lead", label="Name ID"),
        _link("WhatId", "Account", "Opportunity", label="Related To ID"),
        _text(
            "Subject",
            255,
            "combobox",
            picklist=("Call", "Email", "Send Letter", "Send Quote", "Other"),
        ),
        _make("ActivityDate", "date", label="Due Date Only"),
        _pick("Status", TASK_STATUSES, nillable=False, default="Not Started"),
        _pick("Priority", ("High", "Normal", "Low"), nillable=False, default="Normal"),
        _fixed(_flag("IsHighPriority")),
        _owner("Group", "User"),
        _text("Description", 32000, "textarea", filterable=False),
        _pick("Type", ("Call", "Meeting", "Other", "Email")),
        _fixed(_link("AccountId", "Account")),
        _fixed(_flag("IsClosed")),
        *_stamps(),
        _fixed(_flag("IsArchived")),
        _number("CallDurationInSeconds", 8, 0, "int"),
        _pick("CallType", ("Internal", "Inbound", "Outbound"), length=40, restricted=True),
        _text("CallDisposition", 255),
        _text("CallObject", 255),
        _make("ReminderDateTime", "datetime"),
        _flag("IsReminderSet"),
        _fixed(_flag("IsRecurrence")),
        _pick(
            "TaskSubtype",
            ("Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn"),
            length=40,
            restricted=True,
            updateable=False,
            default="Task",
        ),
        _fixed(_make("CompletedDateTime", "datetime")),
    ),
)

_USER = SObjectType(
    "User",
    "User",
    "Users",
    "005",
    (
        *_identity()[:1],
        _text("Username", 80, nillable=False, id_lookup=True, unique=True),
        _text("LastName", 80, nillable=False),
        _text("FirstName", 40),
        _fixed(_text("Name", 121, nillable=False, label="Full Name")),
        _text("CompanyName", 80),
        _text("Title", 80),
        _text("Email", 128, "email", nillable=False, id_lookup=True),
        _text("Alias", 8, nillable=False),
        _flag("IsActive", default=True),
        _text("TimeZoneSidKey", 40, default="America/Los_Angeles"),
        _text("LocaleSidKey", 40, default="en_US"),
        _text("LanguageLocaleKey", 40, default="en_US"),
        _text("EmailEncodingKey", 40, default="UTF-8"),
        _link("ProfileId", "Profile", nillable=False),
        _fixed(_pick("UserType", ("Standard",), length=40, restricted=True, default="Standard")),
        *_stamps(),
    ),
    deletable=False,
)

_ORGANIZATION = SObjectType(
    "Organization",
    "Organization",
    "Organizations",
    "00D",
    tuple(
        _fixed(item)
        for item in (
            *_identity()[:1],
            _text("Name", 80, nillable=False),
            _pick(
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
            _flag("IsSandbox"),
            _text("InstanceName", 5),
            _text("NamespacePrefix", 15),
            _text("PrimaryContact", 80),
            _text("Country", 80),
            _text("DefaultLocaleSidKey", 40),
            _text("TimeZoneSidKey", 40),
            _text("LanguageLocaleKey", 40),
            _make("TrialExpirationDate", "datetime"),
            _text("DefaultContactAccess", 40),
            _text("DefaultLeadAccess", 40),
            _text("DefaultAccountAccess", 40),
            *_stamps(),
        )
    ),
    createable=False,
    updateable=False,
    deletable=False,
    replicateable=False,
)


def _status(name: str, label: str, prefix: str, closing: str) -> SObjectType:
    fields = (
        *_identity()[:1],
        _text("MasterLabel", 255),
        _text("ApiName", 255),
        _number("SortOrder", 8, 0, "int"),
        _flag("IsDefault"),
        _flag(closing),
        *_stamps(),
    )
    return SObjectType(
        name,
        label,
        label + " Values",
        prefix,
        tuple(_fixed(item) for item in fields),
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
        *_identity()[:1],
        _text("Name", 40, nillable=False),
        _text("DeveloperName", 80),
        _pick("Type", ("Regular", "Queue"), length=40, restricted=True),
        *_stamps(),
    ),
    deletable=False,
    replicateable=False,
)

_CONTACT_CUSTOM = (
    _number("PenguinMails_Lead_Score__c", 5),
    _make("PenguinMails_Last_Email_Opened__c", "datetime"),
    _number("PenguinMails_Total_Opens__c", 9, default=0.0),
    _number("PenguinMails_Total_Clicks__c", 9, default=0.0),
    _flag("PenguinMails_Unsubscribed__c"),
)
_LEAD_CUSTOM = (
    _number("PenguinMails_Engagement_Score__c", 5),
    _text("PenguinMails_Last_Campaign__c", 255),
    _make("PenguinMails_Last_Email_Opened__c", "datetime"),
    _number("PenguinMails_Total_Opens__c", 9, default=0.0),
    _number("PenguinMails_Total_Clicks__c", 9, default=0.0),
)
_PERSON_KEY = _text("PenguinMails_Id__c", 255, external_id=True, unique=True, id_lookup=True)
_EVENT_KEY = _text("PenguinMails_Event_Id__c", 255, external_id=True, unique=True, id_lookup=True)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What an admin has already done in this org.

    Args:
        engagement: PenguinMails' engagement fields exist.
        person_key: its id on people exists.
        event_key: its id on Task exists.
        opt_outs_granted: the profiles may see the standard opt-out fields.
        email_task_type: a Task may be of the type Email.
    """

    engagement: bool = True
    person_key: bool = True
    event_key: bool = True
    opt_outs_granted: bool = True
    email_task_type: bool = True


def custom_fields(provisioned: Provisioned) -> dict[str, tuple[Field, ...]]:
    """The custom fields the org begins with, by the object that shows them."""
    key = (_PERSON_KEY,) if provisioned.person_key else ()
    return {
        "Contact": (*(_CONTACT_CUSTOM if provisioned.engagement else ()), *key),
        "Lead": (*(_LEAD_CUSTOM if provisioned.engagement else ()), *key),
        "Task": (_EVENT_KEY,) if provisioned.event_key else (),
    }


def object_types(provisioned: Provisioned) -> dict[str, SObjectType]:
    """Every object of the org, by lower-cased name, without custom fields."""
    every = (
        _ACCOUNT,
        _CONTACT,
        _LEAD,
        _TASK if provisioned.email_task_type else _without_email(_TASK),
        _USER,
        _GROUP,
        _ORGANIZATION,
        _status("TaskStatus", "Task Status", "01J", "IsClosed"),
        _status("LeadStatus", "Lead Status", "01K", "IsConverted"),
        *admin_objects(),
    )
    return {kind.name.lower(): kind for kind in every}


def _without_email(task: SObjectType) -> SObjectType:
    """An org whose admin took Email out of the Task types, as salesforce-facts §7.3 has seen."""
    kept = [
        replace(item, picklist=tuple(value for value in item.picklist if value != "Email"))
        if item.name == "Type"
        else item
        for item in task.fields
    ]
    return task.without(item.name for item in task.fields).plus(kept)


def _full_name(row: Mapping[str, Any]) -> str:
    first = row.get("FirstName")
    return f"{first} {row.get('LastName')}" if first else str(row.get("LastName") or "")


def _compound_address(prefix: str) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    parts = {
        "city": "City",
        "country": "Country",
        "geocodeAccuracy": "GeocodeAccuracy",
        "latitude": "Latitude",
        "longitude": "Longitude",
        "postalCode": "PostalCode",
        "state": "State",
        "street": "Street",
    }

    def build(row: Mapping[str, Any]) -> dict[str, Any] | None:
        found = {key: row.get(prefix + part) for key, part in parts.items()}
        codes = {
            f"{part}Code": row.get(f"{prefix}{part.title()}Code") for part in ("state", "country")
        }
        found |= {key: code for key, code in codes.items() if code is not None}
        return found if any(value is not None for value in found.values()) else None

    return build


Computed = Callable[[Mapping[str, Any]], Any]
COMPUTED: dict[str, dict[str, Computed]] = {
    "Contact": {
        "Name": _full_name,
        "MailingAddress": _compound_address("Mailing"),
        "OtherAddress": _compound_address("Other"),
        "IsEmailBounced": lambda row: row.get("EmailBouncedDate") is not None,
    },
    "Lead": {"Name": _full_name, "Address": _compound_address("")},
    "User": {"Name": _full_name},
    "Account": {"BillingAddress": _compound_address("Billing")},
    "Task": {
        "IsClosed": lambda row: row.get("Status") == "Completed",
        "IsHighPriority": lambda row: row.get("Priority") == "High",
    },
}
