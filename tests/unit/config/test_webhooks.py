"""The section ``webhooks``: every mistake is told with its place and the nearest right name, and no secret stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sfsync.config.webhooks import EndpointSettings, WebhookSettings, read_webhooks
from sfsync.document.problems import Problems
from tests.unit.config.files import SMALLEST, load, problems_of


def read(raw: object) -> tuple[WebhookSettings, list[str]]:
    problems = Problems()
    return read_webhooks(raw, problems), list(problems.messages())


def one(**entry: Any) -> dict[str, Any]:
    return {"endpoints": {"crm": {"url": "https://crm.example/hook", "secret_env": "S", **entry}}}


def test_the_whole_section(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        SMALLEST
        + """
webhooks:
  pause_after_days: 3
  endpoints:
    crm-copy:
      url: https://crm.example/hook
      secret_env: [NEW_SECRET, OLD_SECRET]
      types: [contact.updated, lead.*]
    own: {url: "http://127.0.0.1:9000/", secret_file: own.key, types: contact.joined}
""",
    )
    assert config.webhooks == WebhookSettings(
        3,
        {
            "crm-copy": EndpointSettings(
                "https://crm.example/hook",
                ("contact.updated", "lead.*"),
                secret_env=("NEW_SECRET", "OLD_SECRET"),
            ),
            "own": EndpointSettings(
                "http://127.0.0.1:9000/", ("contact.joined",), secret_file=("own.key",)
            ),
        },
    )
    assert load(tmp_path, SMALLEST).webhooks == WebhookSettings(5, {})


def test_a_mistake_has_its_line_and_the_nearest_right_name(tmp_path: Path) -> None:
    text = (
        SMALLEST
        + "webhooks:\n  endpoints:\n    crm:\n      url: http://crm.example/\n      secret_env: S\n      types: [contact.update]\n"
    )
    assert problems_of(tmp_path, text) == [
        "6:12 url: is not https: only this machine itself may be told over http",
        "8:15 types: 'contact.update' is no type; did you mean contact.updated?",
    ]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://crm.example/", "is not https"),
        ("http://2130706433/", "is not https"),
        ("https://10.1.2.3/", "no public address"),
        ("https://[::ffff:10.0.0.1]/", "no public address"),
        ("https://169.254.169.254/latest/meta-data", "no public address"),
        ("https://me:secret@crm.example/", "a user or a password"),
        ("https://crm.example/#part", "behind #"),
        ("https://crm.example/a b", "blank"),
        ("https://bücher.example/", "spell otherwise"),
        ("https://crm.example:0/", "web address"),
        ("https://crm.example:99999/", "web address"),
        ("ftp://crm.example/", "web address"),
        ("crm.example/hook", "web address"),
        ("https:///hook", "web address"),
    ],
)
def test_an_address_that_is_not_posted_to(url: str, told: str) -> None:
    (problem,) = read(one(url=url))[1]
    assert told in problem
    assert "secret@" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example",
        "https://crm.example:8443/a?b=c",
        "http://localhost:1/",
        "http://[::1]:9/",
        "https://8.8.8.8/",
    ],
)
def test_an_address_that_is(url: str) -> None:
    assert read(one(url=url))[1] == []


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ([], "expected keys with values"),
        ({"endpoint": {}}, "did you mean endpoints"),
        ({"pause_after_days": 0}, "1 to 365 days"),
        ({"endpoints": ["crm"]}, "expected names"),
        ({"endpoints": {"C R M": {}}}, "small letters"),
        ({"endpoints": {"crm": {"secret_env": "S"}}}, "url: missing"),
        ({"endpoints": {"crm": {"url": "https://crm.example/"}}}, "where its secret is"),
        (one(secret="whsec_1"), "no such key here"),
        (one(secret_env=[1]), "one name or a list"),
        (one(types="contact.opened"), "is no type"),
        (one(types=["account.joined"]), "is no type"),
        ({"endpoints": {f"e{n}": one()["endpoints"]["crm"] for n in range(17)}}, "16 at most"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(raw: Any, told: str) -> None:
    assert any(told in problem for problem in read(raw)[1]), read(raw)[1]
