"""Lists as well-known programs export them, recognised by their headers: header -> Salesforce field. Pure.

The headers are the exports' own, in English; sheets typed in German are understood, too. The values are not looked at.

Source: Mailchimp, "View or Export Contacts" (https://mailchimp.com/help/view-export-contacts/: MEMBER_RATING and the
others in capitals, UNSUB_TIME in the file of the unsubscribed); HubSpot, "HubSpot's default contact properties"
(https://knowledge.hubspot.com/properties/hubspots-default-contact-properties: an export's headers are the labels);
Google, "Export, back up, or restore contacts" (https://support.google.com/contacts/answer/7199294: `E-mail 1 - Value`; files
from before 2024 say `Given Name` and `Organization 1 - Name`); Salesforce Help, "Export a Report"
(https://help.salesforce.com/s/articleView?id=sf.reports_export.htm: the headers are the columns' labels).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sfsync.intake.event_values import column_key
from sfsync.model.mapping import ObjectMap

OPT_OUT: Final = "(opt-out)"
"""In place of a field: whatever field of the object says that a person wants no more email."""

OPTED_OUT_SINCE: Final = "(opted out since)"
"""The same of a column whose every value means that: the time of it, or a reason."""

_COMPANY: Final = ("Company", "Account.Name")
_CITY: Final = ("MailingCity", "City")
_STATE: Final = ("MailingState", "State")
_COUNTRY: Final = ("MailingCountry", "Country")
_STREET: Final = ("MailingStreet", "Street")
_POSTAL_CODE: Final = ("MailingPostalCode", "PostalCode")


@dataclass(frozen=True, slots=True)
class KnownExport:
    """One kind of file.

    Attributes:
        title: what people call it.
        signs: of each of these sets at least one header is there, and then it is this kind.
        fields: header -> the fields that it may be, the first one that the object maps counts.
        joined_by: stands between several values in one cell, of which the first is taken; empty where there are none.
    """

    title: str
    signs: tuple[frozenset[str], ...]
    fields: Mapping[str, tuple[str, ...]]
    joined_by: str = ""

    def column_of(self, header: str, object_map: ObjectMap) -> str:
        """The mirror's column of what stands under this header; empty where the object maps none of its fields."""
        for field in self.fields.get(column_key(header), ()):
            if field in {OPT_OUT, OPTED_OUT_SINCE} and object_map.opt_out:
                return object_map.opt_out[0]
            if field in object_map.by_remote:
                return object_map.by_remote[field].column
        return ""

    def first_of(self, cell: str) -> str:
        """The first of the values in one cell."""
        return cell.partition(self.joined_by)[0]

    def is_opted_out_since(self, header: str) -> bool:
        """Whether every value under this header means that a person has opted out."""
        return OPTED_OUT_SINCE in self.fields.get(column_key(header), ())


MAILCHIMP: Final = KnownExport(
    "a Mailchimp audience",
    (
        frozenset({"email_address"}),
        frozenset({"member_rating", "optin_time", "confirm_time", "unsub_time", "leid", "euid"}),
    ),
    {
        "email_address": ("Email",),
        "first_name": ("FirstName",),
        "last_name": ("LastName",),
        "phone_number": ("Phone",),
        "phone": ("Phone",),
        "company": _COMPANY,
        "job_title": ("Title",),
        "unsub_time": (OPTED_OUT_SINCE,),
    },
)

HUBSPOT: Final = KnownExport(
    "HubSpot contacts",
    (
        frozenset({"email"}),
        frozenset({"record_id", "record_id_contact", "contact_owner"}),
        frozenset(
            {"phone_number", "lifecycle_stage", "lead_status", "create_date", "marketing_contact_status"}
            | {"associated_company", "unsubscribed_from_all_email"}
        ),
    ),
    {
        "first_name": ("FirstName",),
        "last_name": ("LastName",),
        "email": ("Email",),
        "phone_number": ("Phone",),
        "mobile_phone_number": ("MobilePhone",),
        "fax_number": ("Fax",),
        "job_title": ("Title",),
        "company_name": _COMPANY,
        "associated_company": _COMPANY,
        "street_address": _STREET,
        "city": _CITY,
        "state_region": _STATE,
        "postal_code": _POSTAL_CODE,
        "country_region": _COUNTRY,
        "website_url": ("Website",),
        "industry": ("Industry",),
        "unsubscribed_from_all_email": (OPT_OUT,),
    },
)  # fmt: skip

