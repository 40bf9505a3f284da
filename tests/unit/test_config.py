"""The file is read strictly: a surprise is a message with its place, never a setting."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.config import MAX_BYTES, example_config, find_config, load_config
from sfsync.document.yaml_reader import decoded, parse_yaml
from sfsync.errors import ConfigError
from sfsync.model.limits import Limits

EXAMPLE = example_config()
ENVIRON = {"SFSYNC_CLIENT_ID": "abc"}
PHONE_LINE = EXAMPLE.split("      Phone: phone")[0].count("\n") + 1
SMALLEST = "org: {client_id: abc}\nobjects: {contact: {fields: {Email: email}}}\n"


def load(folder: Path, content: str | bytes, environ: dict[str, str] | None = None):
    path = folder / "sfsync.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_config(path, ENVIRON if environ is None else environ)


def problems_of(
    folder: Path, content: str | bytes, environ: dict[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, content, environ)
    assert all(problem.startswith("sfsync.yaml:") for problem in caught.value.problems)
    return [problem.removeprefix("sfsync.yaml:") for problem in caught.value.problems]


# -- YAML ------------------------------------------------------------------------------------------
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


def test_a_file_of_more_than_one_mebibyte_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(tmp_path, b"#" * (MAX_BYTES + 1))


# -- the environment -------------------------------------------------------------------------------
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


# -- org, mirror, limits ---------------------------------------------------------------------------
LOGIN = "https://login.salesforce.com\n"
MISTAKES = [
    ("org:\n", "orgs:\n", ["org: missing: say which Salesforce org (login_url, client_id)",
                           "orgs: no such key here; did you mean org?"]),
    ("  client_id: ${SFSYNC_CLIENT_ID}\n", "", ["client_id: missing in org"]),
    ("${SFSYNC_CLIENT_ID}", "5", ["client_id: expected text, found 5"]),
    ("${SFSYNC_CLIENT_ID}", "''", ["client_id: empty: the consumer key of the app in Salesforce belongs here"]),
    (
        "org:\n",
        "org:\n  client_secret: hunter2\n",
        [("client_secret: a secret does not belong in this file; set the environment variable "
         "SFSYNC_CLIENT_SECRET instead")],
    ),
    (
        "org:\n",
        "org:\n  password: hunter2\n",
        ["password: a secret does not belong in this file; sfsync login asks for what it needs"],
    ),
    (LOGIN, "http://login.salesforce.com\n", ["login_url: http would send the login in the clear; write https://"]),
    (LOGIN, "login.salesforce.com\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "https://\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "https://x:99999\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "ftp://x\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "'https://a b'\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "https://u:p@x.com\n", [("login_url: a user or password does not belong in the address; sfsync login "
                                    "asks for what it needs")]),
    (LOGIN, "https://x.com/services\n", ["login_url: only the address of the host is needed, without a path"]),
    ("[1717, 1718, 1716]", "[]", ["redirect_ports: empty: at least one port is needed for the login's way back"]),
    ("[1717, 1718, 1716]", "[0, 65536, true, 01717, x, 1e3]", [
        "redirect_ports: expected a port from 1 to 65535, found 0",
        "redirect_ports: expected a port from 1 to 65535, found 65536",
        "redirect_ports: expected a port from 1 to 65535, found true",
        "redirect_ports: expected a port from 1 to 65535, found '01717'",
        "redirect_ports: expected a port from 1 to 65535, found 'x'",
        "redirect_ports: expected a port from 1 to 65535, found 1000.0",
    ]),
    ("[1717, 1718, 1716]", "[1717, 1717]", ["redirect_ports: 1717 stands here twice"]),
    ("[1717, 1718, 1716]", "", ["redirect_ports: expected a port from 1 to 65535, found nothing"]),
    ("[api, refresh_token]", "[refresh_token]", [("scopes: without api nothing can be read or written; write [api, "
                                                 "refresh_token]")]),
    ("[api, refresh_token]", "[api, 'a b']", ["scopes: 'a b' is no scope; one like api, refresh_token is expected"]),
    ("[api, refresh_token]", "5", ["scopes: expected a list like [api, refresh_token], found 5"]),
    ('"66.0"', "v66", ["api_version: expected a version like \"66.0\", found 'v66'"]),
    ('"66.0"', '"66.5"', ["api_version: expected a version like \"66.0\", found '66.5'"]),
    ('"66.0"', "30.0", ["api_version: 30.0 is too old: sfsync needs 52.0 or later"]),
    ('"66.0"', "true", ['api_version: expected a version like "66.0", found true']),
    ("path: mirror.db ", "pth: mirror.db ", ["pth: no such key here; did you mean path?"]),
    ("path: mirror.db ", "path: ':memory:' ", ["path: expected a file's path, found ':memory:'"]),
    ("path: mirror.db ", "path: file:x.db ", ["path: expected a file's path, found 'file:x.db'"]),
    ("path: mirror.db ", "path: '' ", ["path: expected a file's path, found ''"]),
    ("path: mirror.db ", "path: . ", ["path: '.' is a folder; a file is expected, like ./mirror.db"]),
    ("max_delete: 10%", "max_delete: 10", ["max_delete: expected a share like 10%, found 10"]),
    ("max_delete: 10%", "max_delete: 101%", ["max_delete: expected a share like 10%, found '101%'"]),
    ("max_delete: 10%", "max_delete: -1%", ["max_delete: expected a share like 10%, found '-1%'"]),
    ("max_delete: 10%", "max_delete: 10%\n  max_change: 50", ["max_change: expected a share like 10%, found 50"]),
    ("max_delete: 10%", "max_delete: {percent: lots}", ["percent: expected a share like 10%, found 'lots'"]),
    ("max_delete: 10%", "max_delete: {at_least: 5}", ["percent: missing in max_delete"]),
    ("max_delete: 10%", "max_delete: {percent: 5, at_leest: 1}", ["at_leest: no such key here; did you mean at_least?"]),
    ("max_delete: 10%", "max_delete: {percent: 5, at_least: -1}", ["at_least: expected a number of rows, found -1"]),
    ("overlap: 15m", "overlap: 15", ["overlap: expected a time like 15m, 90s or 2h, found 15"]),
    ("overlap: 15m", "overlap: m15", ["overlap: expected a time like 15m, 90s or 2h, found 'm15'"]),
    ("overlap: 15m", "overlap: ''", ["overlap: expected a time like 15m, 90s or 2h, found ''"]),
    ("overlap: 15m", "overlap: 8d", ["overlap: '8d' is too long: at most 7d"]),
    ("api_reserve: 20%", "api_reserve: 100%", ["api_reserve: 100% would leave no call for sfsync"]),
    ("api_per_run: 25%", "api_per_run: 0%", ["api_per_run: 0% would leave no call for sfsync"]),
    ("api_reserve: 20%", "api_reserv: 20%", ["api_reserv: no such key here; did you mean api_reserve?"]),
    ("limits:\n", "limit:\n", ["limit: no such key here; did you mean limits?"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert old in EXAMPLE
    problems = problems_of(tmp_path, EXAMPLE.replace(old, new, 1))
    assert [problem.split(" ", 1)[1] for problem in problems] == told
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize(
    "section", ["org", "mirror", "objects", "activities", "sync_rules", "limits"]
)
def test_a_section_left_empty_is_told_with_its_place(tmp_path: Path, section: str) -> None:
    text = "".join(f"{line}\n" for line in SMALLEST.splitlines() if not line.startswith(section))
    problems = problems_of(tmp_path, f"{text}{section}:\n")
    assert any(f" {section}: expected keys with values" in problem for problem in problems)


def test_the_smallest_file_takes_every_default(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST)
    assert config.org.login_url == "https://login.salesforce.com"
    assert config.org.redirect_ports == (1717, 1718, 1716)
    assert config.org.scopes == ("api", "refresh_token")
    assert config.limits == Limits()
    assert config.mirror_path == tmp_path / "mirror.db"
    assert config.source == tmp_path / "sfsync.yaml"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://Acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
        (" https://test.salesforce.com ", "https://test.salesforce.com"),
    ],
)
def test_login_addresses_are_kept_as_origins(tmp_path: Path, given: str, kept: str) -> None:
    text = SMALLEST.replace("{client_id: abc}", f"{{client_id: abc, login_url: '{given}'}}")
    assert load(tmp_path, text).org.login_url == kept


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("scopes: api  refresh_token api", "scopes", ("api", "refresh_token")),
        ("scopes: [full, refresh_token]", "scopes", ("full", "refresh_token")),
        ("redirect_ports: 8080", "redirect_ports", (8080,)),
        ("redirect_ports: ['8080', 8081]", "redirect_ports", (8080, 8081)),
        ("api_version: 66.0", "api_version", "66.0"),
        ("api_version: 68", "api_version", "68.0"),
    ],
)
def test_other_ways_to_write_the_same(
    tmp_path: Path, line: str, attribute: str, value: object
) -> None:
    text = SMALLEST.replace("{client_id: abc}", f"{{client_id: abc, {line}}}")
    assert getattr(load(tmp_path, text).org, attribute) == value


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("max_delete: 2.5%", Limits(max_delete=0.025)),
        ("max_delete: {percent: 50%, at_least: 0}", Limits(max_delete=0.5, max_delete_rows=0)),
        ("max_delete: {percent: 5}", Limits(max_delete=0.05)),
        ("max_change: 50%", Limits(max_change=0.5)),
        ("overlap: 1h30m", Limits(overlap=timedelta(minutes=90))),
        ("overlap: 0s", Limits(overlap=timedelta())),
        ("overlap: 7d", Limits(overlap=timedelta(days=7))),
        ("api_reserve: 0%", Limits(api_reserve=0.0)),
        ("api_per_run: 100%", Limits(api_per_run=1.0)),
    ],
)
def test_limits(tmp_path: Path, line: str, limits: Limits) -> None:
    assert load(tmp_path, f"{SMALLEST}limits: {{{line}}}\n").limits == limits


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("data/m.db", "{folder}/data/m.db"),
        ("~/m.db", "/home/ada/m.db"),
        ("/var/lib/m.db", "/var/lib/m.db"),
    ],
)
def test_the_mirrors_path_is_relative_to_the_file(tmp_path: Path, given: str, kept: str) -> None:
    config = load(tmp_path, f"{SMALLEST}mirror: {{path: {given}}}\n", {"HOME": "/home/ada"})
    assert str(config.mirror_path) == kept.format(folder=tmp_path)


def test_the_digest_tells_whether_the_file_changed(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).digest == load(tmp_path, SMALLEST).digest
    assert load(tmp_path, SMALLEST).digest != load(tmp_path, SMALLEST + "\n").digest


# -- finding the file ------------------------------------------------------------------------------
@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    cwd, user = tmp_path / "work", tmp_path / "user"
    cwd.mkdir()
    user.mkdir()
    return cwd, user


def test_the_nearest_file_is_found(places: tuple[Path, Path]) -> None:
    cwd, user = places
    with pytest.raises(ConfigError) as caught:
        find_config(None, {}, cwd, user)
    assert caught.value.hint == "sfsync init writes one"
    assert caught.value.message == f"no sfsync.yaml in {cwd} nor in {user}"
    (user / "sfsync.yaml").touch()
    assert find_config(None, {}, cwd, user) == user / "sfsync.yaml"
    (cwd / "sfsync.yaml").touch()
    assert find_config(None, {"SFSYNC_CONFIG": ""}, cwd, user) == cwd / "sfsync.yaml"
    (cwd / "other.yaml").touch()
    assert find_config(None, {"SFSYNC_CONFIG": "other.yaml"}, cwd, user) == cwd / "other.yaml"
    assert (
        find_config(user / "sfsync.yaml", {"SFSYNC_CONFIG": "other.yaml"}, cwd, user)
        == user / "sfsync.yaml"
    )


def test_a_named_file_that_is_none_is_told_and_no_other_is_taken(places: tuple[Path, Path]) -> None:
    cwd, user = places
    (cwd / "sfsync.yaml").touch()
    with pytest.raises(ConfigError, match=r"--config nope.yaml: no such file"):
        find_config(Path("nope.yaml"), {}, cwd, user)
    with pytest.raises(ConfigError, match=r"\$SFSYNC_CONFIG \(nope.yaml\): no such file"):
        find_config(None, {"SFSYNC_CONFIG": "nope.yaml"}, cwd, user)
    with pytest.raises(ConfigError, match="is a folder") as caught:
        find_config(user, {}, cwd, user)
    assert caught.value.hint == f"did you mean {user / 'sfsync.yaml'}?"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "sfsync.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})
