"""Sealed logins, one for each profile. The bytes come encrypted; the key never comes here."""

from __future__ import annotations

from sfsync.mirror.database import Database


class Tokens:
    """Satisfies ``auth.keychain.BlobVault`` by shape; each call is its own transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, profile: str) -> bytes | None:
        """The bytes, or ``None``."""
        kept = self._database.value("SELECT blob FROM _tokens WHERE profile = ?", [profile])
        return None if kept is None else bytes(kept)

    def write(self, profile: str, sealed: bytes) -> None:
        """Keep the bytes durably, instead of those before."""
        with self._database.wiping(), self._database.transaction(edits=True):
            self._database.run(
                "INSERT INTO _tokens (profile, blob, kept_at) VALUES (?, ?, ?)"
                " ON CONFLICT (profile) DO UPDATE"
                " SET blob = excluded.blob, kept_at = excluded.kept_at",
                [profile, sealed, self._database.now()],
            )

    def delete(self, profile: str) -> None:
        """Forget them; no error where there are none."""
        with self._database.wiping(), self._database.transaction(edits=True):
            self._database.run("DELETE FROM _tokens WHERE profile = ?", [profile])
