"""An error of the API, in the shapes Salesforce uses.

A single-record call answers a list of ``{"message", "errorCode", "fields"}``; inside an sObject
Collections reply the same error has ``statusCode`` instead of ``errorCode``. Every layer raises
``ApiError``; ``api.router`` turns it into a reply.

Source: docs/salesforce.md §2.4, §2.6 and §4.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """One call, or one record of a call, that the org refuses.

    Args:
        code: Salesforce's error code, for example ``REQUIRED_FIELD_MISSING``.
        message: the text beside it.
        fields: the fields it is about; None leaves the key out of a single-record reply.
        status: the HTTP status of a single-record reply.
        extra: further keys of the error, such as ``duplicateResut``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        fields: Sequence[str] | None = None,
        *,
        status: int = 400,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)
        self.status = status
        self.extra = dict(extra or {})

    def as_rest(self) -> dict[str, Any]:
        """The error as a single-record call or a /composite subrequest shows it."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = self.fields
        return {**body, **self.extra}

    def as_item(self) -> dict[str, Any]:
        """The error as one record of an sObject Collections reply shows it."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": self.fields or [],
            **self.extra,
        }


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    """404 for an address or a record that is not there."""
    return ApiError("NOT_FOUND", message, status=404)


def entity_is_deleted() -> ApiError:
    """404 for a record in the recycle bin, or gone from it."""
    return ApiError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
