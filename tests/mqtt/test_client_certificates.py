"""Client certificates on the MQTT port and over WebSocket: who is let in, and for how long."""

import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
import websocket
from cryptography.hazmat.primitives import hashes

from support.certificates import Authority, Issued, SelfSigned
from support.hub import API_VERSION, Hub
from support.identity import Identity
from support.raw_mqtt import RawMqtt

BY_AUTHORITY = {"type": "certificateAuthority"}


def tls_with(hub: Hub, certificate: SelfSigned | Issued) -> ssl.SSLContext:
    tls = hub.tls
    tls.load_cert_chain(certificate.certificate_file, certificate.key_file)
    return tls


def over_websocket(hub: Hub, tls: ssl.SSLContext) -> RawMqtt:
    stream = websocket.create_connection(
        f"wss://{hub.host}:{hub.https_port}/$iothub/websocket",
        subprotocols=["mqtt"], sslopt={"context": tls}, timeout=10,
    )  # fmt: skip

    def read() -> bytes:
        try:
            opcode, data = stream.recv_data()
        except websocket.WebSocketConnectionClosedException:
            return b""
        return b"" if opcode == websocket.ABNF.OPCODE_CLOSE else data

    return RawMqtt(stream.send_binary, read, stream.settimeout, stream.close, 10)


def opened(hub: Hub, identity: Identity, connection: RawMqtt, **options) -> int:
    """Connects as the identity; returns the CONNACK code."""
    options.setdefault("username", f"{hub.host}/{identity.client_id}/?api-version={API_VERSION}")
    code, _ = connection.connect(client_id=identity.client_id, **options)
    if code != 0:
        connection.expect_closed()
    return code


def connect(hub: Hub, identity: Identity, certificate: SelfSigned | Issued, **options) -> int:
    tls = tls_with(hub, certificate)
    with RawMqtt.over_tls(hub.host, hub.mqtts_port, tls) as connection:
        return opened(hub, identity, connection, **options)


def session(hub: Hub, identity: Identity, certificate: SelfSigned | Issued) -> RawMqtt:
    """A live session, let in by the certificate."""
    connection = RawMqtt.over_tls(hub.host, hub.mqtts_port, tls_with(hub, certificate))
    assert opened(hub, identity, connection) == 0
    return connection


def known_by(primary: str, secondary: str | None = None) -> dict:
    thumbprints = {"primaryThumbprint": primary, "secondaryThumbprint": secondary}
    return {"type": "selfSigned", "x509Thumbprint": thumbprints}


def sha256(certificate: SelfSigned | Issued) -> str:
    return certificate.thumbprint(hashes.SHA256())


@pytest.fixture
def certificate(tmp_path: Path) -> SelfSigned:
    return SelfSigned(tmp_path)


@pytest.fixture
def hub_with(hub_factory):
    """A hub with certificates, which are the hub's: {name: (authority, options)}."""

    def make(**authorities: tuple[Authority, tuple[str, ...]]) -> Hub:
        private = hub_factory().start()
        for name, (authority, options) in authorities.items():
            path = str(authority.certificate_file)
            private.cli("certificate", "create", "--name", name, "--path", path, *options)
        return private

    return make


VERIFIED = ("--verified",)


@pytest.mark.parametrize("password", [None, ""], ids=["no password", "empty password"])
def test_self_signed_certificate_lets_in(hub: Hub, certificate: SelfSigned, password: str | None) -> None:
    device = hub.with_device(authentication=known_by(sha256(certificate)))

    assert connect(hub, device, certificate, password=password) == 0


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
@pytest.mark.parametrize("case", [str.upper, str.lower], ids=["upper", "lower"])
def test_either_thumbprint_counts(hub: Hub, tmp_path: Path, algorithm, case) -> None:
    first, second = SelfSigned(tmp_path, "first"), SelfSigned(tmp_path, "second")
    prints = [case(it.thumbprint(algorithm)) for it in (first, second)]
    device = hub.with_device()
    module = device.with_module(authentication=known_by(*prints))
    device.put(authentication=known_by(*prints))

    for identity in (device, module):
        for certificate in (first, second):
            assert connect(hub, identity, certificate) == 0


def test_another_certificate_is_code_5(hub: Hub, tmp_path: Path, certificate: SelfSigned) -> None:
    device = hub.with_device(authentication=known_by(sha256(certificate)))

    assert connect(hub, device, SelfSigned(tmp_path, "other")) == 5


def test_neither_certificate_nor_token_is_code_5(hub: Hub, certificate: SelfSigned) -> None:
    device = hub.with_device(authentication=known_by(sha256(certificate)))

    with hub.mqtt() as connection:
        assert opened(hub, device, connection) == 5


def test_certificate_does_not_open_a_device_with_keys(hub: Hub, certificate: SelfSigned) -> None:
    assert connect(hub, hub.with_device(), certificate) == 5


def test_token_does_not_open_a_device_with_certificate(hub: Hub, certificate: SelfSigned) -> None:
    device = hub.with_device()
    token = device.sas()
    device.put(authentication=known_by(sha256(certificate)))

    # The token decides, although the certificate would let in.
    assert connect(hub, device, certificate, password=token) == 5


