"""The demo's act in real time: a process that listens, the email platform that sends, and the Task."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sfsync.errors import SfsyncError

if TYPE_CHECKING:
    from local_org.email_platform.outbox import Attempt
    from local_org.email_platform.platform import EmailPlatform
    from sfsync.cli.demo import Demonstration

PATIENCE_SECONDS: Final = 30.0
"""How long each wait may take; a usual machine needs a second or two."""

END_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02
_RETRIED_TIMES_FASTER: Final = 600.0
_LISTEN: Final = """
listen:
  bind: 127.0.0.1:0          # any free port
  health_bind: 127.0.0.1:0
  sources:
    penguinmails: {secret_file: penguinmails.secret}
"""
Found = TypeVar("Found")
_HANDED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


def change_events() -> dict[str, Any]:
    """How the demo's org tells its changes; not at all without the packages for that."""
    from sfsync.cli.listen_stream import has_extra

    if not has_extra():
        return {}
    return {"pubsub_port": 0, "change_events": ("Contact", "Lead")}


def real_time(demo: Demonstration) -> None:
    """A signed delivery is a Task within seconds, told twice it is one; a rep's edit is here as quickly."""
    from local_org.email_platform.happenings import Campaign
    from local_org.server import WebhookConfig

    demo.title("Work in real time", "what happens on one side is on the other within seconds")
    secret = _set_up(demo.folder, demo.org.pubsub)
    who, campaign = demo.people(7)[6], Campaign("c-8", "Spring")
    with _listening(demo) as url:
        platform = demo.org.play_platform(
            WebhookConfig(f"{url}/webhooks/penguinmails", secret, speed=_RETRIED_TIMES_FASTER)
        )
        before, began = _tasks_of(demo, who), time.monotonic()
        email = demo.mirror_row(who)["email"]
        event = platform.send("email.clicked", email, campaign=campaign, copies=2)
        _until(lambda: len(_tasks_of(demo, who)) > len(before), "the delivery becoming a Task")
        seconds = time.monotonic() - began
        for number, answer in enumerate(_answers(platform, event.id, 2), 1):
            again = "" if number == 1 else ", once more"
            demo.remark(
                f"The email platform tells of a click of {demo.name(who)}{again}: HTTP {answer.status}"
            )
        _until(lambda: not _inbox(demo)["events"], "the inbox being taken in")
        new = [task for key, task in _tasks_of(demo, who).items() if key not in before]
        told = ", ".join(f"“{task['Subject']}”" for task in new)
        demo.expect(bool(new), f"after {seconds:.1f} s it is a Task in Salesforce: {told}")
        demo.expect(len(new) == 1, "told twice, it is one Task")
        if demo.org.pubsub is not None:
            _see_an_edit(demo, who)


def _see_an_edit(demo: Demonstration, who: str) -> None:
    """A rep types a title in Salesforce; the mirror has it without anybody's asking."""
    began = time.monotonic()
    demo.org.as_user().edit(who, {"Title": "Countess of Ice"})
    demo.remark(f"A rep gives {demo.name(who)} another title in Salesforce.")
    _until(
        lambda: demo.mirror_row(who)["job_title"] == "Countess of Ice",
        "the edit coming into the mirror",
    )
    seconds = time.monotonic() - began
    demo.expect(True, f"after {seconds:.1f} s it is in the mirror, by Salesforce's change events")


def _set_up(folder: Path, pubsub: str | None) -> str:
    """The section ``listen`` of the configuration, and the secret that both sides know."""
    from local_org.email_platform.signing import new_secret

    secret = new_secret()
    file = folder / "penguinmails.secret"
    file.touch(mode=0o600)
    file.write_text(secret + "\n", encoding="utf-8")
    file = folder / "sfsync.yaml"
    text = file.read_text(encoding="utf-8")
    if pubsub is not None:
        told = f"\norg:\n  pubsub: {pubsub}\n  event_channel: ChangeEvents\n"
        text = text.replace("\norg:\n", told, 1)
    file.write_text(text + _LISTEN, encoding="utf-8")
    return secret


@contextmanager
def _listening(demo: Demonstration) -> Iterator[str]:
    """``sfsync listen`` as a process of its own, and its address; it has ended when the block has."""
    log = demo.folder / "listen.log"
    demo.note_command("listen")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sfsync", "listen", "--config", str(demo.folder / "sfsync.yaml")],
            cwd=demo.folder, env=_environment(demo), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield _address(demo, process, log)
    finally:
        _end(process)


def _environment(demo: Demonstration) -> dict[str, str]:
    """Little: nothing that would have it work with another configuration, or for a service manager."""
    given = demo.cli.environ
    kept = {
        name: value
        for name, value in given.items()
        if name in _HANDED_ON or name.startswith(("LC_", "COVERAGE_"))
    }
    return kept | {"SFSYNC_TOKEN_KEY": demo.key}


def _address(demo: Demonstration, process: subprocess.Popen[bytes], log: Path) -> str:
    def told() -> str:
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            raise SfsyncError(
                f"`sfsync listen` ended with exit code {process.returncode}: {said[-500:]}",
                hint=f"Look into {demo.folder}.",
            )
        listener = _inbox(demo)["listener"] or {}
        return str(listener.get("webhooks_at") or "") if listener.get("pid") == process.pid else ""

    return _until(told, "`sfsync listen` starting")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it finish its work, and wait for it; whatever happens, it is gone afterwards."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()


def _answers(platform: EmailPlatform, event_id: str, count: int) -> list[Attempt]:
    """The attempts that were taken, once there are so many."""

    def taken() -> list[Attempt]:
        attempts = [each for each in platform.attempts_of(event_id) if each.went_well]
        return attempts if len(attempts) >= count else []

    return _until(taken, "a delivery being answered")


def _inbox(demo: Demonstration) -> Mapping[str, Any]:
    from sfsync.cli.arrivals import inbox_state
    from sfsync.cli.wiring import configuration

    return inbox_state(configuration(demo.own_cli("status")))


def _tasks_of(demo: Demonstration, who: str) -> dict[str, dict[str, Any]]:
    rows = demo.org.state.table("Task").rows
    with demo.org.state.lock:
        return {key: dict(row) for key, row in rows.items() if row.get("WhoId") == who}


def _until(look: Callable[[], Found], what: str) -> Found:
    """What a look finds, as soon as it finds anything.

    Raises:
        SfsyncError: it takes too long.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > end:
            raise SfsyncError(
                f"the demo waited {PATIENCE_SECONDS:.0f} s for {what}",
                hint="See listen.log in its folder; on a busy machine, run it again.",
            )
        time.sleep(_LOOK_SECONDS)
    return found
