"""What a call without an answer means: it may have acted, unless no connection was made."""

from __future__ import annotations

import os

import requests
from urllib3.exceptions import NewConnectionError
from urllib3.exceptions import TimeoutError as PoolTimeout

from sfsync.errors import OrgUnavailable
from sfsync.model.network_settings import bundle, proxy_trouble
from sfsync.salesforce.faults import CallFailed
from sfsync.salesforce.write_answers import BROKEN_OFF, NO_CONNECTION


def lost(error: Exception, host: str) -> OrgUnavailable:
    """The error for a call without an answer.

    Args:
        host: the org's.
    """
    if isinstance(error, requests.exceptions.SSLError):
        return CallFailed(
            f"no secure connection to {host}: its certificate cannot be trusted, or it speaks no "
            "TLS",
            hint=f"check the clock, the proxy and {_certificates()}",
            may_have_acted=not NO_CONNECTION.nothing_done,
            repeatable=False,
        )
    if isinstance(error, requests.exceptions.ProxyError):
        trouble = proxy_trouble(error, host, os.environ)  # noqa: TID251  as requests reads it
        return CallFailed(
            trouble.message,
            hint=trouble.hint,
            may_have_acted=not NO_CONNECTION.nothing_done,
            repeatable=trouble.is_over_soon,
        )
    if isinstance(error, requests.ConnectTimeout):
        return CallFailed(
            f"{host} could not be reached", may_have_acted=not NO_CONNECTION.nothing_done
        )
    if isinstance(error, requests.ConnectionError) and _never_connected(error):
        return CallFailed(
            f"{host} could not be reached",
            hint="check the network and the org's address",
            may_have_acted=not NO_CONNECTION.nothing_done,
        )
    in_doubt = not BROKEN_OFF.nothing_done
    if isinstance(error, requests.Timeout | PoolTimeout):
        return CallFailed(f"{host} did not answer in time", may_have_acted=in_doubt)
    return CallFailed(f"the connection to {host} broke off", may_have_acted=in_doubt)


def _never_connected(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError)


def _certificates() -> str:
    """The variable that says which certificates count, and what it says."""
    found = bundle(os.environ)  # noqa: TID251  as requests reads it
    return f"${found.variable} ({found.value})" if found else "REQUESTS_CA_BUNDLE"
