"""Which address does what: finding the endpoint of a call.

``Router.dispatch`` takes an authenticated ``Call`` and gives a ``Reply``; it knows neither sockets
nor tokens. The endpoints come from ``rest``, ``bulk`` and ``metadata``.

Source: docs/salesforce.md §2.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from local_org.api.call import Call, Reply, error_reply
from local_org.api.versions import check_version
from local_org.api_error import ApiError, not_found
from local_org.state.access import running
from local_org.state.org import OrgState

Handler = Callable[..., Reply]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address.

    Args:
        methods: the HTTP methods, separated by blanks.
        pattern: a regular expression over the path after the version, each part still its own.
        handle: takes the call and the pattern's groups.
    """

    methods: str
    pattern: re.Pattern[str]
    handle: Handler


def endpoint(methods: str, path: str, handle: Handler) -> Endpoint:
    """An endpoint from a path with ``{}`` for each variable part.

    Args:
        methods: the HTTP methods, separated by blanks.
        path: what follows the version, for example ``/sobjects/{}/describe``.
        handle: takes the call and the variable parts, decoded.
    """
    escaped = "([^/]+)".join(re.escape(part) for part in path.split("{}"))
    return Endpoint(methods, re.compile(escaped + "/?", re.IGNORECASE), handle)


class Router:
    """The endpoints of one org's API.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state
        self._endpoints: list[Endpoint] = []

    def extend(self, endpoints: Iterable[Endpoint]) -> None:
        """Add endpoints; where several match, the earliest wins."""
        self._endpoints.extend(endpoints)

    def dispatch(self, call: Call) -> Reply:
        """Handle one call; its errors become replies."""
        try:
            check_version(call.segments)
            with running(call.user_id, tooling=call.segments[1:2] == ["tooling"]):
                self._check_user(call)
                return self._route(call)
        except ApiError as error:
            return error_reply(error)

    def _check_user(self, call: Call) -> None:
        if not self.state.access(call.user_id).may("ApiEnabled"):
            raise ApiError(
                "API_CURRENTLY_DISABLED", "API is currently disabled for this user", status=403
            )

    def _route(self, call: Call) -> Reply:
        path = "/" + "/".join(call.path.split("/")[4:])
        method = call.query.get("_HttpMethod", call.method)
        if call.method == "HEAD":
            method = "GET"
        found = [
            (each, match) for each in self._endpoints if (match := each.pattern.fullmatch(path))
        ]
        for each, match in found:
            if method in each.methods.split():
                return each.handle(call, *(unquote(part) for part in match.groups()))
        if not found:
            raise not_found()
        allowed = ",".join(dict.fromkeys(" ".join(each.methods for each, _ in found).split()))
        message = f"HTTP Method '{method}' not allowed. Allowed are {allowed}"
        raise ApiError("METHOD_NOT_ALLOWED", message, status=405)
