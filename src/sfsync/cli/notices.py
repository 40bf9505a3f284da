"""Tells whoever watches how a run ended. It never changes the run's exit code, nor holds it up for long.

What was told is remembered in the inbox beside the mirror: that can be written while a run holds the
mirror, and where the mirror is damaged. Where the inbox cannot be written either, each failure is told.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sfsync.cli.notice_targets import PING, Place, blank_notice, only_ping, place_of, senders_of
from sfsync.errors import SfsyncError

if TYPE_CHECKING:
    from sfsync.cli.invocation import Cli
    from sfsync.config.notify import NotifySettings
    from sfsync.config.sections import Config
    from sfsync.model.notice import Notice
    from sfsync.outgoing.notifiers import Send, Told
    from sfsync.planning.notices import Ending, Rules, Watch

_log = logging.getLogger(__name__)

NOTE: Final = "notices"
"""Under which name the inbox remembers what was told."""

PINGED: Final = ("sync", "pull", "push", "push-activity", "listen")
"""What a schedule runs: the end of another command says nothing of whether that goes on."""

BUSY_SECONDS: Final = 2.0
HOLD_SECONDS: Final = 20
"""A process that is at a notice for longer has died; another may send it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of a run beside its state.

    Attributes:
        error: what kind of error it was, in words that name no record.
        hint: a command that shows more.
        run: what it did, in numbers.
    """

    exit_code: int
    slug: str = ""
    error: str = ""
    hint: str = ""
    run: Mapping[str, Any] | None = None


def tell_watchers(cli: Cli, exit_code: int) -> None:
    """Tell how the command ended, where that is news; whatever keeps it from that is a warning."""
    from sfsync.planning.notices import WATCHED, level_of

    level = level_of(cli.command, exit_code)
    if cli.command not in WATCHED or level is None or cli.is_rehearsal or _was_skipped(cli):
        return
    tell_of(cli, level.word, facts_of(cli.outcome, exit_code))


def tell_of(cli: Cli, state: str, facts: Facts) -> bool:
    """Tell a state, where that is news to anybody; never raises.

    Args:
        state: ``ok``, ``partial`` or ``failed``.

    Returns:
        Whether every target has taken all that there was for it.
    """
    try:
        place = place_of(cli)
        if place is None or not place.settings.names_a_target:
            return True
        return tell(cli, place, state, facts)
    except KeyboardInterrupt:
        _warn(cli, "left untold; the next run tries again")
        return False
    except Exception as error:  # noqa: BLE001  the run is over, and how it ended stands
        _warn(cli, f"nobody was told how this ended ({type(error).__name__})")
        return False


def _was_skipped(cli: Cli) -> bool:
    """Whether the run left the work to another one that is under way."""
    return bool(getattr(cli.outcome, "data", {}).get("skipped"))


def _warn(cli: Cli, sentence: str) -> None:
    cli.to_stderr(f"warning: {sentence}")


# -- what happened -----------------------------------------------------------------------------------
def facts_of(outcome: object, exit_code: int) -> Facts:
    """What may be told of an answer or an error: kinds and numbers, and no word that may quote a record."""
    from sfsync.cli.answer import Answer
    from sfsync.cli.called import command_in

    if isinstance(outcome, SfsyncError):
        return Facts(exit_code, outcome.slug, _kind(outcome), command_in(outcome.hint))
    if isinstance(outcome, Answer):
        slug = str(outcome.errors[0].get("slug", "")) if outcome.errors and exit_code else ""
        return Facts(exit_code, slug, run=numbers_of(outcome.data))
    return Facts(exit_code, "bug" if outcome is not None else "")


def _kind(error: SfsyncError) -> str:
    """What the documentation says of its class, not what it says itself: that may name a person."""
    documented = next(
        one for one in type(error).__mro__ if one.__module__ == SfsyncError.__module__
    )
    if documented is SfsyncError:
        return ""
    first = (documented.__doc__ or "").partition("\n")[0].partition(";")[0]
    return first.replace("``", "`").rstrip(".")


_TOLD: Final = (
    "objects", "activity", "unanswered", "postponed", "quarantine_open", "consent_due", "api_calls", "seconds",
)  # fmt: skip


def numbers_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a run did, of its answer's data: numbers alone."""
    return {name: _counts(data[name]) for name in _TOLD if name in data}


def _counts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _counts(each)
            for name, each in value.items()
            if isinstance(each, Mapping | int | float)
        }
    return value if isinstance(value, int | float) else None


# -- telling -----------------------------------------------------------------------------------------
def tell(cli: Cli, place: Place, state: str, facts: Facts) -> bool:
    """Judge the end of a run by what was told before, and send what is news, and what still waits.

    Returns:
        Whether every target has taken all that there was for it.
    """
    from sfsync.cli.clock import now
    from sfsync.mirror.inbox import Inbox, inbox_path
    from sfsync.mirror.overview import count_open
    from sfsync.outgoing import notifiers
    from sfsync.planning.notices import Ending, Level

    ending = Ending(cli.command, Level[state.upper()], now(), count_open(place.mirror_path))
    senders = senders_of(cli, place)
    path = inbox_path(place.mirror_path)
    try:
        with Inbox(path, now=now, busy_seconds=BUSY_SECONDS) as inbox:
            work = inbox.change_note(NOTE, _Step(cli, place, ending, facts, senders).taken_on)
    except SfsyncError as error:
        _warn(cli, f"what was told is not remembered ({error.slug})")
        _, work = _Step(cli, place, ending, facts, senders).taken_on("")
    if not work:
        return True
    _await_beginning(cli)
    told = notifiers.tell_all(senders, work, seconds=notifiers.DEADLINE_SECONDS)
    with suppress(SfsyncError), Inbox(path, now=now, busy_seconds=BUSY_SECONDS) as inbox:
        inbox.change_note(NOTE, lambda note: (_settled(note, work, told), None))
    for name, each in told.items():
        _log.info("notify.%s took %d of %d", name, len(each.taken), len(work[name]))
        if each.trouble:
            later = "" if name == PING else "; the next run tries again"
            _warn(cli, f"notify.{name}: {each.trouble}{later}")
    return all(not each.trouble for each in told.values())


