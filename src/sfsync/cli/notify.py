"""notify test: whether those who are to be told of trouble can be told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import FAILED, Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from sfsync.cli.notice_targets import Place
    from sfsync.model.notice import Notice
    from sfsync.outgoing.notifiers import Send


def send_sample(
    cli: Cli,
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", help="Only this: webhook, ping, command, apprise."),
    ] = None,
) -> Answer:
    """Send a sample to each target of `notify`, and show how each answered.

    The sample says of itself that it is one: its reason is `test`. A ping counts as a success there.

    Examples:
      sfsync notify test
      sfsync notify test webhook
    """
    from sfsync.cli.notice_targets import Place, senders_of
    from sfsync.cli.wiring import configuration
    from sfsync.outgoing.notifiers import tell_all

    config = configuration(cli)
    place = Place(config.notify, config.mirror_path, config.source)
    senders = _wanted(senders_of(cli, place), target, place)
    sample = _sample(cli, place)
    told = tell_all(senders, {name: [sample] for name in senders})
    answers = [
        {"target": name, "taken": not each.trouble, "answer": each.trouble or "it was taken"}
        for name, each in told.items()
    ]
    not_taken = [f"{each['target']}: {each['answer']}" for each in answers if not each["taken"]]
    return Answer(
        {"targets": answers},
        lambda console: _show(console, answers),
        exit_code=FAILED if not_taken else 0,
        reason="; ".join(not_taken),
    )


def _wanted(senders: Mapping[str, Send], target: str | None, place: Place) -> dict[str, Send]:
    """All targets, or the one that is named; of Apprise, all its addresses.

    Raises:
        UsageError: there is no such target, or none at all.
    """
    from sfsync.document.problems import suggestion

    if not senders:
        raise UsageError(
            f"{place.source.name} names nobody to tell",
            hint="notify: {webhook: https://…}, or ping, command, apprise: see docs/notify.md.",
        )
    wanted = {
        name: send
        for name, send in senders.items()
        if target in (None, name) or name.startswith(f"{target}-")
    }
    if not wanted:
        raise UsageError(f"there is no target {target!r}{suggestion(str(target), senders)}")
    return wanted


def _sample(cli: Cli, place: Place) -> Notice:
    from sfsync.cli.clock import now
    from sfsync.cli.notice_targets import blank_notice

    title = "a sample of sfsync: nothing has happened"
    return replace(blank_notice(cli, place, now()), reasons=("test",), title=title)


def _show(console: Console, answers: list[dict[str, Any]]) -> None:
    from sfsync.cli.layout import rows_table

    console.print(rows_table(answers, ["target", "answer"]))
