"""Links of back ends: messages to devices and their outcomes, feedback, file notifications."""

import json
import time

import pytest
from proton import symbol, timestamp

from support import cloud_to_device as c2d
from support.amqp_peer import (
    ACCEPTED, MODIFIED, REJECTED, RELEASED, LinkRefused, Peer, devicebound_of, message,
)  # fmt: skip
from support.waiting import eventually

SEND = "/messages/devicebound"
FEEDBACK = "/messages/serviceBound/feedback"
QUEUE = 50
FULL_BATCH = 64


@pytest.fixture
def sender(service):
    return service.sender(SEND)


def to(identity, body=b"hello", properties=None, **fields):
    """A message to a device or module, addressed as Python and Java do it."""
    module = "" if identity.module_id is None else f"/modules/{identity.module_id}"
    address = f"/devices/{identity.device_id}{module}/messages/devicebound"
    return message(body, properties, **{"address": address} | fields)


# Messages to devices.


def test_message_reaches_the_device_as_it_was_sent(identity, service, sender, keep):
    sent = to(
        identity, "grün".encode(), {**c2d.ODD_PROPERTIES, "iothub-ack": "full"},
        id="m-1", correlation_id="c-1", user_id=b"boss", content_type="text/plain", content_encoding="utf-8",
        expiry_time=time.time() + 600,
    )  # fmt: skip

    assert service.deliver(sender, sent) == ACCEPTED

    peer = keep(Peer.of_device(identity))
    got = peer.receive(peer.receiver(devicebound_of(identity)))
    peer.settle(got)
    assert got.body == "grün".encode()
    assert (got.message.id, got.message.correlation_id, bytes(got.message.user_id)) == ("m-1", "c-1", b"boss")
    assert (got.message.content_type, got.message.content_encoding) == ("text/plain", "utf-8")
    assert abs(got.message.expiry_time - sent.expiry_time) < 2
    properties = {name: value for name, value in got.message.properties.items() if name in c2d.ODD_PROPERTIES}
    assert properties == c2d.ODD_PROPERTIES
    assert got.message.properties["iothub-ack"] == "full"


@pytest.mark.parametrize("form", ["/devices/{id}/messages/devicebound", "/devices/{id}/messages/deviceBound",
                                  "devices/{id}/messages/devicebound", "/DEVICES/{id}/Messages/DeviceBound"])  # fmt: skip
def test_address_may_be_written_in_many_ways(device, service, sender, form):
    assert service.deliver(sender, to(device, address=form.format(id=device.device_id))) == ACCEPTED
    assert c2d.waiting(device) == 1


def test_encoded_id_is_decoded(hub, service, sender):
    """As Node and .NET address it."""
    device = hub.with_device("a?b%c=d@e")
    path = device.path.removeprefix("/devices/")

    assert service.deliver(sender, to(device, address=f"/devices/{path}/messages/devicebound")) == ACCEPTED
    assert c2d.waiting(device) == 1


def test_unknown_device_is_rejected_and_the_link_goes_on(device, service, sender):
    sent = to(device, address="/devices/nobody-of-this-name/messages/devicebound")

    assert service.deliver(sender, sent) == REJECTED
    assert service.last_error.name == "amqp:not-found"
    assert json.loads(service.last_error.description)["errorCode"] == 404001
    assert service.deliver(sender, to(device)) == ACCEPTED


@pytest.mark.parametrize(
    "address", [None, "", "/devices", "/devices//messages/devicebound", "/messages/devicebound", "/devices/x/twin", "x" * 3000]
)
def test_senseless_address_is_rejected(device, service, sender, address):
    assert service.deliver(sender, to(device, address=address)) == REJECTED
    assert service.last_error.name in ("com.microsoft:argument-error", "amqp:not-found", "amqp:invalid-field")
    assert service.deliver(sender, to(device)) == ACCEPTED


def test_full_queue_is_rejected(device, service, sender):
    outcomes = [service.send(sender, to(device)) for _ in range(QUEUE + 1)]

    states = [service.outcome(delivery) for delivery in outcomes]

    assert states == [ACCEPTED] * QUEUE + [REJECTED]
    assert service.last_error.name == "amqp:resource-limit-exceeded"
    assert json.loads(service.last_error.description)["errorCode"] == 403004


def test_too_large_message_is_rejected(device, service, sender):
    try:
        outcome = service.deliver(sender, to(device, bytes(65_537)))
    except LinkRefused as ended:
        assert ended.condition == "amqp:link:message-size-exceeded"
    else:
        assert outcome == REJECTED and service.last_error.name == "amqp:link:message-size-exceeded"
    assert c2d.waiting(device) == 0


def test_message_that_has_expired_is_rejected(device, service, sender):
    assert service.deliver(sender, to(device, expiry_time=time.time() - 60)) == REJECTED
    assert c2d.waiting(device) == 0


