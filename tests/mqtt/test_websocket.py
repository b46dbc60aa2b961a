"""MQTT over WebSocket: the upgrade as each client asks for it, and frames of any shape."""

import base64
import hashlib
import os
import socket
import ssl
import struct

import pytest
import websocket

from support import mqtt_twin
from support.hub import Hub
from support.mqtt_refusal import connect_options
from support.raw_mqtt import CONNACK, RawMqtt, connect_packet, packet

PATH = "/$iothub/websocket"
BINARY, TEXT, CONTINUATION, PING, PONG = 2, 1, 0, 9, 10


def upgrade(hub: Hub, path: str = PATH, subprotocol: str = "mqtt") -> tuple[ssl.SSLSocket, bytes, str]:
    """Asks for the upgrade by hand; returns the stream, the answer's head and our key."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = [
        f"GET {path} HTTP/1.1", f"Host: {hub.host}:443", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    ]  # fmt: skip
    plain = socket.create_connection((hub.host, hub.https_port), timeout=10)
    stream = hub.tls.wrap_socket(plain, server_hostname=hub.host)
    stream.sendall("\r\n".join([*request, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = stream.recv(4096)
        assert data, f"closed after {head!r}"
        head += data
    return stream, head, key


def frame(opcode: int, payload: bytes, *, final: bool = True, masked: bool = True) -> bytes:
    """A WebSocket frame."""
    head = bytes([(0x80 if final else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    else:
        head += bytes([mask_bit | 126]) + struct.pack("!H", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def receive_frame(stream: ssl.SSLSocket) -> tuple[int, bytes]:
    """The next frame: its opcode and payload; opcode -1 for the end."""
    head = stream.recv(2)
    if len(head) < 2:
        return -1, b""
    length = head[1] & 0x7F
    assert length < 126 and not head[1] & 0x80
    payload = b""
    while len(payload) < length:
        payload += stream.recv(length - len(payload))
    return head[0] & 0x0F, payload


def assert_ended(stream: ssl.SSLSocket) -> None:
    """A close frame or the end of the stream, and nothing of MQTT before it."""
    try:
        opcode, payload = receive_frame(stream)
    except (ConnectionResetError, ssl.SSLError):
        return
    assert opcode in (-1, 8), (opcode, payload)


@pytest.mark.parametrize("path", [PATH, PATH + "/", PATH + "?iothub-no-client-cert=true"])
def test_path_is_known_in_each_clients_spelling(hub: Hub, path: str) -> None:
    stream, head, _ = upgrade(hub, path)

    with stream:
        assert head.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("subprotocol", ["mqtt", "MQTT", "Mqtt"])
def test_subprotocol_is_echoed_as_the_client_spells_it(hub: Hub, subprotocol: str) -> None:
    stream, head, _ = upgrade(hub, subprotocol=subprotocol)

    with stream:
        fields = dict(line.split(": ", 1) for line in head.decode().strip().split("\r\n")[1:])
        assert {k.lower(): v for k, v in fields.items()}["sec-websocket-protocol"] == subprotocol


def test_answer_is_written_as_the_strict_parsers_want_it(hub: Hub) -> None:
    stream, head, key = upgrade(hub)

    with stream:
        lines = head.decode().strip().split("\r\n")
        fields = [line.split(":", 1) for line in lines[1:]]
        assert all(value.startswith(" ") for _, value in fields), "no space after a colon"
        about_connection = [value for name, value in fields if "connection" in name.lower()]
        assert [value.strip().lower() for value in about_connection] == ["upgrade"]
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
        named = {name.lower(): value.strip() for name, value in fields}
        assert named["sec-websocket-accept"] == accept
        assert named["upgrade"].lower() == "websocket"


def test_upgrade_to_another_protocol_is_refused(hub: Hub) -> None:
    stream, head, _ = upgrade(hub, subprotocol="soap")

    with stream:
        assert head.startswith(b"HTTP/1.1 4"), head


def test_plain_get_of_the_path_is_refused(hub: Hub) -> None:
    reply = hub.http("GET", PATH, token=None, api_version=None)

    assert 400 <= reply.status < 500


def test_packets_and_frames_need_not_coincide(hub: Hub) -> None:
    device = hub.with_device()
    stream, _, _ = upgrade(hub)
    connect = connect_packet(**connect_options(device))
    ping = packet(12, 0, b"")

    with stream:
        # One packet in many frames, and its end in the fragments of one message.
        for at in range(0, len(connect) - 10, 7):
            stream.sendall(frame(BINARY, connect[:-10][at : at + 7]))
        stream.sendall(frame(BINARY, connect[-10:-5], final=False))
        stream.sendall(frame(CONTINUATION, connect[-5:] + ping + ping))

        received = b""
        while len(received) < 8:
            opcode, payload = receive_frame(stream)
            assert opcode == BINARY
            received += payload
        assert received == b"\x20\x02\x00\x00" + b"\xd0\x00\xd0\x00"


def test_websocket_ping_is_answered_with_its_payload(hub: Hub) -> None:
    stream, _, _ = upgrade(hub)

    with stream:
        stream.sendall(frame(PING, b"are you there"))

        assert receive_frame(stream) == (PONG, b"are you there")


BAD_FRAMES = {
    "a text frame": frame(TEXT, b"hello"),
    "an unmasked frame": frame(BINARY, b"\x10\x00", masked=False),
    "a reserved opcode": frame(3, b""),
    "a continuation of nothing": frame(CONTINUATION, b"x"),
    "a fragmented ping": frame(PING, b"", final=False),
    "reserved bits": bytes([0xF2]) + frame(BINARY, b"\xc0\x00")[1:],
    "a frame of eight exabytes": bytes([0x82, 0xFF]) + b"\x7f" + b"\xff" * 7 + bytes(4),
}


@pytest.mark.parametrize("raw", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_bad_frame_ends_the_connection(hub: Hub, raw: bytes) -> None:
    stream, _, _ = upgrade(hub)

    with stream:
        stream.sendall(raw)

        assert_ended(stream)


def test_close_frame_ends_the_session(hub: Hub) -> None:
    device = hub.with_device()
    stream, _, _ = upgrade(hub)

    with stream:
        stream.sendall(frame(BINARY, connect_packet(**connect_options(device))))
        assert receive_frame(stream)[1] == b"\x20\x02\x00\x00"
        stream.sendall(frame(8, struct.pack("!H", 1000)))

        assert_ended(stream)


def test_client_that_offers_more_protocols_gets_mqtt(hub: Hub) -> None:
    device = hub.with_device()
    socket_ = websocket.create_connection(
        f"wss://{hub.host}{PATH}", subprotocols=["amqp.x", "mqtt"], sslopt={"ca_certs": str(hub.ca_file)}
    )

    assert socket_.getsubprotocol() == "mqtt"
    socket_.send_binary(connect_packet(**connect_options(device)))
    assert socket_.recv() == b"\x20\x02\x00\x00"
    socket_.close()


def test_whole_exchange_works(hub: Hub) -> None:
    module = hub.with_module()

    with RawMqtt.over_websocket(hub.host, hub.https_port, hub.ca_file) as session:
        session.send(connect_packet(**connect_options(module)))
        assert session.expect(CONNACK).body == b"\0\0"
        session.subscribe(mqtt_twin.RESPONSES, mqtt_twin.CHANGES)

        assert mqtt_twin.report(session, {"n": 1}).status == 204
        assert mqtt_twin.get(session).json()["reported"] == {"n": 1, "$version": 2}
        module.patch_desired({"m": 2})
        assert mqtt_twin.receive_change(session)[1] == {"m": 2, "$version": 2}
