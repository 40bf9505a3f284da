"""The demo's process that listens: whatever becomes of it is told within bounds, and it is gone afterwards."""

import os
import sys
import time

import pytest

from local_org.server import LocalOrg, LocalOrgConfig
from sfsync.cli import demo_real_time
from sfsync.cli.demo import Demonstration
from sfsync.cli.invocation import Cli
from sfsync.errors import SfsyncError


@pytest.fixture
def demo(tmp_path):
    (tmp_path / "sfsync.yaml").write_text(
        "org: {login_url: http://127.0.0.1:1, client_id: x}\nobjects:\n  contact:\n    sobject: Contact\n    match_on: email\n    fields: {Email: email}\n"
    )
    cli = Cli("demo", quiet=True, environ={"PATH": os.environ["PATH"], "SFSYNC_PROFILE": "other"})
    demo = Demonstration(cli, LocalOrg(LocalOrgConfig(contacts=0)), tmp_path)
    demo.title("Work in real time", "")
    return demo


def program(demo, text, monkeypatch):
    """In place of Python, a script that writes its process id and goes on as told."""
    script = demo.folder / "program"
    script.write_text(f"#!/bin/sh\necho $$ > pid\n{text}\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))


def is_gone(demo):
    try:
        os.kill(int((demo.folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_a_listener_that_ends_at_once_is_told_with_its_last_words(demo, monkeypatch):
    program(demo, "echo 'no such thing' >&2; exit 2", monkeypatch)
    with (
        pytest.raises(SfsyncError, match="ended with exit code 2: no such thing"),
        demo_real_time._listening(demo),
    ):
        pass


def test_a_listener_that_never_listens_is_not_waited_for_without_end(demo, monkeypatch):
    program(demo, "exec sleep 60", monkeypatch)
    monkeypatch.setattr(demo_real_time, "PATIENCE_SECONDS", 0.3)
    began = time.monotonic()
    with (
        pytest.raises(SfsyncError, match="waited 0 s for `sfsync listen` starting"),
        demo_real_time._listening(demo),
    ):
        pass
    assert is_gone(demo)
    assert time.monotonic() - began < 10


def test_a_listener_that_does_not_end_is_ended(demo, monkeypatch):
    program(demo, "trap '' TERM; while :; do sleep 0.05; done", monkeypatch)
    monkeypatch.setattr(demo_real_time, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(demo_real_time, "END_SECONDS", 0.2)
    with pytest.raises(SfsyncError), demo_real_time._listening(demo):
        pass
    assert is_gone(demo)


def test_it_is_given_nothing_that_would_lead_it_elsewhere(demo):
    assert demo_real_time._environment(demo) == {
        "PATH": os.environ["PATH"],
        "SFSYNC_TOKEN_KEY": demo.key,
    }
