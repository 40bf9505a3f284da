"""Speed and cost, side by side in one run, as ratios: sfsync against the floor.

The floor of a pull is the same bytes fetched from the same org with a plain HTTP client and
inserted into SQLite with one executemany. Figures of two machines cannot be compared; the ratios of
one run can.

    python benchmarks/run.py [CONTACTS ...]

Each size runs in processes of its own (an org, the floor, sfsync), so that peak memory can be told
apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

SELECT = (
    "SELECT Id, IsDeleted, MasterRecordId, SystemModstamp, Email, FirstName, LastName, Account.Name, Phone, Title,"
    " MailingCity, MailingState, MailingCountry, LeadSource, PenguinMails_Lead_Score__c,"
    " PenguinMails_Last_Email_Opened__c, PenguinMails_Total_Opens__c, PenguinMails_Total_Clicks__c,"
    " PenguinMails_Unsubscribed__c, HasOptedOutOfEmail FROM Contact ORDER BY SystemModstamp, Id"
)


def floor(url: str, token: str, folder: Path) -> dict[str, float]:
    """The same records with nothing around them."""
    began = time.perf_counter()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    database = sqlite3.connect(folder / "floor.db")
    database.execute("CREATE TABLE contacts (" + ", ".join(f"c{n}" for n in range(20)) + ")")
    page = session.get(f"{url}/services/data/v66.0/query", params={"q": SELECT}).json()
    names = [name.strip() for name in SELECT.removeprefix("SELECT ").split(" FROM ")[0].split(",")]
    total = 0
    while True:
        rows = [
            tuple(
                (record["Account"] or {}).get("Name") if name == "Account.Name" else record[name]
                for name in names
            )
            for record in page["records"]
        ]
        database.executemany(f"INSERT INTO contacts VALUES ({', '.join('?' * 20)})", rows)
        total += len(rows)
        if page["done"]:
            break
        page = session.get(url + page["nextRecordsUrl"]).json()
    database.commit()
    return measured(began, records=total)


def verbs(url: str, token: str, folder: Path) -> dict[str, dict[str, float]]:
    """sfsync's own verbs, one after the other."""
    from datetime import UTC, datetime

    from sfsync.config.file import example_config, load_config
    from sfsync.engine.pull import pull
    from sfsync.engine.push import push
    from sfsync.engine.push_activity import push_activity, take
    from sfsync.engine.run import Run
    from sfsync.engine.sync import sync
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.arrival import Arrival
    from sfsync.model.cursor import iso
    from sfsync.model.event import EmailEvent, EventType
    from sfsync.model.outcome import RunReport
    from sfsync.model.token import Token
    from sfsync.salesforce.org import open_org

    (folder / "sfsync.yaml").write_text(example_config(), encoding="utf-8")
    config = load_config(folder / "sfsync.yaml", {"SFSYNC_CLIENT_ID": "sfsync-local"})
    held = Token(token, url, f"{url}/id/00D000000000001AAA/005000000000001AAA")
    org = open_org(held, lambda _stale: held, api_version=config.org.api_version, reserve=0.0)

    def now() -> str:
        return iso(datetime.now(UTC))

    results = {}
    with SqliteMirror(config.mirror_path, now=now) as mirror:
        mirror.prepare(config.mapping)

        def measure(name, work):
            run = Run(org, mirror, config.mapping, config.limits, RunReport(name, name), now)
            calls, began = org.usage().api_calls, time.perf_counter()
            work(run)
            results[name] = measured(began, api_calls=org.usage().api_calls - calls)

        measure("pull everything", lambda run: pull(run, ["contact"]))
        measure("pull, nothing changed", lambda run: pull(run, ["contact"]))
        database = sqlite3.connect(config.mirror_path)
        database.execute("UPDATE contacts SET job_title = 'Penguin' WHERE id <= 10000")
        database.commit()
        measure("push 10,000 edits", lambda run: push(run, ["contact"]))
        people = [row[0] for row in database.execute("SELECT email FROM contacts LIMIT 1000")]
        events = [
            EmailEvent(
                f"bench-{number}", EventType.SENT, email, "2026-01-20T10:00:00Z", "c-1", "January"
            )
            for number, email in enumerate(people)
        ]
        measure(
            "1,000 events",
            lambda run: (take(run, Arrival("bench", list(events))), push_activity(run)),
        )
        measure("sync, nothing changed", sync)
    return results


def measured(began: float, **figures: float) -> dict[str, float]:
    """Time and peak memory of this process so far, with further figures."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(time.perf_counter() - began, 3), "peak_mb": round(peak, 1), **figures}


def serve(contacts: int) -> None:
    """An org, until standard input ends."""
    from local_org.server import LocalOrg, LocalOrgConfig

    config = LocalOrgConfig(
        contacts=contacts,
        leads=0,
        settings={"daily_api_requests": 10_000_000, "storage_records": 10_000_000},
    )
    with LocalOrg(config) as org:
        sys.stdout.write(json.dumps({"url": org.url, "token": org.token()}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def child(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def compare(contacts: int) -> dict:
    """One size: the floor and sfsync against the same org."""
    org = child("--serve", str(contacts))
    try:
        address = json.loads(org.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            here = [
                "--url",
                address["url"],
                "--token-of-the-local-org",
                address["token"],
                "--folder",
                folder,
            ]
            bare = json.loads(child("--part", "floor", *here).communicate()[0])
            ours = json.loads(child("--part", "verbs", *here).communicate()[0])
    finally:
        org.communicate("")
    whole = ours["pull everything"]
    return {
        "contacts": contacts,
        "floor": bare,
        **ours,
        "pull: time against the floor": round(whole["seconds"] / bare["seconds"], 2),
        "pull: memory against the floor": round(whole["peak_mb"] / bare["peak_mb"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("contacts", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--part", choices=["floor", "verbs"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--token-of-the-local-org", dest="token", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        serve(given.serve)
    elif given.part:
        part = floor if given.part == "floor" else verbs
        print(json.dumps(part(given.url, given.token, given.folder)))
    else:
        results = [compare(contacts) for contacts in given.contacts]
        print(json.dumps(results, indent=2))
        if len(results) > 1:
            small, large = results[0], results[-1]
            times = large["contacts"] / small["contacts"]
            pull = "pull everything"
            print(
                f"{times:g} times the records: pull takes {large[pull]['seconds'] / small[pull]['seconds']:.1f} times as long,"
            )
            print(f"and {large[pull]['peak_mb'] / small[pull]['peak_mb']:.2f} times the memory.")


if __name__ == "__main__":
    main()
