"""Devices that connect with a self-signed certificate instead of a key."""

import pytest
from azure.iot.device import X509, IoTHubDeviceClient
from azure.iot.device.exceptions import CredentialError
from cryptography.hazmat.primitives import hashes

from support.certificates import SelfSigned

pytestmark = pytest.mark.timeout(60)


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
