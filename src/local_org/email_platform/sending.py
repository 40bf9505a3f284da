"""Posting one delivery, and what came back."""

import threading
from typing import Final

import requests

from local_org.email_platform.retries import PATIENCE_SECONDS

_KEPT_OF_ANSWER: Final = 500
_mine = threading.local()


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, str]:
    """The status, and the beginning of the answer; None, and why, where there was no answer.

    A redirect is not followed: it is an answer that is no success.
    """
    try:
        answer = _session().post(
            url, data=body, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False
        )
    except requests.Timeout:
        return None, f"no answer within {PATIENCE_SECONDS:g} s"
    except requests.RequestException as error:
        return None, f"no answer: {_reason(error)}"
    return answer.status_code, answer.text[:_KEPT_OF_ANSWER]


def _reason(error: BaseException) -> str:
    """What the operating system said, where it did."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        inner = [each for each in seen.args if isinstance(each, BaseException)]
        reason = getattr(seen, "reason", None)
        inner += [reason] if isinstance(reason, BaseException) else []
        seen = inner[0] if inner else seen.__cause__ or seen.__context__
    return type(error).__name__


def _session() -> requests.Session:
    """One for each thread, without the proxies of the environment."""
    session: requests.Session | None = getattr(_mine, "session", None)
    if session is None:
        session = requests.Session()
        session.trust_env = False
        _mine.session = session
    return session
