"""An office to test in: a folder with the installed sfsync at work, and a local org that it is logged in to.

Commands run as their own processes, as a person or cron runs them. Both sides are read back from
outside: the org over HTTP, the mirror with plain ``sqlite3``.
"""

import base64
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import requests

from local_org.oauth.apps import App
from local_org.server import LocalOrg, LocalOrgConfig

SFSYNC = str(Path(sys.executable).with_name("sfsync"))
CLIENT = "office"
ANYWHERE = "http://127.0.0.1:1"
SYSTEM_FIELDS = frozenset({"attributes", "LastModifiedDate", "LastModifiedById", "SystemModstamp"})
KEYS = ["schema", "command", "status", "exit_code", "run_id", "data", "warnings", "errors"]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def data(self) -> dict[str, Any]:
        return self.document["data"]

    @property
    def warnings(self) -> str:
        return "\n".join(self.document["warnings"])


@dataclass
class Office:
    """A folder, its mirror, and the org.

    Attributes:
        umask: what the commands run under; -1 for the tests' own.
        said: everything any command here has printed.
    """

    org: LocalOrg
    folder: Path
    environ: dict[str, str]
    umask: int = -1
    said: list[str] = field(default_factory=list)

    # -- commands
    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [SFSYNC, *arguments], cwd=self.folder, env=self.environ | environ, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str], stdin: str = "") -> Ran:
        try:
            out, err = process.communicate(stdin, timeout=100)
        finally:
            process.kill()
        self.said += [out, err]
        return Ran(process.returncode, out, err)

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Ran:
        """Run a command to its end."""
        return self.finish(self.start(*arguments, **environ), stdin)

    def do(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Run a command that has to succeed, with --json; gives its data."""
        ran = self.run(*arguments, "--json", stdin=stdin)
        assert ran.code == 0, ran.out + ran.err
        return ran.data

    def log_in(self, *arguments: str, username: str = "") -> Ran:
        """``sfsync login --no-browser``, and a browser that follows the address it prints; as the admin, or that user."""
        process = self.start("login", "--no-browser", "--timeout", "60", *arguments)
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("http"):
                url = line.strip() + (f"&login_hint={quote(username)}" if username else "")
                browser = threading.Thread(target=visit, args=(url,))
                browser.start()
                break
        ran = self.finish(process)
        browser.join()
        return Ran(ran.code, ran.out, "".join(lines) + ran.err)

    def hand_in(self, *events: dict[str, Any], expect: int = 0) -> Ran:
        """Push these events, as a JSONL file does."""
        file = self.folder / "events.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        ran = self.run("push-activity", str(file), "--json")
        assert ran.code == expect, ran.out + ran.err
        return ran

    # -- the configuration
    @property
    def yaml(self) -> Path:
        return self.folder / "sfsync.yaml"

    def configure(self, *changes: tuple[str, str]) -> None:
        """Replace pieces of the configuration; each has to be there."""
        text = self.yaml.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.yaml.write_text(text, encoding="utf-8")

    # -- the mirror
    @property
    def mirror(self) -> Path:
        return self.folder / "mirror.db"

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """What any SQLite tool would do."""
        with closing(sqlite3.connect(self.mirror)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, values)]

    def row(self, salesforce_id: str) -> dict[str, Any]:
        """The mirror's row of a record."""
        table = "contacts" if salesforce_id.startswith("003") else "leads"
        [row] = self.sql(f"SELECT * FROM {table} WHERE salesforce_id = ?", salesforce_id)
        return row

    def rows(self, table: str = "contacts") -> list[dict[str, Any]]:
        return self.sql(f"SELECT * FROM {table} ORDER BY id")

    # -- the org
    def local(self, name: str, **body: Any) -> Any:
        """Something a person or an admin does in Salesforce."""
        reply = requests.post(f"{self.org.url}/_local/{name}", json=body, timeout=10)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def create(self, sobject: str, **fields: Any) -> str:
        return self.local("create", sobject=sobject, fields=fields)["id"]

    def edit(self, salesforce_id: str, **fields: Any) -> None:
        self.local("edit", id=salesforce_id, fields=fields)

    def stamp(self, salesforce_id: str, at: datetime) -> None:
        """Let a record have been changed last at that time, by its own stamps."""
        state, seconds = self.org.state, int(at.timestamp())
        with state.lock:
            table = state.table_of_id(salesforce_id)
            stamps = {"LastModifiedDate": seconds, "SystemModstamp": seconds}
            state.put(table, salesforce_id, table.rows[salesforce_id] | stamps)

    def records(self, sobject: str = "Contact") -> dict[str, dict[str, Any]]:
        """Every record of an object as the org holds it, deleted ones too."""
        reply = requests.get(f"{self.org.url}/_local/dump", params={"sobject": sobject}, timeout=10)
        return {record["Id"]: record for record in reply.json()[sobject]}

    def record(self, salesforce_id: str) -> dict[str, Any]:
        return self.records("Contact" if salesforce_id.startswith("003") else "Lead")[salesforce_id]

    def everything(self) -> dict[str, Any]:
        """The whole org, every stamp included."""
        return requests.get(f"{self.org.url}/_local/dump", timeout=10).json()

    def tasks(self, who: str | None = None) -> list[dict[str, Any]]:
        """The Tasks in the org, of one person or all."""
        return [task for task in self.records("Task").values() if who in (None, task["WhoId"])]

    def people(self, sobject: str = "Contact") -> list[str]:
        """Ids in the order they were made."""
        return sorted(self.records(sobject))

    @contextmanager
    def counted(self) -> Iterator[dict[str, Any]]:
        """Count the API calls of a block, by the org's own counter."""
        self.local("calls/reset")
        told: dict[str, Any] = {}
        yield told
        told.update(requests.get(f"{self.org.url}/_local/calls", timeout=10).json())


def visit(url: str) -> requests.Response:
    """Open an address and follow it to where it ends, as a browser does on a person's click."""
    with requests.Session() as browser:
        browser.trust_env = False
        browser.headers.update({"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
        return browser.get(url, timeout=10)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The fields that differ between two whole records, but for the org's own stamps."""
    return {
        name: after[name]
        for name in after
        if name not in SYSTEM_FIELDS and before.get(name) != after[name]
    }


def event(kind: str, email: str, key: str = "", **more: str) -> dict[str, str]:
    """An email event of the January campaign."""
    return {
        "id": key or f"{kind}-{email}",
        "type": kind,
        "email": email,
        "campaign_id": "c-7",
        "campaign_name": "January",
        "timestamp": "2026-01-20T10:00:00Z",
    } | more


def environment() -> dict[str, str]:
    """What a cron job would have: little, and a key for the login."""
    keep = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in keep if name in os.environ} | {
        "SFSYNC_TOKEN_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SFSYNC_TOKEN_STORE": "database",
    }


@cache
def configuration() -> str:
    """What ``sfsync init`` writes; asked once, for it costs as much as any command."""
    with TemporaryDirectory() as folder:
        command = [SFSYNC, "init", "--login-url", ANYWHERE, "--client-id", CLIENT]
        subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
        return Path(folder, "sfsync.yaml").read_text(encoding="utf-8")


@contextmanager
def open_office(
    folder: Path,
    *changes: tuple[str, str],
    pull: bool = True,
    log_in: bool = True,
    umask: int = -1,
    settings: dict[str, Any] | None = None,
    people: Iterable[tuple[str, dict[str, Any]]] = (),
    **org: Any,
) -> Iterator[Office]:
    """An office with an org of its own, set up by what ``init`` writes, ``login`` and ``pull``.

    Args:
        changes: pieces of the configuration to replace.
        settings: the org's switches.
        people: records that somebody has made there before the first pull.
        org: how the org is to be, see ``LocalOrgConfig``.
    """
    port = free_port()
    with LocalOrg(
        LocalOrgConfig(**{"contacts": 6, "leads": 3, "auto_approve": True, **org})
    ) as running:
        running.oauth.register(
            App(CLIENT, "sfsync", callbacks=(f"http://localhost:{port}/callback",))
        )
        office = Office(running, folder, environment(), umask)
        if settings:
            office.local("settings", **settings)
        for sobject, fields in people:
            office.create(sobject, **fields)
        if umask == -1:
            office.yaml.write_text(configuration().replace(ANYWHERE, running.url), encoding="utf-8")
        else:
            office.do("init", "--login-url", running.url, "--client-id", CLIENT)
        office.configure(
            ("redirect_ports: [1717, 1718, 1716]", f"redirect_ports: [{port}]"), *changes
        )
        if log_in:
            assert office.log_in("--json").code == 0, office.said
        if pull:
            office.do("pull")
        yield office
