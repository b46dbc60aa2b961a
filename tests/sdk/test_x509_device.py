"""`azure-iot-device` with a certificate: devices and modules, MQTT and MQTT over WebSocket."""

import pytest
from azure.iot.device import X509, IoTHubDeviceClient, IoTHubModuleClient
from azure.iot.device.exceptions import CredentialError
from cryptography.hazmat.primitives import hashes

from support.certificates import Authority, SelfSigned
from support.device_clients import shut_down
from support.waiting import eventually

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=["device", "module"])
def kind(request):
    return request.param


@pytest.fixture
def make_client():
    """Makes clients that are shut down after the test."""
    clients = []

    def make(identity, certificate, **options):
        names = {"device_id": identity.device_id}
        if identity.module_id is not None:
            names["module_id"] = identity.module_id
        package = IoTHubDeviceClient if identity.module_id is None else IoTHubModuleClient
        client = package.create_from_x509_certificate(
            x509=X509(cert_file=str(certificate.certificate_file), key_file=str(certificate.key_file)),
            hostname=identity.hub.host,
            server_verification_cert=identity.hub.ca_file.read_text(),
            **names,
            **options,
        )
        clients.append(client)
        return client

    yield make
    shut_down(clients)


def with_identity(hub, kind, authentication):
    if kind == "device":
        return hub.with_device("x509", authentication=authentication)
    return hub.with_device("x509").with_module(authentication=authentication)


def known_by(primary: str, secondary: str | None = None) -> dict:
    thumbprints = {"primaryThumbprint": primary, "secondaryThumbprint": secondary}
    return {"type": "selfSigned", "x509Thumbprint": thumbprints}


def test_self_signed_certificate_gets_in(hub, tmp_path, kind, websockets, make_client):
    certificate = SelfSigned(tmp_path)
    identity = with_identity(hub, kind, known_by("00" * 20, certificate.thumbprint(hashes.SHA1())))

    client = make_client(identity, certificate, websockets=websockets)
    client.connect()

    assert client.get_twin()["desired"]["$version"] == 1


def test_certificate_of_an_authority_gets_in(hub_factory, tmp_path, kind, websockets, make_client):
    hub = hub_factory().start()
    root = Authority(tmp_path)
    hub.cli("certificate", "create", "-n", "root", "-p", str(root.certificate_file), "-v")
    identity = with_identity(hub, kind, {"type": "certificateAuthority"})
    own = Authority(tmp_path, "hall", above=root).issue(identity.client_id)

    client = make_client(identity, own, websockets=websockets)
    client.connect()

    assert client.get_twin()["desired"]["$version"] == 1


def test_another_certificate_is_refused(hub, tmp_path, kind, make_client):
    registered, stolen = SelfSigned(tmp_path), SelfSigned(tmp_path, "stolen")
    identity = with_identity(hub, kind, known_by(registered.thumbprint(hashes.SHA1())))

    client = make_client(identity, stolen, connection_retry=False)

    with pytest.raises(CredentialError):
        client.connect()


def test_client_is_cut_with_its_thumbprint_and_may_come_back(hub, tmp_path, make_client):
    certificate = SelfSigned(tmp_path)
    known = known_by(certificate.thumbprint(hashes.SHA256()))
    device = with_identity(hub, "device", known)
    client = make_client(device, certificate)
    client.connect()

    device.put(authentication=known_by("00" * 20))
    eventually(lambda: not client.connected)
    device.put(authentication=known)
    client.connect()

    assert client.get_twin()["desired"]["$version"] == 1
