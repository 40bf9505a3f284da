"""What the words of ``sfsync fleet`` name."""

from pathlib import Path

import pytest

from sfsync.cli.fleet_words import configurations, verb_words
from sfsync.errors import UsageError
from sfsync.planning.shards import Shard


@pytest.fixture
def orgs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three configurations in a folder, one of them in a folder of its own; and what is none."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "orgs"
    (folder / "cosmos").mkdir(parents=True)
    (folder / "empty").mkdir()
    for name in (
        "acme.yaml",
        "beta.yml",
        "cosmos/sfsync.yaml",
        "cosmos/other.yaml",
        ".hidden.yaml",
        "read.me",
    ):
        (folder / name).touch()
    return folder


def named(*words: str, stdin: str = "", shard: Shard | None = None) -> list[str]:
    return [str(path) for path in configurations(words, stdin.splitlines(), shard)]


ALL = ["orgs/acme.yaml", "orgs/beta.yml", "orgs/cosmos/sfsync.yaml"]


def test_a_folder_stands_for_its_files_and_the_one_of_each_folder(orgs: Path) -> None:
    assert named("orgs") == named("orgs/") == ALL


def test_a_pattern_is_looked_up_where_the_shell_has_not(orgs: Path) -> None:
    assert named("orgs/*.y*ml") == ALL[:2]
    assert named("**/sfsync.yaml") == ALL[2:]
    assert named("orgs/co*") == ["orgs/cosmos/other.yaml", ALL[2]]


def test_a_list_comes_from_standard_input(orgs: Path) -> None:
    assert named("-", stdin="orgs/beta.yml\n\n  orgs/acme.yaml  \n") == [ALL[1], ALL[0]]


def test_each_is_named_once_however_often(orgs: Path) -> None:
    (orgs / "again.yaml").symlink_to(orgs / "acme.yaml")
    assert named(ALL[0], str(orgs / "acme.yaml"), "orgs") == ALL


def test_what_is_not_there_is_for_its_own_run_to_tell(orgs: Path) -> None:
    assert named("gone.yaml", "orgs/gone-*.yaml", "orgs/empty", ALL[0]) == [
        "gone.yaml",
        "orgs/gone-*.yaml",
        "orgs/empty",
        ALL[0],
    ]


def test_shards_share_them_out_wherever_they_are_called(
    orgs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = [named("orgs", shard=Shard(number, 3)) for number in (1, 2, 3)]
    assert sorted(each for shard in shards for each in shard) == ALL
    by_path = [named(str(orgs), shard=Shard(number, 3)) for number in (1, 2, 3)]
    monkeypatch.chdir(orgs)
    from_within = [named("../orgs/.", shard=Shard(number, 3)) for number in (1, 2, 3)]
    for three in (by_path, from_within):
        assert [[Path(each).name for each in one] for one in three] == [
            [Path(each).name for each in one] for one in shards
        ]


def test_nothing_at_all_is_a_mistake(orgs: Path) -> None:
    with pytest.raises(UsageError, match="no configuration"):
        named("-")


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("listen", "no command for many"),
        ("snyc", "did you mean"),
        ("", "no command"),
        ("sync --config x.yaml", "--config stands within"),
        ("sync --profile=eu", "--profile stands within"),
        ("sync 'unclosed", "no command"),
    ],
)
def test_a_verb_that_cannot_be_is_refused(verb: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        verb_words(verb)
