"""What the words of ``sfsync fleet`` mean: which command, for which configurations. Reads folders, no file's content."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sfsync.cli.called import COMMANDS
from sfsync.errors import UsageError
from sfsync.planning.shards import Shard, shard_key

NOT_FOR_MANY = frozenset({"changes", "init", "listen", "webhook send"})
"""They go on until they are stopped, write lines of their own, or make a configuration."""

FROM_STDIN = "-"
_ENDINGS = (".yaml", ".yml")
_OWN_FOLDER = "sfsync.yaml"


def verb_words(text: str) -> tuple[list[str], list[str]]:
    """The words of a command's name, and its options, as they were typed in one word.

    Raises:
        UsageError: no such command, or none for many configurations.

    >>> verb_words("org check --fail-on warning")
    (['org', 'check'], ['--fail-on', 'warning'])
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no command: {error}") from error
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS and name not in NOT_FOR_MANY:
            _refuse_own_options(words[length:])
            return words[:length], words[length:]
    raise _no_such_verb(text)


def _no_such_verb(text: str) -> UsageError:
    from sfsync.document.problems import suggestion

    known = sorted(set(COMMANDS) - NOT_FOR_MANY)
    return UsageError(
        f"{text!r} is no command for many configurations{suggestion(text, known)}",
        hint="One word, in quotes where it has options: sfsync fleet 'push --object contact' orgs/",
    )


def _refuse_own_options(options: Sequence[str]) -> None:
    for option in options:
        name = option.split("=")[0]
        if name in {"--config", "-c", "--profile", "--json", "--log-file"}:
            raise UsageError(
                f"{name} stands within the command", hint="Name configurations and options of fleet after it."
            )  # fmt: skip


def configurations(named: Sequence[str], stdin: Iterable[str], shard: Shard | None) -> list[Path]:
    """The configurations that these words name, each once, in that order; of one shard, if asked.

    A file is named as it is, also one that is not there: its own run tells that. A folder stands for its
    YAML files and for the ``sfsync.yaml`` of each folder in it.

    Raises:
        UsageError: they name none at all.
    """
    found: dict[str, Path] = {}
    for path in _all_paths(named, stdin):
        found.setdefault(os.path.realpath(path), path)
    if not found:
        raise UsageError("no configuration is named", hint="sfsync fleet sync orgs/*.yaml")
    if shard is None:
        return list(found.values())
    return [path for path in found.values() if shard.has(shard_key(_absolute(path)))]


def _absolute(path: Path) -> Path:
    """Without following links: where Kubernetes mounts a ConfigMap they lead elsewhere at each change."""
    return Path(os.path.abspath(path))  # noqa: PTH100  Path.absolute() keeps `..`


def _all_paths(named: Sequence[str], stdin: Iterable[str]) -> Iterator[Path]:
    for word in named:
        if word == FROM_STDIN:
            lines = (line.strip() for line in stdin)
            yield from _all_paths([each for each in lines if each and each != FROM_STDIN], ())
        else:
            yield from _paths(word)


def _paths(word: str) -> Iterator[Path]:
    path = Path(word)
    if path.is_dir():
        yield from _in_folder(path) or [path]
    elif not path.exists() and glob.has_magic(word):
        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207  Path.glob takes no absolute pattern
        for match in matches or [word]:
            yield from [path] if match == word else _paths(match)
    else:
        yield path


def _in_folder(folder: Path) -> list[Path]:
    """Its configurations; names that begin with a dot are not looked at."""
    visible = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    files = [each for each in visible if each.suffix in _ENDINGS and not each.is_dir()]
    own = (each / _OWN_FOLDER for each in visible if each.is_dir())
    return files + [each for each in own if each.exists()]
