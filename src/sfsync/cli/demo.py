"""demo: the whole job on an embedded local org, without an account."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from local_org.server import LocalOrg


def demo(
    cli: Cli,
    *,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where to work; it is kept.")] = Path(
        "sfsync-demo"
    ),
    seed: Annotated[int, typer.Option(help="Which sample people.")] = 7,
) -> Answer:
    """Show the whole job on an embedded local org: no account, no configuration, under 20 seconds.

    Log in, pull, turn events into Tasks, edit both sides, see the conflict, sync, follow deletions,
    merges and converted leads, take a signed webhook in that is a Task within seconds, see a rep's edit a second after it was made,
    and end with a sync that has nothing to do.
    """
    from local_org.server import LocalOrg, LocalOrgConfig
    from sfsync.cli.demo_real_time import change_events, real_time

    folder = _fresh_folder(folder)
    config = LocalOrgConfig(seed=seed, auto_approve=True, state_file=folder / "org.json")
    with LocalOrg(replace(config, **change_events())) as org:
        demonstration = Demonstration(cli, org, folder)
        demonstration.log_in()
        demonstration.first_pull()
        demonstration.activity()
        demonstration.activity_again()
        demonstration.both_sides()
        demonstration.consent()
        demonstration.deletions()
        real_time(demonstration)
        demonstration.nothing_left()
    cli.inform(f"\nAll of it is kept in {folder}: look at mirror.db with any SQLite tool.")
    return Answer({"folder": str(folder), "steps": demonstration.steps})


def _fresh_folder(wanted: Path) -> Path:
    for number in range(1, 1000):
        folder = wanted
        if number > 1:
            folder = wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be made: {error.strerror}", hint="Use --folder."
            ) from error
        return folder.resolve()
    raise UsageError(
        f"{wanted} and a thousand after it are there already", hint="Remove some, or use --folder."
    )


@dataclass(slots=True)
class Demonstration:
    """The demo, step by step: what it prints, the commands it runs, and the people it plays.

    Attributes:
        steps: for each that has begun its title, commands and checks, for ``--json``.
        key: encrypts the login, which is kept in the mirror: no keyring is touched.
    """

    cli: Cli
    org: LocalOrg
    folder: Path
    steps: list[dict[str, Any]] = field(default_factory=list)
    key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())

    # -- steps
    def log_in(self) -> None:
        """init, login through the real loopback flow, whoami."""
        from sfsync.cli.init import init
        from sfsync.cli.login import login
        from sfsync.cli.whoami import whoami

        self.title("Log in", "authorization code + PKCE, back over http://localhost")
        self.run("init", lambda cli: init(cli, login_url=self.org.url, client_id="sfsync-local"))
        self.run("login --token-store database", lambda cli: login(cli, token_store="database"))
        self.run("whoami", whoami)

    def first_pull(self) -> None:
        """Everything comes into the mirror."""
        from sfsync.cli.pull import pull

        self.title("Pull contacts and leads into the mirror", "one SQLite file")
        self.run("pull", pull)

    def activity(self) -> None:
        """Events become Tasks."""
        from sfsync.cli.push_activity import push_activity

        events = self._events()
        file = self.folder / "events.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        self.title(
            f"Turn {len(events)} email events into Tasks and counters",
            "one of them of somebody nobody knows yet",
        )
        self.run("push-activity events.jsonl", lambda cli: push_activity(cli, file))
        tasks = self.org.state.table("Task").rows
        self.remark(f"Salesforce now has {len(tasks)} completed Tasks.")

    def activity_again(self) -> None:
        """The same file once more does nothing."""
        from sfsync.cli.push_activity import push_activity

        self.title("Hand in the same file again", "an event counts once, for ever")
        before = len(self.org.state.table("Task").rows)
        self.run(
            "push-activity events.jsonl",
            lambda cli: push_activity(cli, self.folder / "events.jsonl"),
        )
        self.expect(len(self.org.state.table("Task").rows) == before, "no second Task")

    def both_sides(self) -> None:
        """An edit on each side, and a conflict settled by rule."""
        from sfsync.cli.conflicts import conflicts
        from sfsync.cli.diff import diff
        from sfsync.cli.sync import sync

        ada, bob = self.people(2)
        self.title(
            "Edit both sides", "Salesforce wins what sales people type; both values are kept"
        )
        self.sql(
            "UPDATE contacts SET job_title = 'Chief Penguin', phone = '+1 555 0100'"
            " WHERE salesforce_id = ?",
            ada,
        )
        self.remark(f"In the mirror, with sqlite3:  {self.name(ada)} gets a new title and phone.")
        self.org.as_user().edit(ada, {"Title": "Head of Ice"})
        self.org.as_user().edit(bob, {"MailingCity": "Longyearbyen"})
        self.remark(
            f"In Salesforce:  {self.name(ada)} gets another title;"
            f" {self.name(bob)} moves to Longyearbyen."
        )
        self.run("diff", diff)
        self.run("sync", sync)
        self.run("conflicts", conflicts)
        here, there = self.mirror_row(ada), self.org_row(ada)
        self.expect(
            here["job_title"] == there["Title"] == "Head of Ice",
            "the title is Salesforce's on both sides",
        )
        self.expect(there["Phone"] == "+1 555 0100", "the phone typed in the mirror arrived")

    def consent(self) -> None:
        """An opt-out is never undone by a sync."""
        from sfsync.cli.push_activity import push_activity
        from sfsync.cli.sync import sync

        who = self.people(3)[2]
        email = self.mirror_row(who)["email"]
        self.title("An opt-out", "once true on either side, true on both")
        self.run(
            f"push-activity --type unsubscribed --email {email}",
            lambda cli: push_activity(cli, type_="unsubscribed", email=email),
        )
        self.org.as_user().edit(
            who, {"HasOptedOutOfEmail": False, "PenguinMails_Unsubscribed__c": False}
        )
        self.remark("In Salesforce, somebody unticks both boxes.")
        self.run("sync", sync)
        there = self.org_row(who)
        self.expect(
            bool(there["HasOptedOutOfEmail"] and there["PenguinMails_Unsubscribed__c"]),
            "still opted out in Salesforce",
        )
        self.expect(self.mirror_row(who)["unsubscribed"] == 1, "still opted out in the mirror")

    def deletions(self) -> None:
        """A deletion, a merge and a converted lead."""
        from sfsync.cli.push_activity import push_activity
        from sfsync.cli.sync import sync

        _, _, _, gone, loser, master = self.people(6)
        lead = self.leads(1)[0]
        address = self.mirror_row(lead, "leads")["email"]
        self.title("Deletions, merges, converted leads", "followed, never spread by surprise")
        sales = self.org.as_user()
        remark = (
            f"In Salesforce:  {self.name(gone)} is deleted,"
            f" {self.name(loser)} merged into {self.name(master)}"
        )
        sales.delete(gone)
        sales.merge(master, [loser])
        contact = sales.convert(lead).contact_id
        self.remark(f"{remark}, a lead converted.")
        self.run("sync", sync)
        self.expect(
            bool(self.mirror_row(gone)["deleted_at"]),
            "the deleted contact is soft-deleted in the mirror",
        )
        self.expect(
            bool(self.mirror_row(loser)["deleted_at"]),
            "the merged one too, and points to its survivor",
        )
        self.expect(
            bool(self.mirror_row(lead, "leads")["deleted_at"]), "the lead lives on as a contact"
        )
        self.run(
            f"push-activity --type email_replied --email {address}",
            lambda cli: push_activity(
                cli, type_="email_replied", email=address, campaign="January"
            ),
        )
        replies = [
            task
            for task in self.org.state.table("Task").rows.values()
            if task.get("WhoId") == contact
        ]
        self.expect(bool(replies), "its next email is logged on that contact")

    def nothing_left(self) -> None:
        """The last sync writes nothing."""
        from sfsync.cli.sync import sync

        self.title("Sync once more", "nothing changed, nothing is written")
        before = self._records()
        self.run("sync", sync)
        self.expect(self._records() == before, "not one write to Salesforce")

    # -- what it prints
    def title(self, title: str, remark: str) -> None:
        """A step begins."""
        from rich.text import Text

        self.steps.append({"step": title, "commands": [], "checks": []})
        if not (self.cli.quiet or self.cli.as_json):
            number = f"\n{len(self.steps)}. "
            self.cli.out.print(Text.assemble((number + title, "bold cyan"), (f"  {remark}", "dim")))

    def remark(self, sentence: str) -> None:
        """What happens beside the commands."""
        if not (self.cli.quiet or self.cli.as_json):
            self.cli.out.print(f"   {sentence}", soft_wrap=True)

    def expect(self, holds: bool, what: str) -> None:
        """Look at both sides, and stop where the demo's own promise does not hold."""
        self.steps[-1]["checks"].append(what)
        if not holds:
            raise SfsyncError(
                f"the demo expected this and did not find it: {what}",
                hint=f"Look into {self.folder}.",
            )
        self.remark(f"✓ {what}")

    def run(self, line: str, work: Callable[[Cli], Answer]) -> None:
        """Run one command exactly as the command line would."""
        self.note_command(line)
        cli = self.own_cli(line)
        cli.open_browser = play_browser
        code = perform(cli, lambda: work(cli))
        if code:
            raise SfsyncError(
                f"sfsync {line} ended with exit code {code}", hint=f"Look into {self.folder}."
            )

    def note_command(self, line: str) -> None:
        """A command begins."""
        self.steps[-1]["commands"].append(f"sfsync {line}")
        if not (self.cli.quiet or self.cli.as_json):
            from rich.text import Text

            self.cli.out.print(Text(f"   $ sfsync {line}", style="green"), soft_wrap=True)

    def own_cli(self, line: str) -> Cli:
        """A call of the command line in the demo's folder."""
        return Cli(
            line.split(maxsplit=1)[0],
            config=self.folder / "sfsync.yaml",
            quiet=self.cli.quiet or self.cli.as_json,
            environ={"SFSYNC_TOKEN_KEY": self.key, "PATH": self.cli.environ.get("PATH", "")},
        )

    # -- the people it plays with
    def people(self, count: int) -> list[str]:
        """Salesforce Ids of the first sample contacts."""
        return sorted(self.org.state.table("Contact").rows)[:count]

    def leads(self, count: int) -> list[str]:
        """Salesforce Ids of the first sample leads."""
        return sorted(self.org.state.table("Lead").rows)[:count]

    def name(self, salesforce_id: str) -> str:
        """A person's name, as the org holds it."""
        row = self.org_row(salesforce_id)
        return f"{row.get('FirstName') or ''} {row['LastName']}".strip()

    def org_row(self, salesforce_id: str) -> dict[str, Any]:
        """A record as the org holds it."""
        return dict(self.org.state.table("Contact").rows[salesforce_id])

    def mirror_row(self, salesforce_id: str, table: str = "contacts") -> dict[str, Any]:
        """A row as any SQLite tool sees it."""
        with closing(sqlite3.connect(self.folder / "mirror.db")) as connection:
            connection.row_factory = sqlite3.Row
            query = f"SELECT * FROM {table} WHERE salesforce_id = ?"  # noqa: S608  one of two table names
            return dict(connection.execute(query, (salesforce_id,)).fetchone())

    def sql(self, statement: str, *values: object) -> None:
        """Edit the mirror as any SQLite tool would."""
        with closing(sqlite3.connect(self.folder / "mirror.db")) as connection, connection:
            connection.execute(statement, values)

    def _events(self) -> list[dict[str, str]]:
        """A small campaign: everybody is sent one, some open, click, reply or bounce."""
        with closing(sqlite3.connect(self.folder / "mirror.db")) as connection:
            query = (
                "SELECT email FROM contacts WHERE email IS NOT NULL ORDER BY salesforce_id LIMIT 12"
            )
            people = [row[0] for row in connection.execute(query)]
            query = "SELECT email FROM leads WHERE email IS NOT NULL ORDER BY salesforce_id LIMIT 4"
            people += [row[0] for row in connection.execute(query)]
        people.append("new.reader@example.com")
        kinds = {
            "email_sent": 1,
            "email_opened": 2,
            "email_clicked": 3,
            "email_replied": 7,
            "email_bounced": 11,
        }
        return [
            {
                "id": f"demo-{kind.removeprefix('email_')}-{number}",
                "type": kind,
                "email": email,
                "campaign_id": "c-7",
                "campaign_name": "January",
                "timestamp": f"2026-01-20T{10 + list(kinds).index(kind):02}:{number:02}:00Z",
            }
            for kind, every in kinds.items()
            for number, email in enumerate(people)
            if number % every == 0
        ]

    def _records(self) -> dict[str, dict[str, Any]]:
        """Every record of the org, with its stamps."""
        tables = (self.org.state.table(name) for name in ("Contact", "Lead", "Task"))
        return {key: dict(row) for table in tables for key, row in table.rows.items()}


def play_browser(url: str) -> bool:
    """Open the address and follow it back to the loopback callback, as a browser would."""
    threading.Thread(target=_visit, args=(url,), daemon=True).start()
    return True


def _visit(url: str) -> None:
    import requests

    with requests.Session() as browser:
        browser.trust_env = False
        browser.headers["Sec-Fetch-Mode"] = "navigate"
        browser.get(url, timeout=10)
