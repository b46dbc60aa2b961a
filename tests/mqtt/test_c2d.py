"""Cloud-to-device messages over MQTT: delivery, redelivery, what their topics look like."""

from collections.abc import Callable
from datetime import datetime

from support import cloud_to_device as c2d
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import devicebound_filter, receive_devicebound
from support.raw_mqtt import PUBLISH, SUBACK, subscribe_packet, unsubscribe_packet


def test_message_is_delivered_once_and_leaves_the_queue(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        assert session.subscribe(devicebound_filter(identity)) == [1]

        c2d.send(identity, b"now", {"k": "v"}, message_id="m")

        got = receive_devicebound(session, identity)
        assert (got.payload, got.message_id, got.application) == (b"now", "m", {"k": "v"})
        assert not got.packet.dup
        session.ping()
    with hub.mqtt_session(identity) as session:
        session.ping()
        session.expect_silence()


def test_queued_messages_come_after_connack_when_the_subscription_is_stored(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))
        session.disconnect()
    for number in range(3):
        c2d.send(identity, b"%d" % number)

    with hub.mqtt_session(identity) as session:
        assert [receive_devicebound(session, identity).payload for _ in range(3)] == [b"0", b"1", b"2"]


def test_nothing_comes_before_the_subscription(hub: Hub, identity: Identity) -> None:
    c2d.send(identity)

    with hub.mqtt_session(identity, clean_session=True) as session:
        session.ping()
        session.expect_silence(0.3)
        assert session.subscribe(devicebound_filter(identity)) == [1]
        assert receive_devicebound(session, identity).payload == b"hello"


def test_unsubscribed_session_gets_nothing_and_the_message_waits(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))
        session.send(unsubscribe_packet(9, devicebound_filter(identity)))
        session.receive()

        c2d.send(identity)

        session.ping()
        session.expect_silence(0.3)
        session.subscribe(devicebound_filter(identity))
        receive_devicebound(session, identity)


def test_unacknowledged_message_comes_again_with_dup_and_its_packet_id(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))
        for text in (b"a", b"b", b"c"):
            c2d.send(identity, text)
        first = [receive_devicebound(session, identity, acknowledge=False) for _ in range(3)]
        assert [got.payload for got in first] == [b"a", b"b", b"c"]
        assert not any(got.packet.dup for got in first)
        # Out of order: only the middle one is done.
        session.puback(first[1].packet.packet_id)
        session.ping()
    c2d.send(identity, b"d")

    with hub.mqtt_session(identity) as session:
        again = [receive_devicebound(session, identity) for _ in range(3)]

        assert [(got.payload, got.packet.dup) for got in again] == [(b"a", True), (b"c", True), (b"d", False)]
        assert [got.packet.packet_id for got in again[:2]] == [
            first[0].packet.packet_id,
            first[2].packet.packet_id,
        ]
        session.ping()
    with hub.mqtt_session(identity) as session:
        session.ping()
        session.expect_silence(0.3)


def test_taken_over_session_hands_its_messages_on(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as first:
        first.subscribe(devicebound_filter(identity))
        c2d.send(identity)
        receive_devicebound(first, identity, acknowledge=False)

        with hub.mqtt_session(identity) as second:
            first.expect_closed()
            again = receive_devicebound(second, identity)
            assert again.packet.dup and again.payload == b"hello"


def test_clean_session_gets_an_unacknowledged_message_as_a_new_one(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))
        c2d.send(identity)
        receive_devicebound(session, identity, acknowledge=False)

    with hub.mqtt_session(identity, clean_session=True) as session:
        session.subscribe(devicebound_filter(identity))
        again = receive_devicebound(session, identity)
        assert again.payload == b"hello" and not again.packet.dup


def test_message_is_not_repeated_on_a_live_connection(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))
        c2d.send(identity)
        receive_devicebound(session, identity, acknowledge=False)

        session.expect_silence(1.5)


def test_qos_0_delivery_completes_the_message(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        assert session.subscribe(devicebound_filter(identity), qos=0) == [0]
        c2d.send(identity)
        assert receive_devicebound(session, identity).packet.qos == 0
        session.ping()
    with hub.mqtt_session(identity) as session:
        session.ping()
        session.expect_silence(0.3)


def test_topic_of_a_message_suits_every_sdk(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))

        c2d.send(
            identity, b"x", c2d.ODD_PROPERTIES,
            message_id="a/b", correlation_id="c", user_id="u", ack="none", expiry=c2d.in_seconds(300),
        )  # fmt: skip

        got = receive_devicebound(session, identity)
        module = "" if identity.module_id is None else f"/modules/{identity.module_id}"
        assert got.system["$.to"].lower() == f"/devices/{identity.device_id}{module}/messages/devicebound".lower()
        assert got.application == c2d.ODD_PROPERTIES
        date, _, fraction = got.system["$.exp"].partition(".")
        assert datetime.strptime(date, "%Y-%m-%dT%H:%M:%S")
        assert len(fraction) == 8 and fraction.endswith("Z"), "the .NET client parses exactly seven digits"
        c2d.send(identity, b"")
        bare = receive_devicebound(session, identity)
        assert bare.payload == b"" and bare.application == {} and "iothub-ack" not in bare.system


def test_large_message_is_delivered(hub: Hub, identity: Identity) -> None:
    body = bytes(range(256)) * 240

    with hub.mqtt_session(identity) as session:
        session.subscribe(devicebound_filter(identity))
        c2d.send(identity, body)
        assert receive_devicebound(session, identity).payload == body


def test_filter_of_all_of_a_module_gets_its_messages(hub: Hub) -> None:
    module = hub.with_module()

    with hub.mqtt_session(module) as session:
        session.subscribe(f"devices/{module.device_id}/modules/{module.module_id}/#")
        c2d.send(module)
        receive_devicebound(session, module)


def test_both_filters_of_a_module_deliver_once(hub: Hub) -> None:
    module = hub.with_module()

    with hub.mqtt_session(module) as session:
        session.subscribe(
            f"devices/{module.device_id}/modules/{module.module_id}/#", devicebound_filter(module)
        )
        c2d.send(module, b"1")
        c2d.send(module, b"2")
        assert receive_devicebound(session, module).payload == b"1"
        assert receive_devicebound(session, module).payload == b"2"


def test_device_and_module_have_queues_of_their_own(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()
    c2d.send(device, b"for the device")
    c2d.send(module, b"for the module")

    for identity, text in ((device, b"for the device"), (module, b"for the module")):
        with hub.mqtt_session(identity) as session:
            session.subscribe(devicebound_filter(identity))
            assert receive_devicebound(session, identity).payload == text
            session.ping()


def test_suback_comes_before_the_first_message(hub: Hub, identity: Identity) -> None:
    c2d.send(identity)

    with hub.mqtt_session(identity) as session:
        session.send(subscribe_packet(77, (devicebound_filter(identity), 1)))

        assert session.expect(SUBACK).packet_id == 77
        assert session.expect(PUBLISH).payload == b"hello"


def test_messages_outlive_a_crash(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    device, module = hub.with_device(), hub.with_module()
    for identity in (device, module):
        c2d.send(identity, b"kept", message_id="k")
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        before = receive_devicebound(session, device, acknowledge=False)

    hub.kill()
    hub.start()

    with hub.mqtt_session(device) as session:
        again = receive_devicebound(session, device)
        assert again.packet.dup and again.packet.packet_id == before.packet.packet_id
        assert again.message_id == "k"
    with hub.mqtt_session(module) as session:
        session.subscribe(devicebound_filter(module))
        assert receive_devicebound(session, module).payload == b"kept"
