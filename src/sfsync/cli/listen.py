"""listen: real time, for months. Takes webhooks in, hands events on, looks at Salesforce, and runs the batch itself.

The main thread works in ticks, each under the run lock and for as long as it takes, so that cron and people work beside
it. A thread of its own answers the web; what it takes in is in the inbox, durable, before the sender hears of it.
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.arrivals import LISTENER, open_inbox
from sfsync.cli.invocation import Cli
from sfsync.cli.options import SkipIfLocked
from sfsync.errors import AuthError, MirrorBusy, SfsyncError
from sfsync.planning.ticks import Ticks, Work

if TYPE_CHECKING:
    from sfsync.cli.listen_metrics import Health, Metrics
    from sfsync.cli.outgoing_thread import OutgoingThread
    from sfsync.cli.service_manager import ServiceManager
    from sfsync.config.sections import Config
    from sfsync.intake.receiver import Receiver
    from sfsync.mirror.inbox import InboxState
    from sfsync.model.delivery import Recipient
    from sfsync.model.outcome import RunReport

TURN_SECONDS = 0.1
"""How often the loop looks whether there is something to do."""

NOTED_EVERY_SECONDS = 30


def listen(
    cli: Cli,
    *,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT", help="Where webhooks come in, instead of listen.bind."
        ),
    ] = None,
    no_webhooks: Annotated[
        bool, typer.Option("--no-webhooks", help="Take no webhooks in: only look at Salesforce.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Do what waits, look at Salesforce once, and end.")
    ] = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Work in real time until it is stopped: take webhooks in, send Tasks, look at Salesforce, run the batch.

    A delivery is answered once it is durable, whatever else is under way. Objects with `frequency: real_time` are looked at every
    minute. Ctrl-C or SIGTERM ends it with all work kept; SIGHUP has it read the configuration and its secrets again.

    Examples:
      sfsync listen
      sfsync listen --bind 127.0.0.1:9000
      sfsync listen --once
    """
    from sfsync.cli.listen_senders import senders_of
    from sfsync.cli.outgoing import recipients_of
    from sfsync.cli.wiring import configuration

    config = configuration(cli)
    if once:
        return _once(cli, config, skip_if_locked=skip_if_locked)
    senders = {} if no_webhooks else senders_of(config.listen, cli.environ, config.source.parent)
    recipients = recipients_of(cli, config)
    with _Listener(cli, config, senders, recipients, bind or config.listen.bind) as listener:
        listener.work()
    raise AssertionError("a listener ends by being interrupted")


def _once(cli: Cli, config: Config, *, skip_if_locked: bool) -> Answer:
    from sfsync.cli.outgoing import beginning, delivering
    from sfsync.cli.run_report import run_verb
    from sfsync.engine.sync import sync

    answer = run_verb(
        cli,
        beginning(lambda session: sync(session.run, _real_time(config))),
        dry_run=False,
        allow_mass_change=False,
        skip_if_locked=skip_if_locked,
        config=config,
    )
    return delivering(cli, config, answer)


def _real_time(config: Config) -> list[str]:
    """The objects that are looked at every minute; all where none is in real time."""
    rules = config.mapping.rules
    return [
        name
        for name in config.mapping.objects
        if name in rules and rules[name].frequency == "real_time"
    ]


