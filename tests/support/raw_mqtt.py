"""MQTT 3.1.1 packets made by hand, over TLS or WebSocket.

For what a client library would never send, and for seeing exactly what comes
back. Sending never checks anything; receiving decodes what the hub may send.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


@dataclass(frozen=True)
class Packet:
    """A control packet as received."""

    kind: int
    flags: int
    body: bytes

    @property
    def packet_id(self) -> int:
        """The packet id of an acknowledgement, or of a QoS 1 PUBLISH."""
        offset = 2 + self._topic_length if self.kind == PUBLISH else 0
        return struct.unpack_from("!H", self.body, offset)[0]

    @property
    def return_codes(self) -> list[int]:
        """The codes of a SUBACK."""
        assert self.kind == SUBACK
        return list(self.body[2:])

    @property
    def _topic_length(self) -> int:
        return struct.unpack_from("!H", self.body)[0]

    @property
    def qos(self) -> int:
        return (self.flags >> 1) & 3

    @property
    def dup(self) -> bool:
        return bool(self.flags & 8)

    @property
    def retain(self) -> bool:
        return bool(self.flags & 1)

    @property
    def topic(self) -> str:
        assert self.kind == PUBLISH
        return self.body[2 : 2 + self._topic_length].decode()

    @property
    def payload(self) -> bytes:
        assert self.kind == PUBLISH
        return self.body[2 + self._topic_length + (2 if self.qos else 0) :]


class ConnectionClosed(Exception):
    """The hub closed the connection."""


# Encoding.


def text(value: str | bytes) -> bytes:
    """A length-prefixed string; bytes are taken as they are, valid UTF-8 or not."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(raw)) + raw


def packet(kind: int, flags: int, body: bytes) -> bytes:
    """A whole control packet with its remaining length."""
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([kind << 4 | flags]) + bytes(encoded) + body


def connect_packet(
    client_id: str,
    username: str | None = None,
    password: str | bytes | None = None,
    *,
    clean_session: bool = False,
    keep_alive: int = 60,
    will: tuple[str, bytes, int, bool] | None = None,
    protocol: str = "MQTT",
    level: int = 4,
) -> bytes:
    """CONNECT; `will` is (topic, payload, qos, retain)."""
    flags = 0x02 if clean_session else 0
    payload = text(client_id)
    if will is not None:
        topic, message, qos, retain = will
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        payload += text(topic) + text(message)
    if username is not None:
        flags |= 0x80
        payload += text(username)
    if password is not None:
        flags |= 0x40
        payload += text(password)
    return packet(
        CONNECT, 0, text(protocol) + bytes([level, flags]) + struct.pack("!H", keep_alive) + payload
    )


def publish_packet(
    topic: str | bytes, payload: bytes = b"", *, qos: int = 0, packet_id: int = 1,
    retain: bool = False, dup: bool = False,
) -> bytes:  # fmt: skip
    """PUBLISH."""
    body = text(topic) + (struct.pack("!H", packet_id) if qos else b"") + payload
    return packet(PUBLISH, (8 if dup else 0) | qos << 1 | (1 if retain else 0), body)


def subscribe_packet(packet_id: int, *filters: tuple[str, int]) -> bytes:
    """SUBSCRIBE with (filter, qos) pairs."""
    body = struct.pack("!H", packet_id)
    for topic_filter, qos in filters:
        body += text(topic_filter) + bytes([qos])
    return packet(SUBSCRIBE, 2, body)


def unsubscribe_packet(packet_id: int, *filters: str) -> bytes:
    """UNSUBSCRIBE."""
    return packet(UNSUBSCRIBE, 2, struct.pack("!H", packet_id) + b"".join(map(text, filters)))


