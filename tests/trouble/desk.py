"""A desk in an office: sfsync's commands run inside the test's own process, a twentieth of the time of their own.

What is a process's own matter (signals, limits, streams of the shell) is still run as a process, by
``run``.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import sys
import threading
import webbrowser
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from local_org.oauth.apps import App
from local_org.server import LocalOrg, LocalOrgConfig
from sfsync import failpoints
from sfsync.cli.app import run as run_command_line
from sfsync.cli.streams import stand_ready
from sfsync.config.file import load_config
from tests.faults.pair import differences, task_key
from tests.system.office import CLIENT, Office, Ran, environment, free_port, visit


class Desk(Office):
    """An office whose commands need no process."""

    def inside(self, *arguments: str, stdin: bytes = b"", **environ: str) -> Ran:
        """Run a command to its end, in this process."""
        streams = [_stream(stdin), _stream(), _stream(errors="backslashreplace")]
        with (
            mock.patch.dict(os.environ, self.environ | environ, clear=True),
            mock.patch.multiple(
                sys,
                argv=["sfsync", *arguments],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
            ),
            mock.patch.object(webbrowser, "open", _browse),
            chdir(self.folder),
        ):
            stand_ready()
            try:
                code = run_command_line()
            finally:
                failpoints.arm(None)
        out, err = (_written(stream) for stream in streams[1:])
        self.said += [out, err]
        return Ran(code, out, err)

    def hand_in_here(self, *events: dict[str, Any]) -> int:
        """Push these events; gives the exit code."""
        lines = "".join(json.dumps(each) + "\n" for each in events)
        return self.inside("push-activity", "-", stdin=lines.encode()).code

    def told(self, *arguments: str, expect: int, **more: Any) -> str:
        """Run a command that is to end so; what people are told, which is never a traceback."""
        ran = self.inside(*arguments, **more)
        assert ran.code == expect, ran.out + ran.err
        assert "Traceback" not in ran.err + ran.out
        assert "does not understand" not in ran.err + ran.out
        return ran.err

    def copied(self, folder: Path) -> Desk:
        """The same login and mirror in a folder of its own; the org is shared."""
        for file in (self.yaml, self.mirror):
            shutil.copy(file, folder)
        return replace(self, folder=folder, environ=dict(self.environ), said=[])

    @property
    def whole(self) -> bool:
        """What SQLite itself says of the mirror's file."""
        with closing(sqlite3.connect(self.mirror)) as connection:
            return (
                connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                and not connection.execute("PRAGMA foreign_key_check").fetchall()
            )

    def converges(self) -> None:
        """One normal run, and then nothing differs and nothing is half done, by both sides' own data."""
        assert self.whole
        assert self.inside("sync", "--json").code == 0
        assert self.inside("diff", "--exit-code", "--json").code == 0, self.said[-2:]
        assert self.whole
        for object_map in load_config(self.yaml, self.environ).mapping.objects.values():
            told = differences(
                object_map, self.records(object_map.sobject), self.rows(object_map.table)
            )
            assert told == []
        keys = Counter(
            task_key(task) for task in self.tasks() if not task["IsDeleted"] and task_key(task)
        )
        assert [key for key, count in keys.items() if count > 1] == []
        assert self.sql(
            "SELECT count(*) AS n FROM _outbox WHERE state IN ('sending', 'unknown')"
        ) == [{"n": 0}]


def _stream(data: bytes = b"", *, errors: str = "strict") -> io.TextIOWrapper:
    """A standard stream as Python opens it."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors=errors)


def _written(stream: io.TextIOWrapper) -> str:
    if stream.closed:
        return ""
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


def _browse(url: str, *_: object) -> bool:
    threading.Thread(target=visit, args=(url,), name="browser", daemon=True).start()
    return True


@contextmanager
def open_desk(
    folder: Path, *, log_in: bool = True, pull: bool = True, **org: Any
) -> Iterator[Desk]:
    """A desk with an org of its own, set up by ``init``, ``login`` and ``pull``."""
    port = free_port()
    with LocalOrg(
        LocalOrgConfig(**{"contacts": 6, "leads": 3, "auto_approve": True, **org})
    ) as running:
        running.oauth.register(
            App(CLIENT, "sfsync", callbacks=(f"http://localhost:{port}/callback",))
        )
        desk = Desk(running, folder, environment())
        desk.told("init", "--login-url", running.url, "--client-id", CLIENT, expect=0)
        desk.configure(("redirect_ports: [1717, 1718, 1716]", f"redirect_ports: [{port}]"))
        if log_in:
            desk.told("login", "--timeout", "20", expect=0)
        if pull:
            desk.told("pull", expect=0)
        yield desk
