"""What the login side's endpoints share: forms, secrets in headers, errors as replies.

Source: docs/salesforce.md §1.1, §1.6.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local_org.oauth.errors import OAuthError

NO_STORE = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
Form = dict[str, str]
Step = Callable[[Request], Awaitable[Response]]


class Forbidden(Exception):
    """A 403 whose body is one word."""


def answering(step: Step) -> Step:
    """The step, with its errors as the replies Salesforce gives."""

    async def endpoint(request: Request) -> Response:
        try:
            return await step(request)
        except OAuthError as error:
            body = {"error": error.error, "error_description": error.description}
            return JSONResponse(body, error.status, headers=NO_STORE)
        except Forbidden as error:
            return PlainTextResponse(str(error), 403)

    return endpoint


def origin_of(request: Request) -> str:
    """The address the request was sent to, for example ``http://127.0.0.1:8080``."""
    return f"{request.url.scheme}://{request.url.netloc}"


async def read_form(request: Request) -> Form:
    """The fields of a form; uploads are left out."""
    async with request.form() as posted:
        return {name: value for name, value in posted.items() if isinstance(value, str)}


async def read_credentials(request: Request) -> Form:
    """The form, with client id and secret from a Basic header where they came that way."""
    form = await read_form(request)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as problem:
            raise OAuthError("invalid_client", "invalid client credentials") from problem
        form |= {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
    return form


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of a request to a test switch."""
    check_same_site(request)
    try:
        body = await request.json()
    except ValueError as problem:
        raise OAuthError("invalid_request", "the body must be JSON") from problem
    if not isinstance(body, dict):
        raise OAuthError("invalid_request", "the body must be a JSON object")
    return body


def check_same_site(request: Request) -> None:
    """Keep web pages of other origins away from the test switches.

    Whatever name such a page gave this address (DNS rebinding): the Host header gives it away.
    """
    if request.url.hostname not in _LOOPBACK_NAMES:
        raise OAuthError("invalid_request", "not under that name", status=403)
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise OAuthError("invalid_request", "not from another site", status=403)
    if request.headers.get("origin", origin_of(request)) != origin_of(request):
        raise OAuthError("invalid_request", "not from another site", status=403)
