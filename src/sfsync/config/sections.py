"""All sections of the file together -> ``Config``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sfsync.config.limits import LEAST, read_limits
from sfsync.config.listen import ListenSettings, read_listen
from sfsync.config.mirror import Folders, mirror_beside, read_mirror
from sfsync.config.notify import NotifySettings, read_notify
from sfsync.config.org import NO_ORG, OrgSettings, read_org
from sfsync.config.profiles import DEFAULT_PROFILE, read_profiles
from sfsync.config.webhooks import WebhookSettings, read_webhooks
from sfsync.document.problems import Problems, suggestion
from sfsync.mapping.parse import SECTIONS, read_mapping
from sfsync.model.limits import Limits
from sfsync.model.mapping import SyncMapping

_TOP: Final = ("org", "mirror", *SECTIONS, "limits", "listen", "webhooks", "notify", "profiles")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the file says.

    Attributes:
        mirror_path: absolute, or relative to the working directory as the file's own path was.
        source: the file.
        digest: of the file's bytes, to tell whether it changed.
        profile: whose settings these are.
        profiles: every profile that the file names.
        variables: the environment variables whose values the file takes in, in the order it names
            them.
    """

    org: OrgSettings
    mirror_path: Path
    mapping: SyncMapping
    limits: Limits
    source: Path
    digest: str
    profile: str = DEFAULT_PROFILE
    profiles: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    listen: ListenSettings = field(default_factory=ListenSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)


def read_config(
    document: dict[str, Any],
    source: Path,
    digest: str,
    environ: Mapping[str, str],
    profile: str,
    problems: Problems,
) -> Config:
    """What the sections say; worth something only while there are no problems.

    Args:
        document: plain values, with the variables put in.
        source: the file that it was read from.
        digest: of the file's bytes.
        environ: for the home folder.
        profile: whose settings.
        problems: takes every mistake.
    """
    _check_keys(document, problems)
    folders = Folders(source.parent, environ.get("HOME", ""))
    org = read_org(document["org"], problems) if "org" in document else NO_ORG
    mirror = read_mirror(document.get("mirror", {}), folders, problems)
    profiles = read_profiles(document, org, mirror, folders, problems)
    if profile in profiles:
        org, mirror = profiles[profile]
    elif profile != DEFAULT_PROFILE:
        # A login needs no section of the file to begin a profile.
        mirror = mirror_beside(mirror, profile)
    limits = read_limits(document.get("limits", {}), problems)
    listen = read_listen(document["listen"], problems) if "listen" in document else ListenSettings()
    _check_inbox(limits, listen, problems)
    return Config(
        org=org,
        mirror_path=mirror,
        mapping=read_mapping(document, problems),
        limits=limits,
        source=source,
        digest=digest,
        profile=profile,
        profiles=tuple(profiles),
        listen=listen,
        webhooks=read_webhooks(document["webhooks"], problems)
        if "webhooks" in document
        else WebhookSettings(),
        notify=read_notify(document["notify"], problems)
        if "notify" in document
        else NotifySettings(),
    )


def _check_inbox(limits: Limits, listen: ListenSettings, problems: Problems) -> None:
    """A delivery that is let in has to fit into the inbox."""
    if LEAST["inbox_bytes"] <= limits.inbox_bytes < listen.max_body:
        told = f"a delivery may have {listen.max_body} bytes (listen.max_body), which would not fit"
        problems.add(("limits", "inbox_bytes"), told)


def _check_keys(document: dict[str, Any], problems: Problems) -> None:
    for key in document:
        if key not in _TOP:
            problems.add((key,), f"no such key here{suggestion(key, _TOP)}", at_key=True)
    if "org" not in document:
        problems.add(("org",), "missing: say which Salesforce org (login_url, client_id)")
