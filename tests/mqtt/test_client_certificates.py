"""Devices that prove themselves with a certificate instead of a token."""

from pathlib import Path

import pytest

from support.certificates import ClientCertificate, self_signed
from support.hub import API_VERSION, Hub
from support.identity import Identity
from support.raw_mqtt import RawMqtt


def connect(hub: Hub, identity: Identity, certificate: ClientCertificate | None, **options) -> int:
    """Connects with the certificate; returns the CONNACK code."""
    tls = hub.tls
    if certificate is not None:
        tls.load_cert_chain(certificate.file)
    options.setdefault("username", f"{hub.host}/{identity.client_id}/?api-version={API_VERSION}")
    with RawMqtt.over_tls(hub.host, hub.mqtts_port, tls) as connection:
        code, _ = connection.connect(client_id=identity.client_id, **options)
        if code != 0:
            connection.expect_closed()
        return code


def trusting(primary: str | None, secondary: str | None = None) -> dict:
    """The `authentication` of an identity that knows these thumbprints."""
    thumbprints = {"primaryThumbprint": primary, "secondaryThumbprint": secondary}
    return {"type": "selfSigned", "x509Thumbprint": thumbprints}


@pytest.fixture
def certificate(tmp_path: Path) -> ClientCertificate:
    return self_signed(tmp_path, "device")


@pytest.mark.parametrize("password", [None, ""], ids=["no password", "empty password"])
@pytest.mark.parametrize("digest", ["sha1", "sha256"])
def test_known_thumbprint_is_let_in(
    hub: Hub, certificate: ClientCertificate, digest: str, password: str | None
) -> None:
    device = hub.with_device(authentication=trusting(getattr(certificate, digest)))

    assert connect(hub, device, certificate, password=password) == 0


def test_secondary_thumbprint_and_lower_case_count_too(hub: Hub, certificate: ClientCertificate) -> None:
    device = hub.with_device(authentication=trusting("A" * 64, certificate.sha256.lower()))

    assert connect(hub, device, certificate) == 0


def test_module_has_a_thumbprint_of_its_own(hub: Hub, certificate: ClientCertificate) -> None:
    module = hub.with_device().with_module(authentication=trusting(certificate.sha1))

    assert connect(hub, module, certificate) == 0


def test_unknown_certificate_is_code_5(hub: Hub, tmp_path: Path, certificate: ClientCertificate) -> None:
    device = hub.with_device(authentication=trusting(certificate.sha256))

    assert connect(hub, device, self_signed(tmp_path, "stranger")) == 5
    assert connect(hub, device, None) == 5


def test_certificate_does_not_open_a_device_with_keys(hub: Hub, certificate: ClientCertificate) -> None:
    assert connect(hub, hub.with_device(), certificate) == 5


def test_certificate_beside_a_token_does_no_harm(hub: Hub, certificate: ClientCertificate) -> None:
    device = hub.with_device()

    assert connect(hub, device, certificate, password=device.sas()) == 0


def test_removing_the_thumbprint_cuts_the_connection(hub: Hub, certificate: ClientCertificate) -> None:
    device = hub.with_device(authentication=trusting(certificate.sha1))
    tls = hub.tls
    tls.load_cert_chain(certificate.file)
    with RawMqtt.over_tls(hub.host, hub.mqtts_port, tls) as session:
        code, _ = session.connect(
            client_id=device.client_id,
            username=f"{hub.host}/{device.client_id}/?api-version={API_VERSION}",
        )
        assert code == 0

        device.put(authentication=trusting("B" * 40))

        session.expect_closed(timeout=3)
