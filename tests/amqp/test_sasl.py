"""The first bytes of a connection: protocol headers, SASL mechanisms, certificates, WebSockets."""

import ssl

import pytest
from cryptography.hazmat.primitives import hashes

from support.amqp_peer import ACCEPTED, LinkRefused, Peer, PeerClosed, audience, events_of, message
from support.amqp_stream import IOTHUB_PATH, SERVICEBUS_PATH, over_tls, over_websocket
from support.certificates import SelfSigned
from support.events import telemetry_of
from support.hub import HUB_NAME
from support.raw_amqp import AMQP_HEADER, SASL_HEADER, SASL_INIT, SASL_MECHANISMS, SASL_OUTCOME, RawAmqp
from support.waiting import eventually

AUTHENTICATION_FAILED = 1


def sends(peer, identity, body=b"hello"):
    """Telemetry over this connection is accepted and read back."""
    assert peer.deliver(peer.sender(events_of(identity)), message(body)) == ACCEPTED
    assert telemetry_of(identity.hub, identity, 1)[0].payload == body


# Headers.


@pytest.mark.parametrize(
    "header",
    [
        b"HTTP/1.1", b"GET / HT", b"\x16\x03\x01\x00\x05\x01\x00\x00", b"AMQP\x02\x01\x00\x00",
        b"AMQP\x00\x00\x09\x01", b"AMQP\x00\x02\x00\x00", b"AMQP\x03\x01\x01\x00", b"AMQP\x07\x01\x00\x00", bytes(8),
    ],
)  # fmt: skip
def test_other_protocol_is_answered_with_a_header_of_ours_and_the_end(hub, header):
    with RawAmqp.to(hub) as peer:
        peer.send(header)

        assert peer.header() in (AMQP_HEADER, SASL_HEADER)
        peer.expect_closed()


@pytest.mark.parametrize("split", [1, 4, 7])
def test_header_may_come_in_pieces(hub, split):
    with RawAmqp.to(hub) as peer:
        peer.send(SASL_HEADER[:split])
        peer.send(SASL_HEADER[split:])

        assert peer.header() == SASL_HEADER


# Mechanisms.


def test_mechanisms_are_offered_in_one_list(hub):
    with RawAmqp.to(hub) as peer:
        peer.send(SASL_HEADER)
        assert peer.header() == SASL_HEADER

        offered = [str(mechanism) for mechanism in peer.expect(SASL_MECHANISMS)["mechanisms"].elements]

    assert set(offered) == {"MSSBCBS", "PLAIN", "ANONYMOUS"}


def test_without_sasl_a_token_lets_in(device, websocket, keep):
    """As Node's and .NET's SDKs do it."""
    peer = keep(Peer.of_device(device, sasl=None, websocket=websocket))

    sends(peer, device)


def test_anonymous_and_a_token_lets_in(device, websocket, keep):
    sends(keep(Peer.of_device(device, websocket=websocket)), device)


def test_mssbcbs_lets_a_token_follow(hub):
    """As the C library does it: without an initial response."""
    with RawAmqp.to(hub) as peer:
        assert peer.sasl("MSSBCBS") == 0
        peer.open()
        peer.begin()

        assert peer.put_token(hub.sas("service"), hub.host) == 200


def test_response_to_anonymous_does_not_matter(hub):
    with RawAmqp.to(hub) as peer:
        assert peer.sasl("ANONYMOUS", b"\x00service") == 0


@pytest.mark.parametrize("realm", ["sas.{hub}", "{hub}"])
def test_plain_lets_devices_and_modules_in(identity, keep, realm):
    name = identity.client_id.replace("/", "/modules/")
    user = f"{name}@{realm.format(hub=HUB_NAME)}"

    sends(keep(Peer.to(identity.hub, sasl="PLAIN", user=user, password=identity.sas())), identity)


def test_plain_lets_back_ends_in(hub, device, keep):
    user = f"service@sas.root.{HUB_NAME}"
    peer = keep(Peer.to(hub, sasl="PLAIN", user=user, password=hub.sas("service")))

    sender = peer.sender("/messages/devicebound")

    sent = message(b"hello", address=f"/devices/{device.device_id}/messages/devicebound")
    assert peer.deliver(sender, sent) == ACCEPTED


def test_plain_for_one_device_is_not_for_another(hub, device, keep):
    other = hub.with_device("other")
    user = f"{device.device_id}@sas.{HUB_NAME}"
    peer = keep(Peer.to(hub, sasl="PLAIN", user=user, password=device.sas()))

    with pytest.raises(LinkRefused) as refused:
        peer.sender(events_of(other))

    assert refused.value.condition == "amqp:unauthorized-access"


def plain(user, password):
    return b"\x00" + user.encode() + b"\x00" + password.encode()


@pytest.mark.parametrize("case", ["wrong key", "expired", "no token", "unknown device", "other realm", "garbage"])
def test_plain_with_bad_credentials_fails(hub, device, case):
    user, password = f"{device.device_id}@sas.{HUB_NAME}", device.sas()
    match case:
        case "wrong key":
            password = device.sas(key=hub.policy_key("service"))
        case "expired":
            password = device.sas(ttl=-60)
        case "no token":
            password = device.primary_key
        case "unknown device":
            user = user.replace(device.device_id, "nobody")
        case "other realm":
            user = "service@somewhere.else.entirely@"
        case "garbage":
            user = ""
    with RawAmqp.to(hub) as peer:
        assert peer.sasl("PLAIN", plain(user, password)) == AUTHENTICATION_FAILED

        peer.expect_closed()


