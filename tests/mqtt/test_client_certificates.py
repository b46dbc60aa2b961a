"""Client certificates: asked for on the MQTT port, never required, no log-in yet."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from support.certificates import SelfSigned
from support.hub import API_VERSION, Hub
from support.identity import Identity
from support.raw_mqtt import RawMqtt


def connect(hub: Hub, identity: Identity, certificate: SelfSigned, **options) -> int:
    """Connects with the certificate; returns the CONNACK code."""
    tls = hub.tls
    tls.load_cert_chain(certificate.certificate_file, certificate.key_file)
    options.setdefault("username", f"{hub.host}/{identity.client_id}/?api-version={API_VERSION}")
    with RawMqtt.over_tls(hub.host, hub.mqtts_port, tls) as connection:
        code, _ = connection.connect(client_id=identity.client_id, **options)
        if code != 0:
            connection.expect_closed()
        return code


@pytest.fixture
def certificate(tmp_path: Path) -> SelfSigned:
    return SelfSigned(tmp_path)


@pytest.mark.parametrize("password", [None, ""], ids=["no password", "empty password"])
def test_certificate_alone_is_code_5(hub: Hub, certificate: SelfSigned, password: str | None) -> None:
    thumbprint = certificate.thumbprint(hashes.SHA256())
    authentication = {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": thumbprint}}
    device = hub.with_device(authentication=authentication)

    assert connect(hub, device, certificate, password=password) == 5


def test_certificate_does_not_open_a_device_with_keys(hub: Hub, certificate: SelfSigned) -> None:
    assert connect(hub, hub.with_device(), certificate) == 5


def test_certificate_beside_a_token_does_no_harm(hub: Hub, certificate: SelfSigned) -> None:
    device = hub.with_device()

    assert connect(hub, device, certificate, password=device.sas()) == 0
