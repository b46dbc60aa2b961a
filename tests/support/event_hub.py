"""Readers of the built-in endpoint: Microsoft's `azure-eventhub`, run beside a test."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from azure.eventhub import EventData, EventHubConsumerClient, PartitionContext, TransportType
from azure.eventhub._pyamqp import client as sdk_client
from azure.eventhub.aio import EventHubConsumerClient as AioConsumerClient

from support.events import Event, EventStream
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import send_telemetry

DEFAULT_GROUP = "$Default"


class _Hasty:
    """The time for the SDK's thread that looks, once a second, whether it shall end."""

    time = staticmethod(time.time)

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, 0.05))


sdk_client.time = _Hasty


def client_options(hub: Hub, *, websockets: bool = False, **options: Any) -> dict[str, Any]:
    """What every client of a test wants: the hub's CA, and errors at once."""
    return {
        "consumer_group": DEFAULT_GROUP,
        "connection_verify": str(hub.ca_file),
        "transport_type": TransportType.AmqpOverWebsocket if websockets else TransportType.Amqp,
        "retry_total": 0,
        # How long a client looks for something to read before it writes; a second over WebSocket.
        "socket_timeout": 0.05,
    } | options


def consumer(hub: Hub, connection_string: str | None = None, **options: Any) -> EventHubConsumerClient:
    """A client for `receive` and for questions about the event hub."""
    return EventHubConsumerClient.from_connection_string(
        connection_string or hub.event_hub_connection_string(), **client_options(hub, **options)
    )


def aio_consumer(hub: Hub, connection_string: str | None = None, **options: Any) -> AioConsumerClient:
    return AioConsumerClient.from_connection_string(
        connection_string or hub.event_hub_connection_string(), **client_options(hub, **options)
    )


def publish(identity: Identity, bodies: Sequence[bytes], bag: str = "") -> list[Event]:
    """Sends over MQTT; returns the events as the hub's own stream shows them."""
    with EventStream(identity.hub, identity, source="Telemetry") as stream:
        with identity.hub.mqtt_session(identity) as session:
            for body in bodies:
                send_telemetry(session, identity, body, bag)
        return stream.take(len(bodies))


class Reading:
    """`receive` in a thread; what comes is kept until a test asks for it.

        with Reading(consumer(hub), partition_id="0", starting_position="-1") as reading:
            events = reading.take(3)
    """

    def __init__(self, client: EventHubConsumerClient, **options: Any):
        self.client = client
        self.errors: queue.Queue[tuple[PartitionContext | None, Exception]] = queue.Queue()
        self.initialized: queue.Queue[str] = queue.Queue()
        self.closed: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.events: queue.Queue[tuple[PartitionContext, EventData]] = queue.Queue()
        # Called with each event in the reader's thread: to be slow, or to set a checkpoint.
        self.on_event: Callable[[PartitionContext, EventData], None] = lambda _context, _event: None
        self._options = options
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Reading:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Reading:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops to read and waits for the end of the thread."""
        self.client.close()
        self._thread.join(timeout=20)
        assert not self._thread.is_alive(), "the reader hangs"

    def _run(self) -> None:
        self.client.receive(
            on_event=self._take,
            on_error=lambda context, error: self.errors.put((context, error)),
            on_partition_initialize=lambda context: self.initialized.put(context.partition_id),
            on_partition_close=lambda context, reason: self.closed.put((context.partition_id, reason)),
            **self._options,
        )

    def _take(self, context: PartitionContext, event: EventData | None) -> None:
        if event is not None:
            self.on_event(context, event)
            self.events.put((context, event))

    def next(self, within: float = 15.0) -> tuple[PartitionContext, EventData]:
        """The next event and where it is from; an error of the reader is raised."""
        deadline = time.monotonic() + within
        while True:
            try:
                return self.events.get(timeout=0.05)
            except queue.Empty:
                if not self.errors.empty():
                    raise self.errors.get()[1] from None
                if time.monotonic() > deadline:
                    raise AssertionError(f"no event within {within} s") from None

    def take(self, count: int, within: float = 15.0) -> list[EventData]:
        """The next so many events."""
        return [self.next(within)[1] for _ in range(count)]

    def of(self, identity: Identity, count: int, within: float = 15.0) -> list[EventData]:
        """The next so many telemetry events of an identity; others are passed over."""
        found: list[EventData] = []
        while len(found) < count:
            event = self.next(within)[1]
            if is_telemetry_of(event, identity):
                found.append(event)
        return found

    def until(self, identity: Identity, body: bytes, within: float = 30.0) -> list[EventData]:
        """The identity's telemetry up to the event with that body."""
        found = self.of(identity, 1, within)
        while body_of(found[-1]) != body:
            found += self.of(identity, 1, within)
        return found

    def error(self, within: float = 15.0) -> Exception:
        """The next error that the reader is told."""
        return self.errors.get(timeout=within)[1]

    def assert_nothing_of(self, identity: Identity) -> None:
        """Nothing of the identity is among what has come."""
        while not self.events.empty():
            assert not is_telemetry_of(self.events.get()[1], identity)


def body_of(event: EventData) -> bytes:
    return b"".join(event.body)


def annotation(event: EventData, name: str) -> Any:
    """A system property, as text where it is text."""
    value = event.system_properties.get(name.encode())
    return value.decode() if isinstance(value, bytes) else value


def is_telemetry_of(event: EventData, identity: Identity) -> bool:
    return (
        annotation(event, "iothub-message-source") == "Telemetry"
        and annotation(event, "iothub-connection-device-id") == identity.device_id
        and annotation(event, "iothub-connection-module-id") == identity.module_id
    )


def properties_of(event: EventData) -> dict[str, Any]:
    """Application properties; `azure-eventhub` leaves strings as bytes."""
    return {
        (name.decode() if isinstance(name, bytes) else name): (value.decode() if isinstance(value, bytes) else value)
        for name, value in (event.properties or {}).items()
    }
