"""Fields that no row keeps: names, compound addresses and the like, worked out when they are read.

Source: Object Reference, compound fields; docs/salesforce.md §7.
"""

from collections.abc import Callable, Mapping
from typing import Any


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
