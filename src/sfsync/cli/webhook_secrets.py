"""The secrets of webhooks, those that come and those that go, and of notices: from the environment, files, or systemd's credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.auth.own_file import UnusableFileError, credential, read_own
from sfsync.errors import ConfigError

if TYPE_CHECKING:
    from sfsync.config.secret_places import HasSecretPlaces


def secrets_of(
    where: str,
    places: HasSecretPlaces,
    environ: Mapping[str, str],
    folder: Path,
) -> Iterator[str]:
    """Every secret that is named.

    Args:
        where: what a message calls the place in the configuration.
        folder: what a file is relative to: the configuration's.

    Raises:
        ConfigError: one is not where the configuration says.
    """
    for variable in places.secret_env:
        secret = environ.get(variable, "").strip()
        if not secret:
            raise ConfigError(f"{where}: ${variable} is not set", hint="Put the secret into it.")
        yield secret
    for file in places.secret_file:
        yield _secret_in(folder / Path(file).expanduser(), where, closed=True)
    for wanted in places.credential:
        directory = environ.get("CREDENTIALS_DIRECTORY")
        path = credential(Path(directory) if directory else None, wanted)
        if path is None:
            raise ConfigError(
                f"{where}: systemd handed over no credential {wanted}",
                hint=f"LoadCredential={wanted}:FILE in the unit.",
            )
        yield _secret_in(path, where, closed=False)


def _secret_in(path: Path, where: str, *, closed: bool) -> str:
    try:
        secret = read_own(path, closed=closed).strip()
    except UnusableFileError as error:
        raise ConfigError(f"{where}: {path} {error.reason}", hint=error.hint) from None
    if not secret:
        raise ConfigError(f"{where}: {path} is empty", hint="It has to hold the secret alone.")
    return secret
