"""Packages written by hand, deployed to an org that nobody has prepared."""

import io
import json
import random
import zipfile

import pytest

from local_org.metadata import package
from local_org.metadata.package import PackageUnreadable, read
from local_org.server import INTEGRATION_USER
from tests.unit.local_org.test_admin import User, bare  # noqa: F401

NS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
OPENS = (
    "<fields><fullName>Opens__c</fullName><label>Opens</label><type>Number</type><precision>9</precision>"
    "<scale>0</scale><defaultValue>0</defaultValue><required>false</required></fields>"
)
KEY = (
    "<fields><fullName>Key__c</fullName><externalId>true</externalId><label>Key</label><length>64</length>"
    "<type>Text</type><unique>true</unique></fields>"
)
BAD = "<fields><fullName>Bad__c</fullName><label>Bad</label><type>Text</type></fields>"


def grant(name, *, edit=True):
    return (
        f"<fieldPermissions><editable>{str(edit).lower()}</editable><field>{name}</field>"
        "<readable>true</readable></fieldPermissions>"
    )


def rights(sobject, *names):
    allowed = "".join(f"<allow{name}>true</allow{name}>" for name in names)
    return f"<objectPermissions>{allowed}<object>{sobject}</object></objectPermissions>"


def permission_set(*parts):
    inner = "".join(parts)
    return f"<PermissionSet {NS}><label>Sync</label>{inner}<userPermissions><enabled>true</enabled><name>ApiEnabled</name></userPermissions></PermissionSet>"


def custom_object(*fields):
    return f"<CustomObject {NS}>{''.join(fields)}</CustomObject>"


