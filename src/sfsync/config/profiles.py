"""Profiles: several orgs in one file, each with its mirror; which is in use, what it changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from sfsync.config.environment import without_variables
from sfsync.config.mirror import Folders, mirror_beside, read_mirror_of_profile
from sfsync.config.org import OrgSettings, read_org_of_profile
from sfsync.document.problems import Path as KeyPath
from sfsync.document.problems import Problems
from sfsync.document.shapes import Shape, section, shaped
from sfsync.errors import ConfigError

DEFAULT_PROFILE: Final = "default"
"""What the top of the file says."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHOOSE_AGAIN: Final = "`sfsync profile use NAME` writes it anew."


def is_profile_name(name: str) -> bool:
    """Whether it can be part of a file's name, and climbs nowhere.

    >>> [is_profile_name(name) for name in ("sandbox", "eu.west-1", "..", "a/b", "a..b", "")]
    [True, True, False, False, False, False]
    """
    return bool(_NAME.fullmatch(name)) and ".." not in name


# -- the profile in use ----------------------------------------------------------------------------
def profile_file(path: Path) -> Path:
    """Where the profile that was chosen for a configuration is kept: beside it, one word."""
    return path.with_suffix(".profile")


def chosen_profile(path: Path) -> str:
    """The profile that was chosen for this configuration; the default one where none was.

    Raises:
        ConfigError: the file says something that is no profile. Going on with another org would be
            worse.
    """
    file = profile_file(path)
    try:
        name = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return DEFAULT_PROFILE
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read", hint=_CHOOSE_AGAIN) from error
    if not is_profile_name(name):
        raise ConfigError(f"{file} names no profile", hint=_CHOOSE_AGAIN)
    return name


# -- the section -----------------------------------------------------------------------------------
class ProfileShape(Shape):
    """One entry of ``profiles``; its sections are read one by one."""

    org: Any = None
    mirror: Any = None


def without_other_profiles(document: dict[str, Any], profile: str) -> dict[str, Any]:
    """The document, less what other profiles take from variables, which may be unset for this."""
    sections = document.get("profiles")
    if not isinstance(sections, dict):
        return document
    kept = {
        name: raw if name == profile else without_variables(raw) for name, raw in sections.items()
    }
    return {**document, "profiles": kept}


def read_profiles(
    document: dict[str, Any], org: OrgSettings, mirror: Path, folders: Folders, problems: Problems
) -> dict[str, tuple[OrgSettings, Path]]:
    """What each profile's org and mirror are: the top's, with what its section says otherwise."""
    found: dict[str, tuple[OrgSettings, Path]] = {}
    owners = {mirror: DEFAULT_PROFILE}
    for name, raw in section(document, "profiles", problems).items():
        where: KeyPath = ("profiles", name)
        if not is_profile_name(name):
            sentence = "no name for a profile; use letters, digits, dots and dashes"
            problems.add(where, sentence, at_key=True)
            continue
        if name == DEFAULT_PROFILE:
            sentence = "this profile is what the top of the file says; name another"
            problems.add(where, sentence, at_key=True)
        shape = shaped(ProfileShape, raw, where, problems)
        if shape is None:
            continue
        own_org, own_mirror = org, mirror_beside(mirror, name)
        if "org" in shape.model_fields_set:
            own_org = read_org_of_profile(shape.org, org, (*where, "org"), problems)
        if "mirror" in shape.model_fields_set:
            at = (*where, "mirror")
            own_mirror = read_mirror_of_profile(shape.mirror, at, folders, problems)
        if own_mirror in owners:
            sentence = f"this mirror is profile {owners[own_mirror]}'s; each has its own"
            problems.add((*where, "mirror", "path"), sentence)
        owners[own_mirror] = name
        found[name] = (own_org, own_mirror)
    return found
