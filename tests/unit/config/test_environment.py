"""``${NAME}`` is replaced, and a variable that is none is a mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfsync.errors import ConfigError
from tests.unit.config.files import SMALLEST, load, problems_of


def test_variables_are_put_in(tmp_path: Path) -> None:
    text = SMALLEST.replace("abc", '"pre-${A}-${B}"')
    assert load(tmp_path, text, {"A": "1", "B": "${C}"}).org.client_id == "pre-1-${C}"


def test_a_doubled_dollar_and_a_lone_one_are_characters(tmp_path: Path) -> None:
    assert (
        load(tmp_path, SMALLEST.replace("abc", '"$${A} $HOME $"'), {}).org.client_id
        == "${A} $HOME $"
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("${NOPE}", "the environment variable NOPE is not set"),
        ("${}", "${} names no variable; write ${NAME}, or $${ for the characters"),
        ("${1A}", "${1A} names no variable; write ${NAME}, or $${ for the characters"),
        ("${A-b}", "${A-b} names no variable; write ${NAME}, or $${ for the characters"),
        ("${A", "${ names no variable; write ${NAME}, or $${ for the characters"),
    ],
)
def test_a_variable_that_is_none_is_told_with_its_place(
    tmp_path: Path, value: str, told: str
) -> None:
    problems = problems_of(tmp_path, SMALLEST.replace("abc", f'"{value}"'))
    assert problems == [f"1:18 client_id: {told}"]


def test_an_environment_value_never_shows_in_a_message(tmp_path: Path) -> None:
    text = SMALLEST.replace("{client_id: abc}", '{client_id: abc, login_url: "${SECRET}"}')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, {"SECRET": "hunter2"})
    assert "hunter2" not in str(caught.value) + "".join(caught.value.problems)
