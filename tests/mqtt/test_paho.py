"""A client library that knows nothing of hubs: `paho-mqtt`, set up as the documentation says."""

import queue
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

from support import cloud_to_device as c2d
from support.events import telemetry_of
from support.hub import API_VERSION, Hub
from support.identity import Identity
from support.mqtt_messages import devicebound_filter, events_topic, path_of
from support.waiting import eventually


class PahoClient:
    """A connected client whose callbacks end up in queues."""

    def __init__(self, identity: Identity, *, websocket: bool = False, clean: bool = False, **will: Any):
        hub = identity.hub
        self.client = paho.Client(
            identity.client_id, clean_session=clean, protocol=paho.MQTTv311,
            transport="websockets" if websocket else "tcp",
        )  # fmt: skip
        if websocket:
            self.client.ws_set_options(path="/$iothub/websocket")
        self.client.username_pw_set(
            f"{hub.host}/{identity.client_id}/?api-version={API_VERSION}", identity.sas()
        )
        self.client.tls_set(str(hub.ca_file), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        if will:
            self.client.will_set(**will)
        self.connected: queue.Queue[tuple[int, int]] = queue.Queue()
        self.disconnected: queue.Queue[int] = queue.Queue()
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.granted: queue.Queue[tuple[int, ...]] = queue.Queue()
        self.client.on_connect = lambda _c, _u, flags, code: self.connected.put((code, flags["session present"]))
        self.client.on_disconnect = lambda _c, _u, code: self.disconnected.put(code)
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.on_subscribe = lambda _c, _u, _mid, granted: self.granted.put(granted)
        self.client.connect(hub.host, hub.https_port if websocket else hub.mqtts_port, keepalive=30)
        self.client.loop_start()
        self.code, self.session_present = self.connected.get(timeout=10)

    def subscribe(self, topic_filter: str, qos: int = 1) -> tuple[int, ...]:
        self.client.subscribe(topic_filter, qos)
        return self.granted.get(timeout=10)

    def publish(self, topic: str, body: bytes = b"{}", qos: int = 1, retain: bool = False) -> None:
        info = self.client.publish(topic, body, qos, retain)
        info.wait_for_publish(timeout=10)
        assert info.is_published()

    def vanish(self) -> None:
        """Ends the connection without DISCONNECT."""
        # Stops the loop, which would connect again.
        self.client._thread_terminate = True
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.client._thread.join()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def connect() -> Iterator[Callable[..., PahoClient]]:
    made: list[PahoClient] = []

    def make(identity: Identity, **options: Any) -> PahoClient:
        made.append(PahoClient(identity, **options))
        assert made[-1].code == 0
        return made[-1]

    yield make
    for client in made:
        client.stop()


@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
def test_telemetry_at_both_qos(
    hub: Hub, identity: Identity, connect: Callable[..., PahoClient], websocket: bool
) -> None:
    client = connect(identity, websocket=websocket)

    for number in range(10):
        client.publish(events_topic(identity, "n=%d" % number), b"%d" % number, qos=number % 2)

    events = telemetry_of(hub, identity, 10)
    assert [event.payload for event in events] == [b"%d" % number for number in range(10)]
    assert [event.properties["n"] for event in events] == [str(number) for number in range(10)]


@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
def test_messages_arrive_and_are_acknowledged(
    identity: Identity, connect: Callable[..., PahoClient], websocket: bool
) -> None:
    client = connect(identity, websocket=websocket)
    assert client.subscribe(devicebound_filter(identity)) == (1,)

    for number in range(10):
        c2d.send(identity, b"%d" % number)

    got = [client.messages.get(timeout=10) for _ in range(10)]
    assert [message.payload for message in got] == [b"%d" % number for number in range(10)]
    assert all(message.topic.startswith(f"{path_of(identity)}/messages/devicebound/") for message in got)
    if identity.module_id is None:
        eventually(lambda: c2d.waiting(identity) == 0, what="an empty queue")


def test_kept_session_gets_what_came_meanwhile(identity: Identity, connect: Callable[..., PahoClient]) -> None:
    first = connect(identity)
    assert not first.session_present
    first.subscribe(devicebound_filter(identity))
    first.stop()
    c2d.send(identity, b"meanwhile")

    second = connect(identity)

    assert second.session_present
    assert second.messages.get(timeout=10).payload == b"meanwhile"


def test_qos_2_subscription_is_granted_1(identity: Identity, connect: Callable[..., PahoClient]) -> None:
    client = connect(identity)
    assert client.subscribe("$iothub/twin/res/#", qos=2) == (1,)

    client.publish("$iothub/twin/GET/?$rid=1")

    answer = client.messages.get(timeout=10)
    assert answer.topic.startswith("$iothub/twin/res/200/?$rid=1") and answer.qos == 1


def test_will_of_a_client_that_vanishes(hub: Hub, identity: Identity, connect: Callable[..., PahoClient]) -> None:
    client = connect(identity, topic=events_topic(identity), payload=b"vanished", qos=1)
    # No DISCONNECT: the connection just ends, and nobody makes a new one.
    client.vanish()

    (event,) = telemetry_of(hub, identity, 1)
    assert event.payload == b"vanished"
    assert event.properties == {"iothub-MessageType": "Will"}


def test_retained_telemetry_has_the_property(hub: Hub, identity: Identity, connect: Callable[..., PahoClient]) -> None:
    connect(identity).publish(events_topic(identity), b"state", retain=True)

    assert telemetry_of(hub, identity, 1)[0].properties == {"mqtt-retain": "true"}


def test_qos_2_publish_ends_the_connection(identity: Identity, connect: Callable[..., PahoClient]) -> None:
    client = connect(identity)

    client.client.publish(events_topic(identity), b"x", qos=2)

    assert client.disconnected.get(timeout=10) != 0


def test_wrong_password_is_code_5(hub: Hub) -> None:
    device = hub.with_device()
    device.document["authentication"]["symmetricKey"]["primaryKey"] = hub.with_device().primary_key

    client = PahoClient(device)

    client.stop()
    assert client.code == 5
