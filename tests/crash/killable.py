"""Commands in this process that can be killed at any point, as SIGKILL would kill a process of their own.

At that point the mirror's connection is closed (what was not committed is gone) and no
call reaches the org any more, so that nothing that runs on the way out, ``finally`` or not, can
touch either side. Beside the named points, the answer to a call may be lost after the org has acted
(``lose`` at ``call.answered``).
"""

import asyncio
import contextlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from urllib3 import HTTPResponse

from local_org.server import LocalOrg
from sfsync import failpoints
from sfsync.cli import push_activity as handing_in
from sfsync.cli import wiring
from sfsync.cli.answer import Answer
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.cli.pull import pull as pull_command
from sfsync.cli.push import push as push_command
from sfsync.cli.push_activity import push_activity as push_activity_command
from sfsync.cli.sync import sync as sync_command
from sfsync.config.file import load_config
from sfsync.engine import edits, fetch, people_lookup, pull, push_activity
from sfsync.mirror import stage_triples, staging
from sfsync.mirror.store import SqliteMirror
from sfsync.model.token import Token
from sfsync.model.traffic import Batching
from sfsync.salesforce.bulk_jobs import Polling
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from tests.crash.scene import Scene

Point = tuple[str, int]


class SimulatedKill(BaseException):
    """The process is gone; nothing catches this."""


@dataclass
class KillPlan(failpoints.Plan):
    """Where one run of a command is killed, and which points it passes until then.

    Attributes:
        killed: nothing may touch either side any more.
        mirrors: the open ones, to be closed when it is killed.
    """

    killed: bool = False
    mirrors: list[SqliteMirror] = field(default_factory=list)

    @classmethod
    def until(cls, point: Point | None, act: str = "simulated kill") -> "KillPlan":
        return cls(acts={point: act} if point else {})

    def hit(self, name: str) -> None:
        if self.killed:
            raise SimulatedKill
        if self.acts.get((name, self.passed[name] + 1)) == "simulated kill":
            self.passed[name] += 1
            self.kill()
        super().hit(name)

    def kill(self) -> None:
        self.killed = True
        for mirror in self.mirrors:
            mirror._database._connection.close()
        raise SimulatedKill


class LossySession(OrgSession):
    """A session that may lose an answer."""

    plan: KillPlan

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        response = super().request(method, url, **kwargs)
        if self.plan.acts.get(("call.answered", self.plan.passed["call.answered"])) == "lose":
            raise CallFailed("the connection broke off", repeatable=False)
        return response


