"""Byte streams to a hub's AMQP doors: TLS on port 5671, WebSocket on 443."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import websocket

from support.hub import Hub

IOTHUB_PATH, SERVICEBUS_PATH = "/$iothub/websocket", "/$servicebus/websocket"
SUBPROTOCOL = "AMQPWSB10"


class Stream:
    """Bytes out, bytes in. `read` returns nothing when the hub has closed, and raises `TimeoutError`."""

    def __init__(
        self,
        write: Callable[[bytes], object],
        read: Callable[[], bytes],
        set_timeout: Callable[[float], None],
        close: Callable[[], None],
    ):
        self._write, self._read, self._set_timeout, self._close = write, read, set_timeout, close

    def write(self, raw: bytes) -> None:
        """Writes all of it; a peer that has closed already shows at the next `read`."""
        self._set_timeout(20)
        try:
            self._write(raw)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError, websocket.WebSocketException):
            pass

    def read(self, timeout: float) -> bytes:
        """Whatever has come."""
        self._set_timeout(max(timeout, 0.001))
        try:
            return self._read()
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def close(self) -> None:
        """Drops the connection without a word of AMQP."""
        try:
            self._close()
        except OSError:
            pass


def over_tls(hub: Hub, tls: ssl.SSLContext | None = None, *, receive_buffer: int | None = None) -> Stream:
    """Port 5671. A small `receive_buffer` makes a reader that stops be felt soon."""
    plain = socket.socket()
    if receive_buffer is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.settimeout(10)
    plain.connect((hub.host, hub.amqps_port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = (tls or hub.tls).wrap_socket(plain, server_hostname=hub.host)
    return Stream(stream.sendall, lambda: stream.recv(65536), stream.settimeout, stream.close)


def over_websocket(
    hub: Hub,
    path: str = IOTHUB_PATH,
    *,
    tls: ssl.SSLContext | None = None,
    subprotocol: str | None = SUBPROTOCOL,
    piece: int | None = None,
) -> Stream:
    """Port 443; each write is one binary message, or several of at most `piece` bytes."""
    stream = websocket.create_connection(
        f"wss://{hub.host}:{hub.https_port}{path}",
        subprotocols=None if subprotocol is None else [subprotocol],
        sslopt={"context": tls or hub.tls},
        timeout=10,
    )
    assert stream.getsubprotocol() == (subprotocol and subprotocol.lower()), stream.getsubprotocol()

    def write(raw: bytes) -> None:
        step = piece or len(raw) or 1
        for start in range(0, len(raw), step):
            stream.send_binary(raw[start : start + step])

    def read() -> bytes:
        try:
            opcode, data = stream.recv_data()
        except websocket.WebSocketConnectionClosedException:
            return b""
        except websocket.WebSocketTimeoutException as late:
            raise TimeoutError from late
        return b"" if opcode == websocket.ABNF.OPCODE_CLOSE else data

    return Stream(write, read, stream.settimeout, stream.close)
