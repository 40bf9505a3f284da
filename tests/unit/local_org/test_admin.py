"""What an admin does through the APIs: fields, permissions, and what they let a user see."""

import pytest

from local_org.records import field_definitions
from local_org.schema.penguinmails_fields import Provisioned, custom_fields
from local_org.server import INTEGRATION_USER, LocalOrg, LocalOrgConfig
from tests.unit.local_org.http_client import InProcessClient

OPENS = {"type": "Number", "label": "Opens", "precision": 9, "scale": 0}
KEY = {"type": "Text", "label": "Key", "length": 64, "externalId": True, "unique": True}


@pytest.fixture
def bare():
    return LocalOrg(LocalOrgConfig(contacts=1, leads=1, bare=True, clock=lambda: 1_795_478_400.0))


class User:
    """One user's calls."""

    def __init__(self, org, username=None):
        self.http = InProcessClient(org.app, base_url="http://127.0.0.1")
        self.http.headers["Authorization"] = f"Bearer {org.token(username)}"
        self.id = org.state.user(username or org.state.admin_id)["Id"]

    def call(self, method, path, body=None, **more):
        return self.http.request(method, f"/services/data/v65.0{path}", json=body, **more)

    def made(self, path, **body):
        answer = self.call("POST", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def define(self, name, metadata):
        return self.made("/tooling/sobjects/CustomField", FullName=name, Metadata=metadata)

    def fields(self, sobject="Contact"):
        return {
            each["name"]: each
            for each in self.call("GET", f"/sobjects/{sobject}/describe").json()["fields"]
        }

    def query(self, text, tooling=""):
        return self.call("GET", f"{tooling}/query", params={"q": text})

    def error(self, method, path, body=None):
        answer = self.call(method, path, body)
        assert answer.status_code >= 400, answer.text
        return answer.json()[0]["errorCode"], answer.json()[0]["message"]

    def set_with(self, sobject, *fields, edit=True, objects=("Account", "Contact")):
        made = self.made("/sobjects/PermissionSet", Name="Sync", Label="Sync")
        for name in objects:
            rights = {f"Permissions{each}": True for each in ("Read", "Create", "Edit")}
            self.made("/sobjects/ObjectPermissions", ParentId=made, SobjectType=name, **rights)
        for each in fields:
            self.grant(made, sobject, each, edit=edit)
        return made

    def grant(self, set_id, sobject, name, *, edit=True):
        rights = {"PermissionsRead": True, "PermissionsEdit": edit}
        return self.made(
            "/sobjects/FieldPermissions",
            ParentId=set_id,
            SobjectType=sobject,
            Field=f"{sobject}.{name}",
            **rights,
        )

    def assign(self, set_id, user_id):
        return self.made(
            "/sobjects/PermissionSetAssignment", AssigneeId=user_id, PermissionSetId=set_id
        )


@pytest.fixture
def admin(bare):
    return User(bare)


@pytest.fixture
def robot(bare):
    return User(bare, INTEGRATION_USER)


# -- custom fields


def test_a_new_field_is_seen_by_nobody_until_it_is_granted(admin):
    admin.define("Contact.Opens__c", OPENS)
    assert "Opens__c" not in admin.fields()
    code, message = admin.error("GET", "/query?q=SELECT+Opens__c+FROM+Contact")
    assert code == "INVALID_FIELD"
    assert "No such column 'Opens__c'" in message
    assert (
        admin.error("POST", "/sobjects/Contact", {"LastName": "A", "Opens__c": 1})[0]
        == "INVALID_FIELD"
    )
    admin.assign(admin.set_with("Contact", "Opens__c"), admin.id)
    assert (admin.fields()["Opens__c"]["type"], admin.fields()["Opens__c"]["updateable"]) == (
        "double",
        True,
    )
    made = admin.made("/sobjects/Contact", LastName="A", Opens__c=3)
    assert admin.call("GET", f"/sobjects/Contact/{made}").json()["Opens__c"] == 3.0


def test_a_field_that_may_only_be_read_is_not_written(admin):
    admin.define("Contact.Opens__c", OPENS)
    admin.assign(admin.set_with("Contact", "Opens__c", edit=False), admin.id)
    assert admin.fields()["Opens__c"]["updateable"] is False
    code, message = admin.error("POST", "/sobjects/Contact", {"LastName": "A", "Opens__c": 1})
    assert (code, "Opens__c" in message) == ("INVALID_FIELD_FOR_INSERT_UPDATE", True)


def test_a_grant_taken_back_hides_the_field_again(admin):
    admin.define("Contact.Opens__c", OPENS)
    made = admin.set_with("Contact")
    grant = admin.grant(made, "Contact", "Opens__c")
    assignment = admin.assign(made, admin.id)
    assert "Opens__c" in admin.fields()
    assert (
        admin.call("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}").status_code == 204
    )
    assert "Opens__c" not in admin.fields()
    admin.assign(made, admin.id)
    assert admin.call("DELETE", f"/sobjects/FieldPermissions/{grant}").status_code == 204
    assert "Opens__c" not in admin.fields()


def test_an_external_id_of_activity_is_a_key_of_task(admin):
    admin.define("Activity.Key__c", KEY)
    admin.assign(admin.set_with("Task", "Key__c"), admin.id)
    first = admin.call("PATCH", "/sobjects/Task/Key__c/e-1", {"Subject": "one"})
    again = admin.call("PATCH", "/sobjects/Task/Key__c/e-1", {"Subject": "two"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert admin.error("POST", "/sobjects/Task", {"Key__c": "E-1"})[0] == "DUPLICATE_VALUE"


def test_a_unique_number_is_kept_unique(admin):
    admin.define("Contact.Number__c", {**OPENS, "unique": True})
    admin.assign(admin.set_with("Contact", "Number__c"), admin.id)
    admin.made("/sobjects/Contact", LastName="A", Number__c=3)
    assert (
        admin.error("POST", "/sobjects/Contact", {"LastName": "B", "Number__c": 3})[0]
        == "DUPLICATE_VALUE"
    )


@pytest.mark.parametrize(
    ("name", "metadata", "code", "words"),
    [
        ("Contact.X__c", {"type": "Text", "label": "X"}, "FIELD_INTEGRITY_EXCEPTION", "'length'"),
        (
            "Contact.X__c",
            {"type": "Text", "label": "X", "length": 256},
            "FIELD_INTEGRITY_EXCEPTION",
            "256",
        ),
        (
            "Contact.X__c",
            {"type": "Number", "label": "X", "scale": 0},
            "FIELD_INTEGRITY_EXCEPTION",
            "'precision'",
        ),
        (
            "Contact.X__c",
            {"type": "Checkbox", "label": "X"},
            "FIELD_INTEGRITY_EXCEPTION",
            "'defaultValue'",
        ),
        ("Contact.X__c", {"type": "Date"}, "FIELD_INTEGRITY_EXCEPTION", "label"),
        (
            "Contact.X__c",
            {"type": "Date", "label": "X", "unique": True},
            "FIELD_INTEGRITY_EXCEPTION",
            "'unique'",
        ),
        (
            "Contact.X__c",
            {"type": "Blob", "label": "X"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Blob",
        ),
        (
            "Contact.X__c",
            {"type": "Text", "label": "X", "length": "l"},
            "JSON_PARSER_ERROR",
            "length",
        ),
        ("Contact.X", KEY, "FIELD_INTEGRITY_EXCEPTION", "Custom Field Name"),
        ("Contact.X__Y__c", KEY, "FIELD_INTEGRITY_EXCEPTION", "Custom Field Name"),
        ("Task.X__c", KEY, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Task"),
        (
            "Activity.X__c",
            {"type": "LongTextArea", "label": "X", "length": 400, "visibleLines": 3},
            "FIELD_INTEGRITY_EXCEPTION",
            "Activity",
        ),
        ("Contact.X__c", None, "REQUIRED_FIELD_MISSING", "Metadata"),
    ],
)
def test_a_definition_that_is_wrong_is_refused(admin, name, metadata, code, words):
    told = admin.error(
        "POST", "/tooling/sobjects/CustomField", {"FullName": name, "Metadata": metadata}
    )
    assert told[0] == code
    assert words in told[1]


def test_a_name_is_taken_once(admin):
    admin.define("Contact.Opens__c", OPENS)
    body = {"FullName": "Contact.opens__c", "Metadata": OPENS}
    assert (
        admin.error("POST", "/tooling/sobjects/CustomField", body)[0] == "DUPLICATE_DEVELOPER_NAME"
    )


def test_definitions_are_found_by_query_read_changed_and_removed(admin):
    made = admin.define("Contact.Opens__c", OPENS)
    text = "SELECT Id, DeveloperName FROM CustomField WHERE TableEnumOrId = 'Contact' AND DeveloperName LIKE 'Op%'"
    (found,) = admin.query(text, "/tooling").json()["records"]
    assert (found["Id"], found["DeveloperName"]) == (made, "Opens")
    path = f"/tooling/sobjects/CustomField/{made}"
    assert admin.call("GET", path).json()["Metadata"] == OPENS
    admin.assign(admin.set_with("Contact", "Opens__c"), admin.id)
    assert (
        admin.call("PATCH", path, {"Metadata": {**OPENS, "label": "Openings"}}).status_code == 204
    )
    assert admin.fields()["Opens__c"]["label"] == "Openings"
    assert admin.error("PATCH", path, {"Metadata": KEY})[0] == "FIELD_INTEGRITY_EXCEPTION"
    person = admin.made("/sobjects/Contact", LastName="A", Opens__c=3)
    assert admin.call("DELETE", path).status_code == 204
    assert "Opens__c" not in admin.fields()
    admin.define("Contact.Opens__c", OPENS)
    grants = admin.query("SELECT Id FROM FieldPermissions WHERE Field = 'Contact.Opens__c'").json()
    assert grants["totalSize"] == 0
    sync = admin.query("SELECT Id FROM PermissionSet WHERE Name = 'Sync'").json()["records"][0][
        "Id"
    ]
    admin.grant(sync, "Contact", "Opens__c")
    assert admin.call("GET", f"/sobjects/Contact/{person}").json()["Opens__c"] is None


def test_definitions_are_objects_of_tooling_alone(admin):
    assert admin.query("SELECT Id FROM CustomField").json()[0]["errorCode"] == "INVALID_TYPE"
    assert (
        admin.query("SELECT Id FROM Contact", "/tooling").json()[0]["errorCode"] == "INVALID_TYPE"
    )


# -- permissions


def test_an_integration_user_sees_nothing_until_it_is_assigned_a_set(admin, robot):
    assert robot.call("GET", "/sobjects/Contact/describe").status_code == 404
    assert robot.query("SELECT Id FROM Contact").json()[0]["errorCode"] == "INVALID_TYPE"
    assert robot.error("POST", "/sobjects/Contact", {"LastName": "A"})[0] == "NOT_FOUND"
    admin.assign(admin.set_with("Contact", "Email"), robot.id)
    assert {"Id", "LastName", "FirstName", "Email"} <= set(robot.fields())
    assert "Title" not in robot.fields()
    made = robot.made("/sobjects/Contact", LastName="A", Email="a@x.example")
    code, message = robot.error("DELETE", f"/sobjects/Contact/{made}")
    assert (code, message) == (
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "insufficient access rights on object id",
    )


def test_tasks_hang_on_a_permission_of_the_user(admin, robot):
    made = admin.made("/sobjects/PermissionSet", Name="S", Label="S", PermissionsEditTask=False)
    admin.assign(made, robot.id)
    assert (
        robot.error("POST", "/sobjects/Task", {"Subject": "a"})[0]
        == "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    changed = admin.call("PATCH", f"/sobjects/PermissionSet/{made}", {"PermissionsEditTask": True})
    assert changed.status_code == 204
    robot.made("/sobjects/Task", Subject="a")


def test_setting_up_is_for_those_who_may(robot, admin):
    body = {"FullName": "Contact.Opens__c", "Metadata": OPENS}
    assert robot.error("POST", "/tooling/sobjects/CustomField", body)[0] == "INSUFFICIENT_ACCESS"
    assert (
        robot.error("GET", "/tooling/query?q=SELECT+Id+FROM+CustomField")[0]
        == "INSUFFICIENT_ACCESS"
    )
    assert robot.query("SELECT Id FROM PermissionSet").json()[0]["errorCode"] == "INVALID_TYPE"
    assert (
        robot.error("POST", "/sobjects/PermissionSet", {"Name": "A", "Label": "A"})[0]
        == "NOT_FOUND"
    )


def test_a_set_a_grant_and_an_assignment_exist_once(admin, robot):
    made = admin.set_with("Contact", "Email")
    admin.assign(made, robot.id)
    doubles = [
        ("PermissionSet", {"Name": "sync", "Label": "x"}, "DUPLICATE_DEVELOPER_NAME"),
        (
            "PermissionSetAssignment",
            {"AssigneeId": robot.id, "PermissionSetId": made},
            "DUPLICATE_VALUE",
        ),
        (
            "ObjectPermissions",
            {"ParentId": made, "SobjectType": "Account", "PermissionsRead": True},
            "DUPLICATE_VALUE",
        ),
        (
            "FieldPermissions",
            {
                "ParentId": made,
                "SobjectType": "Contact",
                "Field": "Contact.Email",
                "PermissionsRead": True,
            },
            "DUPLICATE_VALUE",
        ),
    ]
    for sobject, body, code in doubles:
        assert admin.error("POST", f"/sobjects/{sobject}", body)[0] == code


@pytest.mark.parametrize(
    "name", ["Contact.Nope__c", "Contact.LastName", "Contact.MailingCity", "Lead.Email"]
)
def test_only_a_field_with_a_permission_is_granted(admin, name):
    made = admin.set_with("Contact")
    body = {"ParentId": made, "SobjectType": "Contact", "Field": name, "PermissionsRead": True}
    code, message = admin.error("POST", "/sobjects/FieldPermissions", body)
    assert code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert message == f"Field Name: bad value for restricted picklist field: {name}"


def test_a_right_needs_those_it_depends_on(admin):
    made = admin.set_with("Contact", objects=())
    body = {"ParentId": made, "SobjectType": "Contact", "PermissionsRead": True}
    told = admin.error("POST", "/sobjects/ObjectPermissions", body)
    assert told == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Permission Read Contact depends on permission(s): Read Account",
    )
    body = {"ParentId": made, "SobjectType": "Account", "PermissionsEdit": True}
    told = admin.error("POST", "/sobjects/ObjectPermissions", body)
    assert told == (
        "FIELD_INTEGRITY_EXCEPTION",
        "Permission Edit Account depends on permission(s): Read Account",
    )


def test_what_a_profile_owns_is_left_alone(admin):
    (own,) = admin.query("SELECT Id FROM PermissionSet WHERE Profile.Name LIKE 'Minimum%'").json()[
        "records"
    ]
    body = {"ParentId": own["Id"], "SobjectType": "Account", "PermissionsRead": True}
    assert (
        admin.error("POST", "/sobjects/ObjectPermissions", body)[0]
        == "INSUFFICIENT_ACCESS_OR_READONLY"
    )


def test_a_user_without_a_grant_of_the_profile_sees_it_by_another_profile(admin, robot):
    (profile,) = admin.query("SELECT Id FROM Profile WHERE Name = 'System Administrator'").json()[
        "records"
    ]
    assert (
        admin.call("PATCH", f"/sobjects/User/{robot.id}", {"ProfileId": profile["Id"]}).status_code
        == 204
    )
    assert "Email" in robot.fields()


# -- the org as it was, and as it is bare


def test_an_org_begins_with_its_fields_defined_and_granted(rest):
    for sobject, fields in custom_fields(Provisioned()).items():
        shown = {item.name: item for item in rest.state.kind(sobject).fields}
        assert [shown[item.name] for item in fields] == list(fields)
    answer = rest.get("/sobjects/Contact/describe").json()
    assert {"PenguinMails_Id__c", "HasOptedOutOfEmail"} <= {
        each["name"] for each in answer["fields"]
    }


def test_a_bare_org_has_nothing_of_penguinmails(admin):
    assert not [name for name in admin.fields() if name.endswith("__c")]
    assert "HasOptedOutOfEmail" not in admin.fields()
    types = {each["value"] for each in admin.fields("Task")["Type"]["picklistValues"]}
    assert types == {"Call", "Meeting", "Other"}


def test_the_orgs_rules_are_told(admin, bare):
    text = "SELECT SobjectType FROM DuplicateRule WHERE IsActive = true"
    assert admin.query(text).json()["totalSize"] == 0
    bare.state.settings.duplicate_rules = True
    assert admin.query(text).json()["totalSize"] == 2
    bare.state.settings.lead_assignment_user_id = bare.state.admin_id
    assert (
        admin.query("SELECT Name FROM AssignmentRule WHERE Active = true").json()["totalSize"] == 1
    )


def test_definitions_and_grants_outlive_a_restart(tmp_path):
    config = LocalOrgConfig(contacts=1, leads=0, bare=True, state_file=tmp_path / "org")
    org = LocalOrg(config)
    admin = User(org)
    admin.define("Contact.Key__c", KEY)
    admin.assign(admin.set_with("Contact", "Key__c"), admin.id)
    admin.made("/sobjects/Contact", LastName="A", Key__c="k")
    org.close()
    org = LocalOrg(config)
    again = User(org)
    assert again.call("GET", "/sobjects/Contact/Key__c/K").status_code == 200
    org.close()


def test_a_transaction_taken_back_takes_its_definition_along(admin, bare):
    with bare.state.transaction() as transaction:
        field_definitions.define(bare.state, "Contact.Opens__c", OPENS, bare.state.admin_id)
        assert bare.state.kind("Contact").field("Opens__c")
        transaction.cancel()
    assert admin.query("SELECT Id FROM CustomField", "/tooling").json()["totalSize"] == 0
    admin.define("Contact.Opens__c", OPENS)
