"""Cloud-to-device messages that a device fetches over HTTPS and settles."""

from collections.abc import Callable

import pytest

from support import cloud_to_device as c2d
from support.cloud_to_device import HttpsReceiver
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import devicebound_filter, receive_devicebound
from support.raw_http import Reply
from support.waiting import eventually


@pytest.fixture
def device(hub: Hub) -> Identity:
    return hub.with_device("listens")


def test_https_receives_and_completes(device: Identity) -> None:
    c2d.send(
        device, b"body", {"Name": "value"}, message_id="m", correlation_id="c", user_id="u", ack="full",
        contenttype="application/json", contentencoding="utf-8",
    )  # fmt: skip
    receiver = HttpsReceiver(device)

    reply, token = receiver.receive()

    assert reply.body == b"body"
    # Clients compare these names letter by letter.
    headers = dict(reply.headers)
    assert headers["ETag"] == f'"{token}"'
    assert headers["iothub-messageid"] == "m"
    assert headers["iothub-correlationid"] == "c"
    assert headers["iothub-userid"] == "u"
    assert headers["iothub-ack"] == "full"
    assert headers["iothub-to"].lower() == f"/devices/{device.device_id}/messages/devicebound".lower()
    assert int(headers["iothub-sequencenumber"]) >= 0
    assert 0 <= int(headers["iothub-deliverycount"]) <= 1
    assert headers["iothub-enqueuedtime"] and headers["iothub-expiry"]
    assert headers["ContentType"] == headers["iothub-contenttype"] == "application/json"
    assert headers["ContentEncoding"] == headers["iothub-contentencoding"] == "utf-8"
    assert {k.lower(): v for k, v in headers.items()}["iothub-app-name"] == "value"
    # Nobody else gets it while it is locked.
    receiver.assert_empty()
    receiver.complete(token).expect(204)
    receiver.assert_empty()
    assert c2d.waiting(device) == 0


def test_https_abandoned_message_comes_again_and_counts(device: Identity) -> None:
    c2d.send(device, b"x", message_id="m")
    receiver = HttpsReceiver(device)
    first, token = receiver.receive()

    receiver.abandon(token).expect(204)

    second, again = receiver.receive()
    assert second.header("iothub-messageid") == "m" and again != token
    assert int(second.header("iothub-deliverycount")) == int(first.header("iothub-deliverycount")) + 1
    assert second.header("iothub-sequencenumber") == first.header("iothub-sequencenumber")


def test_https_abandoned_message_keeps_its_place(device: Identity) -> None:
    receiver = HttpsReceiver(device)
    for text in (b"1", b"2"):
        c2d.send(device, text)
    _, token = receiver.receive()

    receiver.abandon(token).expect(204)

    assert receiver.receive()[0].body == b"1"


def test_https_rejected_message_is_gone(device: Identity) -> None:
    c2d.send(device)
    receiver = HttpsReceiver(device)
    _, token = receiver.receive()

    receiver.reject(token).expect(204)

    receiver.assert_empty()
    assert c2d.waiting(device) == 0


def test_https_message_abandoned_ten_times_is_dead(device: Identity) -> None:
    c2d.send(device)
    receiver = HttpsReceiver(device)

    for _ in range(10):
        receiver.abandon(receiver.receive()[1]).expect(204)

    receiver.assert_empty()
    assert c2d.waiting(device) == 0


@pytest.mark.parametrize("settle", [HttpsReceiver.complete, HttpsReceiver.reject, HttpsReceiver.abandon])
def test_https_lock_that_was_used_is_lost(device: Identity, settle: Callable[[HttpsReceiver, str], Reply]) -> None:
    c2d.send(device)
    receiver = HttpsReceiver(device)
    _, token = receiver.receive()
    receiver.complete(token).expect(204)

    reply = settle(receiver, token)

    assert reply.status == 412 and reply.error_code == "DeviceMessageLockLost"


def test_https_lock_that_expired_is_lost_and_the_message_comes_again(device: Identity) -> None:
    c2d.send(device, message_id="m")
    receiver = HttpsReceiver(device)
    first, token = receiver.receive(**{"IotHub-MessageLockTimeout": "5"})
    receiver.assert_empty()

    second = eventually(lambda: (r := receiver.poll()).status == 200 and r, within=10, what="the lock's end")

    assert receiver.complete(token).error_code == "DeviceMessageLockLost"
    # What the present text says: a lock that runs out counts no delivery.
    assert second.header("iothub-deliverycount") == first.header("iothub-deliverycount")
    receiver.complete(second.header("ETag").strip('"')).expect(204)


def test_https_nonsense_lock_changes_nothing(device: Identity) -> None:
    c2d.send(device)
    receiver = HttpsReceiver(device)
    _, token = receiver.receive()

    assert receiver.complete("nonsense").status in (400, 412)

    receiver.complete(token).expect(204)


def test_https_and_mqtt_do_not_get_the_same_message(hub: Hub, device: Identity) -> None:
    c2d.send(device, b"1")
    receiver = HttpsReceiver(device)
    _, token = receiver.receive()

    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        session.ping()
        session.expect_silence(0.3)
        receiver.abandon(token).expect(204)
        assert receive_devicebound(session, device).payload == b"1"


def test_https_of_another_device_is_refused(hub: Hub, device: Identity) -> None:
    c2d.send(device)
    stranger = HttpsReceiver(hub.with_device("stranger"))
    stranger._path = HttpsReceiver(device)._path

    assert stranger.poll().status == 401
    HttpsReceiver(device).receive()


def test_https_messages_of_modules_are_not_there(hub: Hub) -> None:
    module = hub.with_module()

    assert HttpsReceiver(module).poll().status == 404
