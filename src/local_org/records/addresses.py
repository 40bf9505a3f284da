"""State and country picklists: the names and codes an address may hold, where they are on.

A name (the integration value) and its code go together: who writes one has written the other. A
state needs its country. What stood in a record before the lists were on stays as it is until
it is written. The org's lists are short, as an admin may make them.

Source: Salesforce Help, "State and Country/Territory Picklists" (docs/salesforce.md §7.4). Texts:
github SalesforceFoundation/NPSP#994 (country), NPSP#2432 (a state of another country), NPSP#6405 (a
code that is none); that of a state without country, and that a code counts more than a name that
contradicts it, is unconfirmed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.countries import COUNTRIES, PREFIXES, STATES
from local_org.schema.sobject import SObjectType

Row = dict[str, Any]


def normalise(kind: SObjectType, row: Row, given: Mapping[str, Any]) -> None:
    """Let name and code of what is written agree, in the lists' own spelling.

    Args:
        kind: the object.
        row: the record as it is to be; names and codes in it are put right.
        given: what is written.

    Raises:
        ApiError: FIELD_INTEGRITY_EXCEPTION, for what is on no list or a state without its country.
    """
    for prefix in PREFIXES.get(kind.name, ()):
        _normalise_address(prefix, row, given)


def _normalise_address(prefix: str, row: Row, given: Mapping[str, Any]) -> None:
    country, state = f"{prefix}Country", f"{prefix}State"
    country_given = country in given or f"{country}Code" in given
    state_given = state in given or f"{state}Code" in given
    if not country_given and not state_given:
        return
    if country_given:
        _agree(row, given, country, COUNTRIES, _no_country)
    code = row.get(f"{country}Code") or _code_of(row.get(country), COUNTRIES)
    states = STATES.get(code or "", {})
    if state_given:
        if code is None and (given.get(state) or given.get(f"{state}Code")):
            message = (
                "A country/territory must be specified before specifying a state value for field:"
                f" {_label(state)}"
            )
            raise ApiError("FIELD_INTEGRITY_EXCEPTION", message, [state])
        _agree(row, given, state, states, _no_state)
    # Another country was written, and the state that stays is none of its states.
    elif row.get(state) and _code_of(row[state], states) is None:
        raise _no_state(state)


def _agree(
    row: Row,
    given: Mapping[str, Any],
    name: str,
    among: Mapping[str, str],
    no_such: Callable[[str], ApiError],
) -> None:
    """Put name and code into the row; where both are given, the code counts."""
    code_name = f"{name}Code"
    written = given.get(code_name)
    code = _known_code(written, among) if written else _code_of(given.get(name), among)
    if code is None and written:
        what = "state" if name.endswith("State") else "country/territory"
        message = (
            f"The {code_name} field contains {written}, which isn't an available {what}."
            " Your administrator can add it for you."
        )
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", message, [code_name])
    if code is None and given.get(name):
        raise no_such(name)
    row[code_name], row[name] = code, among.get(code) if code else None


def _known_code(value: Any, among: Mapping[str, str]) -> str | None:
    return next((code for code in among if code.lower() == str(value).lower()), None)


def _code_of(value: Any, among: Mapping[str, str]) -> str | None:
    return next((code for code, name in among.items() if name.lower() == str(value).lower()), None)


def _no_country(field: str) -> ApiError:
    text = (
        "There's a problem with this country, even though it may appear correct."
        " Please select a country from the list of valid countries."
    )
    return ApiError("FIELD_INTEGRITY_EXCEPTION", text, [field])


def _no_state(field: str) -> ApiError:
    text = (
        "The existing country/territory doesn't recognize the state value for field:"
        f" {_label(field)}"
    )
    return ApiError("FIELD_INTEGRITY_EXCEPTION", text, [field])


def _label(field: str) -> str:
    return f"{field.removesuffix('State')} State/Province".strip()
