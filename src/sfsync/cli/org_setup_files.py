"""org setup --sfdx and --package: the same setup as files, for an admin to deploy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.cli.answer import Answer
from sfsync.cli.org_setup import show_by_hand
from sfsync.cli.output_file import output_file
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.provisioning.event_channel import EventChannel


def write_setup_files(
    config: Config,
    sfdx: Path | None,
    package: Path | None,
    channel: EventChannel | None = None,
    *,
    dry_run: bool,
    replace: bool,
) -> Answer:
    """Write the files that are not there yet, or name them in a dry run."""
    from sfsync.provisioning.by_hand import by_hand

    if package:
        files = _package(config, package, channel)
        deploy = f"sf project deploy start --metadata-dir {package} --single-package"
    else:
        files = _sfdx_project(config, sfdx or Path(), channel)
        deploy = "sf project deploy start --source-dir force-app"
    changed = _changed(files, replace=replace)
    if not dry_run:
        for path in changed:
            _write(path, files[path])
    left_to_admin = by_hand(config.mapping, app=True)
    data = {
        "written": [str(path) for path in changed],
        "unchanged": [str(path) for path in files if path not in changed],
        "deploy": deploy,
        "assign": "sf org assign permset --name PenguinMails_Sync",
        "by_hand": [each.as_dict() for each in left_to_admin],
        "dry_run": dry_run,
    }

    def show(console: Console) -> None:
        for path in changed:
            console.print(f"{'would write' if dry_run else 'wrote'} {path}", soft_wrap=True)
        if not changed:
            console.print("The files are there already, as they should be.")
        console.print("An admin deploys it, and gives the permission set to sfsync's user:")
        console.print(f"  {deploy}", soft_wrap=True)
        console.print(f"  {data['assign']} --on-behalf-of USERNAME", soft_wrap=True)
        show_by_hand(console, left_to_admin)

    return Answer(data, show)


def _package(config: Config, path: Path, channel: EventChannel | None) -> dict[Path, bytes]:
    from sfsync.provisioning.blueprint import blueprint
    from sfsync.salesforce.metadata import package_files, zipped

    wanted = blueprint(config.mapping, channel=channel)
    return {path: zipped(package_files(wanted, config.org.api_version))}


def _sfdx_project(config: Config, folder: Path, channel: EventChannel | None) -> dict[Path, bytes]:
    from sfsync.provisioning.blueprint import blueprint
    from sfsync.salesforce.metadata import PROJECT_FILE, source_files

    wanted = blueprint(config.mapping, channel=channel)
    sources = source_files(wanted, config.org.api_version)
    files = {folder / name: content for name, content in sources.items()}
    if (folder / PROJECT_FILE).exists():  # an admin's own project: it keeps its own settings
        del files[folder / PROJECT_FILE]
    return files


def _changed(files: Mapping[Path, bytes], *, replace: bool) -> list[Path]:
    """Those that are not there yet, or differ.

    Raises:
        UsageError: one differs, and nobody said that it may be replaced.
    """
    changed = []
    for path, content in files.items():
        try:
            existing = path.read_bytes() if path.exists() else None
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        if existing == content:
            continue
        if existing is not None and not replace:
            raise UsageError(
                f"{path} is there, and says something else", hint="Replace it with --yes."
            )
        changed.append(path)
    return changed


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    with output_file(path, mode=0o644) as file:
        file.write(content)
