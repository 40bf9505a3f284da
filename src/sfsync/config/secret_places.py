"""Where a secret is: never in the configuration itself, but in a variable, a file, or a credential of systemd's."""

from __future__ import annotations

from sfsync.document.problems import Path, Problems, shown


class HasSecretPlaces:
    """Settings that say where a secret is, or several while one is replaced by another.

    Attributes:
        secret_env: variables that hold one each.
        secret_file: files that do.
        credential: names of credentials that systemd hands over.
    """

    __slots__ = ()
    secret_env: tuple[str, ...]
    secret_file: tuple[str, ...]
    credential: tuple[str, ...]

    @property
    def names_a_secret(self) -> bool:
        """Whether anything says where the secret is."""
        return bool(self.secret_env or self.secret_file or self.credential)


def texts(raw: object, path: Path, problems: Problems) -> tuple[str, ...]:
    """One text or a list of them."""
    entries = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if not all(isinstance(entry, str) and entry.strip() for entry in entries):
        problems.add(path, f"expected one name or a list of them, found {shown(raw)}")
        return ()
    return tuple(entries)
