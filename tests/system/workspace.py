"""A workspace to test in: a folder with sfsync's configuration and mirror, and a local org that it is logged in to.

A command runs as a process of its own (``run``, ``do``), and what a test is about runs so; where
the start itself matters (``start``), that is the file ``sfsync`` that is installed. Or it runs inside the test's process
(``run_in_process``, ``do_in_process``), through the same entry, for a fifteenth of the processor
time: what only prepares a test, and what is not a matter of processes, streams or signals.

Both sides are read back from outside: the org over HTTP, the mirror with plain ``sqlite3``.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import requests

from tests.system.in_process import run_command_line
from tests.system.org_client import OrgClient
from tests.system.warm_start import warm_sfsync

SFSYNC = str(Path(sys.executable).with_name("sfsync"))
SYSTEM_FIELDS = frozenset({"attributes", "LastModifiedDate", "LastModifiedById", "SystemModstamp"})
KEYS = ["schema", "command", "status", "exit_code", "run_id", "data", "warnings", "errors"]


@dataclass(frozen=True)
class CommandResult:
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
class Workspace(OrgClient):
    """A folder, its mirror, and the org.

    Attributes:
        umask: what the processes run under; -1 for the tests' own.
        printed: everything any command here has printed.
    """

    folder: Path
    environ: dict[str, str]
    umask: int = -1
    printed: list[str] = field(default_factory=list)

    # -- commands, each a process of its own
    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start the installed command."""
        return self._start([SFSYNC, *arguments], environ)

    def _start(self, command: list[str], environ: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environ | environ, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, umask=self.umask,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str], stdin: str = "") -> CommandResult:
        try:
            out, err = process.communicate(stdin, timeout=100)
        finally:
            process.kill()
        self.printed += [out, err]
        return CommandResult(process.returncode, out, err)

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> CommandResult:
        """Run a command to its end."""
        return self.finish(self._start([*warm_sfsync(), *arguments], environ), stdin)

    def do(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Run a command that has to succeed, with --json; gives its data."""
        ran = self.run(*arguments, "--json", stdin=stdin)
        assert ran.code == 0, ran.out + ran.err
        return ran.data

    def log_in(self, *arguments: str, username: str = "") -> CommandResult:
        """``sfsync login --no-browser``, and a browser that follows the address it prints.

        Args:
            username: who logs in; the admin if nobody is named.
        """
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
        return CommandResult(ran.code, ran.out, "".join(lines) + ran.err)

    def push_events(self, *events: dict[str, Any], expect: int = 0) -> CommandResult:
        """Push these events, as a JSONL file does."""
        ran = self.run("push-activity", self._events_file(events), "--json")
        assert ran.code == expect, ran.out + ran.err
        return ran

    # -- commands inside this process
    def run_in_process(self, *arguments: str, stdin: bytes = b"", **environ: str) -> CommandResult:
        """Run a command to its end, in this process."""
        return self._in_process(arguments, environ, stdin)

    def log_in_in_process(self, *arguments: str, username: str = "") -> None:
        """``sfsync login``, whose browser the test plays; as the admin if nobody is named."""
        hint = f"&login_hint={quote(username)}" if username else ""
        ran = self._in_process(("login", "--timeout", "20", *arguments), {}, b"", hint)
        assert ran.code == 0, ran.out + ran.err

    def _in_process(
        self, arguments: Sequence[str], environ: dict[str, str], stdin: bytes, hint: str = ""
    ) -> CommandResult:
        code, out, err = run_command_line(
            arguments,
            folder=self.folder,
            environ=self.environ | environ,
            stdin=stdin,
            browse=lambda url: visit(url + hint),
        )
        self.printed += [out, err]
        return CommandResult(code, out, err)

    def do_in_process(self, *arguments: str) -> dict[str, Any]:
        """Run a command that has to succeed, with --json, in this process; gives its data."""
        ran = self.run_in_process(*arguments, "--json")
        assert ran.code == 0, ran.out + ran.err
        return ran.data

    def stderr_of(self, *arguments: str, expect: int, **more: Any) -> str:
        """Run a command that has to end so, in this process; its messages, never a traceback."""
        ran = self.run_in_process(*arguments, **more)
        assert ran.code == expect, ran.out + ran.err
        assert "Traceback" not in ran.err + ran.out
        assert "does not understand" not in ran.err + ran.out
        return ran.err

    def push_events_in_process(self, *events: dict[str, Any], expect: int = 0) -> CommandResult:
        """Push these events from standard input, in this process."""
        lines = "".join(json.dumps(each) + "\n" for each in events)
        ran = self.run_in_process("push-activity", "-", "--json", stdin=lines.encode())
        assert ran.code == expect, ran.out + ran.err
        return ran

    def _events_file(self, events: tuple[dict[str, Any], ...]) -> str:
        file = self.folder / "events.jsonl"
        file.write_text("".join(json.dumps(each) + "\n" for each in events), encoding="utf-8")
        return str(file)

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

    def copied(self, folder: Path) -> Self:
        """The same login and mirror in a folder of its own; the org is shared."""
        for file in (self.yaml, self.mirror):
            shutil.copy(file, folder)
        return replace(self, folder=folder, environ=dict(self.environ), printed=[])

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

    def new_contact(self, name: str, **columns: str) -> None:
        """Put a row in, as any SQLite tool does; the last name is in the address, too."""
        values = {"email": f"{name}@new.example", "last_name": name, **columns}
        marks = ", ".join("?" * len(values))
        self.sql(f"INSERT INTO contacts ({', '.join(values)}) VALUES ({marks})", *values.values())

    def rows(self, table: str = "contacts") -> list[dict[str, Any]]:
        return self.sql(f"SELECT * FROM {table} ORDER BY id")


def visit(url: str) -> requests.Response:
    """Open an address and follow it to where it ends, as a browser does on a person's click."""
    with requests.Session() as browser:
        browser.trust_env = False
        browser.headers.update({"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
        return browser.get(url, timeout=10)


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