def test_certificate_beside_a_token_does_no_harm(hub: Hub, certificate: SelfSigned) -> None:
    device = hub.with_device()

    assert connect(hub, device, certificate, password=device.sas()) == 0


def test_rolled_thumbprint_ends_the_session(hub: Hub, tmp_path: Path, certificate: SelfSigned) -> None:
    other = SelfSigned(tmp_path, "other")
    device = hub.with_device(authentication=known_by(sha256(certificate), sha256(other)))
    first, second = session(hub, device, certificate), None
    try:
        device.put(authentication=known_by(sha256(other)))
        first.expect_closed()

        second = session(hub, device, other)
        device.put(authentication=known_by(sha256(other), sha256(certificate)))
        second.ping()
    finally:
        for connection in (first, second):
            if connection is not None:
                connection.close()


def test_session_ends_with_its_certificate(hub: Hub, tmp_path: Path) -> None:
    brief = Authority(tmp_path).issue("brief", valid_for=timedelta(seconds=3))
    device = hub.with_device(authentication=known_by(sha256(brief)))

    with session(hub, device, brief) as connection:
        connection.expect_closed()
    assert connect(hub, device, brief) == 5


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_resumed_tls_session_still_has_its_certificate(
    hub: Hub, certificate: SelfSigned, version: ssl.TLSVersion
) -> None:
    device = hub.with_device(authentication=known_by(sha256(certificate)))
    tls = tls_with(hub, certificate)
    tls.minimum_version = tls.maximum_version = version
    kept, resumed = None, []
    for _ in range(2):
        plain = socket.create_connection((hub.host, hub.mqtts_port), timeout=10)
        stream = tls.wrap_socket(plain, server_hostname=hub.host, session=kept)
        with RawMqtt(stream.sendall, lambda: stream.recv(65536), stream.settimeout, stream.close, 10) as it:
            assert opened(hub, device, it) == 0
            resumed.append(stream.session_reused)
            kept = stream.session

    assert resumed == [False, True]


def test_certificate_counts_over_websocket(hub: Hub, certificate: SelfSigned) -> None:
    device = hub.with_device(authentication=known_by(sha256(certificate)))

    with over_websocket(hub, tls_with(hub, certificate)) as connection:
        assert opened(hub, device, connection) == 0


def test_whoever_offers_http_2_is_not_asked(hub: Hub, certificate: SelfSigned) -> None:
    device = hub.with_device(authentication=known_by(sha256(certificate)))
    tls = tls_with(hub, certificate)
    tls.set_alpn_protocols(["h2", "http/1.1"])

    with over_websocket(hub, tls) as connection:
        assert opened(hub, device, connection) == 5


def test_chain_to_a_verified_authority_lets_in(hub_with, tmp_path: Path) -> None:
    root = Authority(tmp_path)
    line = Authority(tmp_path, "line", above=Authority(tmp_path, "hall", above=root))
    hub = hub_with(root=(root, VERIFIED))
    device = hub.with_device(authentication=BY_AUTHORITY)
    module = device.with_module(authentication=BY_AUTHORITY)

    for identity in (device, module):
        own = line.issue(identity.client_id)
        assert connect(hub, identity, own) == 0
        with over_websocket(hub, tls_with(hub, own)) as connection:
            assert opened(hub, identity, connection) == 0
    # A device's certificate is its own, and not its modules'.
    assert connect(hub, module, line.issue(device.client_id)) == 5
    assert connect(hub, device, line.issue("another")) == 5


def test_chain_without_a_verified_authority_is_code_5(hub_with, tmp_path: Path) -> None:
    unverified, unknown = Authority(tmp_path, "unverified"), Authority(tmp_path, "unknown")
    hub = hub_with(unverified=(unverified, ()), known=(Authority(tmp_path, "known"), VERIFIED))
    device = hub.with_device(authentication=BY_AUTHORITY)
    name = device.client_id

    for make, cause in [
        (lambda: unverified.issue(name), "certificate unverified, which stands behind it, is not verified"),
        (lambda: unknown.issue(name), 'no issuer with the name of "CN=unknown"'),
        (lambda: Authority(tmp_path, "known").issue(name), "is not signed by the issuer it names"),
        (lambda: SelfSigned(tmp_path, name), 'no issuer with the name of "CN=' + name),
    ]:
        assert connect(hub, device, make()) == 5
        # The cause is told to the operator, not to the client.
        assert cause in hub.log_tail(1).replace("\\", "")


def test_removed_authority_ends_the_sessions_it_let_in(hub_with, tmp_path: Path) -> None:
    one, other = Authority(tmp_path, "one"), Authority(tmp_path, "other")
    hub = hub_with(one=(one, VERIFIED), other=(other, VERIFIED))
    devices = [hub.with_device(authentication=BY_AUTHORITY) for _ in range(2)]
    by_one = session(hub, devices[0], one.issue(devices[0].client_id))
    by_other = session(hub, devices[1], other.issue(devices[1].client_id))
    try:
        hub.cli("certificate", "delete", "--name", "one")

        by_one.expect_closed()
        by_other.ping()
    finally:
        by_one.close()
        by_other.close()
    assert connect(hub, devices[0], one.issue(devices[0].client_id)) == 5
