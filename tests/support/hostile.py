"""Peers that mean no good: raw bytes and half-open connections."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

Stream = socket.socket | ssl.SSLSocket


def tcp(host: str, port: int, timeout: float = 10.0) -> socket.socket:
    """A TCP connection, without TLS."""
    return socket.create_connection((host, port), timeout=timeout)


def tls(context: ssl.SSLContext, host: str, port: int, timeout: float = 10.0) -> ssl.SSLSocket:
    """A TLS connection on which nothing has been said."""
    return context.wrap_socket(tcp(host, port, timeout), server_hostname=host)


def ends_within(stream: Stream, seconds: float) -> bool:
    """Reads until the peer closes; what it says before does not matter."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        stream.settimeout(left)
        try:
            if not stream.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def all_end_within(streams: Sequence[Stream], seconds: float) -> list[bool]:
    """`ends_within` for each, side by side."""
    with ThreadPoolExecutor(max(1, len(streams))) as pool:
        return list(pool.map(lambda stream: ends_within(stream, seconds), streams))


def hit_and_run(host: str, port: int, garbage: bytes) -> None:
    """Connects, sends garbage without TLS, and resets the connection."""
    try:
        with tcp(host, port, timeout=5) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.sendall(garbage)
    except OSError:
        # Being refused or cut off is what such a peer may expect.
        pass


def flood(host: str, port: int, samples: Sequence[bytes], connections: int) -> None:
    """Very many short connections, 32 at a time, each with one of the samples."""
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda n: hit_and_run(host, port, samples[n % len(samples)]), range(connections)))
