"""listen: real time, for months. Takes webhooks in, hands events on, follows Salesforce, and runs the batch itself.

The main thread works in ticks, each under the run lock and for as long as it takes, so that cron and people work beside
it. A thread of its own answers the web; what it takes in is in the inbox, durable, before the sender hears of it. Another
follows the org's change events; what they name is in the mirror, durable, before it goes on.
"""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.arrivals import LISTENER, open_inbox
from sfsync.cli.invocation import Cli
from sfsync.cli.options import SkipIfLocked
from sfsync.errors import AuthError, MirrorBusy, SfsyncError
from sfsync.planning.ticks import Work

if TYPE_CHECKING:
    from sfsync.cli.listen_metrics import Health, Metrics
    from sfsync.cli.listen_stream import StreamThread
    from sfsync.cli.listen_work import Done
    from sfsync.cli.outgoing_thread import OutgoingThread
    from sfsync.cli.service_manager import ServiceManager
    from sfsync.config.sections import Config
    from sfsync.intake.receiver import Receiver
    from sfsync.mirror.inbox import InboxState
    from sfsync.model.delivery import Recipient

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
    no_stream: Annotated[
        bool,
        typer.Option(
            "--no-stream", help="Follow no change events of Salesforce: look every minute instead."
        ),
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Do what waits, look at Salesforce once, and end.")
    ] = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Work in real time until it is stopped: take webhooks in, send Tasks, look at Salesforce, run the batch.

    A delivery is answered once it is durable, whatever else is under way. Changes of objects with `frequency: real_time` are followed
    as they happen, where the org publishes change events and sfsync[realtime] is installed; else they are looked at every minute. Ctrl-C or SIGTERM ends it with all work kept; SIGHUP has it read the configuration and its secrets again.

    Examples:
      sfsync listen
      sfsync listen --bind 127.0.0.1:9000
      sfsync listen --once
    """
    from sfsync.cli.listen_senders import senders_of
    from sfsync.cli.listen_work import do_once
    from sfsync.cli.outgoing import recipients_of
    from sfsync.cli.wiring import configuration

    config = configuration(cli)
    if once:
        return do_once(cli, config, skip_if_locked=skip_if_locked)
    senders = {} if no_webhooks else senders_of(config.listen, cli.environ, config.source.parent)
    recipients = recipients_of(cli, config)
    at = bind or config.listen.bind
    with _Listener(cli, config, senders, recipients, at, streams=not no_stream) as listener:
        listener.work()
    raise AssertionError("a listener ends by being interrupted")


class _Listener:
    """One process that listens."""

    def __init__(
        self,
        cli: Cli,
        config: Config,
        senders: dict[str, Any],
        recipients: list[Recipient],
        bind: str,
        *,
        streams: bool,
    ) -> None:
        from sfsync.cli.clock import now
        from sfsync.cli.listen_metrics import Health, Metrics
        from sfsync.cli.listen_notices import ListenNotices
        from sfsync.cli.listen_work import streamed_objects, ticks_of
        from sfsync.cli.service_manager import ServiceManager

        self._cli = cli
        self._config = config
        self._bind = bind
        self._senders = senders
        self._recipients = recipients
        self._manager: ServiceManager = ServiceManager(cli.environ)
        self._health: Health = Health(now())
        self._metrics: Metrics = Metrics()
        self._watch = ListenNotices(cli)
        self._receiver: Receiver | None = self._new_receiver() if senders else None
        self._ticks = ticks_of(config)
        self._streams = streams
        self._followed: list[str] = streamed_objects(config) if streams else []
        self._polled: list[str] = []
        self._came_in = True  # what waits from before
        self._named = False
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
        self._stream = self._new_stream()
        self._stream.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.stopping()
        self._stream.stop()
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
            self._share_out()
            work = self._ticks.due(
                time.monotonic(), events_wait=self._came_in, hints_wait=self._named
            )
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
        from sfsync.cli.listen_work import told, wakes_at

        # what comes from here on asks for a tick of its own
        named, self._came_in = self._named, False
        if work is Work.FOLLOW:
            self._named = False
        try:
            done = self._run(work)
        except MirrorBusy:
            self._wait_again(named=named)
            self._ticks.locked(time.monotonic())
            self._metrics.tick(work.value, "locked")
            return
        except SfsyncError as error:
            self._wait_again(named=named)
            self._failed(work, error)
            return
        report = done.report
        self._cli.run_id = None  # what comes between two runs belongs to none
        self._ticks.done(work, time.monotonic(), calls=report.api_calls, calls_left=done.calls_left)
        self._ticks.wake(wakes_at(report))
        self._health.last_tick_at = now()
        self._held_back(work, done)
        self._watch.saw(work, done, self._health.trouble)
        self._metrics.tick(work.value, report.ending, report.api_calls)
        if not report.is_idle:
            self._say(f"{work.value}: {told(report)}")
            self._note()

    def _wait_again(self, *, named: bool) -> None:
        """What asked for the tick still waits; the threads may have said so for more meanwhile."""
        self._came_in = True
        if named:
            self._named = True

    def _run(self, work: Work) -> Done:
        from sfsync.cli.listen_work import do

        def turned() -> None:
            self._health.turn()
            self._manager.alive()

        done = do(
            self._cli,
            self._config,
            work,
            polled=self._polled,
            followed=self._followed,
            on_checkpoint=turned,
        )
        if work is Work.BATCH:
            self._forget_old()
        return done

    def _share_out(self) -> None:
        """Which objects are looked at, and which are named by the stream, as that is at the moment."""
        from sfsync.cli.listen_work import real_time_objects

        stream = self._health.stream
        streamed = stream.objects if stream.is_streaming else ()
        self._polled = [each for each in real_time_objects(self._config) if each not in streamed]
        self._ticks.polls, self._ticks.follows = bool(self._polled), bool(streamed)

    def _held_back(self, work: Work, done: Done) -> None:
        """Tell what the brake stopped of what the stream names, once; it is tried again in a while."""
        held = done.held_back
        if done.more or held is not None:
            self._named = True
        if held is not None:
            self._ticks.held_back(time.monotonic())
            if held.message != self._health.trouble:
                self._say(f"{work.value}: {held.message} {held.hint}")
        told = held.message if held is not None else ""
        self._health.worked(told, only_events=work is Work.ACTIVITY)

    def _failed(self, work: Work, error: SfsyncError) -> None:
        wait = self._ticks.failed(time.monotonic())
        self._watch.failed(error)
        self._metrics.tick(work.value, error.slug)
        if error.message != self._health.trouble:
            hint = f" ({error.hint})" if error.hint and isinstance(error, AuthError) else ""
            self._say(
                f"{work.value}: {error.message}{hint}; again in {wait:.0f} s",
                logged=f"{work.value}: {error.slug}; again in {wait:.0f} s",
            )
        self._health.trouble = error.message
        self._note()

    def _forget_old(self) -> None:
        with open_inbox(self._config) as inbox:
            inbox.forget_old()

    # -- the org's changes -------------------------------------------------------------------------
    def _new_stream(self) -> StreamThread:
        from sfsync.cli.listen_stream import StreamThread

        state = self._health.stream
        return StreamThread(
            self._cli, self._config, self._followed, state, self._on_hints, self._say
        )

    def _on_hints(self) -> None:
        self._named = True

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
        from sfsync.cli.listen_work import streamed_objects, ticks_of
        from sfsync.cli.outgoing import recipients_of
        from sfsync.cli.wiring import configuration

        self._reload = False
        self._manager.reloading()
        try:
            config = configuration(self._cli)
            senders = senders_of(config.listen, self._cli.environ, config.source.parent)
            recipients = recipients_of(self._cli, config)
        except SfsyncError as error:
            sentence = "the configuration is not taken over"
            self._say(f"{sentence}: {error.message}", logged=f"{sentence}: {error.slug}")
        else:
            self._config, self._recipients = config, recipients
            self._outgoing.stop()
            self._outgoing = self._new_outgoing()
            if self._receiver is not None:
                self._receiver.senders = senders
                self._receiver.max_body = config.listen.max_body
            self._ticks = ticks_of(config)
            self._stream.stop()
            self._followed = streamed_objects(config) if self._streams else []
            self._stream = self._new_stream()
            self._stream.start()
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

    def _say(self, sentence: str, *, logged: str = "") -> None:
        from sfsync.cli.telling import say

        self._manager.status(sentence)
        say(self._cli, sentence, logged=logged)

    def _note(self, *, running: bool = True) -> None:
        from sfsync.cli.clock import now

        self._noted_at = time.monotonic()

        note = self._health.as_dict() | {"pid": os.getpid() if running else None, "at": now()}
        try:
            with open_inbox(self._config) as inbox:
                inbox.note(LISTENER, json.dumps(note))
        except SfsyncError:
            self._health.inbox_trouble = "the inbox cannot be written"
