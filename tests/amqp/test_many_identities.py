"""Many devices on one connection, and one device that comes again: over AMQP, over MQTT."""

import pytest

from support import cloud_to_device as c2d
from support.amqp_peer import (
    ACCEPTED, LinkRefused, Peer, audience, devicebound_of, events_of, message, path_of,
)  # fmt: skip
from support.events import telemetry_of
from support.mqtt_messages import devicebound_filter, receive_devicebound
from support.raw_mqtt import ConnectionClosed
from support.waiting import eventually


def connection_state(identity):
    return identity.get()["connectionState"]


def test_two_hundred_devices_on_one_connection(hub, keep):
    """Each with a session of its own, as .NET's pools do it."""
    peer = keep(Peer.to(hub))
    devices = [hub.with_device("pool") for _ in range(200)]
    peer.put_token(hub.sas("device"), hub.host)
    senders, receivers = [], []
    for device in devices:
        session = peer.new_session()
        senders.append(peer.sender(events_of(device), session=session, name="TelemetrySenderLink"))
        receivers.append(peer.receiver(devicebound_of(device), session=session, name="DeviceBoundReceiverLink"))

    deliveries = [
        peer.send(sender, message(device.device_id.encode())) for sender, device in zip(senders, devices)
    ]

    assert [peer.outcome(delivery) for delivery in deliveries] == [ACCEPTED] * 200
    for device in devices[::20]:
        assert telemetry_of(hub, device, 1)[0].payload == device.device_id.encode()
        assert connection_state(device) == "Connected"
        c2d.send(device, device.device_id.encode())
    for device, receiver in list(zip(devices, receivers))[::20]:
        assert peer.receive(receiver).body == device.device_id.encode()


def test_identity_is_connected_from_its_first_link_to_its_last(identity, keep):
    peer = keep(Peer.of_device(identity))
    assert connection_state(identity) == "Disconnected"

    one, two = peer.sender(events_of(identity)), peer.receiver(devicebound_of(identity))
    assert connection_state(identity) == "Connected"

    peer.detach(one)
    assert connection_state(identity) == "Connected"
    peer.detach(two)
    eventually(lambda: connection_state(identity) == "Disconnected", what="disconnected")
    peer.sender(events_of(identity))
    assert connection_state(identity) == "Connected"


def test_end_of_one_identity_leaves_the_others(hub, device, keep):
    other = hub.with_device("other")
    peer = keep(Peer.of_device(device))
    peer.put_token(other.sas(), audience(other))
    first, second = peer.sender(events_of(device)), peer.sender(events_of(other))

    device.delete()

    assert peer.expect_detach(first).name in ("amqp:not-found", "amqp:unauthorized-access")
    assert peer.deliver(second, message()) == ACCEPTED


@pytest.mark.parametrize("change", ["disabled", "deleted", "keys"])
def test_identity_that_may_no_longer_is_cut_off(device, websocket, keep, change):
    peer = keep(Peer.of_device(device, websocket=websocket))
    links = [peer.sender(events_of(device)), peer.receiver(devicebound_of(device)),
             peer.receiver(path_of(device) + "/twin")]  # fmt: skip

    match change:
        case "disabled":
            device.put(status="disabled")
        case "deleted":
            device.delete()
        case "keys":
            keys = {"primaryKey": "bmV3IGtleSBuZXcga2V5IDEhISE=", "secondaryKey": "bmV3IGtleSBuZXcga2V5IDIhISE="}
            device.put(authentication={"type": "sas", "symmetricKey": keys})

    for link in links:
        assert peer.expect_detach(link).name in ("amqp:not-found", "amqp:unauthorized-access")


def test_module_ends_with_its_device(hub, keep):
    module = hub.with_module("goes")
    peer = keep(Peer.of_device(module))
    sender = peer.sender(events_of(module))

    hub.http("DELETE", f"/devices/{module.device_id}", headers={"If-Match": "*"}).expect(204)

    assert peer.expect_detach(sender).name in ("amqp:not-found", "amqp:unauthorized-access")


# One identity comes again.


def test_newer_amqp_connection_takes_over(identity, websocket, keep):
    old = keep(Peer.of_device(identity))
    links = [old.sender(events_of(identity)), old.receiver(devicebound_of(identity))]

    new = keep(Peer.of_device(identity, websocket=websocket))
    sender = new.sender(events_of(identity))

    for link in links:
        assert old.expect_detach(link).name == "amqp:link:stolen"
    assert new.deliver(sender, message()) == ACCEPTED
    assert connection_state(identity) == "Connected"


def test_mqtt_takes_over_from_amqp(identity, keep):
    old = keep(Peer.of_device(identity))
    sender = old.sender(events_of(identity))

    with identity.hub.mqtt_session(identity) as session:
        assert old.expect_detach(sender).name == "amqp:link:stolen"

        session.ping()
        assert connection_state(identity) == "Connected"


def test_amqp_takes_over_from_mqtt(identity, keep):
    with identity.hub.mqtt_session(identity) as session:
        peer = keep(Peer.of_device(identity))
        sender = peer.sender(events_of(identity))

        with pytest.raises(ConnectionClosed):
            session.receive()

    assert peer.deliver(sender, message()) == ACCEPTED


def test_messages_follow_the_device_between_protocols(device, keep):
    peer = keep(Peer.of_device(device))
    receiver = peer.receiver(devicebound_of(device))
    for number in range(3):
        c2d.send(device, b"%d" % number)
    peer.settle(peer.receive(receiver))

    with device.hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        assert receive_devicebound(session, device).payload == b"1"

    again = keep(Peer.of_device(device))
    got = again.receive(again.receiver(devicebound_of(device)))
    assert got.body == b"2"
    again.settle(got)


def test_refused_attach_takes_nothing_over(hub, device, keep):
    first = keep(Peer.of_device(device))
    sender = first.sender(events_of(device))
    second = keep(Peer.of_device(hub.with_device("other")))

    with pytest.raises(LinkRefused):
        second.sender(events_of(device))

    assert first.deliver(sender, message()) == ACCEPTED


def test_device_and_its_modules_do_not_displace_each_other(hub, keep):
    device = hub.with_device("family")
    family = [device, device.with_module("one"), device.with_module("two")]
    peers = [keep(Peer.of_device(identity)) for identity in family]
    senders = [peer.sender(events_of(identity)) for peer, identity in zip(peers, family)]

    for peer, sender in zip(peers, senders):
        assert peer.deliver(sender, message()) == ACCEPTED
