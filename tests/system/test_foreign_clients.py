"""The local org, used by clients that nobody here wrote: simple-salesforce and jsforce.

What they expect of Salesforce was learned from Salesforce; if they are content, it is no shared
misreading.
"""

import base64
import csv
import io
import zipfile
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id

from local_org.oauth.apps import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_SECRET, PUBLIC_CLIENT_ID
from local_org.records.writer import Writer
from local_org.records.writes import create
from local_org.server import LocalOrg, LocalOrgConfig

CALLBACK = "http://localhost:1717/callback"
KEY = "PenguinMails_Event_Id__c"
CONTACTS = 4_500


@pytest.fixture(scope="module")
def org():
    with LocalOrg(LocalOrgConfig(contacts=40, leads=10, auto_approve=True)) as running:
        state = running.state
        for each in range(CONTACTS - 40):
            create(state, "Contact", {"LastName": f"n{each}"}, Writer(state.admin_id))
        yield running


class PlainHttp(HTTPAdapter):
    """Carries what simple-salesforce sends to https over plain HTTP."""

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def python_client(org, token=None):
    session = requests.Session()
    session.trust_env = False
    session.mount(f"https://127.0.0.1:{org.port}", PlainHttp())
    return Salesforce(
        instance=f"127.0.0.1:{org.port}",
        session_id=token or org.token(),
        session=session,
        version="65.0",
    )


@pytest.fixture
def sf(org):
    return python_client(org)


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


# -- simple-salesforce


def test_simple_salesforce_pages_through_a_query(sf):
    first = sf.query("SELECT Id, LastName, Account.Name FROM Contact")
    assert (first["totalSize"], len(first["records"]), first["done"]) == (CONTACTS, 2000, False)
    more = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert len(more["records"]) == 2000
    found = {record["Id"] for record in sf.query_all_iter("SELECT Id FROM Contact")}
    assert len(found) == CONTACTS
    assert all(len(each) == 18 and each.startswith("003") for each in found)


def test_simple_salesforce_writes_single_records(sf):
    made = sf.Contact.create({"LastName": "O'Neil", "Email": "oneil@x.example"})
    assert made["success"] is True
    assert sf.Contact.update(made["id"], {"Title": "Dr"}) == 204
    assert sf.Contact.get(made["id"])["Title"] == "Dr"
    found = sf.query(format_soql("SELECT Id FROM Contact WHERE LastName = {}", "O'Neil"))
    assert [record["Id"] for record in found["records"]] == [made["id"]]
    assert sf.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as refused:
        sf.Contact.get(made["id"])
    assert refused.value.content[0]["errorCode"] == "ENTITY_IS_DELETED"
    deleted = sf.query(
        f"SELECT IsDeleted FROM Contact WHERE Id = '{made['id']}'", include_deleted=True
    )
    assert deleted["records"][0]["IsDeleted"] is True


def test_simple_salesforce_upserts_by_any_external_id(sf):
    path = format_external_id(KEY, "a b/c?#%+ü")
    person = sf.Contact.create({"LastName": "P"})["id"]
    first = sf.Task.upsert(path, {"Subject": "Email: sent", "WhoId": person}, raw_response=True)
    again = sf.Task.upsert(path, {"Subject": "Email: opened"}, raw_response=True)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert sf.Task.get(path)["Subject"] == "Email: opened"