class DirectAdapter(requests.adapters.BaseAdapter):
    """Hands a request to the org without a socket between: the same answers in a third of the time."""

    def __init__(self, org: LocalOrg) -> None:
        super().__init__()
        self._app = org.app

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        asked, told = urlsplit(request.url), []
        path, body = unquote(asked.path), request.body or b""
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": request.method,
            "server": (asked.hostname, asked.port),
            "client": ("127.0.0.1", 1),
            "path": path,
            "raw_path": asked.path.encode(),
            "query_string": asked.query.encode(),
            "headers": [
                (name.lower().encode(), str(value).encode())
                for name, value in {"Host": asked.netloc, **request.headers}.items()
            ],
        }

        async def receive() -> dict[str, Any]:
            return {
                "type": "http.request",
                "body": body.encode() if isinstance(body, str) else body,
            }

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        with contextlib.closing(asyncio.new_event_loop()) as loop:
            loop.run_until_complete(self._app(scope, receive, send))
        response = requests.Response()
        response.status_code = told[0]["status"]
        response.headers.update(
            {name.decode(): value.decode() for name, value in told[0]["headers"]}
        )
        whole = io.BytesIO(b"".join(message.get("body", b"") for message in told[1:]))
        response.raw = HTTPResponse(
            whole, response.headers, response.status_code, preload_content=False
        )
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Nothing is held."""


class SmallBatches(SalesforceOrg):
    """Three writes at a time, so that a handful of people is several batches."""

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        return Batching(super().batching(action_count, creating=creating).transport, 3)


@dataclass
class KillableProgram:
    """sfsync, run in this process against a scene.

    Args:
        bulk: everything by Bulk jobs.
    """

    scene: Scene
    bulk: bool = False

    def __post_init__(self) -> None:
        self._token = self.scene.workspace.org.token()
        self._config = load_config(self.scene.workspace.yaml, {})

    def run(self, plan: KillPlan, *command: str) -> dict[str, Any] | None:
        """Run a command; its JSON document, or None where it was killed."""
        main = {
            "pull": self._pull,
            "push": self._push,
            "push-activity": self._activity,
            "sync": self._sync,
        }
        cli = Cli(command[0], config=self.scene.workspace.yaml, as_json=True, environ={})
        out, err = io.StringIO(), io.StringIO()
        with self._alive(plan), redirect_stdout(out), redirect_stderr(err):
            try:
                perform(cli, lambda: main[command[0]](cli, *command[1:]))
            except SimulatedKill:
                assert plan.killed
        if plan.killed:
            return None
        assert "Traceback" not in err.getvalue()
        document: dict[str, Any] = json.loads(out.getvalue())
        return document

    @staticmethod
    def _pull(cli: Cli, *flags: str) -> Answer:
        return pull_command(cli, full="--full" in flags)

    @staticmethod
    def _push(cli: Cli) -> Answer:
        return push_command(cli)

    def _activity(self, cli: Cli, *files: str) -> Answer:
        return push_activity_command(cli, self.scene.workspace.folder / files[0] if files else None)

    @staticmethod
    def _sync(cli: Cli) -> Answer:
        return sync_command(cli)

    @contextmanager
    def _alive(self, plan: KillPlan) -> Iterator[None]:
        opened = wiring.open_mirror

        @contextmanager
        def open_mirror(config: Any) -> Iterator[SqliteMirror]:
            with opened(config) as mirror:
                mirror._database._connection.execute(
                    "PRAGMA synchronous = OFF"
                )  # the process dies, not the disk
                plan.mirrors.append(mirror)
                yield mirror

        def connect(_cli: Cli, _config: Any, _mirror: SqliteMirror) -> tuple[SalesforceOrg, str]:
            return self._org(plan), self.scene.state.org_id

        before = wiring.connect, wiring.configuration
        wiring.open_mirror, wiring.connect = open_mirror, connect
        wiring.configuration = lambda _cli: self._config
        failpoints.arm(plan)
        try:
            yield
        finally:
            failpoints.arm(None)
            wiring.open_mirror, (wiring.connect, wiring.configuration) = opened, before

    def _org(self, plan: KillPlan) -> SalesforceOrg:
        url, state = self.scene.workspace.org.url, self.scene.state
        token = Token(self._token, url, f"{url}/id/{state.org_id}/{state.admin_id}")
        session = LossySession(token, lambda _stale: token)
        session.plan = plan
        session.mount("http://", DirectAdapter(self.scene.workspace.org))
        return SmallBatches(
            Connection(session, patience=Patience(first_wait_seconds=0.001)),
            bulk_query_from=1 if self.bulk else None,
            bulk_write_from=1 if self.bulk else None,
            polling=Polling(0.001, 1.5, 0.02, 10.0),
        )


@contextmanager
def small_steps() -> Iterator[None]:
    """Transactions of two or three rows instead of hundreds, so that a handful of people is many commits."""
    sizes: dict[tuple[Any, str], int] = {
        (staging, "SETTLE_BATCH"): 3,
        (stage_triples, "TRIPLE_PAGE"): 2,
        (staging, "PAGE"): 2,
        (pull, "ROWS_PER_TRANSACTION"): 2,
        (edits, "ROWS_PER_TRANSACTION"): 2,
        (edits, "IDS_PER_FETCH"): 4,
        (fetch, "IDS_PER_FETCH"): 4,
        (edits, "ADDRESSES_PER_LOOKUP"): 2,
        (handing_in, "LINES_PER_ENTRY"): 5,
        (push_activity, "HANDLED_PER_TRANSACTION"): 4,
        (people_lookup, "ADDRESSES_PER_LOOKUP"): 2,
    }
    before = {place: getattr(*place) for place in sizes}
    for (module, name), size in sizes.items():
        setattr(module, name, size)
    try:
        yield
    finally:
        for (module, name), size in before.items():
            setattr(module, name, size)


def points(passed: Counter[str]) -> Iterator[Point]:
    """Every place of a plan, each time it was passed."""
    for name, count in sorted(passed.items()):
        for nth in range(1, count + 1):
            yield name, nth
