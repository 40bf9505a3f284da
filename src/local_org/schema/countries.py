"""The countries and states that the org's picklists know, and the address fields that take them.

The lists are short, as an admin may make them.

Source: Salesforce Help, "State and Country/Territory Picklists" (docs/salesforce.md §7.4).
"""

PREFIXES = {"Contact": ("Mailing", "Other"), "Lead": ("",), "Account": ("Billing",)}
COUNTRIES = {
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CH": "Switzerland",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "IN": "India",
    "IT": "Italy",
    "JP": "Japan",
    "MX": "Mexico",
    "NL": "Netherlands",
    "NO": "Norway",
    "NZ": "New Zealand",
    "PL": "Poland",
    "SE": "Sweden",
    "US": "United States",
}
STATES = {
    "AU": {
        "NSW": "New South Wales",
        "QLD": "Queensland",
        "VIC": "Victoria",
        "WA": "Western Australia",
    },
    "CA": {"AB": "Alberta", "BC": "British Columbia", "ON": "Ontario", "QC": "Quebec"},
    "US": {
        "CA": "California",
        "FL": "Florida",
        "IL": "Illinois",
        "MA": "Massachusetts",
        "NY": "New York",
        "OR": "Oregon",
        "TX": "Texas",
        "WA": "Washington",
    },
}
CODE_FIELDS = tuple(
    f"{prefix}{part}Code"
    for prefixes in PREFIXES.values()
    for prefix in prefixes
    for part in ("State", "Country")
)
