"""Webhooks under load: how long an acknowledgement takes while a large pull is under way, and whether any is lost.

    python benchmarks/listen.py [--contacts 200000] [--deliveries 10000] [--burst 200] [--latency 80]

`sfsync listen` begins with the batch, so the first pull of all contacts runs beside the deliveries. At the end every
delivery has to be one event in the mirror. Then one delivery at a time is followed until its Task is in Salesforce, each
of whose answers takes `--latency` milliseconds, and has to be there once.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import requests
from cryptography.fernet import Fernet

SECRET = "whsec_" + "ab" * 32
SFSYNC = str(Path(sys.executable).with_name("sfsync"))
ONE_BY_ONE = 100
"""Deliveries that are followed until they are Tasks."""

WEBHOOKS, HEALTH = "127.0.0.1:18788", "127.0.0.1:18789"
SECTION = f"""
listen:
  bind: {WEBHOOKS}
  health_bind: {HEALTH}
  sources:
    penguinmails: {{secret_env: PM_SECRET}}
"""


def body(number: int, kind: str = "email.opened") -> bytes:
    """A delivery of its own."""
    contact = {"email": f"load{number % 500}@example.com"}
    data = {"campaign_id": "load", "campaign_name": "Load", "contact": contact}
    told = {"id": f"load_{number}", "type": kind, "created_at": "2026-01-20T10:00:00Z"}
    return json.dumps({**told, "data": data}).encode()


def request(raw: bytes) -> bytes:
    """A signed delivery, ready to be written to a connection."""
    digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    head = [
        "POST /webhooks/penguinmails HTTP/1.1",
        f"Host: {WEBHOOKS}",
        "Content-Type: application/json",
        f"Content-Length: {len(raw)}",
        f"X-PenguinMails-Signature: sha256={digest}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + raw


class Sender:
    """One connection of the email platform, kept open between deliveries.

    Many machines send; here one process plays all of them, on the cores that are measured. So it does as little as
    can be: requests are made beforehand, and of an answer it reads the status and the length.
    """

    def __init__(self) -> None:
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, whole: bytes) -> int:
        """The status of the answer; 0 where there was none."""
        try:
            if self._streams is None:
                host, _, port = WEBHOOKS.rpartition(":")
                self._streams = await asyncio.open_connection(host, int(port))
            reader, writer = self._streams
            writer.write(whole)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
            return int(head.split(b" ", 2)[1])
        except (OSError, asyncio.IncompleteReadError):
            self._streams = None
            return 0


async def send(count: int, burst: int) -> tuple[list[float], Counter[int]]:
    """All deliveries, so many at once; one that is not answered with 200 is sent again, as services do."""
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    senders = [Sender() for _ in range(burst)]

    async def deliver(sender: Sender, whole: bytes) -> None:
        while True:
            began = time.perf_counter()
            status = await sender.post(whole)
            seconds.append(time.perf_counter() - began)
            statuses[status] += 1
            if status == 200:
                return
            await asyncio.sleep(0.5)

    for first in range(0, count, burst):
        ready = [request(body(number)) for number in range(first, min(count, first + burst))]
        await asyncio.gather(*map(deliver, senders, ready))
    return seconds, statuses


def log_in(folder: Path, environ: dict[str, str], url: str) -> None:
    """A workspace with a login."""
    begin = [SFSYNC, "init", "--login-url", url, "--client-id", "sfsync-local"]
    subprocess.run(begin, cwd=folder, env=environ, check=True, capture_output=True)
    login = subprocess.Popen(
        [SFSYNC, "login", "--no-browser"],
        cwd=folder, env=environ, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert login.stderr is not None
    for line in login.stderr:
        if found := re.search(r"http\S+", line):
            requests.get(found[0], timeout=30)
            break
    assert login.wait(60) == 0
    with (folder / "sfsync.yaml").open("a", encoding="utf-8") as file:
        file.write(SECTION)


def memory_mib(pid: int) -> float:
    """What a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def until(holds: Callable[[], bool], seconds: float = 900, every: float = 0.2) -> float:
    """How long it took to hold."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError
        time.sleep(every)
    return time.monotonic() - began


def is_up() -> bool:
    try:
        return requests.get(f"http://{HEALTH}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def events_in(mirror: Path) -> int:
    with closing(sqlite3.connect(mirror, timeout=60)) as database:
        return int(
            database.execute("SELECT count(*) FROM events WHERE state <> 'new'").fetchone()[0]
        )


def is_settled(mirror: Path, number: int) -> bool:
    """Whether Salesforce has confirmed the Task of a delivery."""
    with closing(sqlite3.connect(mirror, timeout=60)) as database:
        states = database.execute(
            "SELECT state FROM activities WHERE event_id = ?", [f"load_{number}"]
        ).fetchall()
    return states == [("done",)]


def to_task(mirror: Path, first: int, count: int) -> list[float]:
    """How long each of some deliveries took from being sent to its Task in Salesforce, in seconds."""
    found = []
    for number in range(first, first + count):
        began = time.perf_counter()
        assert asyncio.run(Sender().post(request(body(number, "email.sent")))) == 200
        until(lambda number=number: is_settled(mirror, number), every=0.02)
        found.append(time.perf_counter() - began)
        time.sleep(0.137)  # not in step with the listener's own turns
    return found


def measure(
    folder: Path, contacts: int, deliveries: int, burst: int, latency: float
) -> dict[str, object]:
    environ = os.environ | {
        "SFSYNC_TOKEN_STORE": "database",
        "SFSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
        "PM_SECRET": SECRET,
        "XDG_CONFIG_HOME": str(folder),
    }
    org = subprocess.Popen(
        [SFSYNC, "local-org", "--port", "0", "--contacts", str(contacts), "--auto-approve", "--json",
         "--latency", str(latency / 1000)],
        cwd=folder, env=environ, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert org.stdout is not None
        log_in(folder, environ, json.loads(org.stdout.readline())["url"])
        listener = subprocess.Popen([SFSYNC, "listen", "--quiet"], cwd=folder, env=environ)
        try:
            until(is_up)
            seconds, statuses = asyncio.run(send(deliveries, burst))
            after = memory_mib(listener.pid)
            drained = until(lambda: events_in(folder / "mirror.db") >= deliveries)
            found = {
                "deliveries": deliveries,
                "answers": dict(statuses),
                "ack_ms_p50": round(1000 * statistics.median(seconds), 1),
                "ack_ms_p99": round(1000 * statistics.quantiles(seconds, n=100)[98], 1),
                "ack_ms_max": round(1000 * max(seconds), 1),
                "events": events_in(folder / "mirror.db"),
                "seconds_to_handle": round(drained, 1),
                "listener_mib": round(after, 1),
                "listener_mib_at_the_end": round(memory_mib(listener.pid), 1),
            }
            one_by_one = to_task(folder / "mirror.db", deliveries, ONE_BY_ONE)
            found["to_task_seconds_p50"] = round(statistics.median(one_by_one), 2)
            found["to_task_seconds_p95"] = round(statistics.quantiles(one_by_one, n=20)[18], 2)
            listener.send_signal(signal.SIGTERM)
            found["exit_code"] = listener.wait(60)
            return found
        finally:
            listener.kill()
            listener.wait()
    finally:
        org.kill()
        org.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--burst", type=int, default=200)
    parser.add_argument("--latency", type=float, default=80, help="milliseconds")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.contacts, given.deliveries, given.burst, given.latency)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
