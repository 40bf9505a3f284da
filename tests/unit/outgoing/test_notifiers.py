"""How targets are told, and in which words they are said not to have been."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from sfsync.model.notice import Notice
from sfsync.outgoing import notifiers
from sfsync.outgoing.notifiers import NO_ANSWER, Told, command, ping_address, tell_all, webhook
from tests.unit.outgoing.receivers import receiving

NOTICE = Notice(
    "n-1",
    "2026-01-20T10:00:00Z",
    ("failed",),
    "failed",
    "sync",
    1,
    "it failed",
    counts={"quarantine": 3},
)
WORK = {"one": [NOTICE]}


@contextmanager
def answering(data: bytes, *, every: float = 0.0):
    """A server that answers so, a byte at a time where there is a pause between them."""
    over = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with closing(connection):
                    connection.recv(65_536)
                    for part in [data] if not every else [bytes([one]) for one in data]:
                        connection.sendall(part)
                        over.wait(every)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/s3cret"
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "HTTP 302"),
        (b"HTTP/1.1 410 Gone\r\n\r\n", "HTTP 410"),
        (b"nonsense\r\n\r\n", "it cannot be reached"),
        (b"", "it cannot be reached"),
    ],
)
def test_what_a_webhook_answers(answer, trouble):
    with answering(answer) as url:
        assert webhook(url, agent="sfsync")(NOTICE) == trouble


def test_each_attempt_is_logged_with_its_outcome_and_without_the_address(caplog):
    with answering(b"HTTP/1.1 410 Gone\r\n\r\n") as url, caplog.at_level("INFO", logger="sfsync"):
        tell_all({"one": webhook(url, agent="sfsync")}, {"one": [NOTICE]})
    [told] = caplog.records
    assert told.getMessage().startswith("notice to one -> HTTP 410, ")
    assert (told.target, told.error) == ("one", "HTTP 410")
    assert "127.0.0.1" not in told.getMessage()


def test_one_that_nobody_answers_at_is_not_quoted():
    told = webhook(f"http://127.0.0.1:{free_port()}/s3cret", agent="sfsync")(NOTICE)
    assert told == "it cannot be reached"


def test_an_answer_that_drips_does_not_outlast_the_deadline():
    with answering(b"HTTP/1.1 200 OK\r\n" * 50, every=0.1) as url:
        began = time.monotonic()
        told = tell_all({"one": webhook(url, agent="sfsync")}, WORK, seconds=0.3)
        assert time.monotonic() - began < 1
    assert told == {"one": Told([], NO_ANSWER)}


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    with receiving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.split("/hook")[0])
        monkeypatch.setenv("no_proxy", "")
        assert webhook("http://ops.internal/hook", agent="sfsync")(NOTICE) == ""
        with receiving() as own:
            assert webhook(own.url, agent="sfsync")(NOTICE) == ""
            assert len(own.got) == 1
        (got,) = proxy.got
        assert got.path == "http://ops.internal/hook"


def test_a_target_that_fails_gets_the_rest_later_and_no_other_waits_for_it():
    notices = [Notice(f"n-{n}", NOTICE.at, ("failed",), "failed", "sync", 1, "") for n in range(3)]
    answers = iter(["", "HTTP 503"])
    senders = {"one": lambda _: next(answers), "other": lambda _: ""}
    told = tell_all(senders, dict.fromkeys(senders, notices), seconds=5)
    assert told == {
        "one": Told(["n-0"], "HTTP 503"),
        "other": Told(["n-0", "n-1", "n-2"], ""),
    }


def test_whatever_goes_wrong_is_trouble_of_the_target():
    told = tell_all({"one": lambda _: 1 / 0}, WORK, seconds=5)
    assert told["one"].trouble == "it cannot be told (ZeroDivisionError)"


@pytest.mark.parametrize(
    ("url", "reason", "code", "expected"),
    [
        ("https://hc-ping.com/a-b", "", 0, "https://hc-ping.com/a-b"),
        ("https://hc-ping.com/a-b", "", 3, "https://hc-ping.com/a-b/fail"),
        ("https://hc-ping.com/a-b/", "start", 0, "https://hc-ping.com/a-b/start"),
        ("https://h.example/k/slug?create=1", "", 1, "https://h.example/k/slug/fail?create=1"),
    ],
)
def test_where_a_ping_goes(url, reason, code, expected):
    notice = Notice("n", NOTICE.at, (reason,) if reason else (), "ok", "sync", code, "")
    assert ping_address(url, notice) == expected


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path):
    file = tmp_path / "pid"
    script = f"import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); open({str(file)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    told = command([sys.executable, "-c", script], os.environ, seconds=1.0)(NOTICE)
    assert told == "did not end within 1 s"
    child = int(file.read_text(encoding="utf-8"))
    end = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_that_reads_nothing_is_told_all_the_same():
    assert command([sys.executable, "-c", ""], os.environ)(NOTICE) == ""


def test_facts_for_a_program():
    facts = notifiers.facts_of(NOTICE)
    assert facts["SFSYNC_NOTICE_QUARANTINE"] == "3"
    assert facts["SFSYNC_NOTICE_REPEATED"] == ""
    assert facts["SFSYNC_NOTICE_ID"] == "n-1"
    assert all(isinstance(value, str) for value in facts.values())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Apprise itself
def test_an_address_that_apprise_does_not_know_is_not_quoted():
    pytest.importorskip("apprise")
    assert notifiers.apprise("nonsense://s3cret")(NOTICE) == (
        "the address is none that Apprise knows"
    )


def test_without_apprise_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "pip install 'sfsync[notify]'" in notifiers.apprise("json://localhost")(NOTICE)
