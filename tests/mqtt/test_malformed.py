"""Packets that break MQTT's rules: the hub closes, and nobody else notices."""

import struct

import pytest

from support.hub import Hub
from support.identity import Identity
from support.mqtt_refusal import assert_turned_away, connect_options
from support.raw_mqtt import (
    CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, SUBSCRIBE, UNSUBACK,
    UNSUBSCRIBE, connect_packet, packet, publish_packet, subscribe_packet, text, unsubscribe_packet,
)  # fmt: skip

GET = "$iothub/twin/GET/?$rid=1"
FILTER = "$iothub/twin/res/#"
ID = struct.pack("!H", 7)

IN_SESSION = {
    "remaining length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "remaining length beyond the cap": b"\x30\xff\xff\xff\x7f",
    "packet type 0": packet(0, 0, b""),
    "packet type 15": packet(15, 0, b""),
    "CONNACK from a client": packet(CONNACK, 0, b"\0\0"),
    "SUBACK from a client": packet(SUBACK, 0, ID + b"\0"),
    "UNSUBACK from a client": packet(UNSUBACK, 0, ID),
    "PINGRESP from a client": packet(PINGRESP, 0, b""),
    "PUBLISH with QoS 3": packet(PUBLISH, 6, text(GET) + ID),
    "PUBLISH with id 0": publish_packet(GET, qos=1, packet_id=0),
    "PUBLISH without its id": packet(PUBLISH, 2, text(GET)),
    "PUBLISH with an empty topic": publish_packet(""),
    "PUBLISH without a topic": packet(PUBLISH, 0, b""),
    "PUBLISH with a topic longer than the packet": packet(PUBLISH, 0, b"\xff\xff$iothub"),
    "PUBLISH with a topic that is not UTF-8": publish_packet(b"$iothub/twin/GET/?$rid=\xc3\x28"),
    "PUBLISH with a surrogate in the topic": publish_packet(b"$iothub/twin/GET/?$rid=\xed\xa0\x80"),
    "PUBLISH with NUL in the topic": publish_packet(GET + "\0"),
    "PUBLISH with a wildcard in the topic": publish_packet("$iothub/twin/GET/#"),
    "SUBSCRIBE with flags 0": packet(SUBSCRIBE, 0, ID + text(FILTER) + b"\0"),
    "SUBSCRIBE with id 0": subscribe_packet(0, (FILTER, 0)),
    "SUBSCRIBE without filters": subscribe_packet(7),
    "SUBSCRIBE without an id": packet(SUBSCRIBE, 2, b""),
    "SUBSCRIBE with QoS 3": subscribe_packet(7, (FILTER, 3)),
    "SUBSCRIBE with reserved QoS bits": subscribe_packet(7, (FILTER, 0x81)),
    "SUBSCRIBE without the QoS": packet(SUBSCRIBE, 2, ID + text(FILTER)),
    "SUBSCRIBE with an empty filter": subscribe_packet(7, ("", 0)),
    "SUBSCRIBE with a filter that is not UTF-8": packet(SUBSCRIBE, 2, ID + text(b"\xff") + b"\0"),
    "SUBSCRIBE with a misplaced wildcard": subscribe_packet(7, ("$iothub/twin/res/#/x", 0)),
    "UNSUBSCRIBE with flags 0": packet(UNSUBSCRIBE, 0, ID + text(FILTER)),
    "UNSUBSCRIBE with id 0": unsubscribe_packet(0, FILTER),
    "UNSUBSCRIBE without filters": unsubscribe_packet(7),
    "PUBACK without an id": packet(PUBACK, 0, b""),
    "PUBACK with one byte too many": packet(PUBACK, 0, ID + b"\0"),
    "PUBACK with flags": packet(PUBACK, 2, ID),
    "PINGREQ with a body": packet(PINGREQ, 0, b"\0"),
    "PINGREQ with flags": packet(PINGREQ, 1, b""),
    "DISCONNECT with flags": packet(DISCONNECT, 1, b""),
    "HTTP": b"POST /devices HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("raw", IN_SESSION.values(), ids=IN_SESSION.keys())
def test_malformed_packet_closes_the_connection(hub: Hub, raw: bytes) -> None:
    device = hub.with_device()
    with hub.mqtt_session(device) as session, hub.mqtt_session(hub.with_device()) as bystander:
        session.send(raw)

        session.expect_closed()
        bystander.ping()


def raw_connect(identity: Identity, *, flags: int | None = None, suffix: bytes = b"") -> bytes:
    """A good CONNECT whose flags are replaced, or that is longer than it says."""
    good = bytearray(connect_packet(**connect_options(identity)))
    body = good[good.index(b"\0\x04MQTT") :]
    if flags is not None:
        body[7] = flags
    return packet(CONNECT, 0, bytes(body) + suffix)


def test_connect_with_the_reserved_flag_is_turned_away(hub: Hub, identity: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(raw_connect(identity, flags=0xC1))

        assert_turned_away(connection)


def test_connect_with_trailing_bytes_is_turned_away(hub: Hub, identity: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(raw_connect(identity, suffix=b"\0"))

        assert_turned_away(connection)


def test_connect_with_header_flags_is_turned_away(hub: Hub, identity: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(b"\x11" + raw_connect(identity)[1:])

        assert_turned_away(connection)


HEAD = text("MQTT") + b"\x04"
KEEP_ALIVE = b"\0\x3c"

BROKEN_CONNECTS = {
    "empty": b"",
    "no flags": HEAD,
    "no payload": HEAD + b"\xc0" + KEEP_ALIVE,
    "password without user name": HEAD + b"\x40" + KEEP_ALIVE + text("d") + text("p"),
    "will QoS without will": HEAD + b"\xc8" + KEEP_ALIVE + text("d") + text("u") + text("p"),
    "will with QoS 3": HEAD + b"\xdc" + KEEP_ALIVE + text("d") + text("t") + text("m") + text("u") + text("p"),
    "will without its message": HEAD + b"\xc4" + KEEP_ALIVE + text("d") + text("t"),
    "client id longer than the packet": HEAD + b"\xc0" + KEEP_ALIVE + b"\xff\xffd",
    "client id that is not UTF-8": HEAD + b"\xc0" + KEEP_ALIVE + text(b"\xff\xff") + text("u") + text("p"),
    "client id with NUL": HEAD + b"\xc0" + KEEP_ALIVE + text("d\0") + text("u") + text("p"),
    "empty client id": HEAD + b"\xc0" + KEEP_ALIVE + text("") + text("u") + text("p"),
    "protocol name unknown": text("AMQP") + b"\x04\xc0" + KEEP_ALIVE + text("d") + text("u") + text("p"),
}


@pytest.mark.parametrize("body", BROKEN_CONNECTS.values(), ids=BROKEN_CONNECTS.keys())
def test_broken_connect_is_turned_away(hub: Hub, body: bytes) -> None:
    with hub.mqtt() as connection:
        connection.send(packet(CONNECT, 0, body))

        assert_turned_away(connection)


def test_connect_that_announces_a_megabyte_is_closed_before_it_comes(hub: Hub) -> None:
    with hub.mqtt() as connection:
        connection.send(b"\x10\x80\x80\x40" + HEAD)

        connection.expect_closed()


def test_packet_over_the_cap_closes_before_its_body_comes(hub: Hub) -> None:
    with hub.mqtt_session(hub.with_device()) as session:
        # One mebibyte is announced, a topic is sent, and the rest is not waited for.
        session.send(b"\x30\x80\x80\x40" + text(GET))

        session.expect_closed()


def test_puback_for_nothing_is_ignored(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.puback(4711)

        session.ping()
