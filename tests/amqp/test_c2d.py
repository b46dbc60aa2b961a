"""Cloud-to-device messages that a device takes over AMQP: what they hold, and how they are settled."""

import uuid

import pytest
from proton import symbol, timestamp, ubyte, ulong

from support import cloud_to_device as c2d
from support.amqp_peer import (
    ACCEPTED, MODIFIED, REJECTED, RELEASED, LinkRefused, Peer, audience, devicebound_of, path_of,
)  # fmt: skip
from support.waiting import eventually


@pytest.fixture
def peer(device, websocket, keep):
    return keep(Peer.of_device(device, websocket=websocket))


@pytest.fixture
def receiver(peer, device):
    return peer.receiver(devicebound_of(device))


def test_message_has_what_was_sent_and_the_hubs_stamps(device, peer, receiver):
    c2d.send(
        device, "grün".encode(), c2d.ODD_PROPERTIES,
        message_id="m-1", correlation_id="c 1", user_id="boss", ack="full", expiry=c2d.in_seconds(600),
    )  # fmt: skip

    got = peer.receive(receiver)
    peer.settle(got)

    sent = got.message
    assert got.body == "grün".encode()
    assert {name: value for name, value in sent.properties.items() if not name.startswith("iothub-")} == c2d.ODD_PROPERTIES
    assert sent.properties["iothub-ack"] == "full"
    assert (sent.id, sent.correlation_id, bytes(sent.user_id)) == ("m-1", "c 1", b"boss")
    assert sent.address == f"/devices/{device.device_id}/messages/deviceBound"
    assert sent.expiry_time > 0
    notes = sent.annotations
    assert notes[symbol("iothub-deliverycount")] == 0 and type(notes[symbol("iothub-deliverycount")]) is ubyte
    assert type(notes[symbol("x-opt-sequence-number")]) is ulong
    assert type(notes[symbol("iothub-enqueuedtime")]) is timestamp
    # .NET reads the tag as a GUID in its own byte order; it is the lock token.
    assert len(got.tag) == 16
    assert uuid.UUID(notes[symbol("x-opt-lock-token")]) == uuid.UUID(bytes_le=got.tag)
    assert not got.settled


def test_body_is_one_data_section(device, peer, receiver):
    from support.raw_amqp import sections

    c2d.send(device, b"x" * 60_000)
    got = peer.receive(receiver)

    assert sections(got.raw)[0x75] == [b"x" * 60_000]


def test_accepted_and_rejected_messages_are_gone_and_tell_the_sender(hub_factory, keep):
    hub = hub_factory().start()
    outcomes = {"Success": ACCEPTED, "Rejected": REJECTED}
    # A full batch of feedback does not wait for more.
    for name, state in outcomes.items():
        device = hub.with_device("done")
        for number in range(32):
            c2d.send(device, b"x", message_id=f"{name}-{number}", ack="full")
        peer = keep(Peer.of_device(device))
        for got in peer.receive_many(peer.receiver(devicebound_of(device)), 32):
            peer.settle(got, state)
        eventually(lambda: c2d.waiting(device) == 0, what="an empty queue")

    records = c2d.collect_feedback(hub, 64)

    assert {record["originalMessageId"]: record["statusCode"] for record in records} == {
        f"{name}-{number}": name for name in outcomes for number in range(32)
    }


@pytest.mark.parametrize("state", [RELEASED, MODIFIED])
def test_given_back_message_comes_again_and_counts(device, peer, receiver, state):
    c2d.send(device, b"again")

    first = peer.receive(receiver)
    peer.settle(first, state)
    second = peer.receive(receiver)

    assert (first.body, second.body) == (b"again", b"again")
    assert second.message.annotations[symbol("iothub-deliverycount")] == 1
    assert second.tag != first.tag
    peer.settle(second)
    eventually(lambda: c2d.waiting(device) == 0, what="an empty queue")


def test_message_that_comes_back_ten_times_is_dead(device, peer, receiver):
    c2d.send(device, b"again")

    for _ in range(10):
        peer.settle(peer.receive(receiver), RELEASED)

    eventually(lambda: c2d.waiting(device) == 0, what="an empty queue")
    peer.assert_silent(receiver)


