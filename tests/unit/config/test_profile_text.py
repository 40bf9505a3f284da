"""Another profile in the file's text: it is read back, and nothing else has changed."""

from __future__ import annotations

import pytest
import yaml

from sfsync.config.file import example_config
from sfsync.config.profile_text import with_profile
from sfsync.errors import UsageError

SETTINGS = {"org": {"login_url": "https://test.salesforce.com", "client_id": "12"}, "mirror": {}}
READ = {"org": {"login_url": "https://test.salesforce.com", "client_id": "12"}}

FILES = {
    "no profiles": "org: {}\n",
    "no line end at the end": "org: {}",
    "profiles without any": "profiles:\norg: {}\n",
    "one, and nothing behind it": "profiles:\n  eu:\n    org: {}",
    "comments behind it, of what follows": "profiles:\n    eu:\n        org:\n            login_url: x # ours\n\n# --- Limits\nlimits: {}\n",
    "a list at its end": "profiles:\n  eu:\n    org:\n      scopes:\n      - api\n      - web\nlimits: {}\n",
    "a text of several lines": "profiles:\n  eu:\n    org:\n      client_id: >-\n        a\n        b\nlimits: {}\n",
    "other line ends": "org: {}\r\nprofiles:\r\n  eu:\r\n    org: {}\r\n",
    "the example": example_config(),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_profile_is_read_back_and_all_else_is_as_it_was(name: str) -> None:
    before = FILES[name]
    after = with_profile(before, "us", SETTINGS)
    wanted = yaml.safe_load(before)
    wanted["profiles"] = (wanted.get("profiles") or {}) | {"us": READ}
    assert yaml.safe_load(after) == wanted
    kept = after.splitlines()
    for line in before.splitlines():
        kept.remove(line)
    assert not [line for line in kept if "#" in line]
    assert ("\r\n" in after) == ("\r\n" in before)


def test_a_profile_that_differs_in_nothing_is_one_too() -> None:
    assert yaml.safe_load(with_profile("org: {}\n", "eu.1", {})) == {
        "org": {},
        "profiles": {"eu.1": {}},
    }


def test_profiles_in_braces_are_left_to_their_writer() -> None:
    with pytest.raises(UsageError) as caught:
        with_profile("profiles: {eu: {}}\n", "us", SETTINGS)
    assert "  us:\n    org:\n      login_url: https://test.salesforce.com" in caught.value.hint