def test_simple_salesforce_meets_the_errors_it_knows(org, sf):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Contact.create({"FirstName": "No"})
    assert refused.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query("SELECT Nope FROM Contact")
    assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"
    for _ in range(2):
        sf.Contact.create({"LastName": "Twin", "Email": "twin@x.example"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Contact.get_by_custom_id("Email", "twin@x.example")
    with pytest.raises(SalesforceExpiredSession):
        python_client(org, token="00D!stale").query("SELECT Id FROM Contact")


def test_simple_salesforce_describes_the_org_and_reads_its_limits(sf):
    fields = {field["name"] for field in sf.Contact.describe()["fields"]}
    assert {"Id", "Email", "LastName", "AccountId", "SystemModstamp"} <= fields
    assert {"Contact", "Lead", "Task", "Account"} <= {
        each["name"] for each in sf.describe()["sobjects"]
    }
    limit = sf.limits()["DailyApiRequests"]
    assert 0 < limit["Remaining"] < limit["Max"]
    assert sf.api_usage["api-usage"].total == limit["Max"]


def test_simple_salesforce_bulk_inserts_and_tells_each_row(sf):
    records = [
        {"LastName": f"bulk{each}" if each % 50 else "", "Email": f"b{each}@x.example"}
        for each in range(500)
    ]
    (job,) = sf.bulk2.Contact.insert(records=records, wait=0)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (500, 10)
    good = rows(sf.bulk2.Contact.get_successful_records(job["job_id"]))
    bad = rows(sf.bulk2.Contact.get_failed_records(job["job_id"]))
    assert (len(good), len(bad)) == (490, 10)
    assert all(row["sf__Error"].startswith("REQUIRED_FIELD_MISSING:") for row in bad)
    assert sf.bulk2.Contact.get_unprocessed_records(job["job_id"]).strip().count("\n") == 0
    changes = [{"Id": row["sf__Id"], "Email": "#N/A", "LastName": "gone"} for row in good]
    (update,) = sf.bulk2.Contact.update(records=changes, wait=0)
    assert update["numberRecordsFailed"] == 0
    assert (
        sf.query("SELECT COUNT() FROM Contact WHERE LastName = 'gone' AND Email = null")[
            "totalSize"
        ]
        == 490
    )
    (delete,) = sf.bulk2.Contact.delete(records=[{"Id": row["sf__Id"]} for row in good], wait=0)
    assert delete["numberRecordsFailed"] == 0


def test_simple_salesforce_bulk_upserts(sf):
    records = [{KEY: f"bulk-{each}", "Subject": "Email: sent"} for each in range(20)]
    for _ in range(2):
        (job,) = sf.bulk2.Task.upsert(records=records, external_id_field=KEY, wait=0)
        assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (20, 0)
    assert sf.query(f"SELECT COUNT() FROM Task WHERE {KEY} LIKE 'bulk-%'")["totalSize"] == 20


def test_simple_salesforce_bulk_queries_page_by_page(sf):
    expected = sf.query("SELECT COUNT() FROM Contact")["totalSize"]
    text = "SELECT Id, LastName, CreatedDate FROM Contact"
    pages = [rows(page) for page in sf.bulk2.Contact.query(text, max_records=1000, wait=0)]
    assert [len(page) for page in pages[:-1]] == [1000] * (len(pages) - 1)
    found = [row for page in pages for row in page]
    assert len({row["Id"] for row in found}) == len(found) == expected
    assert found[0]["CreatedDate"].endswith(".000Z")


def test_simple_salesforce_logs_in_with_client_credentials(org):
    session = requests.Session()
    session.trust_env = False
    session.mount(f"https://127.0.0.1:{org.port}", PlainHttp())
    answer = session.post(
        f"{org.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_SECRET),
        timeout=10,
    ).json()
    sf = Salesforce(
        instance=urlsplit(answer["instance_url"]).netloc,
        session_id=answer["access_token"],
        session=session,
        version="65.0",
    )
    assert sf.query("SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1


# -- jsforce


def session_of(org):
    return {"url": org.url, "accessToken": org.token()}


@pytest.mark.node
def test_jsforce_logs_in_with_pkce_and_logs_out(org, node_client):
    told = node_client("login", url=org.url, clientId=PUBLIC_CLIENT_ID, callback=CALLBACK)
    assert told["state"] == "s t&="
    assert (told["userId"], told["orgId"]) == (org.state.admin_id, org.state.org_id)
    assert told["seen"] >= CONTACTS
    assert told["refused"] == "INVALID_SESSION_ID"
    assert told["gone"] == "invalid_grant: expired access/refresh token"


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_renews_a_session_by_itself(org, node_client):
    issued = org.oauth.issue(scope="api refresh_token")
    told = node_client(
        "refresh",
        url=org.url,
        refreshToken=issued.refresh_token,
        clientId=PUBLIC_CLIENT_ID,
        callback=CALLBACK,
    )
    assert told == {
        "refreshes": 1,
        "hasRefreshToken": False,
        "username": "admin@penguin.example",
        "organizationId": org.state.org_id,
        "found": 1,
    }


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_pages_through_a_query(org, node_client):
    told = node_client("query", **session_of(org))
    assert told["total"] >= CONTACTS
    assert told["pages"] == -(-told["total"] // 2000)
    assert told["read"] == told["distinct"] == told["streamed"] == told["total"]
    assert told["type"] == "Contact"


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_writes_single_records(org, node_client):
    told = node_client("records", **session_of(org))
    assert told["made"]["success"] is True
    assert told["read"]["Name"] == "Ada O'Neil / Ünï"
    assert told["read"]["Title"] == "Countess"
    assert (told["first"]["created"], told["again"]["created"]) == (True, False)
    assert told["found"]["Id"] == told["first"]["id"] == told["again"]["id"]
    assert told["found"]["Subject"] == "Email: opened"
    assert told["found"]["Who"]["Name"] == "Ada O'Neil / Ünï"
    assert told["gone"]["success"] is True
    assert told["after"] == "ENTITY_IS_DELETED"
    assert told["bad"]["code"] == "REQUIRED_FIELD_MISSING"


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_writes_collections(org, node_client):
    told = node_client("collections", **session_of(org))
    assert told["made"] == 450
    ((at, failed),) = told["failed"]
    assert at == 7
    assert failed["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert told["updated"] is True
    assert told["titles"] == ["t", "t", "t"]
    assert told["gone"] == 200


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_loads_and_queries_in_bulk(org, node_client):
    told = node_client("bulk", **session_of(org))
    assert (told["good"], len(told["bad"]), told["unprocessed"]) == (297, 3, 0)
    assert all(error.startswith("REQUIRED_FIELD_MISSING:") for error in told["bad"])
    assert told["echoed"] is True
    assert (told["cleared"], told["mine"]) == (297, 297)
    assert told["example"]["Description"] in {"", None}
    assert told["example"]["CreatedDate"].endswith(".000Z")


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_describes_the_org_and_reads_limits_and_identity(org, node_client):
    told = node_client("about", **session_of(org))
    assert {"Id", "Email", "SystemModstamp"} <= set(told["fields"])
    assert {"Contact", "Lead", "Task"} <= set(told["objects"])
    assert told["limits"]["DailyApiRequests"]["Max"] == 15_000
    assert told["usage"]["apiUsage"]["limit"] == 15_000
    assert told["identity"]["organization_id"] == org.state.org_id


@pytest.mark.slow
@pytest.mark.node
def test_jsforce_deploys_a_package(org, node_client):
    told = node_client("deploy", zip=package(), options={"singlePackage": True}, **session_of(org))
    assert (told["id"][:3], told["first"]) == ("0Af", "Pending")
    result = told["result"]
    assert (result["status"], result["numberComponentsDeployed"]) == ("Succeeded", 1)
    defined = org.state.table("CustomField").rows.values()
    assert "Shoe_Size" in [each["DeveloperName"] for each in defined]


def package():
    """A zip with one field, in base64."""
    namespace = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
    field = "<fullName>Shoe_Size__c</fullName><label>Shoe size</label><type>Number</type><precision>3</precision><scale>1</scale>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "package.xml",
            f"<Package {namespace}><types><members>Contact.Shoe_Size__c</members><name>CustomField</name></types>"
            "<version>65.0</version></Package>",
        )
        archive.writestr(
            "objects/Contact.object",
            f"<CustomObject {namespace}><fields>{field}</fields></CustomObject>",
        )
    return base64.b64encode(out.getvalue()).decode()
