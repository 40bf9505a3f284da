"""The section ``listen``: every mistake is told with its place, and no secret stands in it."""

from __future__ import annotations

from typing import Any

import pytest

from sfsync.config.listen import ListenSettings, SourceSettings, address, read_listen
from sfsync.document.problems import Problems


def read(raw: object) -> tuple[ListenSettings, list[str]]:
    problems = Problems()
    return read_listen(raw, problems), list(problems.messages())


def test_the_whole_section() -> None:
    settings, problems = read(
        {
            "bind": "0.0.0.0:80",
            "health_bind": "[::1]:8080",
            "max_body": 65536,
            "poll_seconds": 30,
            "sources": {
                "penguinmails": {"secret_env": ["PM_SECRET", "PM_SECRET_OLD"]},
                "mandrill": {"secret_file": "mandrill.key", "public_url": "https://a.example/x"},
                "ses": {"topics": "arn:aws:sns:eu-west-1:123456789012:mail"},
            },
        }
    )
    assert problems == []
    assert settings.sources == {
        "penguinmails": SourceSettings(secret_env=("PM_SECRET", "PM_SECRET_OLD")),
        "mandrill": SourceSettings(secret_file=("mandrill.key",), public_url="https://a.example/x"),
        "ses": SourceSettings(topics=("arn:aws:sns:eu-west-1:123456789012:mail",)),
    }
    assert (address(settings.bind), address(settings.health_bind)) == (
        ("0.0.0.0", 80),
        ("::1", 8080),
    )


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"bind": "8788"}, "an address and a port"),
        ({"bind": "127.0.0.1:99999"}, "an address and a port"),
        ({"health_bind": "0.0.0.0:8789"}, "open to others"),
        ({"max_body": 10}, "1024 to"),
        ({"poll_seconds": 1}, "10 to 86400 seconds"),
        ({"poll": 60}, "no such key here"),
        ({"sources": ["penguinmails"]}, "names of email services"),
        ({"sources": {"penguinmail": {"secret_env": "X"}}}, "did you mean penguinmails"),
        ({"sources": {"penguinmails": {}}}, "where its secret is"),
        ({"sources": {"penguinmails": {"secret": "whsec_1"}}}, "no such key here"),
        ({"sources": {"penguinmails": {"secret_env": [1]}}}, "one name or a list"),
        ({"sources": {"ses": {}}}, "which topics"),
        ({"sources": {"mandrill": {"secret_env": "X"}}}, "public_url"),
        ([], "expected keys with values"),
    ],
)
def test_a_mistake_is_told(raw: Any, told: str) -> None:
    assert any(told in problem for problem in read(raw)[1]), read(raw)[1]
