"""schedule kubernetes: the job as manifests, and what a person has to give the cluster beside them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.cli.schedule_manifests import HOME, ORGS, Workload, kubernetes_name, manifests
from sfsync.errors import UsageError
from sfsync.model.network_settings import BUNDLES, OTHER_BUNDLES

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.schedule_formats import Job
    from sfsync.config.sections import Config

KEY_FILE = "SFSYNC_TOKEN_KEY_FILE"
SECRET_KEYS = {
    KEY_FILE: "token-key",
    "SFSYNC_CLIENT_SECRET_FILE": "client-secret",
}
"""A variable that names a file with a secret -> its key in the cluster's Secret."""


def default_image() -> str:
    """What the Dockerfile here is built as."""
    from sfsync import __version__

    return f"sfsync:{__version__}"


def cluster_text(
    config: Config, job: Job, secrets: Mapping[str, Path], *, image: str | None, shards: int
) -> tuple[str, tuple[str, ...]]:
    """The manifests, and what has to be done beside them.

    Args:
        secrets: variable -> the file here that holds it.

    Raises:
        UsageError: the mirror would not lie on the volume.
    """
    name = kubernetes_name(job.name)
    secrets = {KEY_FILE: Path("token.key"), **secrets}
    keys = {variable: SECRET_KEYS[variable] for variable in secrets}
    if not shards:
        _refuse_a_mirror_elsewhere(config)
    work = Workload(
        name, image or default_image(), job.every, job,
        environ=_environ(job),
        secrets=keys,
        configuration=None if shards else config.source.read_text(encoding="utf-8"),
        profile=job.command[job.command.index("--config") + 2 : job.command.index("--skip-if-locked")],
        shards=shards,
    )  # fmt: skip
    return manifests(work), tuple(_beside(work, secrets))


def _environ(job: Job) -> dict[str, str]:
    """What the pod needs of the variables here: no file of this machine, no keyring."""
    of_this_machine = {*SECRET_KEYS, *BUNDLES, *OTHER_BUNDLES}
    kept = {name: value for name, value in job.environ.items() if name not in of_this_machine}
    return {**kept, "SFSYNC_TOKEN_STORE": "database"}


def _refuse_a_mirror_elsewhere(config: Config) -> None:
    folder = config.source.absolute().parent
    if not config.mirror_path.absolute().is_relative_to(folder):
        raise UsageError(
            f"the mirror {config.mirror_path} is not in the configuration's folder,"
            " which is what lies on the volume",
            hint="In the file, mirror.path: mirror.db.",
        )


def _beside(work: Workload, secrets: Mapping[str, Path]) -> list[str]:
    """What the manifests do not bring: the Secret, the mirrors with their logins, the files of a fleet."""
    sources = [
        shlex.quote(f"--from-file={work.secrets[variable]}={path}")
        for variable, path in secrets.items()
    ]
    told = [f"kubectl create secret generic {work.name} {' '.join(sources)}"]
    if work.shards:
        told.append(
            f"On the volume, {ORGS}/NAME/sfsync.yaml and beside each its mirror.db, logged in."
        )
    else:
        told.append(f"On the volume, {HOME}/mirror.db of a configuration that is logged in.")
    return told


def show_manifests(console: Console, text: str, beside: tuple[str, ...]) -> None:
    """Print them so that all of it can go to ``kubectl apply -f -``."""
    console.print(text.rstrip("\n"), soft_wrap=True)
    for each in beside:
        console.print(f"# {each}", soft_wrap=True)
