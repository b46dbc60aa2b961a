"""Frames that no client should send: each ends its connection with the right condition, and no other one."""

import struct

import pytest
from proton import Described, symbol, uint, ulong

from support.amqp_peer import ACCEPTED, Peer, events_of, message
from support.raw_amqp import (
    AMQP_FRAME, AMQP_HEADER, ATTACH, BEGIN, CLOSE, DETACH, DISPOSITION, END, FLOW, OPEN, SASL_FRAME, SASL_HEADER,
    SASL_INIT, SASL_MECHANISMS, TRANSFER, ConnectionClosed, RawAmqp, encode, frame, performative,
)  # fmt: skip

# What a frame of nonsense may be called.
FRAMING, DECODING = "amqp:connection:framing-error", "amqp:decode-error"
FIELD, STATE = "amqp:invalid-field", "amqp:illegal-state"
NONSENSE = {FRAMING, DECODING, FIELD, "amqp:not-implemented", "amqp:not-allowed", STATE}


@pytest.fixture
def neighbour(hub, keep):
    """A well-behaved connection that must not notice anything."""
    device = hub.with_device("neighbour")
    peer = keep(Peer.of_device(device))
    sender = peer.sender(events_of(device))
    yield peer
    assert peer.deliver(sender, message(b"unharmed")) == ACCEPTED


@pytest.fixture
def opened(hub):
    """A connection that is open and has one session."""
    with RawAmqp.to(hub) as peer:
        yield peer.start()


def is_ended_for(peer, conditions=NONSENSE):
    """The hub closes; if it says why, then with one of these."""
    closed = peer.expect_close()
    assert closed is None or closed.condition in conditions, closed
    return closed


def raw_frame(size, offset=2, kind=AMQP_FRAME, channel=0, body=b""):
    return struct.pack("!IBBH", size, offset, kind, channel) + body


OPEN_BODY = performative(OPEN, container_id="x")


@pytest.mark.parametrize(
    "garbage",
    [
        raw_frame(0), raw_frame(7), raw_frame(4), raw_frame(8, offset=0), raw_frame(8, offset=1), raw_frame(12, offset=200, body=bytes(4)),
        raw_frame(0xFFFFFFFF), raw_frame(0x7FFFFFFF), raw_frame(8 + 3, kind=2, body=b"\x00\x53\x11"),
        raw_frame(8 + 3, kind=SASL_FRAME, body=b"\x00\x53\x41"),
    ],
    ids=["zero", "seven", "four", "offset 0", "offset 1", "offset beyond", "4 GiB", "2 GiB", "type 2", "SASL"],
)  # fmt: skip
def test_malformed_frame_header_ends_the_connection(neighbour, opened, garbage):
    opened.send(garbage)

    is_ended_for(opened, {FRAMING, DECODING})


def list8(code, *values):
    """A performative with exactly these encoded values."""
    body = b"".join(values)
    return b"\x00\x53" + bytes([code, 0xC0, len(body) + 1, len(values)]) + body


@pytest.mark.parametrize(
    "body",
    [
        b"\x00", b"\x00\x53", b"\x00\x53\x11", b"\x00\x53\x11\xc0", b"\x00\x53\x11\xc0\xff\x05", b"\x00\x53\x11\xd0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\x53\x11\xc0\x03\x7f\x40\x40", b"\xff" * 20, b"\x00\x53\x99\x45", b"\x00\xa3\x04nope\x45", b"\x40", b"\x45",
        list8(OPEN), list8(BEGIN), list8(ATTACH), list8(FLOW), list8(TRANSFER), list8(DISPOSITION), list8(DETACH),
        list8(BEGIN, b"\xa1\x01x", b"\x43", b"\x43", b"\x43"), list8(ATTACH, b"\x43", b"\x43", b"\x42"),
        list8(ATTACH, b"\xa1\x01\xff", b"\x43", b"\x42"), list8(TRANSFER, b"\x70\xff\xff\xff\xff"),
        list8(DISPOSITION, b"\x41", b"\x40"), b"\x00\x53\x12\xc1\x03\x02\x43\x43", b"\x00\x53\x14\xf0\xff\xff\xff\xff",
        b"\x00\x53\x11" + b"\xc0\xf0\x01" * 80, b"\x00" * 4000,
    ],
)  # fmt: skip
def test_senseless_performative_ends_its_session_or_connection(neighbour, opened, body):
    opened.send(frame(body))

    try:
        got = opened.receive()
    except ConnectionClosed:
        return
    assert got.code in (CLOSE, END), got
    assert got.condition in NONSENSE | {"amqp:session:unattached-handle"}, got


