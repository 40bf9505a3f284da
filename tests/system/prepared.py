"""Prepared workspaces: each kind is set up once per worker, and put back for the next test module that wants one.

Setting up is ``init``, ``login`` and ``pull``. A workspace that a module is done with is kept, with a
checkpoint of how it was when it was ready; the next module that asks for the same kind gets it
back in that state, in a fresh folder.
"""

import base64
import copy
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from local_org.oauth.apps import App
from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.snapshot import Snapshot
from tests.free_ports import free_port
from tests.system.workspace import Workspace

CLIENT = "sfsync-tests"
PLACEHOLDER_URL = "http://127.0.0.1:1"
MOST_KEPT = 6
"""An idle org costs little, but not nothing: its server looks at the clock ten times a second."""

Person = tuple[str, dict[str, Any]]
GRANTS = ("_codes", "_grants", "_by_refresh", "_access")
"""Where the org keeps who is logged in."""


@dataclass(frozen=True)
class Checkpoint:
    """How a workspace and its org were at one moment."""

    files: Path
    org: Snapshot
    apps: dict[str, App]
    oauth_settings: dict[str, Any]
    grants: dict[str, Any]

    @classmethod
    def of(cls, workspace: Workspace, files: Path) -> Self:
        """Remember everything; the folder is copied to ``files``."""
        shutil.copytree(workspace.folder, files, dirs_exist_ok=True)
        oauth = workspace.org.oauth
        return cls(
            files,
            Snapshot.of(workspace.org.state),
            dict(oauth.apps),
            oauth.settings.as_dict(),
            _copied_grants(oauth.grants),
        )

    def restore(self, workspace: Workspace, folder: Path) -> Workspace:
        """The workspace as it was, in this folder; its org is put back as well."""
        shutil.copytree(self.files, folder, dirs_exist_ok=True)
        org = workspace.org
        org.faults.clear()
        self.org.restore(org.state)
        org.oauth.apps.clear()
        org.oauth.apps.update(self.apps)
        org.oauth.settings.change(self.oauth_settings)
        # copied again, for the workspace is restored more than once
        kept = copy.deepcopy(self.grants)
        for name, value in kept.items():
            setattr(org.oauth.grants, name, value)
        return replace(workspace, folder=folder, environ=dict(workspace.environ), printed=[])


def _copied_grants(grants: Any) -> dict[str, Any]:
    """In one piece: the tokens refer to the grants."""
    return copy.deepcopy({name: getattr(grants, name) for name in GRANTS})


@dataclass
class Prepared:
    """A workspace with its org, and how both were when it was ready."""

    kind: str
    workspace: Workspace
    ready: Checkpoint


class PreparedWorkspaces:
    """Hands out workspaces, and keeps those that come back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: list[Prepared] = []
        self._made = 0

    @contextmanager
    def lend(
        self, folder: Path, *changes: tuple[str, str], people: Iterable[Person] = (), **given: Any
    ) -> Iterator[Workspace]:
        """A workspace in this folder, for one user at a time; takes what ``open_workspace`` takes.

        Whoever replaces a part of the org (a method, its clock) needs one of their own, by
        ``open_workspace``: a checkpoint holds records, settings, logins and files.
        """
        people = list(people)
        kind = repr((changes, people, sorted(given.items())))
        prepared = self._taken(kind)
        if prepared is None:
            prepared = self._new(kind, folder, *changes, people=people, **given)
            workspace = prepared.workspace
        else:
            workspace = prepared.ready.restore(prepared.workspace, folder)
        try:
            yield workspace
        finally:
            self._keep(prepared)

    def close(self) -> None:
        """Stop every org: all are told first, since each takes its time."""
        orgs = [each.workspace.org for each in self._kept]
        for org in orgs:
            org._server.should_exit = True
        for org in orgs:
            org.stop()
        self._kept.clear()

    def _new(self, kind: str, folder: Path, *changes: tuple[str, str], **given: Any) -> Prepared:
        workspace = set_up(folder, *changes, **given)
        self._made += 1
        return Prepared(
            kind, workspace, Checkpoint.of(workspace, self._folder / f"ready-{self._made}")
        )

    def _taken(self, kind: str) -> Prepared | None:
        for each in self._kept:
            if each.kind == kind:
                self._kept.remove(each)
                return each
        return None

    def _keep(self, prepared: Prepared) -> None:
        if prepared.workspace.org._server is None:  # a test has stopped it
            return
        self._kept.append(prepared)
        if len(self._kept) > MOST_KEPT:
            self._kept.pop(0).workspace.org.stop()


@contextmanager
def open_workspace(folder: Path, *changes: tuple[str, str], **given: Any) -> Iterator[Workspace]:
    """A workspace with an org of its own, which stops at the end; takes what ``set_up`` takes."""
    workspace = set_up(folder, *changes, **given)
    try:
        yield workspace
    finally:
        workspace.org.stop()


def set_up(
    folder: Path,
    *changes: tuple[str, str],
    pull: bool = True,
    log_in: bool = True,
    umask: int = -1,
    settings: dict[str, Any] | None = None,
    people: Iterable[Person] = (),
    **org: Any,
) -> Workspace:
    """A workspace and its running org, set up by what ``init`` writes, ``login`` and ``pull``.

    Args:
        changes: pieces of the configuration to replace.
        settings: the org's switches.
        people: records that another user has made there before the first pull.
        org: how the org is to be, see ``LocalOrgConfig``.
    """
    port = free_port()
    running = LocalOrg(
        LocalOrgConfig(**{"contacts": 6, "leads": 3, "auto_approve": True, **org})
    ).start()
    running.oauth.register(App(CLIENT, "sfsync", callbacks=(f"http://localhost:{port}/callback",)))
    workspace = Workspace(running, folder, environment(), umask)
    try:
        if settings:
            workspace.local("settings", **settings)
        for sobject, fields in people:
            workspace.create(sobject, **fields)
        if umask == -1:
            text = configuration().replace(PLACEHOLDER_URL, running.url)
            workspace.yaml.write_text(text, encoding="utf-8")
            workspace.yaml.chmod(0o600)
        else:
            workspace.do("init", "--login-url", running.url, "--client-id", CLIENT)
        workspace.configure(
            ("redirect_ports: [1717, 1718, 1716]", f"redirect_ports: [{port}]"), *changes
        )
        if log_in:
            workspace.log_in_in_process()
        if pull:
            workspace.stderr_of("pull", expect=0)
    except BaseException:
        running.stop()
        raise
    return workspace


def environment() -> dict[str, str]:
    """What a cron job would have: little, and a key for the login."""
    keep = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in keep if name in os.environ} | {
        "SFSYNC_TOKEN_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SFSYNC_TOKEN_STORE": "database",
    }


@cache
def configuration() -> str:
    """What ``sfsync init`` writes; asked once per worker."""
    with TemporaryDirectory() as folder:
        workspace = Workspace(LocalOrg(LocalOrgConfig(contacts=0)), Path(folder), environment())
        workspace.stderr_of("init", "--login-url", PLACEHOLDER_URL, "--client-id", CLIENT, expect=0)
        return workspace.yaml.read_text(encoding="utf-8")
