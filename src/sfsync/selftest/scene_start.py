"""What a scene starts from: its org with a few people in it, and the example's mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.snapshot import Snapshot
from sfsync.config.file import example_config, load_config
from sfsync.config.sections import Config
from sfsync.model.mapping import SyncMapping
from sfsync.model.merges import Merge
from sfsync.selftest.people import ADDRESSES, UNMAPPED
from sfsync.selftest.schedule import Scene

CROWD = 230
"""More Contacts than the 200 that fit on a page."""


@dataclass
class SceneStart:
    """One scene's start, to come back to.

    Attributes:
        usable: the part of the mapping that the org has.
        snapshot: of the org's state.
        mirror: the mirror's file.
    """

    org: LocalOrg
    mapping: SyncMapping
    usable: SyncMapping
    snapshot: Snapshot
    mirror: bytes


def new_org(scene: Scene, clock: Callable[[], float]) -> LocalOrg:
    """The scene's org with a few people in it, not started."""
    config = LocalOrgConfig(
        contacts=CROWD if scene.org == "crowd" else 0,
        leads=0,
        custom_fields=scene.org != "bare",
        task_external_id=scene.org not in {"bare", "unkeyed"},
        clock=clock,
    )
    org = LocalOrg(config)
    for number in range(3):
        fields = {"LastName": f"P{number}", "Email": ADDRESSES[number]}
        org.as_user().create("Contact", fields | {UNMAPPED["Contact"]: "sales"})
    org.as_user().create("Lead", {"LastName": "L", "Company": "Co", "Email": ADDRESSES[3]})
    return org


@cache
def example_configuration() -> Config:
    """The example configuration: what most people will use."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sfsync.yaml"
        path.write_text(example_config(), encoding="utf-8")
        return load_config(path, {"SFSYNC_CLIENT_ID": "none"})


@cache
def example_mapping(*, keyed: bool) -> SyncMapping:
    """The example's mapping, with one field to be decided by hand and one by time."""
    mapping = example_configuration().mapping
    contact = mapping.objects["contact"]
    merges = {"city": Merge.MANUAL, "phone": Merge.NEWEST}
    fields = tuple(
        replace(each, merge=merges.get(each.column, each.merge)) for each in contact.fields
    )
    objects = {**mapping.objects, "contact": replace(contact, fields=fields)}
    if keyed:
        return replace(mapping, objects=objects)
    objects = {name: replace(each, external_id="") for name, each in objects.items()}
    return replace(mapping, objects=objects, activities=replace(mapping.activities, external_id=""))
