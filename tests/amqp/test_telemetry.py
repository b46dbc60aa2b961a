"""Telemetry over AMQP: single, batched, settled, in many frames; what is read back."""

import uuid
from datetime import datetime, timezone

import pytest
from proton import Described, Message, symbol, uint, ulong

from support.amqp_peer import (
    ACCEPTED, REJECTED, SETTLED, LinkRefused, Peer, audience, events_of, message,
)  # fmt: skip
from support.events import telemetry_of
from support.raw_amqp import ATTACH, DETACH, DISPOSITION, TRANSFER, RawAmqp, encode

LIMIT = 256 * 1024
BATCH = 0x80013700
ODD_PROPERTIES = {
    "plain": "value", "empty": "", "separators": "a=b&c=d/e?f#g", "unicode": "Füße 測量 🌡", "name = &": "odd name",
}  # fmt: skip


@pytest.fixture
def peer(identity, websocket, keep):
    return keep(Peer.of_device(identity, websocket=websocket))


@pytest.fixture
def sender(peer, identity):
    return peer.sender(events_of(identity))


def read(identity, count=1):
    return telemetry_of(identity.hub, identity, count)


# What is in a message.


def test_message_is_read_as_it_was_sent(identity, peer, sender):
    sent = message(
        b'{"temperature": 21.5}', ODD_PROPERTIES,
        id="m-1", correlation_id="c 1", user_id=b"someone", content_type="application/json",
        content_encoding="utf-8", expiry_time=datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc).timestamp(),
    )  # fmt: skip

    assert peer.deliver(sender, sent) == ACCEPTED

    (event,) = read(identity)
    assert event.payload == b'{"temperature": 21.5}' and event.document["body"] == {"temperature": 21.5}
    assert event.properties == ODD_PROPERTIES
    assert event.system["message-id"] == "m-1"
    assert event.system["correlation-id"] == "c 1"
    assert event.system["user-id"] == "someone"
    assert event.system["content-type"] == "application/json"
    assert event.system["content-encoding"] == "utf-8"
    assert event.system["absolute-expiry-time"].startswith("2031-05-06T07:08:09")
    notes = event.annotations
    assert notes["iothub-message-source"] == "Telemetry"
    assert notes["iothub-connection-device-id"] == identity.device_id
    assert notes.get("iothub-connection-module-id") == identity.module_id
    assert notes["iothub-connection-auth-generation-id"] == identity.document["generationId"]
    method = event.auth_method
    assert (method["scope"], method["type"]) == ("device" if identity.module_id is None else "module", "sas")


def test_bare_message_has_nothing_but_its_body(identity, peer, sender):
    peer.deliver(sender, message(b"bare"))

    (event,) = read(identity)
    assert event.payload == b"bare" and event.properties == {}
    assert not {"message-id", "correlation-id", "content-type", "content-encoding"} & event.system.keys()


def test_annotations_and_properties_of_the_sdks_are_stamped(identity, peer, sender):
    sent = message(b"a", {"iothub-creation-time-utc": "2026-01-02T03:04:05Z", "mine": "1"})
    sent.annotations = {symbol("dt-subject"): "thermostat", symbol("iothub-interface-id"): "urn:x:Y:1"}

    peer.deliver(sender, sent)

    (event,) = read(identity)
    assert event.annotations["dt-subject"] == "thermostat"
    assert event.annotations["iothub-interface-id"] == "urn:x:Y:1"
    assert event.properties["mine"] == "1"
    assert (event.system | event.properties)["iothub-creation-time-utc"].startswith("2026-01-02T03:04:05")


def test_annotations_of_the_hub_cannot_be_sent(identity, peer, sender):
    forged = {
        "iothub-connection-device-id": "somebody-else", "iothub-message-source": "twinChangeEvents",
        "iothub-connection-auth-method": "{}", "x-opt-sequence-number": 1,
    }  # fmt: skip
    sent = message(b"forged", {"iothub-connection-device-id": "somebody-else"})
    sent.annotations = {symbol(name): value for name, value in forged.items()}

    peer.deliver(sender, sent)

    (event,) = read(identity)
    assert event.source == "Telemetry" and event.device_id == identity.device_id
    assert event.annotations["iothub-connection-device-id"] == identity.device_id
    assert event.auth_method["type"] == "sas"


def test_model_of_the_link_is_on_every_message(identity, peer):
    model = "dtmi:com:example:Pump;1"
    sender = peer.sender(events_of(identity), properties={"com.microsoft:model-id": model})

    for body in (b"a", b"b"):
        peer.deliver(sender, message(body))

    assert [event.annotations["dt-dataschema"] for event in read(identity, 2)] == [model, model]


