"""Certificates made for one test: self-signed ones, authorities, and what they issue."""

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class SelfSigned:
    """A key and a certificate in PEM files, for a client or (with an address) a server."""

    def __init__(self, folder: Path, name: str = "device", *, address: str | None = None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        self.certificate = builder.sign(key, hashes.SHA256())
        self.certificate_file = folder / f"{name}.crt"
        self.key_file = folder / f"{name}.key"
        self.certificate_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def thumbprint(self, algorithm: hashes.HashAlgorithm) -> str:
        return self.certificate.fingerprint(algorithm).hex()


class Issued:
    """A certificate that an authority issued, with its key, in PEM files.

    The file holds the issuers in between, too, as devices have to send them.
    """

    def __init__(self, folder: Path, name: str, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey):
        self.certificate = chain[0]
        self.certificate_file = folder / f"{name}.crt"
        self.key_file = folder / f"{name}.key"
        pem = serialization.Encoding.PEM
        self.certificate_file.write_bytes(b"".join(it.public_bytes(pem) for it in chain))
        self.key_file.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )

    def thumbprint(self, algorithm: hashes.HashAlgorithm) -> str:
        return self.certificate.fingerprint(algorithm).hex()


class Authority:
    """Somebody who issues certificates: a root, or below another authority."""

    def __init__(self, folder: Path, name: str = "root", above: "Authority | None" = None):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._above = above
        issuer = above or self
        self._name = _name(name)
        self.certificate = issuer._sign(self._name, self._key, is_authority=True)
        self.certificate_file = folder / f"{name}.crt"
        self.certificate_file.write_bytes(self.pem)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, common_name: str, *, valid_for: timedelta = timedelta(days=1)) -> Issued:
        """A client's certificate; the file has every issuer but the root."""
        key = ec.generate_private_key(ec.SECP256R1())
        chain = [self._sign(_name(common_name), key, is_authority=False, valid_for=valid_for)]
        issuer: Authority | None = self
        while issuer is not None and issuer._above is not None:
            chain.append(issuer.certificate)
            issuer = issuer._above
        return Issued(self._folder, common_name.replace("/", "-")[:60], chain, key)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool,
        valid_for: timedelta = timedelta(days=1),
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + valid_for)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(usage, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