@dataclass(frozen=True, slots=True)
class _Step:
    """What the end of one run makes of what is remembered."""

    cli: Cli
    place: Place
    ending: Ending
    facts: Facts
    senders: Mapping[str, Send]

    def taken_on(self, note: str) -> tuple[str, dict[str, list[Notice]]]:
        """What is to be remembered, and what this process sends: target -> notices, oldest first."""
        from sfsync.planning.notices import claimed, judged, queued

        rules = rules_of(self.place.settings)
        watch, verdict = judged(_read(note), self.ending, rules)
        notice = self._notice(verdict.reasons, verdict.repeated, verdict.since)
        targets = [name for name in self.senders if name != PING]
        if verdict.reasons:
            watch = queued(watch, notice, targets)
        until = _later(self.ending.at, HOLD_SECONDS)
        watch, work = claimed(watch, targets, now=self.ending.at, until=until)
        if PING in self.senders and self.cli.command in PINGED:
            work[PING] = [notice]
        return _written(watch), work

    def _notice(self, reasons: tuple[str, ...], repeated: bool, since: str) -> Notice:
        from sfsync.planning.notices import Verdict, title_of

        rules, facts = rules_of(self.place.settings), self.facts
        verdict = Verdict(reasons, repeated, since)
        title = title_of(self.ending, verdict, facts.exit_code, facts.error, rules.most)
        notice = blank_notice(self.cli, self.place, self.ending.at)
        return replace(
            notice,
            reasons=reasons,
            state=self.ending.level.word,
            exit_code=facts.exit_code,
            title=title or f"sfsync {self.cli.command} ended with exit code {facts.exit_code}",
            repeated=repeated,
            since=since,
            slug=facts.slug,
            hint=self.cli.as_called(facts.hint or self._hint(reasons)),
            counts=self.ending.counts,
            run=facts.run or {},
        )

    def _hint(self, reasons: tuple[str, ...]) -> str:
        if reasons in ((), ("recovered",)):
            return ""
        if "failed" in reasons:
            return "sfsync status"
        if "conflicts" in reasons and "quarantine" not in reasons:
            return "sfsync conflicts --open"
        return "sfsync quarantine" if self.ending.counts.get("quarantine") else "sfsync status"


def rules_of(settings: NotifySettings) -> Rules:
    """What is told, by the configuration."""
    from sfsync.planning.notices import Rules

    numbers = {"quarantine": settings.quarantine_over, "conflicts": settings.conflicts_over}
    return Rules(
        "partial" in settings.on,
        "recovered" in settings.on,
        {name: most for name, most in numbers.items() if most is not None},
        timedelta(hours=settings.repeat_hours),
    )


# -- what is remembered ------------------------------------------------------------------------------
def _read(note: str) -> Watch:
    """What is remembered; nothing where that is damaged."""
    from sfsync.planning.notices import Watch

    try:
        return Watch.from_dict(json.loads(note)) if note else Watch()
    except (ValueError, TypeError, LookupError, AttributeError):
        return Watch()


def count_waiting(config: Config) -> int:
    """How many notices some target has not taken yet."""
    from sfsync.cli.arrivals import open_inbox
    from sfsync.mirror.inbox import inbox_path

    if not inbox_path(config.mirror_path).exists():
        return 0
    with open_inbox(config) as inbox:
        return len(_read(inbox.noted(NOTE)).waiting)


def _written(watch: Watch) -> str:
    from sfsync.planning.notices import Watch

    return "" if watch == Watch() else json.dumps(watch.as_dict())


def _settled(note: str, work: Mapping[str, list[Notice]], told: Mapping[str, Told]) -> str:
    from sfsync.planning.notices import settled

    tried = {notice.id for notices in work.values() for notice in notices}
    return _written(
        settled(
            _read(note), tried, lambda target, name: target in told and name in told[target].taken
        )
    )


def _later(at: str, seconds: int) -> str:
    from sfsync.model.cursor import iso

    return iso(datetime.fromisoformat(at) + timedelta(seconds=seconds))


# -- that a run begins -------------------------------------------------------------------------------
def tell_beginning(cli: Cli) -> None:
    """Ping that a run begins, without waiting for an answer."""
    config = cli.settings
    if config is None or not config.notify.ping or cli.command not in PINGED[:-1]:
        return
    from sfsync.cli.clock import now
    from sfsync.outgoing.notifiers import START

    place = Place(config.notify, config.mirror_path, config.source)
    title = f"sfsync {cli.command} begins"
    notice = replace(blank_notice(cli, place, now()), reasons=(START,), title=title)
    send = senders_of(cli, replace(place, settings=only_ping(config.notify)))[PING]
    cli.beginning = threading.Thread(target=lambda: _quietly(send, notice), daemon=True)
    cli.beginning.start()


def _quietly(send: Send, notice: Notice) -> None:
    """That a run begins is worth no warning: its end is told, and that is."""
    with suppress(Exception):
        send(notice)


def _await_beginning(cli: Cli) -> None:
    """Its end is not told before its beginning, as far as that can be had in short time."""
    if cli.beginning is not None:
        cli.beginning.join(BUSY_SECONDS)
