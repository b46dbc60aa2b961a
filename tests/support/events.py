"""Reading events back: the hub's stream of server-sent events.

A test that sends first and reads afterwards asks for events `since` before it
began, so nothing depends on who is quicker:

    with EventStream(hub, device, since=EARLIEST) as events:
        assert [event.body for event in events.take(3)] == ["a", "b", "c"]
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from support.hub import API_VERSION, Hub
from support.identity import Identity

EARLIEST, LATEST = "earliest", "latest"
PATH = "/twinhub/v1/events"


@dataclass(frozen=True)
class Event:
    """One event as a reader gets it."""

    kind: str
    document: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return json.dumps(self.document)[:600]

    @property
    def partition(self) -> int:
        return self.document["partition"]

    @property
    def sequence_number(self) -> int:
        return self.document["sequenceNumber"]

    @property
    def device_id(self) -> str:
        return self.document["deviceId"]

    @property
    def module_id(self) -> str | None:
        return self.document.get("moduleId")

    @property
    def source(self) -> str:
        return self.document["source"]

    @property
    def annotations(self) -> dict[str, Any]:
        return self.document["annotations"]

    @property
    def system(self) -> dict[str, Any]:
        return self.document["systemProperties"]

    @property
    def properties(self) -> dict[str, str | None]:
        """The application properties."""
        return self.document["properties"]

    @property
    def payload(self) -> bytes:
        """The body, byte by byte."""
        return base64.b64decode(self.document["bodyBase64"])

    @property
    def auth_method(self) -> dict[str, Any]:
        return json.loads(self.annotations["iothub-connection-auth-method"])


class StreamEnded(Exception):
    """The hub ended the stream."""


class EventStream:
    """An open stream. Reading begins before the constructor returns.

    `of` limits it to a device (and its modules) or to one module; filters are
    those of the endpoint.
    """

    def __init__(
        self,
        hub: Hub,
        of: Identity | None = None,
        *,
        since: str = LATEST,
        source: str | None = None,
        policy: str = "service",
        timeout: float = 15.0,
        last_event_id: str | None = None,
        **filters: Any,
    ):
        self.last_event_id = last_event_id
        query = {"api-version": API_VERSION, "since": since, "source": source, **filters}
        if of is not None:
            query |= {"deviceId": of.device_id, "moduleId": of.module_id}
        given = {name: value for name, value in query.items() if value is not None}
        headers = {"Authorization": hub.sas(policy), "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._timeout = timeout
        self._connection = http.client.HTTPSConnection(
            hub.host, hub.https_port, context=hub.tls, timeout=timeout
        )
        self._connection.request("GET", f"{PATH}?{urlencode(given)}", headers=headers)
        self._socket = self._connection.sock
        self._response = self._connection.getresponse()
        if self._response.status != 200:
            raise AssertionError(f"{self._response.status} {self._response.read()[:500]!r}")
        kind = self._response.getheader("Content-Type", "")
        assert kind.startswith("text/event-stream"), kind
        while self._line() != ": ready":
            pass

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def next(self, timeout: float | None = None) -> Event:
        """The next event; `TimeoutError` when none comes in time."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        fields: dict[str, str] = {}
        while True:
            line = self._line(deadline)
            if line:
                name, _, value = line.partition(":")
                # A line that begins with a colon keeps the connection alive and says nothing.
                if name:
                    fields[name] = value.removeprefix(" ")
            elif "data" in fields:
                self.last_event_id = fields.get("id", self.last_event_id)
                return Event(fields.get("event", "message"), json.loads(fields["data"]))
            else:
                fields = {}

    def take(self, count: int, timeout: float | None = None) -> list[Event]:
        """The next so many events."""
        return [self.next(timeout) for _ in range(count)]

    def until(self, is_last: Callable[[Event], bool], timeout: float | None = None) -> list[Event]:
        """Everything up to the first event of which `is_last` holds, and that one."""
        seen = []
        while True:
            seen.append(self.next(timeout))
            if is_last(seen[-1]):
                return seen

    def rest(self) -> Iterator[Event]:
        """What comes until the hub ends the stream (with `max`)."""
        while True:
            try:
                yield self.next()
            except StreamEnded:
                return

    def _line(self, deadline: float | None = None) -> str:
        if deadline is not None:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        line = self._response.readline(4_000_000)
        if not line:
            raise StreamEnded
        return line.decode().rstrip("\r\n")


def telemetry_of(hub: Hub, identity: Identity, count: int, *, timeout: float = 15.0) -> list[Event]:
    """The identity's first `count` messages, which may have been sent already."""
    with EventStream(hub, identity, since=EARLIEST, source="Telemetry", timeout=timeout) as stream:
        return stream.take(count)