def test_settled_state_of_the_second_mode_is_answered(device, peer):
    """.NET waits for it."""
    receiver = peer.receiver(devicebound_of(device), second=True)
    c2d.send(device, b"one")
    c2d.send(device, b"two")

    assert peer.propose(peer.receive(receiver), ACCEPTED) == ACCEPTED
    assert peer.propose(peer.receive(receiver), REJECTED) == REJECTED

    assert c2d.waiting(device) == 0


def test_messages_come_in_order_and_stay_until_they_are_settled(device, peer, receiver):
    for number in range(50):
        c2d.send(device, b"%d" % number)

    got = peer.receive_many(receiver, 50)

    assert [one.body for one in got] == [b"%d" % number for number in range(50)]
    assert c2d.waiting(device) == 50
    for one in got:
        peer.settle(one)
    eventually(lambda: c2d.waiting(device) == 0, what="an empty queue")


def test_unsettled_messages_of_a_link_that_ends_come_again(device, peer, receiver):
    for number in range(3):
        c2d.send(device, b"%d" % number)
    for one in peer.receive_many(receiver, 3)[:1]:
        peer.settle(one)

    peer.detach(receiver)

    again = peer.receiver(devicebound_of(device))
    assert sorted(peer.receive(again).body for _ in range(2)) == [b"1", b"2"]


def test_unsettled_messages_of_a_lost_connection_come_again(device, websocket):
    lost = Peer.of_device(device, websocket=websocket)
    receiver = lost.receiver(devicebound_of(device))
    c2d.send(device, b"kept")
    assert lost.receive(receiver).body == b"kept"

    lost.drop()

    with Peer.of_device(device) as peer:
        again = peer.receive(peer.receiver(devicebound_of(device)), within=15)
        assert again.body == b"kept"


def test_waiting_messages_come_when_the_link_opens(device, peer):
    for number in range(5):
        c2d.send(device, b"%d" % number)

    receiver = peer.receiver(devicebound_of(device))

    assert [peer.receive(receiver).body for _ in range(5)] == [b"%d" % number for number in range(5)]


def test_message_in_small_frames(device, keep):
    """Java's largest frame is 4096 bytes, and it drops a connection that sends a larger one."""
    peer = keep(Peer.of_device(device, max_frame_size=4096))
    receiver = peer.receiver(devicebound_of(device))
    body = bytes(range(256)) * 240

    c2d.send(device, body)
    frames = peer.transport.frames_input

    assert peer.receive(receiver).body == body
    assert peer.transport.frames_input - frames > len(body) // 4096


def test_second_receiver_replaces_or_shares_but_loses_nothing(device, peer, receiver):
    try:
        other = peer.receiver(devicebound_of(device))
    except LinkRefused:
        other = None
    for number in range(10):
        c2d.send(device, b"%d" % number)

    seen = set()

    def all_there():
        for link in filter(None, (receiver, other)):
            while link.current is not None and not link.current.partial:
                got = peer.receive(link)
                seen.add(got.body)
                peer.settle(got)
        return len(seen) == 10

    peer.until(all_there, what="ten messages")


def test_purged_messages_do_not_come(device, peer):
    c2d.send(device, b"old")
    c2d.purge(device)
    c2d.send(device, b"new")

    receiver = peer.receiver(devicebound_of(device))

    assert peer.receive(receiver).body == b"new"


def test_modules_may_attach_and_hear_nothing(hub, keep):
    """Java's modules attach it at once."""
    module = hub.with_module("amqp")
    peer = keep(Peer.of_device(module))

    inputs = peer.receiver(path_of(module) + "/messages/events")
    bound = peer.receiver(devicebound_of(module))

    peer.assert_silent(inputs, bound)


def test_messages_to_a_module_reach_it(hub, keep):
    module = hub.with_module("amqp")
    peer = keep(Peer.of_device(module))
    receiver = peer.receiver(devicebound_of(module))

    c2d.send(module, b"to the module")

    got = peer.receive(receiver)
    assert got.body == b"to the module"
    peer.settle(got)


def test_each_of_many_devices_gets_its_own(hub, keep):
    devices = [hub.with_device("own") for _ in range(10)]
    peer = keep(Peer.to(hub))
    receivers = []
    for one in devices:
        peer.put_token(one.sas(), audience(one))
        receivers.append(peer.receiver(devicebound_of(one)))

    for one in devices:
        c2d.send(one, one.device_id.encode())

    for one, link in zip(devices, receivers):
        assert peer.receive(link).body == one.device_id.encode()
