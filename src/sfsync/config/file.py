"""The file itself: where it is found, and how it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from sfsync.config.environment import expanded, variables_in
from sfsync.config.profiles import chosen_profile, without_other_profiles
from sfsync.config.sections import Config, read_config
from sfsync.document.problems import Problems
from sfsync.document.yaml_reader import decoded, parse_yaml
from sfsync.errors import ConfigError

FILE_NAME: Final = "sfsync.yaml"
EXAMPLE_NAME: Final = "config.example.yaml"
ENV_CONFIG: Final = "SFSYNC_CONFIG"
MAX_BYTES: Final = 1024 * 1024
_INIT_WRITES_ONE: Final = "`sfsync init` writes one"


def find_config(
    explicit: Path | None, environ: Mapping[str, str], cwd: Path, user_config_dir: Path
) -> Path:
    """The file to read.

    ``--config``, else ``$SFSYNC_CONFIG``, else in the working folder, else in the user's.

    Raises:
        ConfigError: there is none, or what was named is none.
    """
    if explicit is not None:
        return _existing(cwd / explicit, f"--config {explicit}")
    from_environment = environ.get(ENV_CONFIG, "")
    if from_environment:
        return _existing(cwd / from_environment, f"${ENV_CONFIG} ({from_environment})")
    candidates = (cwd / FILE_NAME, user_config_dir / FILE_NAME)
    for candidate in candidates:
        if candidate.exists():
            return _existing(candidate, str(candidate))
    looked = " nor in ".join(str(candidate.parent) for candidate in candidates)
    raise ConfigError(f"no {FILE_NAME} in {looked}", hint=_INIT_WRITES_ONE)


def _existing(path: Path, named: str) -> Path:
    if path.is_dir():
        hint = f"did you mean {path / FILE_NAME}?"
        raise ConfigError(f"{named} is a folder, not a file", hint=hint)
    if not path.exists():
        raise ConfigError(f"{named}: no such file", hint=_INIT_WRITES_ONE)
    return path


def load_config(path: Path, environ: Mapping[str, str], profile: str | None = None) -> Config:
    """Read the file.

    Args:
        path: as found by ``find_config``.
        environ: what ``${NAME}`` is looked up in.
        profile: whose settings; ``None`` for the one that was chosen for this file.

    Raises:
        ConfigError: with every mistake in ``problems``, ``sfsync.yaml:14:7 Emial: …``.
    """
    name = chosen_profile(path) if profile is None else profile
    return config_from(_bytes_of(path), path, environ, name)


def config_from(data: bytes, path: Path, environ: Mapping[str, str], name: str) -> Config:
    """Read what is, or is to be, in the file; see ``load_config``.

    Args:
        name: the profile's.

    Raises:
        ConfigError: as there.
    """
    digest = hashlib.sha256(data).hexdigest()
    document, problems = parse_yaml(decoded(data, path.name), path.name)
    raw = without_other_profiles(document, name)
    values = expanded(raw, environ, problems)
    config = read_config(values, path, digest, environ, name, problems)
    problems.raise_if_any(str(path))
    return replace(config, variables=tuple(dict.fromkeys(variables_in(raw))))


def read_document(path: Path) -> tuple[dict[str, Any], Problems]:
    """The file as plain values, variables as they are written, and where everything stands.

    Raises:
        ConfigError: it cannot be read for what it means.
    """
    return parse_yaml(decoded(_bytes_of(path), path.name), path.name)


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than 1 MiB: that is no sfsync.yaml")
    return data


def example_config() -> str:
    """The commented example that ``sfsync init`` writes."""
    packaged = resources.files("sfsync").joinpath(EXAMPLE_NAME)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).resolve().parents[3] / EXAMPLE_NAME
    return checkout.read_text(encoding="utf-8")
