"""Blueprints as files. That they are what Salesforce's tools read is shown in tests/system/test_sfdx.py."""

from __future__ import annotations

import io
import json
import zipfile
from xml.etree import ElementTree as ET

from sfsync.provisioning.blueprint import Blueprint, NewField
from sfsync.provisioning.existing import Existing
from sfsync.provisioning.grants import FieldGrant, ObjectGrant
from sfsync.provisioning.steps import Part, setup_steps
from sfsync.salesforce.metadata import NAMESPACE, package_files, source_files, zipped

WANTED = Blueprint(
    fields=(
        NewField("Contact", "A_B__c", "Number", frozenset(), "1 < 2 & 3", precision=9, default="0"),
        NewField("Lead", "K__c", "Text", frozenset(), length=255, is_key=True),
    ),
    objects=(ObjectGrant("Lead", create=True, edit=True), ObjectGrant("Account")),
    grants=(
        FieldGrant("Contact", "A_B__c", edit=True),
        FieldGrant("Contact", "AccountId", edit=False),
    ),
)


def read(content: bytes) -> ET.Element:
    root = ET.fromstring(content)
    assert root.tag.startswith(f"{{{NAMESPACE}}}")
    return root


def told(element: ET.Element) -> dict[str, str | None]:
    return {child.tag.partition("}")[2]: child.text for child in element}


def test_each_field_is_a_file_of_its_own_in_source_format() -> None:
    files = source_files(WANTED, "66.0")
    path = "force-app/main/default/objects/Contact/fields/A_B__c.field-meta.xml"
    assert told(read(files[path])) == {
        "fullName": "A_B__c",
        "defaultValue": "0",
        "description": "1 < 2 & 3",
        "externalId": "false",
        "label": "A B",
        "precision": "9",
        "required": "false",
        "scale": "0",
        "type": "Number",
        "unique": "false",
    }
    assert json.loads(files["sfdx-project.json"])["sourceApiVersion"] == "66.0"


def test_the_permission_set_opens_what_is_named_and_no_more() -> None:
    root = read(package_files(WANTED, "66.0")["permissionsets/PenguinMails_Sync.permissionset"])
    kinds = [child.tag.partition("}")[2] for child in root]
    assert kinds == sorted(kinds)
    fields = [told(each) for each in root.findall(f"{{{NAMESPACE}}}fieldPermissions")]
    assert [(each["field"], each["editable"], each["readable"]) for each in fields] == [
        ("Contact.A_B__c", "true", "true"),
        ("Contact.AccountId", "false", "true"),
    ]
    objects = [told(each) for each in root.findall(f"{{{NAMESPACE}}}objectPermissions")]
    assert [(each["object"], each["allowCreate"], each["allowDelete"]) for each in objects] == [
        ("Account", "false", "false"),
        ("Lead", "true", "false"),
    ]
    assert (
        {each["viewAllRecords"] for each in objects}
        == {each["modifyAllRecords"] for each in objects}
        == {"false"}
    )


def test_the_package_names_its_parts_and_the_same_mapping_gives_the_same_bytes() -> None:
    content = zipped(package_files(WANTED, "66.0"))
    assert content == zipped(package_files(WANTED, "66.0"))
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.namelist()[0] == "package.xml"
        members = [
            each.text for each in read(package.read("package.xml")).iter(f"{{{NAMESPACE}}}members")
        ]
    assert members == ["Contact.A_B__c", "Lead.K__c", "PenguinMails_Sync"]


def test_the_files_say_what_the_calls_say() -> None:
    files = package_files(WANTED, "66.0")
    planned = setup_steps(WANTED, Existing({}, "005U", "sync@example.com"))
    bodies = {part: [step.body for step in planned if step.part is part] for part in Part}
    written = {}
    for table in ("Contact", "Lead"):
        for field in read(files[f"objects/{table}.object"]):
            definition = told(field)
            written[f"{table}.{definition.pop('fullName')}"] = definition
    assert written == {body["FullName"]: texts(body["Metadata"]) for body in bodies[Part.FIELD]}
    root = read(files["permissionsets/PenguinMails_Sync.permissionset"])
    fields = {
        each["field"]: each["editable"]
        for each in map(told, root.findall(f"{{{NAMESPACE}}}fieldPermissions"))
    }
    assert fields == {
        body["Field"]: str(body["PermissionsEdit"]).lower() for body in bodies[Part.GRANT]
    }
    objects = {
        each["object"]: each
        for each in map(told, root.findall(f"{{{NAMESPACE}}}objectPermissions"))
    }
    for body in bodies[Part.OBJECT]:
        allowed = objects.pop(str(body["SobjectType"]))
        for right in ("Read", "Create", "Edit", "Delete"):
            assert allowed[f"allow{right}"] == str(body.get(f"Permissions{right}", False)).lower()
    assert objects == {}
    enabled = [told(each)["name"] for each in root.findall(f"{{{NAMESPACE}}}userPermissions")]
    assert {f"Permissions{name}" for name in enabled} <= bodies[Part.SET][0].keys()


def texts(metadata: dict[str, object]) -> dict[str, str]:
    """As XML has it."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in metadata.items()
    }
