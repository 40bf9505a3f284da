"""A run's process, simulated inside this one: it may end at any commit, call or named place.

At the moment of death the mirror's connection is closed (what was not committed is gone) and no
call reaches the org any more, so that nothing that runs on the way out, ``finally`` or not, can
touch either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from sfsync import failpoints
from sfsync.mirror.store import SqliteMirror
from sfsync.salesforce.transport import OrgSession

BEFORE_A_CALL, AFTER_A_CALL = "call", "answer"
"""Places beside the named ones: a call is about to leave, and the org has acted and answered."""

DIE, DISK = "die", "disk"


class ProcessDied(BaseException):
    """The simulated process is gone."""


@dataclass(slots=True)
class SimulatedProcess(failpoints.Plan):
    """A process that ends where ``acts`` says ``die``.

    Attributes:
        mirror: what it has open.
        before_a_write: called once, before a write leaves. Not before a Bulk job: what another user
            edits between its last look at a record and its row is overwritten, as Salesforce has no
            way to make a job look.
        after_a_write: called once, when the org has done a write and before the answer is seen.
        at_place: called once each, when the place of that name is passed.
        dead: nothing may touch either side any more.
        failed_disk: the disk was made to fail.
    """

    mirror: SqliteMirror | None = None
    before_a_write: Callable[[], None] | None = None
    after_a_write: Callable[[], None] | None = None
    at_place: dict[str, Callable[[], None]] = field(default_factory=dict)
    dead: bool = False
    failed_disk: bool = False

    def hit(self, name: str) -> None:
        """The place was passed."""
        if self.dead:
            raise ProcessDied
        act = self.acts.get((name, self.passed[name] + 1))
        self.failed_disk |= act == DISK
        if act == DIE:
            self.passed[name] += 1
            self.dead = True
            if self.mirror is not None:
                self.mirror.close()
            raise ProcessDied
        failpoints.Plan.hit(self, name)
        if name in self.at_place:
            self.at_place.pop(name)()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside, this is the process that runs."""
        failpoints.arm(self)
        try:
            yield
        except ProcessDied:
            pass
        except Exception:
            if not self.dead:
                raise
        finally:
            failpoints.arm(None)


class KillableSession(OrgSession):
    """A session whose every call is a place where the process may end."""

    process: SimulatedProcess

    def request(  # type: ignore[override]
        self, method: str, url: str, **kwargs: object
    ) -> requests.Response:
        """Make one call."""
        process, writes = self.process, method != "GET"
        process.hit(BEFORE_A_CALL)
        if writes and "/composite" in url and process.before_a_write is not None:
            act, process.before_a_write = process.before_a_write, None
            act()
        response = super().request(method, url, **kwargs)
        if writes and process.after_a_write is not None:
            act, process.after_a_write = process.after_a_write, None
            act()
        process.hit(AFTER_A_CALL)
        return response
