"""Feedback: what the back end is told about the messages that it sent."""

from collections.abc import Callable

import pytest

from support import cloud_to_device as c2d
from support.cloud_to_device import HttpsReceiver
from support.hub import Hub
from support.mqtt_messages import devicebound_filter, receive_devicebound
from support.waiting import eventually


def test_sixty_four_records_make_a_batch_at_once_and_a_lock_guards_it(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    devices = [hub.with_device("fb") for _ in range(2)]
    for device in devices:
        for number in range(32):
            c2d.send(device, message_id=f"{device.device_id}/{number}", ack="full")
    assert c2d.receive_feedback(hub) is None

    for device in devices:
        c2d.purge(device)

    records, token = eventually(lambda: c2d.receive_feedback(hub), within=8, what="a full batch")
    assert len(records) == 64
    assert {record["statusCode"] for record in records} == {"Purged"}
    assert c2d.receive_feedback(hub) is None, "a locked batch was handed out again"
    path = f"/messages/serviceBound/feedback/{token}"
    hub.http("POST", f"{path}/abandon", policy="service").expect(204)
    again, token = eventually(lambda: c2d.receive_feedback(hub), what="the abandoned batch")
    assert again == records
    path = f"/messages/serviceBound/feedback/{token}"
    hub.http("DELETE", path, policy="service").expect(204)
    assert hub.http("DELETE", path, policy="service").status == 412
    assert c2d.receive_feedback(hub) is None


def test_feedback_says_what_became_of_each_message_also_after_a_crash(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    device, module = hub.with_device("fb"), hub.with_module("fb")
    receiver = HttpsReceiver(device)

    def send(name, ack, **options):
        c2d.send(device, name.encode(), message_id=name, ack=ack, **options)

    for ack in ("none", "positive", "negative", "full"):
        send(f"completed {ack}", ack)
        receiver.complete(receiver.receive()[1]).expect(204)
        send(f"rejected {ack}", ack)
        receiver.reject(receiver.receive()[1]).expect(204)
    send("abandoned", "full")
    for _ in range(10):
        receiver.abandon(receiver.receive()[1]).expect(204)
    send("acknowledged", "positive")
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        receive_devicebound(session, device)
        session.ping()
    c2d.send(module, message_id="of a module", ack="positive")
    with hub.mqtt_session(module) as session:
        session.subscribe(devicebound_filter(module))
        receive_devicebound(session, module)
        session.ping()
    send("expired", "negative", expiry=c2d.in_seconds(1))
    eventually(lambda: c2d.waiting(device) == 0, what="expiry")
    send("purged", "full")
    c2d.purge(device)
    hub.kill()
    hub.start()

    # None of these asks for feedback on what did not happen to it.
    expected = {
        "completed positive": "Success", "completed full": "Success",
        "rejected negative": "Rejected", "rejected full": "Rejected",
        "abandoned": "DeliveryCountExceeded", "acknowledged": "Success", "of a module": "Success",
        "expired": "Expired", "purged": "Purged",
    }  # fmt: skip
    records = c2d.collect_feedback(hub, len(expected), within=25)
    assert {record["originalMessageId"]: record["statusCode"] for record in records} == expected
    assert len(records) == len(expected)
    for record in records:
        about = module if record["originalMessageId"] == "of a module" else device
        assert record["deviceId"] == about.device_id
        if about is device:
            assert record["deviceGenerationId"] == device.document["generationId"]
        assert record["enqueuedTimeUtc"].endswith("Z")
        assert isinstance(record["description"], str)


@pytest.mark.parametrize("policy", ["device", "registryRead"])
def test_feedback_needs_the_right_of_a_service(hub: Hub, policy: str) -> None:
    assert hub.http("GET", "/messages/serviceBound/feedback", policy=policy).status == 401