@pytest.mark.parametrize(
    "identifier, text",
    [
        ("text", "text"), (ulong(18446744073709551615), "18446744073709551615"),
        (uuid.UUID("12345678-1234-5678-1234-567812345678"), "12345678-1234-5678-1234-567812345678"),
    ],
    ids=["string", "ulong", "uuid"],
)  # fmt: skip
def test_ids_of_every_type_are_read_as_text(device, keep, identifier, text):
    peer = keep(Peer.of_device(device))

    peer.deliver(peer.sender(events_of(device)), message(b"x", id=identifier, correlation_id=identifier))

    (event,) = read(device)
    assert (event.system["message-id"], event.system["correlation-id"]) == (text, text)


@pytest.mark.parametrize(
    "value, text",
    [(5, "5"), (ulong(7), "7"), (True, "true"), (1.5, "1.5"), ("x", "x"), (symbol("sym"), "sym"), (None, None)],
    ids=["long", "ulong", "boolean", "double", "string", "symbol", "null"],
)
def test_properties_of_every_simple_type_are_read_as_text(device, keep, value, text):
    peer = keep(Peer.of_device(device))

    assert peer.deliver(peer.sender(events_of(device)), message(b"x", {"p": value, "q": "q"})) == ACCEPTED

    (event,) = read(device)
    found = event.properties["p"]
    assert (found.lower() if isinstance(value, bool) else found) == text
    assert event.properties["q"] == "q"


def data_section(body):
    return encode(Described(ulong(0x75), body))


@pytest.mark.parametrize(
    "payload, body",
    [
        (data_section(b"one") + data_section(b"") + data_section(b"two"), b"onetwo"),
        (encode(Described(ulong(0x77), "text ü")), "text ü".encode()),
        (encode(Described(ulong(0x77), b"\x00\xff")), b"\x00\xff"),
        (data_section(b""), b""),
        (b"", b""),
        (encode(Described(ulong(0x70), [True])) + data_section(b"after a header"), b"after a header"),
        (b"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x75\xa0\x03abc", b"abc"),
        (b"\x00\xa3\x10amqp:data:binary\xa0\x03abc", b"abc"),
    ],
    ids=["several", "string", "binary", "empty", "none", "header", "long descriptor", "symbolic descriptor"],
)  # fmt: skip
def test_body_may_be_written_in_many_ways(device, keep, payload, body):
    peer = keep(Peer.of_device(device))
    sender = peer.sender(events_of(device))

    # No sections at all may be taken for an empty message or be refused.
    if peer.deliver(sender, payload) == ACCEPTED:
        assert read(device)[0].payload == body
    else:
        assert payload == b"" and peer.last_error.name
    assert peer.deliver(sender, message(b"next")) == ACCEPTED


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xff\xff", b"\x00", b"\x00\x53", b"\x00\x53\x75", b"\x00\x53\x75\xa0\x05abc", b"\x00\x53\x75\xb0\xff\xff\xff\xff",
        b"\x00\x53\x74\xc1\x03\x02\xa1\x01", b"plain text", b"\x00\x53\x99\x40", b"\x00\x53\x74\x45" + data_section(b"x"),
        b"\x00\x53\x73\xc0\x03\x01\xa1\xff", encode(Described(ulong(0x77), {"a": 1})), encode(Described(ulong(0x76), [1])),
        b"\x00" * 5000, b"\x00\x53\x77" + b"\xc0\xff\x01" * 2000,
    ],
)  # fmt: skip
def test_senseless_message_is_rejected_and_the_link_goes_on(device, keep, payload):
    peer = keep(Peer.of_device(device))
    sender = peer.sender(events_of(device))

    assert peer.deliver(sender, payload) == REJECTED
    assert peer.last_error.name and peer.last_error.description

    assert peer.deliver(sender, message(b"next")) == ACCEPTED
    assert read(device)[0].payload == b"next"


# How it is sent.


def test_settled_messages_arrive_in_order(identity, peer, sender):
    for number in range(200):
        peer.send(sender, message(b"%d" % number), settled=True)

    assert [event.payload for event in read(identity, 200)] == [b"%d" % number for number in range(200)]


def test_link_that_settles_everything_is_taken_as_such(identity, peer):
    sender = peer.sender(events_of(identity), settle=SETTLED)

    peer.send(sender, message(b"settled"), settled=True)

    assert read(identity)[0].payload == b"settled"


def test_pipelined_messages_are_all_accepted_and_arrive_in_order(identity, peer, sender):
    deliveries = [peer.send(sender, message(b"%d" % number)) for number in range(500)]

    assert [peer.outcome(delivery) for delivery in deliveries] == [ACCEPTED] * 500
    events = read(identity, 500)
    assert [event.payload for event in events] == [b"%d" % number for number in range(500)]
    assert len({event.partition for event in events}) == 1


