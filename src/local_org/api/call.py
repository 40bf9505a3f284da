"""One API request and one reply, as plain values.

The same values travel over HTTP and inside /composite, so a subrequest is handled by the very code
that handles it alone.

Source: docs/salesforce.md §2.1 (headers, versions), §2.3 (conditional requests), §4.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from local_org import timestamps
from local_org.api_error import ApiError
from local_org.records.writer import Writer

RowFault = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class JobFault:
    """How a Bulk job ends before its time.

    Args:
        after: how many of its rows are done by then; the rest stays unprocessed.
        state: Failed, as by a fault of the org's own, or Aborted, as by an admin.
    """

    after: int = 0
    state: str = "Failed"


def no_row_fault(_index: int) -> None:
    """No record is in trouble."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been authenticated.

    Args:
        method: GET, POST, PATCH, DELETE, HEAD.
        path: everything before the question mark, still percent-encoded.
        query: the parameters after it.
        headers: by lower-cased name.
        raw: the body, unzipped.
        user_id: the running user.
        row_fault: raises a ApiError for the records (by position) that a fault plan has locked.
        job_fault: how the Bulk job that this call closes fails.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    user_id: str
    row_fault: RowFault = no_row_fault
    job_fault: JobFault | None = None

    @property
    def segments(self) -> list[str]:
        """The path's parts after ``/services/data``, decoded; a trailing slash adds none."""
        return [unquote(part) for part in self.path.rstrip("/").split("/")[3:]]

    @property
    def version(self) -> str:
        """The API version in the path, for example ``65.0``."""
        return self.segments[0].removeprefix("v")

    def json(self) -> Any:
        """The body.

        Raises:
            ApiError: JSON_PARSER_ERROR where it is not JSON.
        """
        try:
            return json.loads(self.raw)
        except ValueError as error:
            raise ApiError(
                "JSON_PARSER_ERROR", f"{_parser_text(self.raw)} {_place(error)}".strip()
            ) from None

    def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        body = self.json()
        if not isinstance(body, dict):
            raise ApiError(
                "JSON_PARSER_ERROR",
                "The HTTP entity body is required to be an object,"
                " but this request's body is not one.",
            )
        return body

    def time_in(self, header: str) -> int | None:
        """The time a conditional header names, in seconds since 1970; None where it is not sent.

        Raises:
            ApiError: 400 where it is no HTTP date.
        """
        text = self.headers.get(header)
        if text is None:
            return None
        seconds = timestamps.read_http_date(text)
        if seconds is None:
            raise ApiError("INVALID_HEADER", f"Invalid date in header {header}: {text}")
        return seconds

    def flag(self, name: str) -> bool:
        """Whether a parameter such as ``allOrNone`` is true."""
        return self.query.get(name, "").lower() == "true"

    def options(self, header: str) -> dict[str, str]:
        """The ``name=value`` pairs of a header such as ``Sforce-Query-Options``.

        Names come in lower case.
        """
        pairs = (
            part.partition("=")
            for part in self.headers.get(header, "").replace(",", ";").split(";")
        )
        return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}

    def writer(self) -> Writer:
        """How writes of this call behave, by its headers."""
        duplicates = self.options("sforce-duplicate-rule-header")
        return Writer(
            user_id=self.user_id,
            auto_assign=self.headers.get("sforce-auto-assign", "TRUE").strip().upper() != "FALSE",
            allow_save=duplicates.get("allowsave", "").lower() == "true",
            origin=self._origin(),
        )

    def _origin(self) -> str:
        """What change events call this API and its client (docs/salesforce.md §14.3)."""
        api = "bulkapi" if self.segments[1:2] == ["jobs"] else "rest"
        client = self.options("sforce-call-options").get("client")
        return f"com/salesforce/api/{api}/{self.version}" + (f";client={client}" if client else "")


def _parser_text(raw: bytes) -> str:
    if not raw.strip():
        return "The HTTP entity body is required, but this request has no entity body."
    return "Unexpected character or end-of-input in the request's body"


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"at [line:{error.lineno}, column:{error.colno}]"
    return ""


@dataclass(slots=True)
class Reply:
    """What is answered: a JSON value, or ready-made bytes with their type; None for no body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    def content(self) -> bytes:
        """The body as bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


def error_reply(error: ApiError) -> Reply:
    """The reply of a call that failed: a list of one error."""
    return Reply(error.status, [error.as_rest()])


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """An address as a client wrote it, in path (still encoded) and parameters."""
    path, _, query = url.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True))