class _Listener:
    """One process that listens."""

    def __init__(
        self,
        cli: Cli,
        config: Config,
        senders: dict[str, Any],
        recipients: list[Recipient],
        bind: str,
    ) -> None:
        from sfsync.cli.clock import now
        from sfsync.cli.listen_metrics import Health, Metrics
        from sfsync.cli.service_manager import ServiceManager

        self._cli = cli
        self._config = config
        self._bind = bind
        self._senders = senders
        self._recipients = recipients
        self._manager: ServiceManager = ServiceManager(cli.environ)
        self._health: Health = Health(now())
        self._metrics: Metrics = Metrics()
        self._receiver: Receiver | None = self._new_receiver() if senders else None
        self._ticks = _ticks(config)
        self._came_in = True  # what waits from before
        self._reload = False
        self._noted_at = float("-inf")

    def __enter__(self) -> Self:
        from sfsync.cli.listen_metrics import health_app
        from sfsync.cli.listen_server import Servers, at_address, listening
        from sfsync.cli.service_manager import handed_over

        with open_inbox(self._config):
            pass  # made before anybody can send
        given = handed_over(self._cli.environ)
        webhooks = None
        if self._receiver is not None:
            webhooks = given[0] if given else listening(self._bind)
        health = listening(self._config.listen.health_bind)
        app = health_app(self._health, self._metrics, self._look)
        self._servers = Servers(self._receiver, webhooks, app, health)
        self._servers.start()
        self._cli.stop.draining = True  # a stop is noted, and the loop ends at its next turn
        self._before = signal.signal(signal.SIGHUP, self._asked_to_reload)
        self._health.webhooks_at = at_address(webhooks) if webhooks else ""
        self._health.health_at = at_address(health)
        self._outgoing = self._new_outgoing()
        self._manager.ready()
        self._tell()
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.stopping()
        self._servers.stop()
        self._outgoing.stop()
        signal.signal(signal.SIGHUP, self._before)
        self._note(running=False)

    def work(self) -> None:
        """Turn until asked to stop.

        Raises:
            Interrupted: asked to stop.
        """
        while True:
            self._turn()
            if self._reload:
                self._read_again()
            work = self._ticks.due(time.monotonic(), events_wait=self._came_in)
            if work is Work.NOTHING:
                time.sleep(TURN_SECONDS)
            else:
                self._tick(work)

    def _turn(self) -> None:
        self._health.turn()
        self._manager.alive()
        if time.monotonic() - self._noted_at >= NOTED_EVERY_SECONDS:
            self._note()
        self._cli.stop.checkpoint()

    # -- ticks -------------------------------------------------------------------------------------
    def _tick(self, work: Work) -> None:
        """Do it, under the run lock; whatever keeps it from being done is told, and tried again."""
        from sfsync.cli.clock import now

        self._came_in = False  # what comes from here on asks for a tick of its own
        try:
            report = self._run(work)
        except MirrorBusy:
            self._came_in = True
            self._ticks.locked(time.monotonic())
            self._metrics.tick(work.value, "locked")
            return
        except SfsyncError as error:
            self._came_in = True
            self._failed(work, error)
            return
        self._ticks.done(work, time.monotonic())
        self._ticks.wake(_wakes_at(report))
        self._health.last_tick_at = now()
        self._health.trouble = ""
        self._metrics.tick(work.value, report.ending, report.api_calls)
        if not report.is_idle:
            self._say(f"{work.value}: {_told(report)}")
            self._note()

    def _run(self, work: Work) -> RunReport:
        from sfsync.cli.wiring import working
        from sfsync.engine.push_activity import push_activity
        from sfsync.engine.sync import sync

        with working(
            self._cli, config=self._config, show_progress=False, keep_idle=False
        ) as session:
            turned = session.run.checkpoint

            def checkpoint() -> None:
                self._health.turn()
                self._manager.alive()
                turned()

            session.run.checkpoint = checkpoint
            match work:
                case Work.ACTIVITY:
                    push_activity(session.run)
                case Work.POLL:
                    sync(session.run, _real_time(self._config))
                case _:
                    sync(session.run)
                    self._forget_old()
        return session.run.report

    def _failed(self, work: Work, error: SfsyncError) -> None:
        wait = self._ticks.failed(time.monotonic())
        self._metrics.tick(work.value, error.slug)
        if error.message != self._health.trouble:
            hint = f" ({error.hint})" if error.hint and isinstance(error, AuthError) else ""
            self._say(f"{work.value}: {error.message}{hint}; again in {wait:.0f} s")
        self._health.trouble = error.message
        self._note()

    def _forget_old(self) -> None:
        with open_inbox(self._config) as inbox:
            inbox.forget_old()

    # -- what goes out -----------------------------------------------------------------------------
    def _new_outgoing(self) -> OutgoingThread:
        from sfsync.cli.outgoing_thread import OutgoingThread

        return OutgoingThread(self._cli, self._config, self._recipients, self._metrics, self._say)

    # -- what comes in -----------------------------------------------------------------------------
    def _new_receiver(self) -> Receiver:
        from sfsync.cli.clock import now
        from sfsync.cli.listen_keeper import Keeper
        from sfsync.cli.listen_senders import fetched
        from sfsync.intake.receiver import Receiver

        return Receiver(
            self._senders,
            Keeper(lambda: self._config).keep,
            now,
            self._metrics,
            confirm=fetched,
            on_kept=self._on_kept,
            max_body=self._config.listen.max_body,
        )

    def _on_kept(self) -> None:
        self._came_in = True

    def _look(self) -> InboxState:
        with open_inbox(self._config) as inbox:
            return inbox.state()

    # -- the configuration again -------------------------------------------------------------------
    def _asked_to_reload(self, *_: object) -> None:
        self._reload = True

    def _read_again(self) -> None:
        """Take a changed configuration over; one with a mistake is told, and the old one goes on."""
        from sfsync.cli.listen_senders import senders_of
        from sfsync.cli.outgoing import recipients_of
        from sfsync.cli.wiring import configuration

        self._reload = False
        self._manager.reloading()
        try:
            config = configuration(self._cli)
            senders = senders_of(config.listen, self._cli.environ, config.source.parent)
            recipients = recipients_of(self._cli, config)
        except SfsyncError as error:
            self._say(f"the configuration is not taken over: {error.message}")
        else:
            self._config, self._recipients = config, recipients
            self._outgoing.stop()
            self._outgoing = self._new_outgoing()
            if self._receiver is not None:
                self._receiver.senders = senders
                self._receiver.max_body = config.listen.max_body
            self._ticks = _ticks(config)
            self._say("the configuration was read again")
        self._manager.ready()

    # -- telling -----------------------------------------------------------------------------------
    def _tell(self) -> None:
        health = f"health at {self._health.health_at}/readyz"
        if not self._health.webhooks_at:
            self._say(f"listening to no webhooks; {health}")
            return
        names = ", ".join(self._receiver.senders) if self._receiver else ""
        self._say(f"listening at {self._health.webhooks_at}/webhooks/SOURCE for {names}; {health}")

    def _say(self, sentence: str) -> None:
        from sfsync.cli.clock import now
        from sfsync.cli.text import visible

        self._manager.status(sentence)
        if not self._cli.quiet:
            self._cli.to_stderr(visible(f"{now()} {sentence}"))

    def _note(self, *, running: bool = True) -> None:
        from sfsync.cli.clock import now

        self._noted_at = time.monotonic()

        note = self._health.as_dict() | {"pid": os.getpid() if running else None, "at": now()}
        try:
            with open_inbox(self._config) as inbox:
                inbox.note(LISTENER, json.dumps(note))
        except SfsyncError:
            self._health.inbox_trouble = "the inbox cannot be written"


