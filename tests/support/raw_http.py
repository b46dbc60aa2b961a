"""HTTPS requests with nothing between the test and the wire.

Paths, headers and bodies are sent exactly as given: no normalising of `%2F`,
no added content type, no retries, one connection per request.
"""

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the hub answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, in any letter case."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON; fails the test with the body's text when it is none."""
        try:
            return json.loads(self.body)
        except ValueError as cause:
            raise AssertionError(f"{self.status} with a body that is not JSON: {self.body[:500]!r}") from cause

    @property
    def error_code(self) -> str | None:
        """The code's name in the `iothub-errorcode` header."""
        return self.header("iothub-errorcode")

    @property
    def error_name_in_body(self) -> str | None:
        """The name in `Message: "ErrorCode:<Name>;<text>"`, when the body has that shape."""
        document = self._document()
        message = document.get("Message", "") if document else ""
        if not message.startswith("ErrorCode:"):
            return None
        return message.removeprefix("ErrorCode:").split(";", 1)[0]

    @property
    def error_number(self) -> int | None:
        """The number, for the two envelopes that carry one."""
        document = self._document()
        if document is None:
            return None
        if isinstance(document.get("errorCode"), int):
            return document["errorCode"]
        try:
            inner = json.loads(document.get("Message", ""))
        except ValueError:
            return None
        return inner.get("errorCode") if isinstance(inner, dict) else None

    def _document(self) -> dict[str, Any] | None:
        try:
            document = json.loads(self.body)
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    def expect(self, status: int) -> "Reply":
        """Fails with the whole answer when the status is another one."""
        assert self.status == status, f"expected {status}, got {self}"
        return self

    def __str__(self) -> str:
        return f"{self.status} {self.error_code or ''} {self.body[:1000]!r}"


def send(
    host: str,
    port: int,
    tls: ssl.SSLContext,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes | None,
    timeout: float = 30.0,
) -> Reply:
    """Sends one request on a connection of its own and reads the whole answer."""
    connection = http.client.HTTPSConnection(host, port, context=tls, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None or method in ("PUT", "POST", "PATCH"):
            connection.putheader("Content-Length", str(len(body or b"")))
        try:
            connection.endheaders()
            if body:
                connection.send(body)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            # The hub may refuse a huge request before it has read all of it;
            # its answer is already on the way.
            pass
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())
    finally:
        connection.close()
