"""Outgoing webhooks put together: endpoints with their secrets, the mirror's place in the feed, and who posts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted
from sfsync.errors import ConfigError, SfsyncError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.wiring import Session
    from sfsync.config.sections import Config
    from sfsync.engine.deliver import Courier
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.delivery import DeliveryReport, Recipient
    from sfsync.outgoing.poster import Poster

SECONDS = 20.0
"""How long the end of a ``sync`` begins new posts."""

BUSY_SECONDS = 2.0
"""How long to wait for a run that writes; it is tried again soon."""


def recipients_of(cli: Cli, config: Config) -> list[Recipient]:
    """Every endpoint, with what proves that it was sfsync.

    Raises:
        ConfigError: a secret is not where the configuration says, or is none.
    """
    from sfsync.model.delivery import Recipient
    from sfsync.model.web_address import WebAddress
    from sfsync.planning.deliveries import kinds_of

    return [
        Recipient(
            name,
            WebAddress.parse(endpoint.url),
            _secrets(cli, config, name),
            kinds_of(endpoint.types),
        )
        for name, endpoint in config.webhooks.endpoints.items()
    ]


def _secrets(cli: Cli, config: Config, name: str) -> tuple[str, ...]:
    from sfsync.cli.webhook_secrets import secrets_of
    from sfsync.outgoing.signing import is_secret

    where = f"webhooks.endpoints.{name}"
    places = config.webhooks.endpoints[name]
    found = tuple(secrets_of(where, places, cli.environ, config.source.parent))
    if not all(map(is_secret, found)):
        raise ConfigError(
            f"{where}: a secret has not the form whsec_ and base64 of 24 to 64 bytes",
            hint='Make one: echo "whsec_$(openssl rand -base64 32)"',
        )
    return found


@contextmanager
def posting(cli: Cli) -> Iterator[Poster]:
    """Who posts, in this block."""
    from sfsync import __version__
    from sfsync.cli.clock import now
    from sfsync.outgoing.poster import Poster

    bundle = cli.environ.get("REQUESTS_CA_BUNDLE") or cli.environ.get("CURL_CA_BUNDLE") or ""
    with Poster(now, agent=f"sfsync/{__version__}", trust=bundle) as poster:
        yield poster


@contextmanager
def sending(cli: Cli, config: Config, recipients: list[Recipient]) -> Iterator[Courier | None]:
    """Who sends what is new, in this block; ``None`` where another process does.

    Raises:
        MirrorBusy: a run keeps the mirror's file locked.
    """
    from sfsync.cli.clock import now
    from sfsync.engine.deliver import Courier
    from sfsync.mirror.store import SqliteMirror

    with SqliteMirror(config.mirror_path, now=now, busy_seconds=BUSY_SECONDS) as mirror:
        mirror.prepare(config.mapping)
        with mirror.deliveries.sending() as is_alone:
            if not is_alone:
                yield None
                return
            mirror.deliveries.keep_only([each.name for each in recipients])
            with posting(cli) as poster:
                yield Courier(
                    recipients, mirror.deliveries, poster, now, random.random,
                    config.webhooks.pause_after_days,
                )  # fmt: skip


# -- at the end of a sync --------------------------------------------------------------------------
def beginning(verb: Callable[[Session], object]) -> Callable[[Session], object]:
    """The verb; what it changes is told to endpoints that are new in the configuration, too."""

    def work(session: Session) -> None:
        if not session.run.dry_run:
            session.mirror.deliveries.keep_only(session.config.webhooks.endpoints)
        verb(session)

    return work


def delivering(cli: Cli, config: Config, answer: Answer) -> Answer:
    """The answer of a run, after what it changed was sent; never a failure of the run.

    Args:
        answer: returned as it is where there are no endpoints, or the run was skipped or rehearsed.
    """
    if not config.webhooks.endpoints or answer.data.get("skipped") or answer.data.get("dry_run"):
        return answer
    try:
        report, warnings = _delivered(cli, config)
    except SfsyncError as error:
        told = f"webhooks were not sent, the next run does it: {error.message}"
        return replace(answer, warnings=(*answer.warnings, told))
    return replace(
        answer,
        data={**answer.data, "webhooks": report.as_dict()},
        show=partial(_show, answer.show, report),
        warnings=(*answer.warnings, *warnings),
    )


def _delivered(cli: Cli, config: Config) -> tuple[DeliveryReport, list[str]]:
    from sfsync.cli.wiring import open_mirror
    from sfsync.engine.deliver import deliver

    recipients = recipients_of(cli, config)
    with sending(cli, config, recipients) as courier:
        if courier is not None:
            checkpoint = cli.stop.checkpoint
            deliver(courier, seconds=SECONDS, clock=time.monotonic, checkpoint=checkpoint)
            return courier.report, list(
                troubles(courier.deliveries.overview(partial(kinds, config)))
            )
    with open_mirror(config) as mirror:
        return _left_to_another(mirror, recipients), []


def kinds(config: Config, name: str) -> frozenset[tuple[str, str]]:
    """What an endpoint is told; nothing where it is not configured any more."""
    from sfsync.planning.deliveries import kinds_of

    endpoint = config.webhooks.endpoints.get(name)
    return frozenset() if endpoint is None else kinds_of(endpoint.types)


def _left_to_another(mirror: SqliteMirror, recipients: list[Recipient]) -> DeliveryReport:
    """Another process sends: only what waits is told."""
    from sfsync.model.delivery import DeliveryReport

    waiting = sum(mirror.deliveries.waiting(each.name, each.kinds) for each in recipients)
    return DeliveryReport(waiting=waiting)


def _show(before: Callable[[Console], None], report: DeliveryReport, console: Console) -> None:
    before(console)
    done = {name: count for name, count in report.as_dict().items() if count}
    if done:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.items())
        console.print(f"webhooks: {told}")


# -- for people ------------------------------------------------------------------------------------
def troubles(states: list[dict[str, Any]]) -> Iterator[str]:
    """A sentence for each endpoint that takes nothing at the moment, or has lost something."""
    for state in states:
        name, waiting = state["endpoint"], counted(state["waiting"], "message")
        if state["state"] in ("paused", "stopped"):
            yield (
                f"webhook {name} is {state['state']}, {waiting} waiting: {state['reason']};"
                f" go on with `sfsync webhook resume {name}`"
            )
        elif state["failing_since"]:
            yield (
                f"webhook {name} has failed since {state['failing_since']} ({state['last_answer']}),"
                f" {waiting} waiting; it is tried again"
            )
        if state["given_up"]:
            yield (
                f"webhook {name}: {counted(state['given_up'], 'message')} were given up after many"
                f" attempts; the last answer was {state['last_answer']}"
            )
        if state["lost"]:
            yield (
                f"webhook {name}: {counted(state['lost'], 'change')} were forgotten before they could"
                f" be sent: read the tables whole there, then `sfsync webhook resume {name}`"
            )