GOOGLE: Final = KnownExport(
    "Google Contacts",
    (frozenset({"e_mail_1_value"}),),
    {
        "first_name": ("FirstName",),
        "given_name": ("FirstName",),
        "last_name": ("LastName",),
        "family_name": ("LastName",),
        "e_mail_1_value": ("Email",),
        "phone_1_value": ("Phone",),
        "organization_name": _COMPANY,
        "organization_1_name": _COMPANY,
        "organization_title": ("Title",),
        "organization_1_title": ("Title",),
        "organization_department": ("Department",),
        "organization_1_department": ("Department",),
        "address_1_street": _STREET,
        "address_1_city": _CITY,
        "address_1_region": _STATE,
        "address_1_postal_code": _POSTAL_CODE,
        "address_1_country": _COUNTRY,
        "website_1_value": ("Website",),
    },
    joined_by=" ::: ",
)

SALESFORCE: Final = KnownExport(
    "a Salesforce report",
    (
        frozenset({"email"}),
        frozenset({"account_name", "account_owner", "account_id", "contact_id", "lead_id"})
        | {"company_account", "lead_owner", "mailing_state_province", "mailing_city", "mailing_country"}
        | {"mailing_zip_postal_code", "email_opt_out"},
    ),
    {
        "email": ("Email",),
        "first_name": ("FirstName",),
        "last_name": ("LastName",),
        "title": ("Title",),
        "phone": ("Phone",),
        "mobile": ("MobilePhone",),
        "fax": ("Fax",),
        "account_name": ("Account.Name",),
        "company_account": _COMPANY,
        "company": _COMPANY,
        "mailing_street": ("MailingStreet",),
        "mailing_city": ("MailingCity",),
        "mailing_state_province": ("MailingState",),
        "mailing_zip_postal_code": ("MailingPostalCode",),
        "mailing_country": ("MailingCountry",),
        "street": ("Street",),
        "city": ("City",),
        "state_province": ("State",),
        "zip_postal_code": ("PostalCode",),
        "country": ("Country",),
        "department": ("Department",),
        "industry": ("Industry",),
        "lead_source": ("LeadSource",),
        "lead_status": ("Status",),
        "rating": ("Rating",),
        "email_opt_out": (OPT_OUT,),
    },
)  # fmt: skip

GERMAN: Final = KnownExport(
    "a list in German",
    (
        frozenset({"e_mail", "e_mail_adresse", "email_adresse", "email", "mail", "mailadresse"}),
        frozenset({"vorname", "nachname", "familienname", "firma", "telefon", "anrede", "ort"}),
    ),
    {
        "e_mail": ("Email",),
        "e_mail_adresse": ("Email",),
        "email_adresse": ("Email",),
        "email": ("Email",),
        "mail": ("Email",),
        "mailadresse": ("Email",),
        "vorname": ("FirstName",),
        "nachname": ("LastName",),
        "familienname": ("LastName",),
        "firma": _COMPANY,
        "unternehmen": _COMPANY,
        "organisation": _COMPANY,
        "telefon": ("Phone",),
        "telefonnummer": ("Phone",),
        "mobil": ("MobilePhone",),
        "mobiltelefon": ("MobilePhone",),
        "handy": ("MobilePhone",),
        "position": ("Title",),
        "funktion": ("Title",),
        "abteilung": ("Department",),
        "stra_e": _STREET,  # as a header is folded: Straße
        "strasse": _STREET,
        "ort": _CITY,
        "stadt": _CITY,
        "plz": _POSTAL_CODE,
        "postleitzahl": _POSTAL_CODE,
        "bundesland": _STATE,
        "land": _COUNTRY,
        "abgemeldet": (OPT_OUT,),
        "abbestellt": (OPT_OUT,),
    },
)

KNOWN_EXPORTS: Final = (MAILCHIMP, GOOGLE, HUBSPOT, SALESFORCE, GERMAN)
"""Looked at in this order: the one with the plainest signs first."""

KNOWN_HEADERS: Final = frozenset(header for export in KNOWN_EXPORTS for header in export.fields)
"""Every header that one of them has a field for, folded."""


def recognised(headers: Sequence[str]) -> KnownExport | None:
    """The kind of file that begins with these headers; ``None`` where it is none of the known ones.

    >>> recognised(["Email Address", "First Name", "MEMBER_RATING"]).title
    'a Mailchimp audience'
    """
    there = {column_key(header) for header in headers}
    return next((export for export in KNOWN_EXPORTS if _has_all_signs(export, there)), None)


def _has_all_signs(export: KnownExport, there: Collection[str]) -> bool:
    return all(any(header in there for header in sign) for sign in export.signs)
