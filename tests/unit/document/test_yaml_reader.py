"""A document is read strictly: a surprise is a message with its position, never a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.document.yaml_reader import decoded, parse_yaml
from sfsync.errors import ConfigError
from tests.unit.config.files import EXAMPLE, SMALLEST, load, problems_of

PHONE_LINE = EXAMPLE.split("      Phone: phone")[0].count("\n") + 1

BROKEN = {
    "": "1:1 the file is empty; expected the keys org, mirror, objects …",
    "# only a comment\n": "1:1 the file is empty; expected the keys org, mirror, objects …",
    "null\n": "1:1 the file is empty; expected the keys org, mirror, objects …",
    "- a\n": "1:1 found a list; expected the keys org, mirror, objects …",
    "hello\n": "1:1 found 'hello'; expected the keys org, mirror, objects …",
    "org:\n\tlogin_url: x\n": "2:1 a tab cannot indent YAML; use blanks",
    "org: a: b\n": "1:7 mapping values are not allowed in this context",
    "org: {client_id: x\n": "2:1 while parsing a flow mapping, did not find expected ',' or '}'",
    "[": "2:1 while parsing a flow node, did not find expected node content",
    "org: 'x\n": "2:1 while scanning a quoted scalar, found unexpected end of stream",
    "org: %x\n": "1:6 while scanning for the next token, found character that cannot start any token",
    "a: [*x]\n": "1:5 *x: aliases are not read; write the value itself",
    "org:\n  <<: {client_id: x}\n": "2:3 <<: merge keys are not read; write the values themselves",
    "1: x\n": "1:1 1: a key has to be a word; put it in quotes",
    "true: x\n": "1:1 true: a key has to be a word; put it in quotes",
    "~: x\n": "1:1 ~: a key has to be a word; put it in quotes",
    "[a, b]: x\n": "1:1 a key has to be a word",
    "org: \x07\n": "1:6 control character U+0007; is this a text file?",
    "org:\x00\n": "1:5 control character U+0000; is this a text file?",
    "a: " + "[" * 5000: "1:24 nested too deeply",
    "a: " + "[" * 50 + "]" * 50: "1:24 nested too deeply",
}


@pytest.mark.parametrize(("content", "told"), BROKEN.items(), ids=range(len(BROKEN)))
def test_what_is_no_plain_yaml_is_told_with_its_place(
    tmp_path: Path, content: str, told: str
) -> None:
    assert problems_of(tmp_path, content) == [told]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (EXAMPLE + "\n---\norg: {}\n", "a second document starts here; one file holds one"),
        (EXAMPLE.replace("org:\n", "org: &here\n", 1), "&here: anchors are not read"),
        (
            EXAMPLE.replace("path: mirror.db", "path: !!str mirror.db"),
            "tag:yaml.org,2002:str: tags are not read",
        ),
        (EXAMPLE.replace("path: mirror.db", "!x path: mirror.db"), "anchors and tags are not read"),
        (
            EXAMPLE.replace("path: mirror.db", "path: !!python/object/apply:os.system [id]"),
            "tag:yaml.org,2002:python/object/apply:os.system: tags are not read",
        ),
        (
            EXAMPLE.replace(
                "      Phone: phone\n", "      Phone: phone\n      Phone: telephone\n", 1
            ),
            f"Phone: stands here twice, first in line {PHONE_LINE}, column 7",
        ),
    ],
)
def test_what_yaml_allows_and_people_do_not_expect_is_refused(
    tmp_path: Path, content: str, told: str
) -> None:
    assert told in [problem.split(" ", 1)[1] for problem in problems_of(tmp_path, content)]


def test_many_aliases_cost_nothing(tmp_path: Path) -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"b{index}: &b{index} [*a, *a, *a, *a]\n" for index in range(200)
    )
    with pytest.raises(ConfigError, match="1001 mistakes") as caught:
        load(tmp_path, bomb)
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1] == "and 901 more"


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-0", 0),
        ("01234", "01234"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("1e3", 1000.0),
        ("66.0", 66.0),
        ("1.", 1.0),
        (".5", 0.5),
        (".", "."),
        ("-", "-"),
        ("e5", "e5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-01-20", "2026-01-20"),
        ("2026-01-20T10:00:00Z", "2026-01-20T10:00:00Z"),
        ("10%", "10%"),
        ("'true'", "true"),
        ('"5"', "5"),
        ("|\n  5\n", "5\n"),
        ("9" * 50, "9" * 50),
    ],
)
def test_scalars_are_what_they_look_like(scalar: str, value: object) -> None:
    if scalar == "-":
        scalar = "'-'"
    document, problems = parse_yaml(f"a: {scalar}", "x")
    assert not problems
    assert document["a"] == value
    assert type(document["a"]) is type(value)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("abcdef", min_size=1), st.integers() | st.text("abc xyz", max_size=9), max_size=5
    )
)
def test_plain_values_are_read_back(document: dict[str, object]) -> None:
    import yaml

    assert parse_yaml(yaml.safe_dump(document) if document else "{}", "x")[0] == document


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_told(content: bytes) -> None:
    try:
        parse_yaml(decoded(content, "x"), "x")
    except ConfigError as error:
        problems = error.problems
    else:
        problems = ("x:",)
    assert all(problem.startswith("x:") for problem in problems)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"org:\n  a: caf\xe9\n", "2:9 this is not UTF-8; save the file as UTF-8"),
        (SMALLEST.encode("utf-16"), "1:1 this is UTF-16; save the file as UTF-8"),
    ],
)
def test_another_encoding_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    assert problems_of(tmp_path, content) == [told]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + SMALLEST.encode(),
        SMALLEST.replace("\n", "\r\n").encode(),
        SMALLEST.encode().rstrip(),
    ],
)
def test_byte_order_mark_and_line_ends_do_no_harm(tmp_path: Path, content: bytes) -> None:
    assert load(tmp_path, content).org.client_id == "abc"
