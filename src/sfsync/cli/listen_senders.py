"""Which email services may send, with their secrets: from the environment, files, or systemd's credentials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sfsync.cli.webhook_secrets import secrets_of

if TYPE_CHECKING:
    from sfsync.config.listen import ListenSettings
    from sfsync.intake.receiver import Sender

FETCH_SECONDS = 10


def senders_of(
    settings: ListenSettings, environ: Mapping[str, str], folder: Path
) -> dict[str, Sender]:
    """Everyone who may send, by name.

    Args:
        folder: what a file of a secret is relative to: the configuration's.

    Raises:
        ConfigError: a secret is not where the configuration says.
    """
    from sfsync.intake.receiver import Sender
    from sfsync.intake.sources.proof import Reception
    from sfsync.intake.sources.registry import SOURCES

    certificates = _Certificates()
    return {
        name: Sender(
            SOURCES[name],
            tuple(secrets_of(f"listen.sources.{name}", source, environ, folder)),
            Reception("", source.public_url, source.topics, certificates.fetch),
        )
        for name, source in settings.sources.items()
    }


class _Certificates:
    """Certificates of Amazon SNS, each fetched once; which addresses are asked for is the source's business."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def fetch(self, url: str) -> bytes:
        if url not in self._known:
            self._known[url] = fetched(url)
        return self._known[url]


def fetched(url: str) -> bytes:
    """What lies at an https address; redirects are not followed.

    Raises:
        OSError: it cannot be had.
    """
    import requests

    if urlsplit(url).scheme != "https":
        raise OSError("only https is fetched")
    answer = requests.get(url, timeout=FETCH_SECONDS, allow_redirects=False)
    answer.raise_for_status()
    if answer.status_code != 200:
        raise OSError(f"HTTP {answer.status_code}")
    return answer.content
