"""Logins without a browser: what is remembered of one, and how it is made anew.

Neither flow has a refresh token. A login by a signed key keeps the path of the key and signs again;
the key itself stays in its file, so that there is one copy of it and whoever replaces or takes away
the file has done so for sfsync too. A login with client credentials asks again with the secret,
which stays where it was given.

Source: docs/salesforce.md §1.8 (JWT bearer, client credentials: no refresh token).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sfsync.errors import ConfigError, LoginKeyError
from sfsync.model.token import Token

from .grants import Grants
from .login import Renew
from .own_file import UnusableFileError, credential, read_own

SECRET_CREDENTIAL = "sfsync-client-secret"  # noqa: S105  the name of a file, not a secret
_KEY_BITS = 2048
_CERTIFICATE_DAYS = 730
_ANEW = (
    "Make a new one with `sfsync login --jwt-key FILE --new`; an admin then puts its certificate "
    "into the app."
)

_WRITE_OUT = (
    "A server has nobody to type it. Write the key out without one, to be protected by its mode: "
    "(umask 077; openssl pkey -in {path} -out NEW)"
)


class Kind(StrEnum):
    """How a login was made, and so how it is renewed."""

    BROWSER = "browser"
    JWT = "jwt"
    CLIENT_CREDENTIALS = "client-credentials"


@dataclass(frozen=True, slots=True)
class Way:
    """What is remembered of a login besides its token; nothing in it is secret.

    Attributes:
        kind: how it was made.
        key_file: where the private key is, absolute; for ``JWT`` alone.
        username: whom it acts as; for ``JWT`` alone.
        audience: where it was given; for ``JWT`` alone.
        instance_url: where the org is, for people.
    """

    kind: Kind = Kind.BROWSER
    key_file: str = ""
    username: str = ""
    audience: str = ""
    instance_url: str = ""

    def as_note(self) -> str:
        """As text, to be kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_note(cls, note: str) -> Way:
        """The reverse; a login in the browser where nothing, or nothing readable, was kept.

        >>> Way.from_note(Way(Kind.JWT, "/etc/key.pem", "ada@example.com").as_note()).username
        'ada@example.com'
        >>> Way.from_note("").kind
        <Kind.BROWSER: 'browser'>
        """
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            kept = json.loads(note)
            known = {name: str(kept[name]) for name in cls.__slots__ if name in kept}
            return cls(**{**known, "kind": Kind(known.pop("kind"))})  # type: ignore[arg-type]
        return cls()


def renewal(way: Way, grants: Grants, now: Callable[[], datetime]) -> Renew:
    """What makes a new login out of the one before."""
    if way.kind is Kind.BROWSER:
        return grants.refresh
    return lambda _before: unattended(way, grants, now())


def unattended(way: Way, grants: Grants, now: datetime) -> Token:
    """Log in without a browser: by the key in its file, or by the app's secret.

    The file is read each time, so that a key that was replaced counts from then on.

    Raises:
        LoginKeyError: the file holds no key that can be used.
        ConfigError: no secret, or a login host that does not take one.
        LoginRefused: user, key, secret and app do not fit together.
    """
    if way.kind is Kind.CLIENT_CREDENTIALS:
        return grants.client_credentials()
    key = read_key(Path(way.key_file))
    return grants.jwt_bearer(
        username=way.username, private_key_pem=key, now=now, audience=way.audience
    )


# -- the key


def read_key(path: Path) -> str:
    """An RSA private key in PEM form, out of a file of the user's own.

    Raises:
        LoginKeyError: the file is gone, open to others or unreadable; or it holds no such key, or
            one that is under a passphrase, which nobody is there to type.
    """
    try:
        text = read_own(path)
    except UnusableFileError as error:
        failure = LoginKeyError(f"The key file {path} {error.reason}", hint=error.hint or _ANEW)
    else:
        problem = _problem_with(text)
        if problem is None:
            return text
        reason, hint = problem
        failure = LoginKeyError(f"The key file {path} {reason}", hint=hint.format(path=path))
    # Outside of the except: nothing of the key may hang on to the error.
    raise failure


def _problem_with(text: str) -> tuple[str, str] | None:
    """Why this cannot sign, as the end of a sentence, and what to do; None where it can."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if "ENCRYPTED" in text:
        return "is under a passphrase", _WRITE_OUT
    if "PRIVATE KEY-----" not in text:
        other_half = "The private key was made together with it; name that file."
        if "BEGIN CERTIFICATE" in text:
            return "holds a certificate where a private key is expected", other_half
        if "PUBLIC KEY" in text:
            return "holds a public key where a private key is expected", other_half
        return "holds nothing where a private key is expected", _ANEW
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "holds a private key that is damaged", _ANEW
    if not isinstance(key, RSAPrivateKey):
        return "holds a private key that is not RSA; Salesforce takes RSA alone", _ANEW
    if key.key_size < _KEY_BITS:
        return (
            f"holds an RSA key of {key.key_size} bits; {_KEY_BITS} are the least that is safe",
            _ANEW,
        )
    return None


def new_key(path: Path, name: str, now: datetime) -> Path:
    """Make a private key, closed to all other users, and beside it the app's certificate.

    Args:
        path: of the key; the certificate's ends in ``.crt``.
        name: the certificate's subject: what an admin will see.
        now: from when it holds, for two years.

    Returns:
        The certificate's path.

    Raises:
        LoginKeyError: there is such a file already, or it cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    beside = path.with_name(f"{path.name.removesuffix('.pem').removesuffix('.key')}.crt")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for file in (path, beside):
        if file.exists():
            raise _is_there(file)
    _write_new(path, private, 0o600)
    _write_new(beside, certificate.public_bytes(Encoding.PEM), 0o644)
    return beside


def _is_there(path: Path) -> LoginKeyError:
    return LoginKeyError(
        f"{path} is there already, and is left as it is",
        hint="Use it without --new, or name another file.",
    )


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise LoginKeyError(
            f"{path} cannot be written: {error.strerror}", hint="Name another file."
        ) from None


# -- the secret


def client_secret(environ: Mapping[str, str]) -> str:
    """The app's secret, from the first of its three places that is set; empty where none is.

    ``SFSYNC_CLIENT_SECRET``, else the file named by ``SFSYNC_CLIENT_SECRET_FILE``, else systemd's
    credential.

    Raises:
        ConfigError: the place that is set holds no usable secret.
    """
    if environ.get("SFSYNC_CLIENT_SECRET"):
        return environ["SFSYNC_CLIENT_SECRET"].strip()
    named = environ.get("SFSYNC_CLIENT_SECRET_FILE")
    directory = environ.get("CREDENTIALS_DIRECTORY")
    kept = credential(Path(directory) if directory else None, SECRET_CREDENTIAL)
    path = Path(named).expanduser() if named else kept
    if path is None:
        return ""
    try:
        secret = read_own(path, closed=path is not kept).strip()
    except UnusableFileError as error:
        raise ConfigError(
            f"The file of the app's secret, {path}, {error.reason}", hint=error.hint
        ) from None
    if not secret or len(secret.split()) > 1:
        raise ConfigError(f"The file of the app's secret, {path}, has to hold the secret alone")
    return secret
