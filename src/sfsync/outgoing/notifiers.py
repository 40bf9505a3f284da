"""Tells whoever watches: by a webhook, a ping in the style of healthchecks.io, a program of theirs, and Apprise.

Each target has a thread of its own and all have one deadline, so that nobody holds a run up. Proxies
of the environment are honoured, as ``requests`` does; no redirect is followed. A target answers with
nothing where it has taken a notice, else with its trouble in a few words, which never quote the address: it may
be a secret.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from sfsync.model.notice import Notice

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 10.0
"""For all targets together, at the end of a run."""

CONNECT_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 8.0
"""For a program: less than the deadline, so that none is left behind."""

NO_ANSWER: Final = f"no answer within {DEADLINE_SECONDS:.0f} s"

Send = Callable[[Notice], str]
"""Sends one; gives the trouble in a few words, empty where it was taken."""


@dataclass(slots=True)
class Told:
    """What became of a target's notices.

    Attributes:
        taken: ids.
        trouble: why the others were not, as far as that is known by now.
    """

    taken: list[str] = field(default_factory=list)
    trouble: str = NO_ANSWER


def tell_all(
    senders: Mapping[str, Send],
    work: Mapping[str, Sequence[Notice]],
    *,
    seconds: float = DEADLINE_SECONDS,
) -> dict[str, Told]:
    """Send each target its notices, in their order, all targets at once; a target that fails is left for now.

    Args:
        work: target -> notices, oldest first.
        seconds: after these, whatever is still under way counts as not taken.
    """
    told = {name: Told() for name in work}
    threads = [
        threading.Thread(
            target=_tell, args=(name, senders[name], work[name], told[name]), daemon=True
        )
        for name in work
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return {name: Told(list(each.taken), each.trouble) for name, each in told.items()}


def _tell(name: str, send: Send, notices: Sequence[Notice], told: Told) -> None:
    for notice in notices:
        began = time.monotonic()
        trouble = _attempted(send, notice)
        _log_attempt(name, trouble, time.monotonic() - began)
        if trouble:
            told.trouble = trouble
            return
        told.taken.append(notice.id)
    told.trouble = ""


def _log_attempt(name: str, trouble: str, seconds: float) -> None:
    facts: dict[str, object] = {"target": name, "milliseconds": round(seconds * 1000)}
    if trouble:
        facts["error"] = trouble
    log.info(
        "notice to %s -> %s, %d ms", name, trouble or "taken", facts["milliseconds"], extra=facts
    )


def _attempted(send: Send, notice: Notice) -> str:
    try:
        return send(notice)
    except Exception as error:  # noqa: BLE001  whatever it is, this target was not told
        return f"it cannot be told ({type(error).__name__})"


# -- over HTTP ---------------------------------------------------------------------------------------
def webhook(url: str, *, agent: str) -> Send:
    """Posts a notice as JSON."""

    def send(notice: Notice) -> str:
        body = json.dumps(notice.as_dict()).encode()
        return _posted(url, body, {"Content-Type": "application/json", "User-Agent": agent})

    return send


def ping(url: str, *, agent: str) -> Send:
    """Says that a run began, succeeded or failed, at ``URL/start``, ``URL`` and ``URL/fail``.

    Source: healthchecks.io, "Pinging API", and the many who do as it does.
    """

    def send(notice: Notice) -> str:
        body = f"{notice.title}\n{notice.text}\n".encode()
        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": agent}
        return _posted(ping_address(url, notice), body, headers)

    return send


START: Final = "start"
"""The reason of the notice that a run begins; only a ping is told that."""


def ping_address(url: str, notice: Notice) -> str:
    """Where a ping goes; what stands behind ? stays there."""
    end = ""
    if START in notice.reasons:
        end = "/start"
    elif notice.exit_code:
        end = "/fail"
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + end)) if end else url


def _posted(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    import requests

    try:
        with requests.post(
            url,
            data=body,
            headers=dict(headers),
            timeout=(CONNECT_SECONDS, DEADLINE_SECONDS),
            allow_redirects=False,
            proxies=_proxies(url),
            stream=True,
        ) as answer:
            return "" if answer.ok and answer.status_code < 300 else f"HTTP {answer.status_code}"
    except requests.RequestException as error:
        return _in_words(error)


def _proxies(url: str) -> dict[str, str]:
    """No proxy for this machine itself, whatever the environment says; else what that says."""
    host = urlsplit(url).hostname or ""
    is_own = host in ("localhost", "::1") or host.startswith("127.")
    return {"no_proxy": host} if is_own else {}


def _in_words(error: requests.RequestException) -> str:
    import requests

    match error:
        case requests.Timeout():
            return NO_ANSWER
        case requests.exceptions.SSLError():
            return "no TLS connection that proves who it is"
        case requests.exceptions.ProxyError():
            return "the proxy did not let it through"
        case requests.ConnectionError():
            return "it cannot be reached"
        case _:
            return f"it cannot be posted to ({type(error).__name__})"


# -- a program ---------------------------------------------------------------------------------------
def command(
    words: Sequence[str], environ: Mapping[str, str], *, seconds: float = COMMAND_SECONDS
) -> Send:
    """Runs a program, without a shell: the facts in its environment, and as JSON on its standard input.

    Args:
        environ: what it gets beside the facts.
        seconds: then it is ended, with all that it started.
    """

    def send(notice: Notice) -> str:
        try:
            process = subprocess.Popen(
                list(words),
                env={**environ, **facts_of(notice)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"cannot be started: {getattr(error, 'strerror', None) or type(error).__name__}"
        return _ended(process, json.dumps(notice.as_dict()).encode(), seconds)

    return send


def _ended(process: subprocess.Popen[bytes], body: bytes, seconds: float) -> str:
    try:
        process.communicate(body, timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"did not end within {seconds:.0f} s"
    return f"exit code {process.returncode}" if process.returncode else ""


def facts_of(notice: Notice) -> dict[str, str]:
    """A notice as environment variables, ``SFSYNC_NOTICE_TITLE`` and so on."""
    plain = {
        name: value for name, value in notice.as_dict().items() if isinstance(value, str | int)
    }
    told = {**plain, **notice.counts, "reasons": " ".join(notice.reasons), "text": notice.text}
    told["repeated"] = "1" if notice.repeated else ""
    return {f"SFSYNC_NOTICE_{name.upper()}": str(value) for name, value in told.items()}


# -- Apprise -----------------------------------------------------------------------------------------
_KINDS: Final = {"failed": "failure", "recovered": "success", "test": "info"}


def apprise(url: str) -> Send:
    """Tells by e-mail, chat or whatever else an Apprise address names."""

    def send(notice: Notice) -> str:
        try:
            from apprise import Apprise, AppriseAsset
        except ImportError:
            return "Apprise is not installed: pip install 'sfsync[notify]'"
        asset = AppriseAsset(app_id="sfsync", app_desc="sfsync", app_url="")
        found = Apprise(asset=asset)
        if not found.add(url):
            return "the address is none that Apprise knows"
        is_taken = found.notify(
            body=notice.text,
            title=notice.title,
            notify_type=_KINDS.get(notice.reasons[0], "warning"),
        )
        return "" if is_taken else "it was not taken"

    return send