def manifest(**types):
    told = "".join(
        f"<types>{''.join(f'<members>{one}</members>' for one in members)}<name>{kind}</name></types>"
        for kind, members in types.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Package {NS}>{told}<version>65.0</version></Package>'


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def whole():
    """Two objects with a field each, and a permission set that opens both."""
    return {
        "package.xml": manifest(
            CustomField=["Contact.Opens__c", "Activity.Key__c"], PermissionSet=["Sync"]
        ),
        "objects/Contact.object": custom_object(OPENS),
        "objects/Activity.object": custom_object(KEY),
        "permissionsets/Sync.permissionset": permission_set(
            grant("Contact.Opens__c"),
            grant("Task.Key__c"),
            grant("Event.Key__c"),
            rights("Contact", "Read", "Edit"),
            rights("Account", "Read"),
        ),
    }


class Deployer(User):
    """A user who deploys."""

    def post(self, files, part="json", **options):
        options = {"singlePackage": True, **options}
        content = files if isinstance(files, bytes) else zipped(files)
        return self.http.post(
            "/services/data/v65.0/metadata/deployRequest",
            files={
                part: (None, json.dumps({"deployOptions": options}), "application/json"),
                "file": ("package.zip", content, "application/zip"),
            },
        )

    def deploy(self, files, **options):
        told = self.post(files, **options)
        assert told.status_code == 201, told.text
        return self.result(told.json()["id"])

    def result(self, deployment_id):
        return self.call(
            "GET", f"/metadata/deployRequest/{deployment_id}", params={"includeDetails": "true"}
        ).json()["deployResult"]

    def defined(self):
        found = self.query(
            "SELECT DeveloperName, TableEnumOrId FROM CustomField", "/tooling"
        ).json()
        return {f"{each['TableEnumOrId']}.{each['DeveloperName']}" for each in found["records"]}

    def granted(self, sobject="FieldPermissions", key="Field"):
        text = f"SELECT {key}, PermissionsEdit FROM {sobject} WHERE Parent.Name = 'Sync'"
        return {each[key]: each["PermissionsEdit"] for each in self.query(text).json()["records"]}


@pytest.fixture
def admin(bare):  # noqa: F811
    return Deployer(bare)


def problems(result):
    return {each["fullName"]: each["problem"] for each in result["details"]["componentFailures"]}


def done(result):
    return {
        each["fullName"]: (each["created"], each["changed"])
        for each in result["details"]["componentSuccesses"]
        if each["componentType"]
    }


# -- a package that is right


def test_the_answer_says_pending_and_the_first_look_finds_it_done(admin):
    told = admin.post(whole())
    body = told.json()
    assert (told.status_code, body["deployResult"]["status"]) == (201, "Pending")
    assert body["deployResult"]["done"] is False
    assert body["id"].startswith("0Af")
    assert body["deployOptions"]["rollbackOnError"] is True
    result = admin.result(body["id"])
    assert (result["status"], result["success"], result["done"]) == ("Succeeded", True, True)
    assert (result["numberComponentsTotal"], result["numberComponentsDeployed"]) == (3, 3)
    assert result["createdByName"] == "Ida Admin"
    plain = admin.call("GET", f"/metadata/deployRequest/{body['id'][:15]}").json()
    assert "details" not in plain["deployResult"]


def test_what_is_deployed_works_for_whom_it_is_assigned_to(admin):
    result = admin.deploy(whole())
    assert done(result) == dict.fromkeys(
        ("Contact.Opens__c", "Activity.Key__c", "Sync"), (True, True)
    )
    assert "Opens__c" not in admin.fields()
    found = admin.query(
        "SELECT Id, PermissionsApiEnabled FROM PermissionSet WHERE Name = 'Sync'"
    ).json()
    assert found["records"][0]["PermissionsApiEnabled"] is True
    admin.assign(found["records"][0]["Id"], admin.id)
    assert admin.fields()["Opens__c"]["type"] == "double"
    assert admin.fields("Task")["Key__c"]["externalId"] is True


def test_the_same_package_again_changes_nothing(admin):
    admin.deploy(whole())
    assert done(admin.deploy(whole())) == dict.fromkeys(
        ("Contact.Opens__c", "Activity.Key__c", "Sync"), (False, False)
    )


def test_a_permission_set_says_all_that_it_allows(admin):
    admin.deploy(whole())
    files = whole()
    files["permissionsets/Sync.permissionset"] = permission_set(
        grant("Contact.Opens__c", edit=False), rights("Account", "Read", "Edit")
    )
    files["permissionsets/Sync.permissionset"] = files["permissionsets/Sync.permissionset"].replace(
        "<label>Sync", "<label>Another"
    )
    assert done(admin.deploy(files))["Sync"] == (False, True)
    found = admin.query("SELECT Label FROM PermissionSet WHERE Name = 'Sync'").json()["records"]
    assert [each["Label"] for each in found] == ["Another"]
    assert admin.granted() == {"Contact.Opens__c": False}
    assert admin.granted("ObjectPermissions", "SobjectType") == {"Account": True}


def test_a_right_is_not_taken_away_from_under_another(admin):
    admin.deploy(whole())
    files = whole()
    files["permissionsets/Sync.permissionset"] = permission_set(rights("Contact", "Read", "Edit"))
    assert "depends on permission(s): Read Account" in problems(admin.deploy(files))["Sync"]
    assert set(admin.granted("ObjectPermissions", "SobjectType")) == {"Account", "Contact"}


def test_a_field_that_is_there_is_changed(admin):
    admin.deploy(whole())
    files = whole()
    files["objects/Contact.object"] = custom_object(
        OPENS.replace("<label>Opens", "<label>Openings")
    )
    assert done(admin.deploy(files))["Contact.Opens__c"] == (False, True)


def test_an_object_named_whole_brings_all_of_its_fields(admin):
    files = {
        "package.xml": manifest(CustomObject=["Contact"]),
        "objects/Contact.object": custom_object(OPENS, KEY),
    }
    assert set(done(admin.deploy(files))) == {"Contact", "Contact.Opens__c", "Contact.Key__c"}


def test_each_folder_is_a_package_where_they_are_several(admin):
    files = {f"unpackaged/{name}": content for name, content in whole().items()}
    assert admin.deploy(files, singlePackage=False)["status"] == "Succeeded"
    assert problems(admin.deploy(files)) == {"package.xml": "No package.xml found"}


def test_jsforce_calls_the_options_by_another_name(admin):
    told = admin.post(whole(), part="entity_content")
    assert admin.result(told.json()["id"])["status"] == "Succeeded"


# -- all or nothing


def test_a_check_changes_nothing(admin):
    before = admin.defined()
    result = admin.deploy(whole(), checkOnly=True)
    assert (result["status"], result["checkOnly"]) == ("Succeeded", True)
    assert len(done(result)) == 3
    assert (admin.defined(), admin.granted()) == (before, {})


def with_a_bad_field():
    files = whole()
    files["package.xml"] = manifest(
        CustomField=["Contact.Opens__c", "Contact.Bad__c", "Activity.Key__c"],
        PermissionSet=["Sync"],
    )
    files["objects/Contact.object"] = custom_object(OPENS, BAD)
    return files


def test_one_failure_takes_everything_back(admin):
    before = admin.defined()
    result = admin.deploy(with_a_bad_field())
    assert (result["status"], result["success"], result["numberComponentErrors"]) == (
        "Failed",
        False,
        1,
    )
    (failure,) = result["details"]["componentFailures"]
    assert (failure["fullName"], failure["componentType"]) == ("Contact.Bad__c", "CustomField")
    assert (failure["fileName"], failure["problemType"]) == ("objects/Contact.object", "Error")
    assert "length" in failure["problem"]
    assert (admin.defined(), admin.granted()) == (before, {})
    assert admin.query("SELECT Id FROM PermissionSet WHERE Name = 'Sync'").json()["totalSize"] == 0


def test_without_rollback_the_rest_is_deployed(admin):
    before = admin.defined()
    result = admin.deploy(with_a_bad_field(), rollbackOnError=False)
    assert (result["status"], result["numberComponentsDeployed"]) == ("SucceededPartial", 3)
    assert admin.defined() - before == {"Contact.Opens", "Activity.Key"}


# -- a package that is wrong


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"objects/Contact.object": None}, "Contact.Opens__c", "was not found in zipped directory"),
        (
            {"permissionsets/Sync.permissionset": None},
            "Sync",
            "of type PermissionSet was named in package.xml",
        ),
        (
            {"objects/Contact.object": custom_object(OPENS, KEY)},
            "Contact.Key__c",
            "Not in package.xml",
        ),
        ({"permissionsets/Other.permissionset": permission_set()}, "Other", "Not in package.xml"),
        ({"objects/Lead.object": custom_object()}, "Lead", "Not in package.xml"),
        (
            {"classes/A.cls": "class A {}"},
            "A",
            "deploys CustomField, PermissionSet and PlatformEventChannel",
        ),
        ({"destructiveChanges.xml": manifest()}, "destructiveChanges", "destructive"),
        ({"package.xml": None}, "package.xml", "No package.xml found"),
        ({"objects/Contact.object": "<CustomObject"}, "Contact", "Error parsing file"),
        ({"objects/Contact.object": "<CustomObject/>"}, "Contact", "namespace"),
        (
            {"objects/Contact.object": '<!DOCTYPE a [<!ENTITY b "c">]><CustomObject/>'},
            "Contact",
            "document type",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    OPENS.replace("<precision>9", "<precision>many")
                )
            },
            "Contact.Opens__c",
            "whole number",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    OPENS.replace("<type>", "<type>Text</type><type>")
                )
            },
            "Contact.Opens__c",
            "several times",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    OPENS.replace("<defaultValue>0", "<defaultValue>many")
                )
            },
            "Contact.Opens__c",
            "must be a number",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    "<fields><fullName>Opens__c</fullName><label>L</label><type>Picklist</type><valueSet>x</valueSet></fields>"
                )
            },
            "Contact.Opens__c",
            "'valueSet'",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    OPENS.replace("<required>false", "<required>no")
                )
            },
            "Contact.Opens__c",
            "true or false",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    OPENS.replace("<label>", "<a>" * 30 + "</a>" * 30 + "<label>")
                )
            },
            "Contact.Opens__c",
            "nested too deep",
        ),
        (
            {
                "objects/Contact.object": custom_object(
                    OPENS, "<validationRules><fullName>R</fullName></validationRules>"
                )
            },
            "Contact.R",
            "not validationRules",
        ),
        (
            {"package.xml": manifest(CustomField=["Contact.Opens__c"], ApexClass=["A"])},
            "A",
            "not ApexClass",
        ),
        ({"package.xml": "<Package/>"}, "package.xml", "namespace"),
        (
            {
                "package.xml": manifest(CustomField=["Contact.Email"]),
                "objects/Contact.object": custom_object(OPENS.replace("Opens__c", "Email")),
            },
            "Contact.Email",
            "Could not resolve standard field's name.",
        ),
        (
            {
                "package.xml": manifest(CustomObject=["Case"]),
                "objects/Case.object": custom_object(),
            },
            "Case",
            "no object Case",
        ),
        (
            {
                "permissionsets/Sync.permissionset": permission_set().replace(
                    "<label>Sync</label>", ""
                )
            },
            "Sync",
            "Required field is missing: label",
        ),
        ({"objects/Contact.object": custom_object(OPENS, OPENS)}, "Contact.Opens__c", "twice"),
        (
            {"permissionsets/Sync.permissionset": permission_set(grant("Contact.Clicks__c"))},
            "Sync",
            "In field: field - no CustomField named Contact.Clicks__c found",
        ),
        (
            {"permissionsets/Sync.permissionset": permission_set(grant("Contact.LastName"))},
            "Sync",
            "You cannot deploy to a required field: Contact.LastName",
        ),
        (
            {
                "permissionsets/Sync.permissionset": permission_set().replace(
                    "<name>ApiEnabled", "<name>FlyToMoon"
                )
            },
            "Sync",
            "Unknown user permission: FlyToMoon",
        ),
        (
            {"permissionsets/Sync.permissionset": permission_set(rights("Case", "Read"))},
            "Sync",
            "Case",
        ),
        (
            {
                "permissionsets/Sync.permissionset": permission_set(
                    "<tabSettings><tab>A</tab></tabSettings>"
                )
            },
            "Sync",
            "tabSettings",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place_and_nothing_is_deployed(admin, change, name, words):
    before = admin.defined()
    files = {each: content for each, content in (whole() | change).items() if content is not None}
    result = admin.deploy(files)
    assert result["status"] == "Failed"
    assert words in problems(result)[name]
    assert admin.defined() == before


def test_what_is_named_may_be_missing_where_that_is_allowed(admin):
    files = whole()
    del files["objects/Activity.object"]
    files["permissionsets/Sync.permissionset"] = permission_set(grant("Contact.Opens__c"))
    assert admin.deploy(files)["status"] == "Failed"
    assert admin.deploy(files, allowMissingFiles=True)["status"] == "Succeeded"


def test_a_broken_file_is_told_with_its_line(admin):
    files = whole() | {"objects/Contact.object": f"<CustomObject {NS}>\n<fields>\n</CustomObject>"}
    (failure,) = admin.deploy(files)["details"]["componentFailures"][:1]
    assert (failure["fileName"], failure["lineNumber"]) == ("objects/Contact.object", 3)


@pytest.mark.parametrize(
    "content",
    [
        b"no zip",
        zipped({"../package.xml": manifest()}),
        zipped({"/package.xml": manifest()}),
        zipped(whole())[:-40],
    ],
)
def test_a_zip_that_cannot_be_read_fails_as_a_whole(admin, content):
    result = admin.deploy(content)
    assert (result["status"], result["errorStatusCode"]) == ("Failed", "INVALID_PACKAGE_ZIP")
    assert result["errorMessage"]


def test_no_damage_to_a_zip_is_more_than_an_unreadable_zip():
    content, dice, told = zipped(whole()), random.Random(7), set()
    for _ in range(600):
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            told.add(bool(read(bytes(damaged), single=True).problems))
        except PackageUnreadable as error:
            told.add(error.code)
    assert {True, False, "INVALID_PACKAGE_ZIP"} <= told


def test_a_file_larger_than_it_says_is_not_unzipped_to_its_end(monkeypatch):
    monkeypatch.setattr(package, "MOST_XML_BYTES", 4_000)
    files = whole() | {"objects/Contact.object": custom_object(OPENS, " " * 5_000)}
    told = {each.full_name: each.text for each in read(zipped(files), single=True).problems}
    assert told == {"Contact": "Error parsing file: larger than 4000 bytes (local org)"}


@pytest.mark.parametrize("limit", ["MOST_FILES", "MOST_ZIP_BYTES", "MOST_UNZIPPED_BYTES"])
def test_a_zip_has_limits(monkeypatch, limit):
    content = zipped(whole())
    assert len(read(content, single=True).components) == 3
    monkeypatch.setattr(package, limit, 3)
    with pytest.raises(PackageUnreadable) as caught:
        read(content, single=True)
    assert caught.value.code == "LIMIT_EXCEEDED"


# -- channels of change events


def channel_files(label="Sync", entity="ContactChangeEvent"):
    return {
        "package.xml": manifest(
            PlatformEventChannel=["Sync__chn"],
            PlatformEventChannelMember=["Sync_chn_Contact", "Sync_chn_Lead"],
        ),
        "platformEventChannels/Sync__chn.platformEventChannel": (
            f"<PlatformEventChannel {NS}><channelType>data</channelType><label>{label}</label></PlatformEventChannel>"
        ),
        **{
            f"platformEventChannelMembers/{name}.platformEventChannelMember": (
                f"<PlatformEventChannelMember {NS}><eventChannel>Sync__chn</eventChannel>"
                f"<selectedEntity>{selected}</selectedEntity></PlatformEventChannelMember>"
            )
            for name, selected in (
                ("Sync_chn_Contact", entity),
                ("Sync_chn_Lead", "LeadChangeEvent"),
            )
        },
    }


CHANNEL_PARTS = ("Sync__chn", "Sync_chn_Contact", "Sync_chn_Lead")


def test_a_channel_is_deployed_with_its_members(admin):
    assert done(admin.deploy(channel_files())) == dict.fromkeys(CHANNEL_PARTS, (True, True))
    found = admin.query("SELECT SelectedEntity FROM PlatformEventChannelMember", "/tooling").json()
    entities = {each["SelectedEntity"] for each in found["records"]}
    assert entities == {"ContactChangeEvent", "LeadChangeEvent"}
    assert done(admin.deploy(channel_files())) == dict.fromkeys(CHANNEL_PARTS, (False, False))
    assert done(admin.deploy(channel_files(label="New")))["Sync__chn"] == (False, True)


def test_what_a_channel_member_is_stays(admin):
    admin.deploy(channel_files())
    told = problems(admin.deploy(channel_files(entity="TaskChangeEvent")))
    assert list(told) == ["Sync_chn_Contact"]
    assert "cannot be changed" in told["Sync_chn_Contact"]


def test_what_is_no_entity_is_refused(admin):
    told = problems(admin.deploy(channel_files(entity="UserChangeEvent")))
    assert "UserChangeEvent" in told["Sync_chn_Contact"]


# -- who may, and what is no request


def test_who_may_not_change_metadata_deploys_nothing(admin, bare):  # noqa: F811
    worker = Deployer(bare, INTEGRATION_USER)
    told = worker.post(whole())
    assert (told.status_code, told.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
    made = admin.post(whole()).json()["id"]
    assert worker.error("GET", f"/metadata/deployRequest/{made}")[0] == "INSUFFICIENT_ACCESS"


def test_a_request_without_its_parts_is_refused(admin):
    path = "/services/data/v65.0/metadata/deployRequest"
    assert admin.http.post(path, json={}).status_code == 415
    assert (
        admin.http.post(path, files={"file": ("a.zip", b"", "application/zip")}).status_code == 400
    )
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    assert admin.http.post(path, content=b"nonsense", headers=head).status_code == 400
    assert (
        admin.http.post(
            path, content=b"", headers={"Content-Type": "multipart/form-data"}
        ).status_code
        == 400
    )


@pytest.mark.parametrize(
    "options", [{"checkonly": True}, {"checkOnly": "yes"}, {"testLevel": "Some"}]
)
def test_an_option_that_is_none_is_refused(admin, options):
    told = admin.post(whole(), **options)
    assert (told.status_code, told.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_a_finished_deployment_is_not_cancelled(admin):
    made = admin.post(whole()).json()["id"]
    path = f"/metadata/deployRequest/{made}"
    assert (
        admin.error("PATCH", path, {"deployResult": {"status": "Canceling"}})[0]
        == "INVALID_ID_FIELD"
    )
    assert admin.error("PATCH", path, {"deployResult": {"status": "Gone"}})[0] == "INVALID_FIELD"
    assert admin.error("GET", "/metadata/deployRequest/0Af5f0000000009AAA")[0] == "NOT_FOUND"
