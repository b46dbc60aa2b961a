"""Cloud-to-device messages that `azure-iot-hub` sends: over AMQP, with Microsoft's C library."""

import contextlib
import time
from datetime import datetime, timezone

import pytest
from azure.iot.hub import IoTHubRegistryManager
from uamqp import TransportType

from support import cloud_to_device as c2d
from support.mqtt_messages import devicebound_filter, receive_devicebound
from support.waiting import eventually

pytestmark = pytest.mark.timeout(90)

# How many messages may wait for a device.
QUEUE = 50
FULL_BATCH = 64


@pytest.fixture
def trusted(hub, monkeypatch):
    """The C library takes its authorities from `certifi`, and the SDK has no other way in."""
    monkeypatch.setattr("uamqp.authentication.common.certifi.where", lambda: str(hub.ca_file))


@pytest.fixture
def make_manager(hub, trusted):
    with contextlib.ExitStack() as opened:

        def make(connection_string=None, websockets=False):
            manager = IoTHubRegistryManager.from_connection_string(
                connection_string or hub.connection_string("service"),
                transport_type=TransportType.AmqpOverWebsocket if websockets else TransportType.Amqp,
            )
            # Its end would wait for the garbage collector.
            opened.callback(manager.amqp_svc_client.disconnect_sync)
            return manager

        yield make


def messages_at(identity, count, *, websocket=False):
    """The next messages of the device, taken over MQTT."""
    with identity.hub.mqtt_session(identity, websocket=websocket) as session:
        session.subscribe(devicebound_filter(identity))
        return [receive_devicebound(session, identity) for _ in range(count)]


def test_message_arrives_with_all_that_was_sent(hub, make_manager, amqp_websockets):
    device = hub.with_device("told")
    manager = make_manager(websockets=amqp_websockets)

    manager.send_c2d_message(
        device.device_id, "grün",
        {
            **c2d.ODD_PROPERTIES, "messageId": "m-1", "correlationId": "c-1", "contentType": "text/plain",
            "contentEncoding": "utf-8", "expiryTimeUtc": int((time.time() + 600) * 1000), "iothub-ack": "full",
        },
    )  # fmt: skip

    (message,) = messages_at(device, 1)
    assert message.payload == "grün".encode()
    assert message.application == c2d.ODD_PROPERTIES
    assert message.message_id == "m-1"
    assert message.system["$.cid"] == "c-1"
    assert message.system["$.ct"] == "text/plain" and message.system["$.ce"] == "utf-8"
    assert message.system["iothub-ack"] == "full"
    # As the SDK wrote it.
    assert message.system["$.to"] == f"/devices/{device.device_id}/messages/devicebound"
    stamp = datetime.strptime(message.system["$.exp"][:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    assert abs(stamp.timestamp() - time.time() - 600) < 20


def test_message_without_properties_gets_an_id(hub, make_manager):
    device = hub.with_device("told")

    make_manager().send_c2d_message(device.device_id, "plain")

    (message,) = messages_at(device, 1)
    assert message.payload == b"plain"
    assert len(message.message_id) == 36


def test_many_messages_on_one_connection_arrive_in_order(hub, make_manager, amqp_websockets):
    device = hub.with_device("told")
    manager = make_manager(websockets=amqp_websockets)

    for number in range(QUEUE):
        manager.send_c2d_message(device.device_id, str(number))

    assert [m.payload for m in messages_at(device, QUEUE)] == [b"%d" % number for number in range(QUEUE)]


def test_connected_device_gets_it_at_once(hub, make_manager):
    device = hub.with_device("told")
    manager = make_manager()
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))

        manager.send_c2d_message(device.device_id, "now")

        assert receive_devicebound(session, device).payload == b"now"


@pytest.mark.parametrize("size", [1, 60_000])
def test_large_message_arrives_whole(hub, make_manager, size):
    device = hub.with_device("told")

    make_manager().send_c2d_message(device.device_id, "x" * size)

    assert messages_at(device, 1)[0].payload == b"x" * size


def test_too_large_message_is_refused_and_the_next_one_is_sent(hub, make_manager):
    device = hub.with_device("told")
    manager = make_manager()

    with pytest.raises(Exception, match="send failure"):
        manager.send_c2d_message(device.device_id, "x" * 65_537)

    make_manager().send_c2d_message(device.device_id, "small")
    assert messages_at(device, 1)[0].payload == b"small"


