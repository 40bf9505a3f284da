"""The files for admins, read and rewritten by Salesforce's own converter: a reader that nobody here wrote.

It turns the SFDX folder into metadata format and the package into SFDX source; both come out as
ours, word for word.
"""

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sfsync.config.file import example_config, load_config
from sfsync.provisioning.blueprint import blueprint
from sfsync.salesforce.metadata import package_files, source_files, zipped

CONVERTER = Path(__file__).parent / "sdr"
VERSION = "66.0"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "sfsync.yaml"
    path.write_text(example_config(), encoding="utf-8")
    return blueprint(load_config(path, {"SFSYNC_CLIENT_ID": "3MVG9"}).mapping)


@pytest.fixture(scope="module", autouse=True)
def converter():
    """Without Node these tests are skipped, or fail where CI=true."""
    missing = "Node.js is not installed" if shutil.which("node") is None else ""
    if not missing and not (CONVERTER / "node_modules").is_dir():
        missing = "Salesforce's converter is not installed: run npm ci in tests/system/sdr"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing}, and in CI nothing may be skipped")
    if missing:
        pytest.skip(missing)


def write(files, folder):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def written(folder):
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def convert(came_from, to, form, name):
    environ = os.environ | {"HOME": str(to.parent), "SF_DISABLE_LOG_FILE": "true", "NO_PROXY": "*"}
    done = subprocess.run(
        ["node", CONVERTER / "convert.mjs", came_from, to, form, name, VERSION],
        check=False, capture_output=True, text=True, timeout=100, env=environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def elements(text):
    """An XML document without its blanks, and without the name that the converter gives a package."""
    root = ET.fromstring(text)
    for named in [
        each for each in root if each.tag.endswith("}fullName") and root.tag.endswith("}Package")
    ]:
        root.remove(named)
    for each in root.iter():
        each.text, each.tail = (each.text or "").strip(), ""
    return ET.tostring(root)


@pytest.mark.node
@pytest.mark.slow
def test_salesforces_converter_makes_our_package_of_our_sfdx_folder(wanted, tmp_path):
    write(source_files(wanted, VERSION), tmp_path / "ours")
    read = convert(tmp_path / "ours" / "force-app", tmp_path / "out", "metadata", "made")
    assert read == sorted(
        [
            *(f"CustomField:{new.full_name}" for new in wanted.fields),
            "PermissionSet:PenguinMails_Sync",
        ]
    )
    theirs = written(tmp_path / "out" / "made")
    ours = {name: content.decode() for name, content in package_files(wanted, VERSION).items()}
    assert theirs.keys() == ours.keys()
    for name, text in ours.items():
        assert elements(text) == elements(theirs[name]), name


@pytest.mark.node
def test_salesforces_converter_makes_our_sfdx_folder_of_our_package(wanted, tmp_path):
    with zipfile.ZipFile(io.BytesIO(zipped(package_files(wanted, VERSION)))) as package:
        package.extractall(tmp_path / "ours")
    read = convert(tmp_path / "ours", tmp_path / "out", "source", "made")
    assert "PermissionSet:PenguinMails_Sync" in read
    theirs = written(tmp_path / "out" / "made" / "main" / "default")
    ours = {
        name.removeprefix("force-app/main/default/"): content.decode()
        for name, content in source_files(wanted, VERSION).items()
        if name.startswith("force-app/")
    }
    assert ours.keys() == {name for name in theirs if not name.endswith(".object-meta.xml")}
    for name, text in ours.items():
        assert elements(text) == elements(theirs[name]), name