@pytest.mark.parametrize("size", [0, 1, 1000, 65_000, 65_536, 200_000, LIMIT - 1024])
def test_bodies_of_any_size(identity, peer, sender, size):
    body = (bytes(n * 7 % 251 for n in range(1000)) * (size // 1000 + 1))[:size]

    assert peer.deliver(sender, message(body)) == ACCEPTED

    assert read(identity)[0].payload == body


def test_too_large_message_is_refused(identity, peer, sender):
    try:
        outcome = peer.deliver(sender, message(bytes(LIMIT + 1)))
    except LinkRefused as ended:
        assert ended.condition == "amqp:link:message-size-exceeded"
    else:
        assert outcome == REJECTED and peer.last_error.name == "amqp:link:message-size-exceeded"

    again = peer.sender(events_of(identity))
    assert peer.deliver(again, message(b"small")) == ACCEPTED
    assert read(identity)[0].payload == b"small"


def test_endless_message_is_cut_off(device, keep):
    """It never says that it ends: the hub must not keep all of it."""
    peer = keep(Peer.of_device(device))
    sender = peer.sender(events_of(device))
    sender.delivery("endless")

    with pytest.raises(LinkRefused) as ended:
        for _ in range(100):
            sender.stream(bytes(200_000))
            peer.pump(0)
            peer._raise_if_refused(sender)
        peer.until(lambda: peer._is_detached(sender), what="the end of the link")
        peer._raise_if_refused(sender)

    assert ended.value.condition == "amqp:link:message-size-exceeded"
    assert peer.deliver(peer.sender(events_of(device)), message(b"small")) == ACCEPTED


@pytest.mark.parametrize("frame_size", [512, 1000, 4096, 65_536])
def test_small_frames_of_the_client_are_joined(identity, keep, frame_size):
    """Written piece by piece, so that the message comes in very many frames."""
    peer = keep(Peer.of_device(identity, max_frame_size=frame_size))
    sender = peer.sender(events_of(identity))
    body = bytes(range(256)) * 300
    encoded = message(body).encode()

    delivery = sender.delivery("pieces")
    for start in range(0, len(encoded), frame_size):
        sender.stream(encoded[start : start + frame_size])
        peer.pump(0)
    sender.advance()

    assert peer.outcome(delivery) == ACCEPTED
    assert read(identity)[0].payload == body


def test_messages_of_several_links_may_be_interleaved(identity, peer):
    senders = [peer.sender(events_of(identity)) for _ in range(4)]
    encoded = [message(bytes([n]) * 50_000).encode() for n in range(4)]
    deliveries = [sender.delivery("interleaved") for sender in senders]
    for start in range(0, 60_000, 10_000):
        for sender, raw in zip(senders, encoded):
            sender.stream(raw[start : start + 10_000])
            peer.pump(0)
    for sender in senders:
        sender.advance()

    assert [peer.outcome(delivery) for delivery in deliveries] == [ACCEPTED] * 4
    assert {event.payload for event in read(identity, 4)} == {bytes([n]) * 50_000 for n in range(4)}


def test_aborted_message_is_as_if_never_sent(identity, peer, sender):
    aborted = sender.delivery("aborted")
    sender.stream(message(b"x" * 100_000).encode()[:50_000])
    peer.pump(0)
    aborted.abort()

    assert peer.deliver(sender, message(b"whole")) == ACCEPTED
    assert [event.payload for event in read(identity)] == [b"whole"]


def test_aborting_uses_up_no_credit_for_good(device, keep):
    peer = keep(Peer.of_device(device))
    sender = peer.sender(events_of(device))

    for _ in range(3):
        for _ in range(sender.credit):
            aborted = sender.delivery(sender.delivery_tag())
            sender.stream(b"x")
            peer.pump(0)
            aborted.abort()
        peer.until(lambda: sender.credit > 0, what="credit after aborted messages")

    assert peer.deliver(sender, message(b"whole")) == ACCEPTED
    assert [event.payload for event in read(device)] == [b"whole"]


def test_half_a_message_of_a_link_that_ends_is_forgotten(identity, peer, sender):
    sender.delivery("half")
    sender.stream(message(b"x" * 100_000).encode()[:50_000])
    peer.pump(0)
    peer.detach(sender)

    again = peer.sender(events_of(identity))
    assert peer.deliver(again, message(b"whole")) == ACCEPTED
    assert [event.payload for event in read(identity)] == [b"whole"]


# Batches, and frames that proton does not write.


@pytest.fixture
def raw(device):
    with RawAmqp.to(device.hub) as connection:
        connection.start()
        connection.put_token(device.sas(), audience(device))
        connection.attach(0, events_of(device), sender=True)
        assert connection.until(ATTACH)["target"] is not None
        yield connection


def transfer(raw, payload, delivery=1, **fields):
    """A transfer; the delivery before it was the token's."""
    usual = {
        "handle": uint(0), "delivery_id": uint(delivery), "delivery_tag": b"%d" % delivery,
        "message_format": uint(0), "settled": False,
    }  # fmt: skip
    raw.put(TRANSFER, payload, **usual | fields)


def outcomes(raw, *deliveries):
    """The state of each delivery, all settled."""
    states = {}
    while not set(deliveries) <= states.keys():
        settled = raw.until(DISPOSITION)
        assert settled["role"] is True and settled["settled"] is True
        for delivery in range(settled["first"], (settled["last"] or settled["first"]) + 1):
            states[delivery] = settled["state"].descriptor
    return [states[delivery] for delivery in deliveries]


def test_batch_is_as_many_messages_in_order(device, raw):
    messages = [message(b"%d" % n, {"n": str(n)}, id=f"id-{n}") for n in range(100)]
    batch = b"".join(data_section(one.encode()) for one in messages)

    transfer(raw, batch, message_format=uint(BATCH))

    assert outcomes(raw, 1) == [0x24]
    events = read(device, 100)
    assert [event.payload for event in events] == [b"%d" % n for n in range(100)]
    assert [event.properties for event in events] == [{"n": str(n)} for n in range(100)]
    assert [event.system["message-id"] for event in events] == [f"id-{n}" for n in range(100)]


def test_batch_in_many_frames(device, raw):
    batch = b"".join(data_section(message(bytes([n]) * 50_000).encode()) for n in range(4))
    parts = [batch[start : start + 30_000] for start in range(0, len(batch), 30_000)]

    transfer(raw, parts[0], message_format=uint(BATCH), more=True)
    for part in parts[1:-1]:
        raw.put(TRANSFER, part, handle=uint(0), more=True)
    raw.put(TRANSFER, parts[-1], handle=uint(0), more=False)

    assert outcomes(raw, 1) == [0x24]
    assert [event.payload for event in read(device, 4)] == [bytes([n]) * 50_000 for n in range(4)]


def test_batch_with_a_senseless_part_is_rejected_as_a_whole(device, raw):
    good = data_section(message(b"good").encode())

    transfer(raw, good + data_section(b"\xff\xff"), message_format=uint(BATCH))

    assert outcomes(raw, 1) == [0x25]
    transfer(raw, message(b"next").encode(), 2)
    assert outcomes(raw, 2) == [0x24]
    assert read(device)[0].payload == b"next"


def test_empty_batch_is_answered(device, raw):
    transfer(raw, b"", message_format=uint(BATCH))

    assert outcomes(raw, 1)[0] in (0x24, 0x25)


def test_settled_on_any_frame_of_a_delivery_counts(device, raw):
    encoded = message(b"s" * 100).encode()
    transfer(raw, encoded[:50], more=True, settled=None)
    raw.put(TRANSFER, encoded[50:], handle=uint(0), settled=True)
    transfer(raw, message(b"next").encode(), 2)

    assert outcomes(raw, 2) == [0x24]
    assert [event.payload for event in read(device, 2)] == [b"s" * 100, b"next"]


def test_aborted_transfer_is_discarded(device, raw):
    encoded = message(b"a" * 100).encode()
    transfer(raw, encoded[:50], more=True)
    raw.put(TRANSFER, handle=uint(0), aborted=True)
    transfer(raw, message(b"next").encode(), 2)

    assert outcomes(raw, 2) == [0x24]
    assert read(device)[0].payload == b"next"


def test_more_than_the_credit_ends_the_link(device, raw):
    """A client that does not count is told so, and hurts only itself."""
    credit = raw.until(0x13)["link-credit"]
    body = message(b"x").encode()

    for number in range(credit * 3):
        transfer(raw, body, 1 + number)

    while (got := raw.receive()).code not in (DETACH, 0x17, 0x18):
        # It may be that credit came quickly enough.
        if got.code == DISPOSITION and (got["last"] or got["first"]) >= credit * 3:
            return
    assert got.condition in ("amqp:link:transfer-limit-exceeded", "amqp:session:window-violation"), got


def test_message_of_another_id_may_be_sent_by_a_message_object(device, keep):
    """What proton encodes by itself, with all sections."""
    peer = keep(Peer.of_device(device))
    sent = Message(body="text", durable=True, priority=7, ttl=60.0, subject="s", reply_to="r", group_id="g")

    assert peer.deliver(peer.sender(events_of(device)), sent) == ACCEPTED

    assert read(device)[0].payload == b"text"