def test_deeply_nested_value_ends_the_connection(neighbour, opened):
    """A described value of a described value ..., or lists in lists, must not use up a stack."""
    nested = b"\x40"
    for _ in range(200):
        nested = b"\xd0" + struct.pack("!II", len(nested) + 4, 1) + nested
    fields = [b"\xa1\x01n", b"\x43", b"\x42", b"\x40", b"\x40", b"\x40", b"\x40", nested]
    body = b"".join(fields)

    opened.send(frame(b"\x00\x53\x12\xd0" + struct.pack("!II", len(body) + 4, len(fields)) + body))

    is_ended_for(opened)


def test_array_that_claims_more_than_there_is_ends_the_connection(neighbour, opened):
    huge = b"\xf0\x00\x00\x00\x09\xff\xff\xff\xff\x40"

    opened.send(frame(list8(BEGIN, b"\x40", b"\x43", b"\x43", b"\x43", b"\x43", huge)))

    is_ended_for(opened)


def test_frame_larger_than_was_agreed_ends_the_connection(hub, neighbour):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        largest = peer.open()["max-frame-size"]
        peer.begin()

        peer.send(raw_frame(largest + 1, body=bytes(1000)))

        is_ended_for(peer, {FRAMING, DECODING, "amqp:frame-size-too-small"})


def test_large_frame_of_a_stranger_ends_the_connection(hub, neighbour):
    with RawAmqp.to(hub) as peer:
        peer.send(SASL_HEADER)
        peer.header()
        peer.expect(SASL_MECHANISMS)

        peer.send(raw_frame(1024 * 1024, kind=SASL_FRAME, body=bytes(70_000)))

        peer.expect_closed()


@pytest.mark.parametrize(
    "first",
    [
        frame(performative(BEGIN, next_outgoing_id=uint(0), incoming_window=uint(1), outgoing_window=uint(1))),
        frame(performative(CLOSE)), frame(performative(END)),
    ],
    ids=["begin", "close", "end"],
)  # fmt: skip
def test_connection_that_does_not_begin_with_open_ends(hub, neighbour, first):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.send(AMQP_HEADER)
        peer.header()

        peer.send(first)

        peer.expect_closed()


def test_second_open_ends_the_connection(neighbour, opened):
    opened.send(frame(OPEN_BODY))

    is_ended_for(opened)


@pytest.mark.parametrize(
    "open_fields",
    [{"max_frame_size": uint(511)}, {"max_frame_size": uint(0)}, {"container_id": None}],
    ids=["frames of 511", "frames of 0", "no container"],
)
def test_impossible_open_ends_the_connection(hub, neighbour, open_fields):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.send(AMQP_HEADER)
        peer.header()

        peer.put(OPEN, **{"container_id": "x"} | open_fields)

        got = peer.receive()
        if got.code == OPEN:
            is_ended_for(peer)


@pytest.mark.parametrize(
    "code, fields",
    [
        (TRANSFER, {"handle": uint(77), "delivery_id": uint(0), "delivery_tag": b"t"}),
        (FLOW, {"incoming_window": uint(1), "next_outgoing_id": uint(0), "outgoing_window": uint(1), "handle": uint(77),
                "delivery_count": uint(0), "link_credit": uint(1)}),
    ],
    ids=["transfer", "flow"],
)  # fmt: skip
def test_frame_for_a_handle_that_is_not_attached_ends_the_session(neighbour, opened, code, fields):
    opened.put(code, **fields)

    ended = opened.receive()
    assert ended.code in (END, CLOSE)
    assert ended.condition in ("amqp:session:unattached-handle", "amqp:not-found", STATE)


