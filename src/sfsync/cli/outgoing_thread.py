"""The thread of ``listen`` that sends webhooks: without the run lock, so that no tick waits for a receiver."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sfsync.cli.invocation import Cli
from sfsync.cli.outgoing import sending
from sfsync.errors import MirrorBusy, SfsyncError

if TYPE_CHECKING:
    from sfsync.cli.listen_metrics import Metrics
    from sfsync.config.sections import Config
    from sfsync.engine.deliver import Courier
    from sfsync.model.delivery import Attempt, Recipient, Settlement

IDLE_SECONDS = 0.5
"""Between two looks at the feed where nothing is under way."""

BUSY_SECONDS, TROUBLE_SECONDS = 1.0, 30.0
"""The wait where another process sends or writes, and after any other trouble."""

LEAVE_SECONDS = 5.0
"""How long the end waits for the thread; what is under way then is sent again by the next process."""


class OutgoingThread:
    """Sends until it is stopped.

    Args:
        recipients: whom to; without any it ends at once.
        say: tells a sentence to whoever watches the process.
    """

    def __init__(
        self,
        cli: Cli,
        config: Config,
        recipients: list[Recipient],
        metrics: Metrics,
        say: Callable[[str], None],
    ) -> None:
        self._cli = cli
        self._config = config
        self._recipients = recipients
        self._metrics = metrics
        self._say = say
        self._ends = threading.Event()
        self._trouble = ""
        self._told: dict[str, str] = {}
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; at most for a few seconds."""
        self._ends.set()
        self._thread.join(LEAVE_SECONDS)

    def _work(self) -> None:
        while not self._ends.is_set():
            try:
                self._send()
            except MirrorBusy:
                self._ends.wait(BUSY_SECONDS)
            except SfsyncError as error:
                self._fail(error.message)
            except Exception as error:  # noqa: BLE001  ticks and the web go on, and it is tried again
                self._fail(f"sending failed ({type(error).__name__})")

    def _send(self) -> None:
        with sending(self._cli, self._config, self._recipients) as courier:
            if courier is None:
                self._ends.wait(BUSY_SECONDS)
                return
            if not self._recipients:
                self._ends.set()
            courier.on_settled = self._settled
            self._turn(courier)

    def _turn(self, courier: Courier) -> None:
        while not self._ends.is_set():
            lost = courier.report.lost
            try:
                is_idle = not courier.turn()
            except MirrorBusy:  # what was answered meanwhile is settled by the next turn
                self._ends.wait(BUSY_SECONDS)
                continue
            if is_idle:
                self._ends.wait(IDLE_SECONDS)
            self._trouble = ""
            if courier.report.lost > lost:
                self._say("webhooks: some changes were forgotten unsent: sfsync webhook endpoints")

    def _settled(self, attempt: Attempt, settled: Settlement) -> None:
        name, now = attempt.delivery.endpoint, settled.endpoint
        self._metrics.webhook(name, settled.outcome)
        if now.state != "active":
            self._tell(name, f"is {now.state}: {now.reason}")
        elif settled.outcome == "delivered":
            self._tell(name, "")
        elif not self._told.get(name):
            self._tell(name, f"fails: {attempt.answer}; it is tried again")

    def _tell(self, name: str, how: str) -> None:
        """Say how an endpoint is, once; nothing where all is well from the beginning."""
        if how != self._told.get(name, ""):
            self._say(f"webhook {name} {how or 'takes messages again'}")
        self._told[name] = how

    def _fail(self, sentence: str) -> None:
        if sentence != self._trouble:
            self._say(f"webhooks: {sentence}; again in {TROUBLE_SECONDS:.0f} s")
        self._trouble = sentence
        self._ends.wait(TROUBLE_SECONDS)
