"""What one machine carries: many configurations against one local org, idle and busy.

    python -m benchmarks.fleet --configurations 1000 --jobs 4

Tells wall time, the processor time of sfsync (the local org's is not in it, but it takes cores too), peak memory, API calls.
"""

import argparse
import json
import os
import resource
import subprocess
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from tests.system.prepared import set_up
from tests.system.workspace import SFSYNC, Workspace, event


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configurations", type=int, default=20)
    parser.add_argument("--busy", type=int, default=0, help="so many of them with work to do")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--contacts", type=int, default=200)
    parser.add_argument(
        "--latency", type=int, default=0, help="milliseconds that each answer takes"
    )
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        workspace = set_up(Path(folder), contacts=given.contacts, leads=20)
        try:
            orgs = Path(folder) / "orgs"
            copies = [
                copied(workspace, orgs / f"org{number:04}")
                for number in range(given.configurations)
            ]
            measure("idle", workspace, str(orgs), given.jobs)
            measure("idle again", workspace, str(orgs), given.jobs)
            workspace.org.faults.latency_seconds = given.latency / 1000
            if given.latency:
                measure(f"idle, {given.latency} ms a call", workspace, str(orgs), given.jobs)
            if given.busy:
                for copy, who in zip(copies[: given.busy], workspace.people(), strict=False):
                    give_work(copy, who)
                named = [str(copy.folder / "sfsync.yaml") for copy in copies[: given.busy]]
                measure("busy: an edit and ten events each", workspace, "-", given.jobs, named)
        finally:
            workspace.org.stop()


def copied(workspace: Workspace, folder: Path) -> Workspace:
    folder.mkdir(parents=True)
    return workspace.copied(folder)


def give_work(workspace: Workspace, who: str) -> None:
    workspace.sql(
        "UPDATE contacts SET phone = ? WHERE salesforce_id = ?", f"+1 {workspace.folder.name}", who
    )
    email = workspace.row(who)["email"]
    events = [
        event("email_replied", email, key=f"{workspace.folder.name}-{number}")
        for number in range(10)
    ]
    with FileLock(f"{workspace.mirror}.lock"):  # so that they are kept and not sent
        workspace.run_in_process(
            "push-activity", "-", stdin="\n".join(map(json.dumps, events)).encode()
        )


def measure(
    name: str, workspace: Workspace, orgs: str, jobs: int, named: list[str] | None = None
) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(
        [SFSYNC, "fleet", "sync", orgs, "--jobs", str(jobs), "--json"],
        env=workspace.environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    peak = Peak(process.pid)
    peak.start()
    out, _ = process.communicate("\n".join(named or []))
    wall = time.monotonic() - began
    peak.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    data = json.loads(out)["data"]
    count = len(data["configurations"])
    slowest = max(each["seconds"] for each in data["configurations"])
    print(
        f"{name}: {count} configurations, {jobs} at once: {wall:.1f} s, {count / wall * 3600:,.0f} an hour,"
        f" {cpu / count * 1000:.0f} ms of processor each, slowest {slowest:.1f} s, {data['api_calls']} API calls,"
        f" at most {peak.mib:.0f} MiB in all, {data['counts']}",
        flush=True,
    )


class Peak(threading.Thread):
    """The most memory that a process and its children share out among them (PSS), looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.pid = pid
        self.mib = 0.0

    def run(self) -> None:
        while Path(f"/proc/{self.pid}/smaps_rollup").exists():
            try:
                children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
                self.mib = max(self.mib, sum(map(pss, [str(self.pid), *children])))
                if not children and self.mib and not Path(f"/proc/{self.pid}/exe").exists():
                    return
            except OSError:
                return
            time.sleep(0.1)


def pss(pid: str) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    [line] = [each for each in text.splitlines() if each.startswith("Pss:")] or ["Pss: 0"]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