def test_ends_of_what_has_ended_already_are_no_trouble(hub, neighbour, opened):
    """Both sides may have ended it at once."""
    opened.put(DETACH, handle=uint(77), closed=True)
    opened.put(END, channel=44)

    assert opened.put_token(hub.sas("service"), hub.host) == 200


@pytest.mark.parametrize("code", [ATTACH, TRANSFER, FLOW])
def test_frame_on_a_channel_without_a_session_ends_the_connection(neighbour, opened, code):
    fields = {
        ATTACH: {"name": "n", "handle": uint(0), "role": True},
        TRANSFER: {"handle": uint(0)},
        FLOW: {"incoming_window": uint(1), "next_outgoing_id": uint(0), "outgoing_window": uint(1)},
    }[code]

    opened.put(code, channel=44, **fields)

    is_ended_for(opened, NONSENSE | {"amqp:not-found"})


def test_second_begin_on_a_channel_ends_the_connection(neighbour, opened):
    opened.put(BEGIN, next_outgoing_id=uint(0), incoming_window=uint(1), outgoing_window=uint(1))

    is_ended_for(opened)


def test_handle_that_is_in_use_ends_the_session(hub, neighbour, opened):
    opened.put_token(hub.sas("device"), hub.host, handle=3)

    opened.attach(3, "/devices/any/messages/events", sender=True, name="another")

    ended = opened.until(END)
    assert ended.condition == "amqp:session:handle-in-use"


def test_handle_beyond_the_agreed_one_ends_the_connection(neighbour, hub):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.open()
        largest = peer.begin()["handle-max"]
        if largest == 0xFFFFFFFF:
            pytest.skip("every handle is allowed")

        peer.attach(largest + 1, "$cbs", sender=True)

        got = peer.receive()
        assert got.code in (CLOSE, END) and got.condition in NONSENSE | {FRAMING}


def test_channel_beyond_the_agreed_one_ends_the_connection(neighbour, hub):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        largest = peer.open()["channel-max"]
        assert largest < 65535

        peer.put(
            BEGIN, channel=largest + 1, next_outgoing_id=uint(0), incoming_window=uint(1), outgoing_window=uint(1)
        )

        is_ended_for(peer, NONSENSE | {"amqp:resource-limit-exceeded"})


def test_transfer_from_the_wrong_side_ends_the_link(hub, neighbour, opened):
    opened.put_token(hub.sas("service"), hub.host)
    opened.attach(5, "/messages/serviceBound/feedback", sender=False)
    opened.until(ATTACH)

    opened.put(TRANSFER, b"\x00\x53\x75\xa0\x00", handle=uint(5), delivery_id=uint(1), delivery_tag=b"t")

    ended = opened.receive()
    while ended.code not in (DETACH, END, CLOSE):
        ended = opened.receive()
    assert ended.condition in NONSENSE


def test_disposition_for_deliveries_that_never_were_hurts_nobody(hub, neighbour, opened):
    opened.put_token(hub.sas("service"), hub.host)

    opened.put(
        DISPOSITION, role=True, first=uint(5), last=uint(0xFFFFFFFF), settled=True, state=Described(ulong(0x24), []),
    )  # fmt: skip
    opened.put(DISPOSITION, role=False, first=uint(0), last=uint(0x7FFFFFFF), settled=True)

    opened.attach(7, "/messages/devicebound", sender=True)
    got = opened.receive()
    assert got.code in (ATTACH, FLOW, CLOSE, END)