def test_unknown_device_is_refused_and_known_ones_are_not(hub, make_manager):
    device = hub.with_device("told")
    manager = make_manager()

    with pytest.raises(Exception, match="send failure"):
        manager.send_c2d_message("nobody-of-this-name", "hello")

    # On the same link: a refused message is no reason to end it.
    manager.send_c2d_message(device.device_id, "hello")
    assert messages_at(device, 1)[0].payload == b"hello"


def test_full_queue_is_refused_until_there_is_room(hub, make_manager):
    device = hub.with_device("told")
    manager = make_manager()
    for number in range(QUEUE):
        manager.send_c2d_message(device.device_id, str(number))

    with pytest.raises(Exception, match="send failure"):
        manager.send_c2d_message(device.device_id, "too many")

    assert c2d.waiting(device) == QUEUE
    messages_at(device, 1)
    eventually(lambda: c2d.waiting(device) < QUEUE, what="room")
    manager.send_c2d_message(device.device_id, "fits")


def test_expired_message_is_not_delivered(hub, make_manager):
    device = hub.with_device("told")
    manager = make_manager()

    manager.send_c2d_message(device.device_id, "short", {"expiryTimeUtc": int((time.time() + 1) * 1000)})
    manager.send_c2d_message(device.device_id, "long", {"expiryTimeUtc": int((time.time() + 600) * 1000)})
    eventually(lambda: c2d.waiting(device) == 1, what="the end of the first")

    assert messages_at(device, 1)[0].payload == b"long"


def test_feedback_tells_what_became_of_it(hub_factory, monkeypatch):
    hub = hub_factory().start()
    monkeypatch.setattr("uamqp.authentication.common.certifi.where", lambda: str(hub.ca_file))
    device = hub.with_device("told")
    manager = IoTHubRegistryManager.from_connection_string(hub.connection_string("service"))
    try:
        manager.send_c2d_message(device.device_id, "answer me", {"messageId": "m-1", "iothub-ack": "full"})
        manager.send_c2d_message(
            device.device_id, "expires",
            {"messageId": "m-2", "iothub-ack": "negative", "expiryTimeUtc": int((time.time() + 1) * 1000)},
        )  # fmt: skip
    finally:
        manager.amqp_svc_client.disconnect_sync()
    eventually(lambda: c2d.waiting(device) == 1, what="the end of the second")
    messages_at(device, 1)
    # A full batch of feedback does not wait for more.
    for other in (hub.with_device("full"), hub.with_device("full")):
        for _ in range(31):
            c2d.send(other, b"x", ack="negative", expiry=c2d.in_seconds(1))

    records = {record["originalMessageId"]: record for record in c2d.collect_feedback(hub, FULL_BATCH)}

    assert records["m-1"]["statusCode"] == "Success"
    assert records["m-2"]["statusCode"] == "Expired"
    assert {records[name]["deviceId"] for name in ("m-1", "m-2")} == {device.device_id}


@pytest.mark.parametrize("policy", ["iothubowner", "service"])
def test_policies_with_service_connect_send(hub, make_manager, policy):
    device = hub.with_device("told")

    make_manager(hub.connection_string(policy)).send_c2d_message(device.device_id, "hello")

    assert c2d.waiting(device) == 1


@pytest.mark.parametrize("policy", ["device", "registryReadWrite"])
def test_policies_without_service_connect_do_not(hub, make_manager, policy):
    device = hub.with_device("told")

    with pytest.raises(Exception):
        make_manager(hub.connection_string(policy)).send_c2d_message(device.device_id, "hello")

    assert c2d.waiting(device) == 0


def test_wrong_key_does_not(hub, make_manager):
    device = hub.with_device("told")
    wrong = hub.connection_string("service").replace(hub.policy_key("service"), device.primary_key)

    with pytest.raises(Exception):
        make_manager(wrong).send_c2d_message(device.device_id, "hello")

    assert c2d.waiting(device) == 0


def test_device_id_is_taken_as_the_sdk_writes_it(hub, make_manager):
    """It does not encode anything."""
    device = hub.with_device(f"a?b%c!(d),:=@$'e*{time.monotonic_ns()}", exact_id=True)

    make_manager().send_c2d_message(device.device_id, "odd")

    assert c2d.waiting(device) == 1
