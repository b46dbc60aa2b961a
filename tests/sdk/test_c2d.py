"""Cloud-to-device messages that `azure-iot-device` receives."""

import queue
from datetime import datetime, timezone

import pytest

from support import cloud_to_device as c2d
from support.waiting import eventually

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def device(hub):
    return hub.with_device("listens")


def messages_of(client) -> "queue.Queue":
    """Subscribes to messages; they arrive in the queue."""
    received: queue.Queue = queue.Queue()
    client.on_message_received = received.put
    return received


def test_sdk_receives_what_the_back_end_sent(device, make_client, websockets):
    client = make_client(device, websockets=websockets)
    client.connect()
    received = messages_of(client)

    c2d.send(
        device, "grün".encode(), c2d.ODD_PROPERTIES,
        message_id="m-1", correlation_id="c 1", user_id="boss", ack="full", expiry=c2d.in_seconds(600),
    )  # fmt: skip

    message = received.get(timeout=10)
    assert message.data == "grün".encode()
    assert message.custom_properties == c2d.ODD_PROPERTIES
    assert (message.message_id, message.correlation_id, message.user_id) == ("m-1", "c 1", "boss")
    assert message.ack == "full"
    stamp = datetime.strptime(message.expiry_time_utc[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    assert abs((stamp - datetime.now(timezone.utc)).total_seconds() - 600) < 20


def test_sdk_receives_in_order_what_was_queued_while_it_was_away(device, make_client, websockets):
    client = make_client(device, websockets=websockets)
    client.connect()
    received = messages_of(client)
    c2d.send(device, b"first")
    assert received.get(timeout=10).data == b"first"

    client.disconnect()
    for number in range(20):
        c2d.send(device, b"%d" % number)
    client.connect()

    assert [received.get(timeout=10).data for _ in range(20)] == [b"%d" % number for number in range(20)]
    eventually(lambda: c2d.waiting(device) == 0, what="an empty queue")


def test_message_of_the_command_line_arrives(hub, device, make_client):
    client = make_client(device)
    client.connect()
    received = messages_of(client)

    hub.cli(
        "c2d-message", "send", "-d", device.device_id, "--data", "from the shell",
        "--props", "a=1;b=two words", "--message-id", "cli-1", "--content-type", "text/plain",
    )  # fmt: skip

    message = received.get(timeout=10)
    assert message.data == b"from the shell"
    assert message.custom_properties == {"a": "1", "b": "two words"}
    assert (message.message_id, message.content_type) == ("cli-1", "text/plain")
