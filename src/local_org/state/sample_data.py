"""Sample people: Accounts, Contacts and Leads that look real and belong to nobody.

The same seed number gives the same people. Names come from small pools drawn with Faker once, so
that a million people take seconds; addresses end in ``.example``, which nobody can own (RFC 2606).
"""

import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from faker.factory import Factory

from local_org.schema.standard_objects import INDUSTRIES, LEAD_SOURCES, LEAD_STATUSES
from local_org.state.org import OrgState
from local_org.state.tables import Row
from local_org.state.users import add_user

_DAY = 86_400
_HISTORY_SECONDS = 300 * _DAY
_CONTACTS_PER_ACCOUNT = 4
_TITLES = (
    "Chief Executive Officer",
    "Head of Marketing",
    "VP Sales",
    "Purchasing Manager",
    "Office Manager",
    "Events Coordinator",
    "Marketing Specialist",
    "Product Manager",
    "Founder",
    "IT Director",
    "Customer Success Lead",
    "Accountant",
)
_LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES")
_PROVIDERS = ("faker.providers.person", "faker.providers.company", "faker.providers.address")
_DRAWN_EACH = 80
_STAFF = (("Sven", "Sales"), ("Rita", "Rep"), ("Omar", "Owner"))


@dataclass(frozen=True, slots=True)
class _Pools:
    """Parts people are put together from."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    companies: tuple[str, ...]
    cities: tuple[str, ...]


def fill(state: OrgState, *, contacts: int, leads: int, seed: int = 7) -> None:
    """Add sample users, Accounts, Contacts and Leads to a bare org.

    Args:
        state: the org, with nobody but its admin in it.
        contacts: how many Contacts; every four share an Account.
        leads: how many Leads.
        seed: what everything is drawn from.
    """
    dice = random.Random(seed)  # noqa: S311 - sample data
    pools = _pools(seed)
    with state.lock:
        owners = [
            add_user(
                state,
                first_name=first,
                last_name=last,
                username=f"{first}.{last}@penguin.example".lower(),
            )
            for first, last in _STAFF
        ]
        addresses: set[str] = set()
        accounts = _accounts(state, dice, pools, owners, -(-contacts // _CONTACTS_PER_ACCOUNT))
        _contacts(state, dice, pools, accounts, addresses, contacts)
        _leads(state, dice, pools, owners, addresses, leads)


@lru_cache(maxsize=4)
def _pools(seed: int) -> _Pools:
    makers = [Factory.create(locale, providers=list(_PROVIDERS)) for locale in _LOCALES]
    for maker in makers:
        maker.seed_instance(seed)

    def drawn(part: str, longest: int) -> tuple[str, ...]:
        found = (
            str(getattr(maker, part)())[:longest] for _ in range(_DRAWN_EACH) for maker in makers
        )
        return tuple(dict.fromkeys(found))

    return _Pools(
        first=drawn("first_name", 40),
        last=drawn("last_name", 80),
        companies=drawn("company", 80),
        cities=drawn("city", 40),
    )


def _stamps(state: OrgState, number: int) -> Iterator[int]:
    """As many moments as asked for, ascending over the last months and ending an hour ago."""
    end = state.stamp() - 3_600
    step = _HISTORY_SECONDS / max(1, number)
    return (int(end - _HISTORY_SECONDS + step * (at + 1)) for at in range(number))


def _add(state: OrgState, sobject: str, stamp: int, owner: str, values: dict[str, Any]) -> str:
    table = state.table(sobject)
    record_id = table.next_id()
    row: Row = {
        "Id": record_id,
        "OwnerId": owner,
        "CreatedDate": stamp,
        "CreatedById": owner,
        "LastModifiedDate": stamp,
        "LastModifiedById": owner,
        "SystemModstamp": stamp,
        **values,
    }
    state.put(table, record_id, row)
    return record_id


def _accounts(
    state: OrgState, dice: random.Random, pools: _Pools, owners: list[str], number: int
) -> list[tuple[str, str, str]]:
    """Accounts as (id, owner, mail domain)."""
    found: list[tuple[str, str, str]] = []
    for at, stamp in enumerate(_stamps(state, number)):
        name, owner = _company(pools, at), _pick(dice, owners)
        domain = f"{_slug(name)}.example"
        values = {
            "Name": name,
            "Website": f"https://www.{domain}",
            "Industry": _pick(dice, INDUSTRIES),
            "Phone": _phone(dice),
            "BillingCity": _pick(dice, pools.cities),
        }
        found.append((_add(state, "Account", stamp, owner, values), owner, domain))
    return found


def _contacts(
    state: OrgState,
    dice: random.Random,
    pools: _Pools,
    accounts: list[tuple[str, str, str]],
    addresses: set[str],
    number: int,
) -> None:
    for at, stamp in enumerate(_stamps(state, number)):
        account_id, owner, domain = accounts[at // _CONTACTS_PER_ACCOUNT]
        values = _person(dice, pools, domain, addresses)
        values |= {"AccountId": account_id, "MailingCity": _pick(dice, pools.cities)}
        if dice.random() < 0.03:
            values["HasOptedOutOfEmail"] = True
        _add(state, "Contact", stamp, owner, values)


def _leads(
    state: OrgState,
    dice: random.Random,
    pools: _Pools,
    owners: list[str],
    addresses: set[str],
    number: int,
) -> None:
    for stamp in _stamps(state, number):
        name = _company(pools, int(dice.random() * max(len(pools.companies), number // 2)))
        values = _person(dice, pools, f"{_slug(name)}.example", addresses)
        open_statuses = (LEAD_STATUSES[0], LEAD_STATUSES[0], LEAD_STATUSES[1], LEAD_STATUSES[3])
        values |= {
            "Company": name,
            "Status": _pick(dice, open_statuses),
            "City": _pick(dice, pools.cities),
        }
        values["Rating"] = _pick(dice, ("Hot", "Warm", "Cold"))
        _add(state, "Lead", stamp, _pick(dice, owners), values)


def _person(dice: random.Random, pools: _Pools, domain: str, addresses: set[str]) -> dict[str, Any]:
    first, last = _pick(dice, pools.first), _pick(dice, pools.last)
    return {
        "FirstName": first,
        "LastName": last,
        "Email": _address(_slug(first), _slug(last), domain, addresses),
        "Title": _pick(dice, _TITLES),
        "Phone": _phone(dice),
        "LeadSource": _pick(dice, LEAD_SOURCES),
    }


def _address(first: str, last: str, domain: str, taken: set[str]) -> str:
    """An address nobody else has, within the 80 characters of an email field."""
    stem = f"{first}.{last}"
    number = 1
    address = f"{stem}@{domain}"
    while address in taken:
        number += 1
        address = f"{stem}{number}@{domain}"
    taken.add(address)
    return address


def _company(pools: _Pools, at: int) -> str:
    turn, which = divmod(at, len(pools.companies))
    name = pools.companies[which]
    return name if turn == 0 else f"{name} {turn + 1}"


@lru_cache(maxsize=8192)
def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:24].strip("-") or "x"


def _pick(dice: random.Random, among: Sequence[str]) -> str:
    """One of them; twice as fast as ``choice``, which a million people notice."""
    return among[int(dice.random() * len(among))]


def _phone(dice: random.Random) -> str:
    number = int(dice.random() * 9_000_000) + 1_000_000
    return f"(555) {number // 10_000}-{number % 10_000:04d}"
