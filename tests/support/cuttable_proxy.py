"""A way to the hub that a test can cut: TCP passed on as it is, until it is not.

The SDKs have their ports compiled in, so the proxy listens on the hub's ports at
an address of its own; the hub needs that address as a further `--hostname`.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from enum import Enum
from types import TracebackType

from support.loopback import free_address

PORTS = (443, 8883, 5671)
_RESET = struct.pack("ii", 1, 0)


class Side(Enum):
    """Who says something."""

    CLIENT = "client"
    HUB = "hub"


class CuttableProxy:
    """Listens at `host` and passes connections on to the address given to `towards`.

    `cut` resets every connection there is, `cut_at_next` does so when a side
    says something, which the other one then never hears. New connections are
    passed on again at once.
    """

    def __init__(self) -> None:
        self.host = free_address()
        # How many connections have been passed on.
        self.connections = 0
        self._target: str | None = None
        self._cut_at_next: Side | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        for port in PORTS:
            listener = socket.create_server((self.host, port))
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def towards(self, target: str) -> CuttableProxy:
        """Begins to pass connections on to the same port of `target`."""
        self._target = target
        self._thread.start()
        return self

    def cut(self) -> int:
        """Resets every connection on both sides; returns how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                _reset(end)
        return len(pairs)

    def cut_at_next(self, side: Side) -> None:
        """Cuts everything instead of passing on what `side` says next."""
        self._cut_at_next = side

    def stop(self) -> None:
        """Cuts everything and listens no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self.cut()

    def __enter__(self) -> CuttableProxy:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(timeout=0.05):
                near, _address = key.fileobj.accept()
                try:
                    port = key.fileobj.getsockname()[1]
                    far = socket.create_connection((self._target, port), timeout=5)
                except OSError:
                    _reset(near)
                    continue
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        # As on a real way to the hub, small packets are not held back.
        for end in (near, far):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self._lock:
            self._pairs.add(pair)
            self.connections += 1
        for side, source, sink in ((Side.CLIENT, near, far), (Side.HUB, far, near)):
            threading.Thread(target=self._copy, args=(pair, side, source, sink), daemon=True).start()

    def _copy(
        self, pair: tuple[socket.socket, socket.socket], side: Side, source: socket.socket, sink: socket.socket
    ) -> None:
        try:
            while data := source.recv(65536):
                if self._cut_at_next is side:
                    self._cut_at_next = None
                    # As long as a way to a hub takes. Libraries whose `send` has not
                    # even returned report the loss in other ways, and not all well.
                    time.sleep(0.05)
                    self.cut()
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            with self._lock:
                self._pairs.discard(pair)
            for end in pair:
                _reset(end)


def _reset(end: socket.socket) -> None:
    """Ends a connection the way a pulled cable is noticed: with RST, not FIN."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # Wakes a thread that reads from it; closing alone would not.
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
