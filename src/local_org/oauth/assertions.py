"""JWT assertions of the bearer flow: whose they claim to be, and whether the signature holds.

Source: docs/salesforce.md §1.8 (logins without a browser).
"""

import base64
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from local_org.oauth.errors import OAuthError


def unverified_claims(assertion: str) -> dict[str, Any]:
    """The claims of an assertion, not yet believed: they only say whose key to check it with.

    Raises:
        OAuthError: where it is no JWT.
    """
    try:
        payload = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError) as problem:
        raise OAuthError("invalid_grant", "invalid assertion") from problem
    if not isinstance(claims, dict):
        raise OAuthError("invalid_grant", "invalid assertion")
    return claims


def verified_claims(assertion: str, public_key: str) -> dict[str, Any]:
    """The claims of an assertion that the key's owner signed with RS256.

    Args:
        assertion: the JWT.
        public_key: PEM of a certificate or a public key.

    Raises:
        OAuthError: where the signature does not hold.
    """
    try:
        return dict(jwt.decode(assertion, _rsa_key(public_key), algorithms=["RS256"]).claims)
    except (JoseError, ValueError) as problem:
        raise OAuthError("invalid_grant", "invalid assertion") from problem


def _rsa_key(pem: str) -> RSAKey:
    if "BEGIN CERTIFICATE" in pem:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return RSAKey.import_key(pem)
