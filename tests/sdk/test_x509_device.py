"""Devices that connect with a self-signed certificate instead of a key."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.iot.device import X509, IoTHubDeviceClient
from azure.iot.device.exceptions import CredentialError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = pytest.mark.timeout(60)


class SelfSigned:
    """A key and a certificate in PEM files."""

    def __init__(self, folder: Path, name: str = "device"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(timezone.utc)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
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


def client_for(hub, device, certificate: SelfSigned) -> IoTHubDeviceClient:
    return IoTHubDeviceClient.create_from_x509_certificate(
        x509=X509(cert_file=str(certificate.certificate_file), key_file=str(certificate.key_file)),
        hostname=hub.host,
        device_id=device.device_id,
        server_verification_cert=hub.ca_file.read_text(),
        connection_retry=False,
    )


def with_thumbprints(hub, primary: str | None, secondary: str | None):
    return hub.with_device(
        "x509",
        authentication={
            "type": "selfSigned",
            "x509Thumbprint": {"primaryThumbprint": primary, "secondaryThumbprint": secondary},
        },
    )


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
@pytest.mark.parametrize("slot", ["primary", "secondary"])
def test_certificate_with_a_registered_thumbprint_gets_in(hub, tmp_path, algorithm, slot):
    certificate, other = SelfSigned(tmp_path), SelfSigned(tmp_path, "other")
    prints = [certificate.thumbprint(algorithm), other.thumbprint(algorithm)]
    device = with_thumbprints(hub, *(prints if slot == "primary" else reversed(prints)))

    client = client_for(hub, device, certificate)
    try:
        client.connect()

        assert client.get_twin()["desired"]["$version"] == 1
    finally:
        client.shutdown()


def test_upper_case_thumbprint_matches_too(hub, tmp_path):
    certificate = SelfSigned(tmp_path)
    device = with_thumbprints(hub, certificate.thumbprint(hashes.SHA1()).upper(), "00" * 20)

    client = client_for(hub, device, certificate)
    try:
        client.connect()
        assert client.connected
    finally:
        client.shutdown()


def test_another_certificate_is_refused(hub, tmp_path):
    registered, stolen = SelfSigned(tmp_path), SelfSigned(tmp_path, "stolen")
    device = with_thumbprints(hub, registered.thumbprint(hashes.SHA1()), "00" * 20)

    client = client_for(hub, device, stolen)
    try:
        with pytest.raises(CredentialError):
            client.connect()
    finally:
        client.shutdown()


def test_certificate_does_not_open_a_device_with_keys(hub, tmp_path):
    client = client_for(hub, hub.with_device("keys-only"), SelfSigned(tmp_path))
    try:
        with pytest.raises(CredentialError):
            client.connect()
    finally:
        client.shutdown()
