"""The section ``notify``: every mistake is told with its place, and the section is read alone where others have mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sfsync.config.file import read_document
from sfsync.config.notify import Address, NotifySettings, SecretPlaces, notify_alone, read_notify
from sfsync.document.problems import Problems
from tests.unit.config.files import SMALLEST, load, problems_of


def read(**section: Any) -> tuple[NotifySettings, list[str]]:
    problems = Problems()
    return read_notify(section, problems), list(problems.messages())


def test_the_whole_section(tmp_path: Path) -> None:
    text = """
notify:
  webhook: https://ops.example/hook
  ping: {secret_file: ping.url}
  command: [/bin/page, --team, crm]
  apprise: {secret_env: [ONE, TWO], secret_file: urls, credential: urls}
  on: [failed, recovered]
  quarantine_over: 10
  conflicts_over: 0
  repeat_hours: 6
"""
    assert load(tmp_path, SMALLEST + text).notify == NotifySettings(
        Address("https://ops.example/hook"),
        Address(places=SecretPlaces(secret_file=("ping.url",))),
        ("/bin/page", "--team", "crm"),
        SecretPlaces(("ONE", "TWO"), ("urls",), ("urls",)),
        ("failed", "recovered"),
        10,
        0,
        6,
    )
    assert load(tmp_path, SMALLEST).notify == NotifySettings()


def test_mistakes_have_their_lines(tmp_path: Path) -> None:
    text = """notify:
  webhok: https://ops.example/
  ping: http://ops.example/
  on: [failed, recoverd]
  repeat_hours: 0
"""
    assert problems_of(tmp_path, SMALLEST + text) == [
        "4:3 webhok: no such key here; did you mean webhook?",
        "5:9 ping: is not https: over http only a private network may be told",
        "6:16 on: 'recoverd' is none of its values; did you mean recovered?",
        "7:17 repeat_hours: expected 1 to 8760 hours, found 0",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/x?y=z",
        "https://10.0.0.1/",
        "http://localhost:8000/",
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "http://10.1.2.3/",
        "http://alertmanager:9093/hook",
        "http://hook.monitoring.svc/",
        "http://nas.local/",
    ],
)
def test_where_it_may_go(url):
    assert read(webhook=url) == (NotifySettings(Address(url)), [])


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://ops.example/", "is not https"),
        ("http://93.184.215.14/", "is not https"),
        ("http://0.0.0.0/", "is not https"),
        ("http://1572395042/", "is not https"),
        ("http://[::ffff:93.184.215.14]/", "is not https"),
        ("https://ops.example/#x", "behind #"),
        ("https://ops.example/a b", "expected an address like"),
        ("https://ops.example:0/", "no web address"),
        ("https://ops.example:99999/", "no web address"),
        ("ftp://ops.example/", "no web address"),
        ("", "an address like"),
    ],
)
def test_where_it_may_not_go(url, told):
    _, (message,) = read(webhook=url)
    assert told in message


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"command": "mail ops"}, "command: expected a list of a program and its arguments"),
        ({"command": []}, "command: expected a list of a program and its arguments"),
        ({"command": [""]}, "command: expected a list of a program and its arguments"),
        ({"command": ["x", 1]}, "command: expected a list of a program and its arguments"),
        ({"apprise": "mailto://me:pw@host"}, "apprise: its addresses hold passwords"),
        ({"apprise": {}}, "apprise: say where it is"),
        ({"apprise": {"secret_env": [1]}}, "secret_env: expected one name or a list of them"),
        ({"webhook": 7}, "webhook: expected an address like"),
        ({"webhook": {"url": "https://me:pw@host"}}, "url: no such key here"),
        ({"ping": {}}, "ping: say where it is"),
        ({"on": []}, "on: failed has to be among them"),
        ({"on": ["partial"]}, "on: failed has to be among them"),
        ({"quarantine_over": -1}, "quarantine_over: expected 0 or more, found -1"),
        ({"conflicts_over": "x"}, "conflicts_over: expected a whole number, found 'x'"),
    ],
)
def test_a_mistake_says_what_was_expected_and_shows_no_secret(section, told):
    _, messages = read(**section)
    assert any(told in message for message in messages), messages
    assert "me:pw" not in "".join(messages)


def test_addresses_and_the_program_do_not_stand_in_its_repr():
    settings, _ = read(webhook="https://ops.example/token", command=["page", "token"])
    assert "token" not in repr(settings)


# -- alone -----------------------------------------------------------------------------------------
def alone(
    tmp_path: Path, text: str, profile: str = "default"
) -> tuple[NotifySettings, Path] | None:
    file = tmp_path / "sfsync.yaml"
    file.write_text(text, encoding="utf-8")
    document, _ = read_document(file)
    return notify_alone(document, file, {"HOOK": "https://ops.example/x"}, profile)


BROKEN = """
org: {login_url: "${NOT_SET}"}
objects: nonsense
mirror: {path: data/mirror.db}
profiles:
  sandbox: {org: {login_url: 7}, mirror: {path: sandbox.db}}
notify: {webhook: "${HOOK}"}
"""


def test_it_is_read_whatever_else_is_wrong(tmp_path: Path) -> None:
    settings = NotifySettings(Address("https://ops.example/x"))
    assert alone(tmp_path, BROKEN) == (settings, tmp_path / "data/mirror.db")
    assert alone(tmp_path, BROKEN, "sandbox") == (settings, tmp_path / "sandbox.db")
    assert alone(tmp_path, BROKEN, "new") == (settings, tmp_path / "data/mirror-new.db")


def test_not_where_it_or_the_mirror_is_wrong_or_missing(tmp_path: Path) -> None:
    assert alone(tmp_path, BROKEN.replace("${HOOK}", "${NO_HOOK}")) is None
    assert alone(tmp_path, BROKEN.replace("data/mirror.db", '":memory:"')) is None
    assert alone(tmp_path, "objects: nonsense\n") is None
