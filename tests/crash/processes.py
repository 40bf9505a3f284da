"""Commands as processes of their own, ended by the system: nothing that runs on the way out is simulated."""

import json
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.crash.killable import KillPlan
from tests.crash.scene import Scene
from tests.system.workspace import CommandResult

ENDS = {"kill": (-signal.SIGKILL,), "term": (143,), "int": (130,), "disk": (1,)}
AFTER_ALL = ("run.finished", "commit")
"""Where a signal may come when all is done: then the run ends as if there had been none."""


@dataclass
class Processes:
    """The installed sfsync at a scene's workspace.

    Args:
        bulk: everything by Bulk jobs.
    """

    scene: Scene
    bulk: bool = False

    def run(self, plan: KillPlan, *command: str) -> dict[str, Any] | None:
        """Run a command, which meets its end as ``plan`` says; its JSON document, or None where it was killed."""
        workspace, counts = self.scene.workspace, self.scene.workspace.folder / "passed.json"
        counts.unlink(missing_ok=True)
        steps = [f"{name}={act}@{nth}" for (name, nth), act in plan.acts.items()]
        steps += [f"count={counts}", *(["bulk=1"] if self.bulk else [])]
        ran = workspace.run(*command, "--json", SFSYNC_FAILPOINTS=",".join(steps))
        plan.passed = Counter(json.loads(counts.read_text("utf-8")))
        check_end(ran, plan)
        if ran.code == -signal.SIGKILL:
            looked = workspace.run("status", "--json")
            assert looked.code == 0, looked
            return None
        return ran.document


def check_end(ran: CommandResult, plan: KillPlan) -> None:
    """The process ended as it was made to, and said so properly."""
    assert "Traceback" not in ran.out + ran.err
    for (name, _), act in plan.acts.items():
        allowed = ENDS[act] + ((0, 3) if act in {"term", "int"} and name in AFTER_ALL else ())
        assert ran.code in allowed, (name, act, ran)
    if ran.code >= 0:
        assert ran.document["exit_code"] == ran.code