def test_unknown_ack_is_rejected(device, service, sender):
    assert service.deliver(sender, to(device, properties={"iothub-ack": "perhaps"})) == REJECTED


def test_settled_messages_are_taken(device, service, sender):
    for number in range(10):
        service.send(sender, to(device, b"%d" % number), settled=True)

    eventually(lambda: c2d.waiting(device) == 10, what="ten messages")


def test_messages_of_one_link_are_queued_in_order(device, service, sender, keep):
    deliveries = [service.send(sender, to(device, b"%d" % number)) for number in range(QUEUE)]
    assert [service.outcome(delivery) for delivery in deliveries] == [ACCEPTED] * QUEUE

    peer = keep(Peer.of_device(device))
    got = peer.receive_many(peer.receiver(devicebound_of(device)), QUEUE)

    assert [one.body for one in got] == [b"%d" % number for number in range(QUEUE)]


@pytest.mark.parametrize("policy", ["device", "registryRead", "registryReadWrite"])
@pytest.mark.parametrize("address, is_sender", [(SEND, True), (FEEDBACK, False)])
def test_policies_without_service_connect_are_refused(hub, keep, policy, address, is_sender):
    peer = keep(Peer.of_service(hub, policy))

    with pytest.raises(LinkRefused) as refused:
        peer.attach(address, sender=is_sender)

    assert refused.value.condition == "amqp:unauthorized-access"


# Feedback.


@pytest.fixture
def private(hub_factory):
    """Feedback is the hub's: a test that counts it has a hub of its own."""
    return hub_factory().start()


def answered(hub, service, keep):
    """Two devices that have accepted messages, the last in order; a full batch of feedback does not wait for more."""
    sender = service.sender(SEND)
    identifiers = [f"m-{number}" for number in range(FULL_BATCH)]
    for start in range(0, FULL_BATCH, QUEUE):
        device = hub.with_device("answers")
        part = identifiers[start : start + QUEUE]
        for identifier in part:
            sent = to(device, properties={"iothub-ack": "full"}, id=identifier)
            assert service.deliver(sender, sent) == ACCEPTED
        peer = keep(Peer.of_device(device))
        receiver = peer.receiver(devicebound_of(device))
        for got in peer.receive_many(receiver, len(part)):
            peer.settle(got)
        peer.settle_down()
    return device


def test_feedback_has_what_the_sdks_look_for(private, keep):
    service = keep(Peer.of_service(private))
    receiver = service.receiver(FEEDBACK)
    device = answered(private, service, keep)

    got = service.receive(receiver, within=25)
    service.settle(got)

    sent = got.message
    assert sent.content_type == "application/vnd.microsoft.iothub.feedback.json"
    assert bytes(sent.user_id)
    assert type(sent.annotations[symbol("iothub-enqueuedtime")]) is timestamp
    assert len(got.tag) == 16 and not got.settled
    records = json.loads(got.body)
    assert {record["originalMessageId"] for record in records} == {f"m-{number}" for number in range(FULL_BATCH)}
    record = records[-1]
    assert record["statusCode"] == record["description"] == "Success"
    assert record["deviceId"] == device.device_id
    assert record["deviceGenerationId"] == device.document["generationId"]
    assert record["enqueuedTimeUtc"].endswith("Z")
    service.assert_silent(receiver)


@pytest.mark.parametrize("state", [RELEASED, MODIFIED])
def test_feedback_that_is_given_back_comes_again(private, keep, state):
    service = keep(Peer.of_service(private))
    receiver = service.receiver(FEEDBACK)
    answered(private, service, keep)

    first = service.receive(receiver, within=25)
    service.settle(first, state)
    second = service.receive(receiver, within=25)

    assert json.loads(first.body) == json.loads(second.body)
    assert second.tag != first.tag


def test_feedback_waits_for_credit(private, keep):
    """.NET grants one credit for each receive."""
    service = keep(Peer.of_service(private))
    receiver = service.receiver(FEEDBACK, credit=0, second=True)
    answered(private, service, keep)
    service.assert_silent(receiver)

    receiver.flow(1)
    got = service.receive(receiver, within=25)

    assert service.propose(got) == ACCEPTED
    assert c2d.receive_feedback(private) is None


def test_feedback_of_a_receiver_that_goes_comes_to_the_next(private, keep):
    first = Peer.of_service(private)
    receiver = first.receiver(FEEDBACK)
    answered(private, first, keep)
    records = {record["originalMessageId"] for record in json.loads(first.receive(receiver, within=25).body)}
    first.drop()

    second = keep(Peer.of_service(private))
    receiver = second.receiver(FEEDBACK)
    again = set()
    while not records <= again:
        got = second.receive(receiver, within=25)
        again |= {record["originalMessageId"] for record in json.loads(got.body)}
        second.settle(got)


def test_file_notifications_may_be_waited_for(service):
    receiver = service.receiver("/messages/serviceBound/filenotifications")

    service.assert_silent(receiver)
