"""Changes in Salesforce: how long one takes to its row in the mirror, by change events and by polling, and what it costs.

    python benchmarks/changes.py [--edits 100] [--burst 1000] [--idle 60] [--poll 10]

First by change events: single edits, one after the other; then a burst spread over a minute, with the API calls that it
takes; then a time in which nothing happens, with the calls of that. Then single edits by polling alone. The local org
plays Salesforce. sfsync has to have `sfsync[realtime]`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import requests
from cryptography.fernet import Fernet
from listen import SFSYNC, log_in, memory_mib, until

HEALTH = "127.0.0.1:18790"
CONTACTS = 2_000


def configured(folder: Path, pubsub: str, poll: float) -> None:
    """The configuration of a listener that takes no webhooks."""
    file = folder / "sfsync.yaml"
    text = file.read_text(encoding="utf-8").partition("\nlisten:")[0]
    told = f"\norg:\n  pubsub: {pubsub}\n  event_channel: ChangeEvents\n"
    if "event_channel: ChangeEvents" not in text:
        text = text.replace("\norg:\n", told, 1)
    section = f"\nlisten: {{health_bind: '{HEALTH}', poll_seconds: {poll:g}}}\n"
    file.write_text(text + section, encoding="utf-8")


def mode() -> str:
    """How changes come at the moment."""
    try:
        told = requests.get(f"http://{HEALTH}/readyz", timeout=5).json()
    except requests.ConnectionError:
        return ""
    return str(told["stream"].get("mode") or "")


class Org:
    """The local org, as an admin sees it."""

    def __init__(self, url: str, mirror: Path) -> None:
        self.url, self.mirror = url, mirror

    def edit(self, record: str, title: str) -> None:
        """A rep types a title."""
        body = {"id": record, "fields": {"Title": title}}
        requests.post(f"{self.url}/_local/edit", json=body, timeout=30).raise_for_status()

    def calls(self) -> int:
        """API calls so far."""
        return int(requests.get(f"{self.url}/_local/calls", timeout=30).json()["used"])

    def records(self) -> list[str]:
        """The Ids of the mirror's contacts."""
        with closing(sqlite3.connect(self.mirror, timeout=60)) as database:
            return [row[0] for row in database.execute("SELECT salesforce_id FROM contacts")]

    def here(self, titles: Sequence[str]) -> int:
        """How many of these titles are in the mirror."""
        with closing(sqlite3.connect(self.mirror, timeout=60)) as database:
            marks = json.dumps(list(titles))
            found = (
                "SELECT count(*) FROM contacts WHERE job_title IN (SELECT value FROM json_each(?))"
            )
            return int(database.execute(found, [marks]).fetchone()[0])


def single_edits(org: Org, count: int, pause: tuple[float, float]) -> list[float]:
    """Seconds from each of some edits to its row."""
    found = []
    for number, record in enumerate(org.records()[:count]):
        title = f"Single {number} {time.monotonic_ns()}"
        began = time.perf_counter()
        org.edit(record, title)
        until(lambda title=title: org.here([title]) == 1, every=0.02)
        found.append(time.perf_counter() - began)
        time.sleep(random.uniform(*pause))
    return found


def burst(org: Org, count: int, seconds: float = 60) -> dict[str, float]:
    """Edits spread over a minute, and what they cost."""
    before, began = org.calls(), time.monotonic()
    titles = []
    for number, record in enumerate(org.records()[:count]):
        titles.append(f"Burst {number}")
        org.edit(record, titles[-1])
        time.sleep(max(0.0, began + seconds * (number + 1) / count - time.monotonic()))
    until(lambda: org.here(titles) == count)
    return {"edits": count, "calls": org.calls() - before}


@contextmanager
def listening(folder: Path, environ: dict[str, str], *options: str) -> Iterator[int]:
    """A listener, and its process number."""
    command = [SFSYNC, "listen", "--quiet", "--no-webhooks", *options]
    process = subprocess.Popen(command, cwd=folder, env=environ)
    try:
        until(lambda: mode() != "")
        yield process.pid
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.wait()


def told(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile, in seconds."""
    return {
        "p50": round(statistics.median(seconds), 2),
        "p95": round(statistics.quantiles(seconds, n=20)[18], 2),
    }


def measure(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    environ = os.environ | {
        "SFSYNC_TOKEN_STORE": "database",
        "SFSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        "PM_SECRET": "whsec_" + "ab" * 32,
        "XDG_CONFIG_HOME": str(folder),
    }
    server = subprocess.Popen(
        [SFSYNC, "local-org", "--port", "0", "--contacts", str(CONTACTS), "--auto-approve", "--json",
         "--pubsub-port", "0", "--change-events", "Contact,Lead"],
        cwd=folder, env=environ, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        started = json.loads(server.stdout.readline())
        log_in(folder, environ, started["url"])
        org = Org(started["url"], folder / "mirror.db")
        found: dict[str, object] = {}
        configured(folder, started["pubsub"], 3600)
        with listening(folder, environ) as pid:
            until(lambda: len(org.records()) == CONTACTS)
            org.edit(org.records()[-1], "Wakes the stream")
            until(lambda: mode() == "streaming")
            found["by change events, seconds"] = told(single_edits(org, given.edits, (0.1, 0.5)))
            found["a burst in a minute"] = burst(org, given.burst)
            time.sleep(5)
            before = org.calls()
            time.sleep(given.idle)
            found["calls while nothing happens"] = org.calls() - before
            found["memory, MiB"] = round(memory_mib(pid), 1)
        configured(folder, started["pubsub"], given.poll)
        with listening(folder, environ, "--no-stream"):
            several = max(8, given.edits // 10)
            found["by polling, seconds"] = told(single_edits(org, several, (0.0, given.poll)))
            found["interval of polling, seconds"] = given.poll
        return found
    finally:
        server.kill()
        server.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--burst", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument("--poll", type=float, default=10)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), given), indent=2))


if __name__ == "__main__":
    main()
