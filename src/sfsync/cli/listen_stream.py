"""The thread of ``listen`` that follows the org's change events: what they name is durable before more is asked for.

It never works on a record. The loop that works is told that something waits, and whether it has to poll meanwhile.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sfsync.cli.clock import now
from sfsync.cli.stream_state import StreamMode, StreamState
from sfsync.errors import AuthError, SfsyncError, WrongOrg
from sfsync.model.hint import OWN_CLIENT
from sfsync.planning.stream import LOOK_AGAIN_SECONDS, Act, Allowance, Course, untold

if TYPE_CHECKING:
    from sfsync.cli.invocation import Cli
    from sfsync.config.sections import Config
    from sfsync.engine.stream_reader import StreamReader
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.hint import Batch, StreamEnd
    from sfsync.model.token import Token
    from sfsync.planning.stream import Next
    from sfsync.salesforce.change_stream.connection import PubSubStream

TROUBLE_SECONDS = 30.0
"""How long to wait where the mirror or the login cannot be used."""

PUSH_SECONDS = 120.0
"""How long the stream is left while a large push of ours goes on."""

BUSY_SECONDS = 30.0
"""How long to wait for another program that writes in the mirror."""

NO_EXTRA = "the packages for change events are not installed"
_NEEDED = (
    "sfsync.auth.encrypted_store",
    "sfsync.auth.keychain",
    "sfsync.auth.keyring_store",
    "sfsync.auth.login",
    "sfsync.auth.unattended",
    "sfsync.cli.stored_login",
    "sfsync.cli.wiring",
    "sfsync.engine.stream_reader",
    "sfsync.mirror.store",
    "sfsync.salesforce.change_stream.connection",
    "sfsync.salesforce.org",
    "sfsync.salesforce.org_facts",
)
"""Imported before the thread starts: two threads that import modules which import each other can meet one half made."""

_SETUP = "`sfsync org setup --change-events` mends that"
_INSTALL = "pip install 'sfsync[realtime]'"


class StreamThread:
    """Follows the stream until it is stopped.

    Args:
        objects: the configuration's names of what is followed.
        on_hints: called when something waits to be read.
        say: tells people, in a sentence.
    """

    def __init__(
        self,
        cli: Cli,
        config: Config,
        objects: Sequence[str],
        state: StreamState,
        on_hints: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._cli = cli
        self._config = config
        self._objects = tuple(objects)
        self._state = state
        self._on_hints = on_hints
        self._say = say
        self._stop = threading.Event()
        self._stream: PubSubStream | None = None
        self._renew = False
        self._token: Token | None = None
        self._allowance = Allowance()
        self._asked = False
        self._told = ""
        self._told_of = self._objects
        self._thread = threading.Thread(target=self._run, name="sfsync-follow", daemon=True)

    def start(self) -> None:
        """Follow the stream, where anything is to be followed and that can be done here at all."""
        if not self._objects:
            self._set(StreamMode.OFF)
            return
        why, hint = _obstacle(self._config)
        if why:
            self._poll(why, hint)
            return
        try:
            for name in _NEEDED:
                import_module(name)
        except ImportError as error:  # they are there, and not made for this machine
            self._poll(f"{NO_EXTRA} as they should be ({error.name})", _INSTALL)
            return
        self._set(StreamMode.CONNECTING)
        self._thread.start()

    def stop(self) -> None:
        """Leave the stream; what was named by it is durable."""
        self._stop.set()
        if self._stream is not None:
            self._stream.close()
        if self._thread.is_alive():
            self._thread.join(5)

    # -- the thread --------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except SfsyncError as error:
                hint = error.hint if isinstance(error, AuthError) else ""
                self._poll(error.message, hint)
            except Exception as error:  # noqa: BLE001  this thread outlives whatever it meets
                self._poll(f"following changes met what it did not expect ({type(error).__name__})")
            self._stop.wait(TROUBLE_SECONDS)

    def _follow(self) -> None:
        from sfsync.config.pubsub import is_loopback
        from sfsync.engine.stream_reader import StreamReader
        from sfsync.mirror.store import SqliteMirror
        from sfsync.salesforce.change_stream.connection import PubSubStream

        org = self._config.org
        channel = f"/data/{org.event_channel}"
        with SqliteMirror(self._config.mirror_path, now=now, busy_seconds=BUSY_SECONDS) as mirror:
            if mirror.hints.count():
                self._on_hints()
            token = self._login(mirror)
            stream = PubSubStream(
                org.pubsub,
                channel,
                self._objects,
                lambda: self._login(mirror),
                plaintext=is_loopback(org.pubsub),
                roots=self._roots(),
            )
            self._stream = stream
            try:
                course = Course(random.SystemRandom().random)
                reader = StreamReader(
                    stream, mirror.hints, course, self, channel, token.org_id, self._objects
                )
                while not self._stop.is_set():
                    self._stop.wait(self._step(reader, mirror))
            finally:
                stream.close()

    def _step(self, reader: StreamReader, mirror: SqliteMirror) -> float:
        """One step of the reader, unless the allowance speaks against it; how long to wait after it."""
        if not self._asked:
            self._ask_once(mirror)
        if not self._told_of:
            reader.leave()
            self._poll("the org tells no changes of what is followed", _SETUP)
            self._asked = False
            return LOOK_AGAIN_SECONDS
        if self._allowance.wants_a_look(time.monotonic()):
            self._look_at_allowance(mirror)
        if self._allowance.is_spent(streaming=self._state.is_streaming):
            reader.leave()
            self._poll(
                "the org's allowance of delivered events is nearly used up, and others need it, too"
            )
            self._stop.wait(LOOK_AGAIN_SECONDS)
            self._look_at_allowance(mirror)
            return 0.0
        if self._allowance.push_is_under_way():
            self._allowance.left()
            reader.forget()
            self._poll("a large push is under way: what it changes is pulled afterwards")
            return PUSH_SECONDS
        return reader.step()

    def _login(self, mirror: SqliteMirror) -> Token:
        """The login of the moment, renewed where Salesforce did not take the last one.

        Raises:
            AuthError: there is no working login.
            WrongOrg: it is for another org than the mirror.
        """
        from sfsync.cli.stored_login import live_token, login, refuse_other_host, token_store

        refuse_other_host(self._config, mirror)
        held = login(self._cli, self._config, mirror, token_store(self._cli, mirror))
        token = live_token(held, mirror)
        if self._renew and self._token is not None:
            token = held.refresher().fresh(self._token.access_token)
        pinned = mirror.state.pinned_org()
        if pinned and token.org_id != pinned:
            raise WrongOrg(
                f"this mirror belongs to the org {pinned}, but the login is for {token.org_id}",
                hint="Log in to the right org, or use another profile with its own mirror.",
            )
        self._renew, self._token = False, token
        return token

    def _roots(self) -> str:
        """The certificates that are trusted, where somebody has named others: as for all other calls.

        Raises:
            SfsyncError: there is no such file.
        """
        environ = self._cli.environ
        named = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
        if named and not Path(named).is_file():
            raise SfsyncError(f"REQUESTS_CA_BUNDLE names {named}, which is no file")
        return named

    # -- what the org says -------------------------------------------------------------------------
    def _ask_once(self, mirror: SqliteMirror) -> None:
        """Which objects the org tells changes of: the others are looked at all the while."""
        from sfsync.cli.wiring import connect
        from sfsync.salesforce.org_facts import event_facts

        self._asked = True
        try:
            org, _ = connect(self._cli, self._config, mirror)
            user_id = self._token.user_id if self._token else ""
            facts = event_facts(org.connection, self._config.org.event_channel, user_id)
        except AuthError:
            raise
        except SfsyncError:
            return
        if facts.delivered_left:
            left, most = facts.delivered_left
            self._allowance.told(most - left, most, time.monotonic())
        reasons = untold(self._objects, facts)
        self._told_of = tuple(name for name in self._objects if name not in reasons)
        if self._told_of:
            for name, reason in reasons.items():
                self._say(f"{name}: {reason}, so it is polled; {_SETUP}")

    def _look_at_allowance(self, mirror: SqliteMirror) -> None:
        from sfsync.cli.wiring import connect
        from sfsync.salesforce.org_facts import delivered_events

        found = None
        try:
            org, _ = connect(self._cli, self._config, mirror)
            found = delivered_events(org.connection)
        except AuthError:
            raise
        except SfsyncError:
            pass
        if found is None:
            self._allowance.looked(time.monotonic())
            return
        self._allowance.told(*found, time.monotonic())
        self._state.share = self._allowance.share

    # -- news of the stream ------------------------------------------------------------------------
    def met(self, oddity: str) -> None:
        """Something that should not be there."""
        with self._state.guard:
            self._state.oddities[oddity] += 1

    def took(self, batch: Batch) -> None:
        """A message came, and what it names is durable."""
        own = sum(hint.origin.client == OWN_CLIENT for hint in batch.hints)
        self._allowance.delivered(batch.events, own, time.monotonic())
        state, at = self._state, now()
        with state.guard:
            state.last_message_at = at
            if batch.position:
                state.position_at = at
            state.messages += 1
            state.events += batch.events
            state.counts.update(hint.kind.value for hint in batch.hints)
            state.oddities.update(batch.oddities)
            state.share = self._allowance.share
        if batch.hints:
            self._on_hints()
        if not state.is_streaming:
            self._set(StreamMode.STREAMING)
            self._tell(f"following changes of {', '.join(self._told_of)} as they happen")

    def ended(self, end: StreamEnd, then: Next) -> None:
        """The stream ended, and this comes next."""
        self._renew = then.act is Act.RENEW_LOGIN
        with self._state.guard:
            self._state.ends[end.name] += 1
        named = f"{then.reason} ({end.name}{f', rpc id {end.rpc_id}' if end.rpc_id else ''})"
        self._poll(named, then.hint, lasting=then.polls, again=then.wait_seconds)

    def _poll(
        self, reason: str, hint: str = "", *, lasting: bool = True, again: float = 0.0
    ) -> None:
        """Look for changes by asking, until the stream is back; a break that passes is told as such."""
        self._set(StreamMode.POLLING, reason, hint)
        if lasting:
            self._tell(f"polling instead: {reason}{f'; {hint}' if hint else ''}", key=reason)
        elif again:
            self._tell(f"the stream of changes broke off: {reason}", key="broke off")

    def _set(self, mode: StreamMode, reason: str = "", hint: str = "") -> None:
        with self._state.guard:
            self._state.mode, self._state.reason, self._state.hint = mode, reason, hint
            self._state.objects = self._told_of

    def _tell(self, sentence: str, key: str = "") -> None:
        """Say it, unless it was the last thing that was said."""
        if (key or sentence) != self._told:
            self._told = key or sentence
            self._say(sentence)


def has_extra() -> bool:
    """Whether the packages for change events are installed; imports none of them."""
    try:
        return all(find_spec(name) is not None for name in ("grpc", "fastavro", "google.protobuf"))
    except ModuleNotFoundError:  # google, which is a namespace of many packages
        return False


def _obstacle(config: Config) -> tuple[str, str]:
    """Why the stream cannot be followed from here, and what to do; empty where it can."""
    from sfsync.config.pubsub import is_loopback

    if not has_extra():
        return NO_EXTRA, _INSTALL
    here = urlsplit(config.org.login_url).hostname in {"127.0.0.1", "localhost", "::1"}
    if here and not is_loopback(config.org.pubsub):
        return "this org is on this machine, and org.pubsub is not", ""
    return "", ""
