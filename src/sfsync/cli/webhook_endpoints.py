"""webhook endpoints, test, resume: watching over the webhooks that sfsync sends."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli import completion
from sfsync.cli.answer import FAILED, Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.outgoing import kinds, posting, recipients_of, troubles
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config

COLUMNS = ["endpoint", "state", "waiting", "oldest_at", "last_answer"]
PATIENCE_SECONDS = 20.0

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The endpoint.", autocompletion=completion.endpoints)
]


def endpoints(cli: Cli) -> Answer:
    """Show whom sfsync tells what changed: what waits, since when, and what was answered last.

    Asks nobody but the mirror.

    Examples:
      sfsync webhook endpoints
    """
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        known = {
            each["endpoint"]: each for each in mirror.deliveries.overview(partial(kinds, config))
        }
    states = [known.get(name) or _new(name) for name in config.webhooks.endpoints]
    data = {"endpoints": states}
    return Answer(data, lambda console: _show(console, states), warnings=tuple(troubles(states)))


def _new(name: str) -> dict[str, Any]:
    """An endpoint that no run has seen yet."""
    nothing = dict.fromkeys((
        "oldest_at", "reason", "failing_since", "held_until", "last_answer", "last_at",
    ))  # fmt: skip
    counts = dict.fromkeys(("waiting", "delivered", "given_up", "lost"), 0)
    return {"endpoint": name, "state": "new", **counts, **nothing}


def _show(console: Console, states: list[dict[str, Any]]) -> None:
    from sfsync.cli.layout import rows_table

    if not states:
        console.print("There are no endpoints: `webhooks: {endpoints: …}` in the configuration.")
        return
    console.print(rows_table(states, COLUMNS))


def test(cli: Cli, name: Name) -> Answer:
    """Post one signed sample to an endpoint, of type `sfsync.test`, and show the answer.

    Examples:
      sfsync webhook test crm-copy
    """
    from sfsync.cli.clock import now
    from sfsync.cli.wiring import configuration
    from sfsync.model.delivery import Message
    from sfsync.planning.deliveries import sample

    config = configuration(cli)
    _known(config, name)
    recipient = next(each for each in recipients_of(cli, config) if each.name == name)
    message = Message(recipient, f"test-{secrets.token_hex(8)}", sample(now()))
    with posting(cli) as poster:
        poster.start(message)
        answers = poster.finished(PATIENCE_SECONDS)
    answer = str(answers[0][1]) if answers else "no answer"
    is_taken = bool(answers) and 200 <= answers[0][1].status < 300
    sentence = f"{name}: {answer} (message {message.id})"
    return Answer(
        {"endpoint": name, "id": message.id, "answer": answer, "taken": is_taken},
        lambda console: console.print(sentence, soft_wrap=True) if is_taken else None,
        exit_code=0 if is_taken else FAILED,
        reason="" if is_taken else sentence,
    )


def resume(cli: Cli, name: Name) -> Answer:
    """Send to an endpoint again that was paused or stopped, first of all what waits.

    What was lost or given up counts from zero again.

    Examples:
      sfsync webhook resume crm-copy
    """
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    _known(config, name)
    with open_mirror(config) as mirror:
        waiting = 0
        if mirror.deliveries.resume(name):
            waiting = mirror.deliveries.waiting(name, kinds(config, name))
    sentence = (
        f"{name} is sent to by the next `sfsync sync`, or by the listener: {waiting} waiting."
    )
    data = {"endpoint": name, "waiting": waiting}
    return Answer(data, lambda console: console.print(sentence, soft_wrap=True))


def _known(config: Config, name: str) -> None:
    """Stop at a name that is not configured.

    Raises:
        UsageError: it is not.
    """
    from sfsync.document.problems import suggestion

    names = list(config.webhooks.endpoints)
    if name not in names:
        raise UsageError(
            f"there is no endpoint {name!r}{suggestion(name, names)}",
            hint=f"webhooks: {{endpoints: {{{name}: {{url: …, secret_env: NAME}}}}}} in {config.source.name}.",
        )
