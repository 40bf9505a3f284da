"""Who calls: the metadata that every call of the Pub/Sub API carries.

Source: docs/salesforce.md §14.1.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from local_org.oauth.grants import Session
from local_org.pubsub.refusals import Refused
from local_org.state.org import OrgState

_NEEDED = ("accesstoken", "instanceurl", "tenantid")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_ID_LENGTH = 18


def user_of(context: Any, state: OrgState, session_for: Callable[[str], Session | None]) -> str:
    """The id of the user whom a call's metadata speak for.

    Raises:
        Refused: where a value is missing, or not one of this org's.
    """
    given = dict(context.invocation_metadata())
    values = {name: str(given.get(name, "")).strip() for name in _NEEDED}
    if not all(values.values()) or len(values["tenantid"]) != _ID_LENGTH:
        raise Refused("service.auth.headers.invalid")
    if urlsplit(values["instanceurl"]).hostname not in _LOOPBACK:
        raise Refused("service.auth.headers.invalid")
    with state.lock:
        session = session_for(values["accesstoken"])
        if values["tenantid"] != state.org_id or session is None or not session.may_use_api:
            raise Refused("service.auth.error")
        if not state.access(session.user_id).may("ApiEnabled"):
            raise Refused("service.auth.error")
        return session.user_id
