"""A look at an org: few calls, and what is refused is left out of the facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import pytest

from sfsync.errors import OrgRefused
from sfsync.model.facts import OrgFacts, UserFacts
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org_facts import read_org_facts
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from tests.unit.salesforce.web import Answer, Asked, Web

DATE = "Sun, 01 Feb 2026 12:00:00 GMT"
NOW = datetime(2026, 2, 1, 12, 5, tzinfo=UTC)
DESCRIBE = {"name": "Contact", "createable": False, "fields": [{"name": "Email", "type": "email"}]}
ROWS: dict[str, list[dict[str, Any]]] = {
    "Organization": [
        {"Name": "Penguins", "OrganizationType": "Enterprise Edition", "IsSandbox": True,
         "DefaultContactAccess": "ControlledByParent", "DefaultLeadAccess": "None", "DefaultAccountAccess": "Edit"}
    ],
    "User": [{"Username": "sync@example.com", "Profile": {"Name": "Minimum"}}],
    "PermissionSetAssignment": [
        {"PermissionSet": {"PermissionsModifyAllData": False, "PermissionsViewAllData": True}}
    ],
    "DuplicateRule": [{"SobjectType": "Lead", "MasterLabel": "Leads"}],
    "AssignmentRule": [{"Name": "Europe"}],
    "TaskStatus": [{"ApiName": "Completed", "IsClosed": True}],
}  # fmt: skip
LIMITS = {
    "DailyApiRequests": {"Max": 100, "Remaining": 60},
    "DataStorageMB": {"Max": 5, "Remaining": 2},
}
REFUSED = {"errorCode": "INVALID_TYPE", "message": "sObject type is not supported."}


class Org:
    """Answers as an org does; ``refuses`` names what this user may not ask, by a part of the path."""

    def __init__(
        self,
        *refuses: str,
        versions: tuple[str, ...] = ("66.0", "67.0"),
        code: str = "INVALID_TYPE",
    ) -> None:
        self.refuses, self.versions, self.code = refuses, versions, code

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/services/data/":
            status, body = 200, [{"version": version} for version in self.versions]
        elif asked.path.endswith("/composite") and "composite" not in self.refuses:
            told = [self.one(each["url"]) for each in json.loads(asked.body)["compositeRequest"]]
            answers = [
                {"httpStatusCode": status, "body": body, "httpHeaders": {}} for status, body in told
            ]
            status, body = 200, {"compositeResponse": answers}
        else:
            status, body = self.one(asked.path)
        return Answer(status, json.dumps(body).encode(), {"Date": DATE})

    def one(self, path: str) -> tuple[int, Any]:
        path = unquote_plus(path)
        if any(name in path for name in self.refuses):
            return 400, [{"errorCode": self.code, "message": "no"}]
        if path.endswith("/describe"):
            return 200, DESCRIBE
        if path.endswith("/limits"):
            return 200, LIMITS
        sobject = path.partition(" FROM ")[2].partition(" ")[0]
        rows = ROWS.get(sobject, [])
        if sobject == "CustomField":
            rows = [
                {
                    "Id": "00N",
                    "TableEnumOrId": "Contact",
                    "DeveloperName": "X",
                    "NamespacePrefix": None,
                }
            ]
        return 200, {"totalSize": len(rows), "done": True, "records": rows}


def look(org: Callable[[Asked], Answer]) -> tuple[OrgFacts, list[str]]:
    with Web(org).serving() as web:
        session = OrgSession(web.token(), lambda token: token)
        connection = Connection(session, api_version="66.0", patience=Patience(tries=1))
        facts = read_org_facts(
            connection,
            ["Contact"],
            ["Contact.X__c", "Contact.Y__c"],
            user_id="005U",
            now=lambda: NOW,
        )
        return facts, [asked.path.partition("?")[0].partition("v66.0/")[2] for asked in web.asked]


def test_everything_is_learned_in_four_calls_and_one_that_does_not_count() -> None:
    facts, asked = look(Org())
    assert asked == ["", "composite", "limits", "query/", "tooling/query/"]
    assert facts.objects["Contact"].createable is False
    assert facts == OrgFacts(
        asked=True,
        versions=("66.0", "67.0"),
        name="Penguins",
        edition="Enterprise Edition",
        is_sandbox=True,
        access={"Contact": "Edit"},
        user=UserFacts("sync@example.com", "Minimum", frozenset({"ViewAllData"})),
        objects=facts.objects,
        existing=frozenset({"Contact.X__c"}),
        statuses={"Completed": True},
        duplicate_rules=(("Lead", "Leads"),),
        lead_assignment=("Europe",),
        api_left=(60, 100),
        storage_mb=(2, 5),
        skew=facts.skew,
    )
    assert facts.skew is not None
    assert timedelta(minutes=4) < facts.skew < timedelta(minutes=6)


@pytest.mark.parametrize(
    ("refused", "name"),
    [
        ("DuplicateRule", "duplicate_rules"),
        ("AssignmentRule", "lead_assignment"),
        ("limits", "api_left"),
        ("TaskStatus", "statuses"),
        ("tooling", "existing"),
    ],
)
def test_what_is_refused_is_left_out_and_the_rest_is_there(refused: str, name: str) -> None:
    facts, _ = look(Org(refused))
    assert getattr(facts, name) is None
    assert facts.name == "Penguins"


def test_without_the_setup_objects_the_user_is_still_known_by_name() -> None:
    facts, _ = look(Org("PermissionSetAssignment"))
    assert facts.user == UserFacts("sync@example.com", "Minimum", None)
    facts, _ = look(Org("PermissionSetAssignment", "FROM User"))
    assert facts.user is None


def test_an_object_that_is_hidden_is_not_among_the_described() -> None:
    facts, _ = look(Org("describe"))
    assert (facts.asked, dict(facts.objects)) == (True, {})


def test_an_org_that_takes_no_composite_is_asked_one_by_one() -> None:
    facts, asked = look(Org("composite"))
    assert facts.name == "Penguins"
    assert "Contact" in facts.objects
    assert len(asked) == 11


def test_an_unknown_version_is_told_and_nothing_further_is_asked() -> None:
    facts, asked = look(Org(versions=("50.0", "60.0")))
    assert (facts.versions, facts.asked, asked) == (("50.0", "60.0"), False, [""])


def test_an_org_without_an_api_ends_the_look() -> None:
    with pytest.raises(OrgRefused, match="API_DISABLED_FOR_ORG"):
        look(Org("", code="API_DISABLED_FOR_ORG"))