class RawMqtt:
    """A connection: bytes out, packets in.

    `receive` raises `ConnectionClosed` when the hub has closed, and
    `TimeoutError` when nothing came in time.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        read: Callable[[], bytes],
        set_timeout: Callable[[float], None],
        close: Callable[[], None],
        timeout: float,
    ):
        self._write, self._read = write, read
        self._set_timeout, self._close = set_timeout, close
        self._buffer = b""
        self._timeout = timeout
        self._next_id = 0

    @classmethod
    def over_tls(cls, host: str, port: int, tls: ssl.SSLContext, timeout: float = 10.0) -> RawMqtt:
        """Opens TLS from the first byte, as on port 8883."""
        stream = tls.wrap_socket(
            socket.create_connection((host, port), timeout=timeout), server_hostname=host
        )
        return cls(stream.sendall, lambda: stream.recv(65536), stream.settimeout, stream.close, timeout)

    @classmethod
    def over_websocket(
        cls, host: str, port: int, ca_file: Path, timeout: float = 10.0,
        path: str = "/$iothub/websocket", subprotocol: str = "mqtt",
    ) -> RawMqtt:  # fmt: skip
        """Opens a WebSocket; each write is one binary frame."""
        import websocket

        socket_ = websocket.create_connection(
            f"wss://{host}:{port}{path}",
            subprotocols=[subprotocol],
            sslopt={"ca_certs": str(ca_file)},
            timeout=timeout,
        )

        def read() -> bytes:
            try:
                opcode, data = socket_.recv_data()
            except websocket.WebSocketConnectionClosedException:
                return b""
            except websocket.WebSocketTimeoutException as late:
                raise TimeoutError from late
            return b"" if opcode == websocket.ABNF.OPCODE_CLOSE else data

        return cls(socket_.send_binary, read, socket_.settimeout, socket_.close, timeout)

    def __enter__(self) -> RawMqtt:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drops the connection without DISCONNECT."""
        self._close()

    def send(self, raw: bytes) -> None:
        """Writes bytes; a peer that has closed already shows at the next `receive`."""
        try:
            self._write(raw)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def receive(self, timeout: float | None = None) -> Packet:
        """The next packet, whatever it is."""
        self._set_timeout(self._timeout if timeout is None else timeout)
        while (whole := self._take_packet()) is None:
            try:
                data = self._read()
            except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as cause:
                raise ConnectionClosed from cause
            if not data:
                raise ConnectionClosed
            self._buffer += data
        return whole

    def expect(self, kind: int, timeout: float | None = None) -> Packet:
        """The next packet, which must be of this kind."""
        got = self.receive(timeout)
        assert got.kind == kind, f"expected packet type {kind}, got {got}"
        return got

    def expect_closed(self, timeout: float | None = None) -> None:
        """Fails unless the hub closes, without another packet, within the timeout."""
        try:
            got = self.receive(timeout)
        except ConnectionClosed:
            return
        except TimeoutError:
            raise AssertionError("the hub kept the connection open") from None
        raise AssertionError(f"expected the connection to be closed, got {got}")

    def expect_silence(self, seconds: float = 0.5) -> None:
        """Fails if a packet or the end comes within that time."""
        try:
            got = self.receive(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"expected nothing, got {got}")

    # The usual exchanges.

    def connect(self, **options) -> tuple[int, bool]:
        """CONNECT (see `connect_packet`); returns (return code, session present)."""
        self.send(connect_packet(**options))
        body = self.expect(CONNACK).body
        assert len(body) == 2, f"CONNACK body is {body!r}"
        return body[1], bool(body[0] & 1)

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """Subscribes and returns the granted codes."""
        packet_id = self.next_packet_id()
        self.send(subscribe_packet(packet_id, *((f, qos) for f in filters)))
        suback = self.expect(SUBACK)
        assert suback.packet_id == packet_id
        return suback.return_codes

    def publish(self, topic: str, payload: bytes = b"", *, qos: int = 0, **flags: bool) -> int:
        """Publishes without waiting; returns the packet id (0 for QoS 0)."""
        packet_id = self.next_packet_id() if qos else 0
        self.send(publish_packet(topic, payload, qos=qos, packet_id=packet_id, **flags))
        return packet_id

    def puback(self, packet_id: int) -> None:
        """Acknowledges a QoS 1 delivery."""
        self.send(packet(PUBACK, 0, struct.pack("!H", packet_id)))

    def ping(self) -> None:
        """PINGREQ, and waits for its answer."""
        self.send(packet(PINGREQ, 0, b""))
        self.expect(PINGRESP)

    def disconnect(self) -> None:
        """Says goodbye and closes."""
        self.send(packet(DISCONNECT, 0, b""))
        self.close()

    def next_packet_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _take_packet(self) -> Packet | None:
        """Cuts one whole packet off the buffer, if there is one."""
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self._buffer):
                return None
            digit = self._buffer[at]
            length |= (digit & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not digit & 0x80:
                break
        if len(self._buffer) < at + length:
            return None
        head, body = self._buffer[0], self._buffer[at : at + length]
        self._buffer = self._buffer[at + length :]
        return Packet(head >> 4, head & 0x0F, body)
