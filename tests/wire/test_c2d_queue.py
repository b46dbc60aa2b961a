"""The back end's side of cloud-to-device messages: limits, expiry, purge, rights."""

import time

import pytest

from support import cloud_to_device as c2d
from support.cloud_to_device import HttpsReceiver
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import devicebound_filter, receive_devicebound


@pytest.fixture
def device(hub: Hub) -> Identity:
    return hub.with_device("listens")


@pytest.fixture(params=["device", "module"])
def listener(request: pytest.FixtureRequest, hub: Hub) -> Identity:
    return hub.with_device("listens") if request.param == "device" else hub.with_module("listens")


def test_fifty_messages_fill_the_queue_and_purge_empties_it(hub: Hub, listener: Identity) -> None:
    for _ in range(50):
        c2d.send(listener)

    full = c2d.post(listener)
    assert full.status == 403 and full.error_code == "DeviceMaximumQueueDepthExceeded"
    if listener.module_id is None:
        assert c2d.waiting(listener) == 50
        purged = c2d.purge(listener)
        assert (purged["totalMessagesPurged"], purged["deviceId"]) == (50, listener.device_id)
        assert c2d.purge(listener)["totalMessagesPurged"] == 0
        assert c2d.waiting(listener) == 0
        c2d.send(listener)


def test_locked_messages_count_for_the_limit(device: Identity) -> None:
    receiver = HttpsReceiver(device)
    for _ in range(50):
        c2d.send(device)
    _, token = receiver.receive()
    assert c2d.post(device).status == 403

    receiver.complete(token).expect(204)

    c2d.send(device)


def test_command_line_purges(hub: Hub, device: Identity) -> None:
    for _ in range(3):
        c2d.send(device)

    printed = hub.cli("c2d-message", "purge", "-d", device.device_id).stdout

    assert '"totalMessagesPurged": 3' in printed
    HttpsReceiver(device).assert_empty()


def test_expired_message_is_not_delivered(hub: Hub, listener: Identity) -> None:
    c2d.send(listener, b"short", expiry=c2d.in_seconds(1.0))
    c2d.send(listener, b"long")
    time.sleep(1.2)

    with hub.mqtt_session(listener) as session:
        session.subscribe(devicebound_filter(listener))
        assert receive_devicebound(session, listener).payload == b"long"


@pytest.mark.parametrize("seconds", [-5, 49 * 3600])
def test_expiry_in_the_past_or_too_far_away_is_refused(device: Identity, seconds: float) -> None:
    reply = c2d.post(device, expiry=c2d.in_seconds(seconds))

    assert reply.status == 403 and reply.error_code == "InvalidMessageExpiryTime"
    HttpsReceiver(device).assert_empty()


def test_message_of_64_kb_is_taken_and_a_larger_one_refused(device: Identity) -> None:
    c2d.send(device, bytes(64 * 1024))

    reply = c2d.post(device, bytes(64 * 1024 + 1))

    assert reply.status == 413 and reply.error_code == "MessageTooLarge"
    answer, token = HttpsReceiver(device).receive()
    assert len(answer.body) == 64 * 1024
    HttpsReceiver(device).complete(token).expect(204)
    HttpsReceiver(device).assert_empty()


def test_unknown_targets_are_not_found(hub: Hub, device: Identity) -> None:
    ghost = hub.with_device("ghost")
    ghost.delete()
    module = hub.with_module()
    module.delete()

    assert c2d.post(ghost).error_code == "DeviceNotFound"
    assert c2d.post(module).status == 404


def test_unknown_acknowledgement_is_refused(device: Identity) -> None:
    assert c2d.post(device, ack="sometimes").status == 400


def test_disabled_device_gets_messages_when_it_is_enabled(hub: Hub, device: Identity) -> None:
    device.put(status="disabled")
    c2d.send(device)

    device.put(status="enabled")

    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        receive_devicebound(session, device)


def test_messages_go_with_the_device(hub: Hub, device: Identity) -> None:
    c2d.send(device)
    device.delete()
    again = hub.with_device(device.device_id, exact_id=True)

    assert c2d.waiting(again) == 0
    HttpsReceiver(again).assert_empty()


@pytest.mark.parametrize("policy", ["device", "registryReadWrite"])
def test_sending_needs_the_right_of_a_service(hub: Hub, device: Identity, policy: str) -> None:
    reply = hub.http("POST", f"{device.path}/messages/deviceBound", policy=policy, body=b"x")

    assert reply.status == 401
    HttpsReceiver(device).assert_empty()


def test_device_may_not_send_to_itself(hub: Hub, device: Identity) -> None:
    reply = hub.http("POST", f"{device.path}/messages/deviceBound", token=device.sas(), body=b"x")

    assert reply.status in (401, 403, 404, 405)
    HttpsReceiver(device).assert_empty()