def _wakes_at(report: RunReport) -> float:
    """When a Task that waits here is due, by the clock that never goes back; not at once."""
    from sfsync.cli.clock import now

    if report.activity is None or not report.activity.due_at:
        return math.inf
    seconds = datetime.fromisoformat(report.activity.due_at) - datetime.fromisoformat(now())
    return time.monotonic() + max(1.0, seconds.total_seconds())


def _ticks(config: Config) -> Ticks:
    from sfsync.cli.schedule_formats import batch

    wanted = [batch(rules.frequency, rules.fallback) for rules in config.mapping.rules.values()]
    lengths = [each.length.total_seconds() for each in wanted if each is not None]
    return Ticks(
        config.listen.poll_seconds, min(lengths, default=0.0), polls=bool(_real_time(config))
    )


def _told(report: RunReport) -> str:
    """What a tick did, in a line for the log: no name, no address."""
    told = []
    for verb, reports in (("pull", report.pull), ("push", report.push)):
        for name, counts in reports.items():
            done = ", ".join(f"{count} {what}" for what, count in counts.as_dict().items() if count)
            if done:
                told.append(f"{verb} {name}: {done}")
    if report.activity is not None:
        done = ", ".join(
            f"{count} {what}" for what, count in report.activity.counts.items() if count
        )
        if done:
            told.append(done)
    return "; ".join(told) or report.ending
