"""A certificate for this computer, made anew at each start and signed by itself."""

import ipaddress
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAYS = 30


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key.

    Args:
        key: the private key, PEM; it is kept in memory only.
        chain: the certificate, PEM.
        file: the certificate in a file, for clients to trust.
    """

    key: bytes
    chain: bytes
    file: Path

    @classmethod
    def new(cls) -> "Certificate":
        """One for localhost and 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        chain = _signed(key).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = Path(tempfile.mkdtemp(prefix="local-org-")) / "certificate.pem"
        file.write_bytes(chain)
        return cls(private, chain, file)

    def remove(self) -> None:
        """Take the file away."""
        self.file.unlink(missing_ok=True)
        if self.file.parent.is_dir():
            self.file.parent.rmdir()


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sfsync local org")])
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
