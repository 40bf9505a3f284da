"""The local org's architecture page names the files that there are."""

import re

from tests.docs.pages import DOCS

PAGE = (DOCS / "local-org-architecture.md").read_text(encoding="utf-8")
PACKAGE = DOCS.parent / "src" / "local_org"


def test_every_file_of_the_local_org_is_named():
    files = {path.name for path in PACKAGE.rglob("*.py")} - {"__init__.py", "__main__.py"}
    assert files - set(re.findall(r"(\w+\.py)\b", PAGE)) == set()


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`(?:\w+/)*(\w+\.py)`", PAGE))
    assert named <= {path.name for path in PACKAGE.rglob("*.py")}


def test_every_package_of_the_local_org_is_named():
    packages = {path.parent.name for path in PACKAGE.rglob("__init__.py")} - {PACKAGE.name}
    assert packages <= set(re.findall(r"`(\w+)/`", PAGE))
