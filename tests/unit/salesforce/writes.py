"""Writes to an org, and what it says of one that it refuses."""

from __future__ import annotations

from typing import Any

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.record import SalesforceId

ADA = SalesforceId("0035500001H9cakAAB")
BOB = SalesforceId("003000000000002AAA")


def update(ref: int, record_id: str = "", **fields: Any) -> OrgWrite:
    return OrgWrite(
        ref,
        OrgAction.UPDATE,
        "Contact",
        fields or {"Title": "x"},
        SalesforceId(record_id or f"003{ref:012d}AAA"),
    )


def create(ref: int, key: str = "", **fields: Any) -> OrgWrite:
    return OrgWrite(ref, OrgAction.CREATE, "Contact", fields, None, "Ext__c" if key else "", key)


def failed(code: str, message: str = "no", **more: Any) -> dict[str, Any]:
    return {
        "success": False,
        "errors": [{"statusCode": code, "message": message, "fields": [], **more}],
    }
