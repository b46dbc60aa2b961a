"""HTTP/1.1 by hand on one TLS connection: any bytes out, answers in.

For what an HTTP library would never send: broken heads, pipelines, bombs.
"""

from __future__ import annotations

import ssl

from support.hostile import ends_within, tls
from support.hub import API_VERSION, Hub
from support.raw_http import Reply


class StreamEnded(Exception):
    """The hub closed the connection instead of answering."""


class HttpStream:
    """A connection on which requests are sent as bytes and answers are read one by one."""

    def __init__(self, hub: Hub, timeout: float = 20.0):
        self._hub = hub
        self.socket: ssl.SSLSocket = tls(hub.tls, hub.host, hub.https_port, timeout)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> HttpStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self.socket.close()

    def head(self, method: str, path: str, *fields: str, token: str | None = "") -> bytes:
        """A request head with Host and credentials, ended by its empty line."""
        separator = "&" if "?" in path else "?"
        lines = [f"{method} {path}{separator}api-version={API_VERSION} HTTP/1.1", f"Host: {self._hub.host}"]
        if token is not None:
            lines.append(f"Authorization: {token or self._hub.sas()}")
        return "\r\n".join([*lines, *fields, "", ""]).encode()

    def request(self, method: str, path: str, body: bytes = b"", *fields: str) -> bytes:
        """A whole good request."""
        return self.head(method, path, f"Content-Length: {len(body)}", *fields) + body

    def send(self, raw: bytes) -> bool:
        """Writes bytes; False when the hub does not take them any more."""
        try:
            self.socket.sendall(raw)
        except OSError:
            return False
        return True

    def reply(self) -> Reply:
        """The next answer, interim answers left out."""
        while True:
            status = self._status()
            fields = list(iter(self._field, None))
            if status >= 200:
                return Reply(status, fields, self._body(status, fields))

    def reply_or_end(self) -> int | None:
        """The status of the next answer, or None if the hub just closed."""
        try:
            return self.reply().status
        except (StreamEnded, ConnectionError, ssl.SSLError):
            return None

    def ends_within(self, seconds: float) -> bool:
        """Whether the hub closes in time."""
        return ends_within(self.socket, seconds)

    def _status(self) -> int:
        line = self._reader.readline(65536)
        if not line:
            raise StreamEnded
        version, status, *_ = line.split(b" ", 2)
        assert version in (b"HTTP/1.1", b"HTTP/1.0"), line
        return int(status)

    def _field(self) -> tuple[str, str] | None:
        line = self._reader.readline(65536).rstrip(b"\r\n")
        if not line:
            return None
        name, _, value = line.decode("latin-1").partition(":")
        return name, value.strip()

    def _body(self, status: int, fields: list[tuple[str, str]]) -> bytes:
        named = {name.lower(): value for name, value in fields}
        if status in (204, 304):
            return b""
        if named.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self._reader.read(int(named.get("content-length", 0)))

    def _chunk(self) -> bytes:
        size = int(self._reader.readline(65536).split(b";")[0], 16)
        chunk = self._reader.read(size)
        self._reader.readline(3)
        return chunk