@pytest.mark.parametrize("response", [None, b"", b"no zeros", b"\x00\x00", b"\x00a\x00b\x00c", b"\xff" * 40])
def test_malformed_plain_fails(hub, response):
    with RawAmqp.to(hub) as peer:
        assert peer.sasl("PLAIN", response) == AUTHENTICATION_FAILED

        peer.expect_closed()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "EXTERNAL", "plain", "", "X" * 1000])
def test_mechanism_that_was_not_offered_fails(hub, mechanism):
    with RawAmqp.to(hub) as peer:
        assert peer.sasl(mechanism) == AUTHENTICATION_FAILED

        peer.expect_closed()


def test_outcome_has_both_fields(hub):
    with RawAmqp.to(hub) as peer:
        peer.send(SASL_HEADER)
        peer.header()
        peer.expect(SASL_MECHANISMS)
        peer.put(SASL_INIT, mechanism="ANONYMOUS")

        assert set(peer.expect(SASL_OUTCOME).fields) == {"code", "additional-data"}


def test_nothing_but_cbs_without_credentials(hub, device, keep):
    peer = keep(Peer.to(hub))

    for address in (events_of(device), "/messages/devicebound", "localhost/ConsumerGroups/$Default/Partitions/0"):
        with pytest.raises(LinkRefused) as refused:
            peer.attach(address, sender="bound" in address or "events" in address)
        assert refused.value.condition == "amqp:unauthorized-access", address
    assert peer.put_token(device.sas(), audience(device))


# Certificates.


@pytest.fixture
def certificate(tmp_path):
    return SelfSigned(tmp_path)


@pytest.fixture
def x509_device(hub, certificate):
    thumbprint = certificate.thumbprint(hashes.SHA256())
    return hub.with_device(
        "x509",
        authentication={
            "type": "selfSigned",
            "x509Thumbprint": {"primaryThumbprint": thumbprint, "secondaryThumbprint": None},
        },
    )


def tls_with(hub, certificate) -> ssl.SSLContext:
    tls = hub.tls
    tls.load_cert_chain(certificate.certificate_file, certificate.key_file)
    return tls


@pytest.mark.parametrize("sasl", [None, "ANONYMOUS", "EXTERNAL"])
def test_certificate_lets_in_without_a_token(hub, x509_device, certificate, keep, websocket, sasl):
    peer = keep(Peer.to(hub, tls=tls_with(hub, certificate), sasl=sasl, websocket=websocket))

    sends(peer, x509_device)


def test_certificate_of_one_is_not_for_another(hub, x509_device, certificate, device, keep, tmp_path):
    for shown, wanted in ((certificate, device), (SelfSigned(tmp_path, "other"), x509_device)):
        peer = keep(Peer.to(hub, tls=tls_with(hub, shown), sasl=None))

        with pytest.raises(LinkRefused) as refused:
            peer.sender(events_of(wanted))

        assert refused.value.condition == "amqp:unauthorized-access"


def test_external_is_offered_to_those_with_a_certificate(hub, certificate):
    with RawAmqp(over_tls(hub, tls_with(hub, certificate))) as peer:
        peer.send(SASL_HEADER)
        peer.header()

        assert "EXTERNAL" in map(str, peer.expect(SASL_MECHANISMS)["mechanisms"].elements)


def test_certificate_that_is_taken_away_ends_the_link(hub, x509_device, certificate, keep):
    peer = keep(Peer.to(hub, tls=tls_with(hub, certificate), sasl=None))
    sender = peer.sender(events_of(x509_device))

    x509_device.put(
        authentication={
            "type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "A" * 64, "secondaryThumbprint": None},
        }
    )  # fmt: skip

    assert peer.expect_detach(sender).name == "amqp:unauthorized-access"


# WebSockets.


@pytest.mark.parametrize(
    "path",
    [
        IOTHUB_PATH, IOTHUB_PATH + "/", IOTHUB_PATH + "?iothub-no-client-cert=true",
        SERVICEBUS_PATH, SERVICEBUS_PATH + "/", SERVICEBUS_PATH + "/?x=1",
    ],
)  # fmt: skip
def test_every_path_of_the_clients_is_served(device, keep, path):
    sends(keep(Peer.of_device(device, websocket=path)), device)


def test_frames_may_be_spread_over_websocket_messages(hub, device, keep):
    peer = Peer(over_websocket(hub, piece=3), hostname=hub.host)
    keep(peer).open()
    peer.put_token(device.sas(), audience(device))

    sends(peer, device)


def test_end_of_the_websocket_ends_the_session(hub, device):
    peer = Peer.of_device(device, websocket=True)
    peer.receiver(f"/devices/{device.device_id}/messages/deviceBound")
    eventually(lambda: device.get()["connectionState"] == "Connected", what="connected")

    peer.drop()

    eventually(lambda: device.get()["connectionState"] == "Disconnected", what="disconnected")


def test_failed_sasl_ends_the_connection_for_proton_too(hub, device, keep):
    user = f"{device.device_id}@sas.{HUB_NAME}"

    with pytest.raises((PeerClosed, AssertionError)):
        keep(Peer.to(hub, sasl="PLAIN", user=user, password="nonsense", timeout=5))