def test_unknown_fields_and_properties_are_no_trouble(hub, neighbour):
    """Newer clients send things that we don't know."""
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        extra = {symbol("product"): "x", symbol("nested"): {symbol("a"): [1, 2, {"b": None}]}}
        peer.open(properties=extra, hostname="whoever", channel_max=None, idle_time_out=None)
        peer.begin(properties=extra)
        assert peer.put_token(hub.sas("service"), hub.host) == 200


@pytest.mark.parametrize("size", [16, 512, 4096])
def test_extended_header_is_skipped(hub, neighbour, size):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.send(AMQP_HEADER)
        peer.header()
        padding = bytes(size - 8 - (size - 8) % 4)
        offset = (8 + len(padding)) // 4
        if offset > 255:
            padding, offset = bytes(255 * 4 - 8), 255

        peer.send(raw_frame(8 + len(padding) + len(OPEN_BODY), offset=offset, body=padding + OPEN_BODY))

        peer.expect(OPEN)


@pytest.mark.parametrize(
    "junk",
    [b"\x00" * 8, b"\xff" * 8, b"\x00\x00\x00\x08\x02\x01\x00\x00", frame(b"\x00\x53\x41\x45", kind=SASL_FRAME),
     frame(encode(Described(ulong(SASL_INIT), [])), kind=SASL_FRAME), frame(b"\x40", kind=SASL_FRAME),
     frame(b"\x00\x53\x43\xc0\x03\x01\xa0\x00", kind=SASL_FRAME), frame(OPEN_BODY)],
)  # fmt: skip
def test_senseless_sasl_ends_the_connection(hub, neighbour, junk):
    with RawAmqp.to(hub) as peer:
        peer.send(SASL_HEADER)
        peer.header()
        peer.expect(SASL_MECHANISMS)

        peer.send(junk)

        if junk != b"\x00\x00\x00\x08\x02\x01\x00\x00":
            peer.expect_closed()


def test_bytes_one_by_one_are_fine(hub):
    with RawAmqp.to(hub) as peer:
        whole = (
            SASL_HEADER
            + frame(performative(SASL_INIT, mechanism=symbol("ANONYMOUS")), kind=SASL_FRAME)
            + AMQP_HEADER + frame(OPEN_BODY)
            + frame(performative(BEGIN, next_outgoing_id=uint(0), incoming_window=uint(1), outgoing_window=uint(1)))
        )  # fmt: skip
        for byte in whole:
            peer.send(bytes([byte]))

        assert peer.header() == SASL_HEADER
        peer.expect(SASL_MECHANISMS)
        assert peer.expect(0x44)["code"] == 0
        assert peer.header() == AMQP_HEADER
        peer.expect(OPEN)
        peer.expect(BEGIN)


def test_everything_at_once_is_fine(hub, device):
    """azure-eventhub writes header, open, begin and attaches before it reads."""
    with RawAmqp.to(hub) as peer:
        peer.send(
            SASL_HEADER
            + frame(performative(SASL_INIT, mechanism=symbol("ANONYMOUS")), kind=SASL_FRAME)
            + AMQP_HEADER + frame(OPEN_BODY)
            + frame(performative(BEGIN, next_outgoing_id=uint(0), incoming_window=uint(9), outgoing_window=uint(9)))
            + frame(performative(ATTACH, name="a", handle=uint(0), role=False, source=Described(ulong(0x28), ["$cbs"]),
                                 target=Described(ulong(0x29), ["$cbs"]), initial_delivery_count=uint(0)))
            + frame(performative(ATTACH, name="b", handle=uint(1), role=True, source=Described(ulong(0x28), ["$cbs"]),
                                 target=Described(ulong(0x29), ["$cbs"])))
        )  # fmt: skip

        assert peer.header() == SASL_HEADER
        peer.expect(SASL_MECHANISMS)
        assert peer.expect(0x44)["code"] == 0
        assert peer.header() == AMQP_HEADER
        peer.expect(OPEN)
        peer.expect(BEGIN)
        assert {peer.until(ATTACH)["name"] for _ in range(2)} == {"a", "b"}
