"""Queues of AMQP 1.0 brokers and event hubs as custom endpoints."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.amqp_broker import Broker
from support.endpoints import health_of, route_to
from support.hub import Hub
from support.identity import Identity
from support.loopback import free_address
from support.mqtt_messages import send_telemetry

PORT = 5672


@pytest.fixture
def broker() -> Iterator[Broker]:
    started = Broker(free_address(), PORT, {"orders"}).start()
    yield started
    started.stop()


@pytest.fixture
def private(hub_factory: Callable[..., Hub]) -> Hub:
    return hub_factory().start()


def route_to_queue(hub: Hub, broker: Broker) -> None:
    """All telemetry goes to a queue of any broker."""
    members = {"connectionString": f"amqp://{broker.host}:{PORT}", "address": "orders"}
    route_to(hub, amqpQueues={"queue": members})


def bus(broker: Broker, entity: str = "orders") -> str:
    """A connection string such as the emulators of Service Bus and Event Hubs give."""
    return (
        f"Endpoint=sb://{broker.host}:{PORT};SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;"
        f"UseDevelopmentEmulator=true;EntityPath={entity}"
    )


def send(hub: Hub, device: Identity, bodies: list[bytes], bag: str = "") -> None:
    """Telemetry of one device; all of it is acknowledged when this returns."""
    with hub.mqtt_session(device) as session:
        for body in bodies:
            send_telemetry(session, device, body, bag)


def wait_for_health(hub: Hub, status: str, within: float = 20.0) -> dict[str, Any]:
    deadline = time.monotonic() + within
    while (found := health_of(hub, "queue"))["healthStatus"] != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_events_of_a_device_come_to_a_queue_in_order_with_what_the_hub_knows(private, broker):
    route_to_queue(private, broker)
    device = private.with_device("pump")
    bodies = [b"%d" % number for number in range(50)]

    send(private, device, bodies, "hall=3&%24.mid=m-1")

    messages = broker.wait_for(50)
    assert broker.bodies() == bodies
    known = messages[0].properties
    assert known["hall"] == "3"
    assert known["iothub-connection-device-id"] == device.device_id
    assert known["iothub-message-source"] == "Telemetry"
    assert json.loads(known["iothub-connection-auth-method"])["issuer"] == "iothub"
    assert messages[0].id == "m-1"
    assert "lastKnownError" not in wait_for_health(private, "healthy")


@pytest.mark.parametrize("status", [200, 202])
def test_a_service_bus_queue_is_shown_a_token(private, broker, status):
    broker.token_status = status
    route_to(private, serviceBusQueues={"queue": {"connectionString": bus(broker)}})

    send(private, private.with_device("pump"), [b"one"])

    broker.wait_for(1)
    audience, token = broker.tokens[0]
    assert audience == f"sb://{broker.host}/orders"
    assert token.startswith("SharedAccessSignature sr=")
    assert "skn=send" in token


def test_a_token_that_is_not_accepted_is_told_until_it_is(private, broker):
    broker.token_status = 401
    route_to(private, serviceBusQueues={"queue": {"connectionString": bus(broker)}})
    send(private, private.with_device("pump"), [b"one"])

    found = wait_for_health(private, "unhealthy")
    broker.token_status = 202

    assert found["lastKnownError"] == "Unauthorized"
    assert "c2VjcmV0" not in str(found)
    broker.wait_for(1)


def test_an_event_hub_gets_annotations_and_the_device_as_partition_key(private, broker):
    route_to(private, eventHubs={"queue": {"connectionString": bus(broker)}})
    device = private.with_device("pump")

    send(private, device, [b"one"], "hall=3")

    (message,) = broker.wait_for(1)
    assert message.annotations["x-opt-partition-key"] == device.device_id
    assert message.annotations["iothub-connection-device-id"] == device.device_id
    assert message.properties == {"hall": "3"}


def test_what_a_queue_rejects_for_now_comes_later_and_in_order(private, broker):
    refusals = iter(["amqp:resource-limit-exceeded"] * 3)
    broker.judge = lambda message: next(refusals, None)
    route_to_queue(private, broker)
    bodies = [b"%d" % number for number in range(20)]

    send(private, private.with_device("pump"), bodies)

    # What was on its way behind a rejected one may come twice.
    deadline = time.monotonic() + 30
    while health_of(private, "queue")["delivered"] < len(bodies):
        assert time.monotonic() < deadline, broker.bodies()
        time.sleep(0.1)
    assert set(broker.bodies()) == set(bodies)
    assert broker.bodies()[-1] == bodies[-1]


def test_a_broker_that_takes_some_and_then_nothing_gets_none_of_them_twice(private, broker):
    broker.credit, broker.tops_up = 5, False
    route_to_queue(private, broker)
    bodies = [b"%d" % number for number in range(12)]

    send(private, private.with_device("pump"), bodies)

    # What it took is delivered; the rest is tried on another connection.
    broker.wait_for(6, within=60)
    assert broker.bodies()[:6] == bodies[:6]


def test_a_connection_that_ends_while_nothing_is_sent_is_no_failure(private, broker):
    route_to_queue(private, broker)
    device = private.with_device("pump")
    send(private, device, [b"one"])
    broker.wait_for(1)

    broker.hang_up()
    send(private, device, [b"two"])

    broker.wait_for(2)
    assert "lastKnownError" not in wait_for_health(private, "healthy")


def test_a_device_says_nothing_of_itself_that_the_hub_knows(private, broker):
    route_to_queue(private, broker)
    device = private.with_device("pump")

    send(private, device, [b"one"], "iothub-connection-device-id=liar&iothub-message-source=twinChangeEvents")

    (message,) = broker.wait_for(1)
    assert message.properties["iothub-connection-device-id"] == device.device_id
    assert message.properties["iothub-message-source"] == "Telemetry"
    assert message.durable


def test_what_a_queue_never_takes_is_left_out(private, broker):
    broker.judge = lambda message: "amqp:link:message-size-exceeded" if message.body == b"large" else None
    route_to_queue(private, broker)

    send(private, private.with_device("pump"), [b"one", b"large", b"two"])

    broker.wait_for(2)
    assert list(dict.fromkeys(broker.bodies())) == [b"one", b"two"]


def test_a_queue_that_is_not_there_is_told_and_gets_everything_once_it_is(private, broker):
    broker.queues.clear()
    route_to_queue(private, broker)
    send(private, private.with_device("pump"), [b"one", b"two"])

    found = wait_for_health(private, "unhealthy")
    broker.queues.add("orders")

    assert found["lastKnownError"] == "EndpointExternallyDisabled"
    broker.wait_for(2)
    assert broker.bodies() == [b"one", b"two"]


def test_nothing_is_lost_while_the_broker_is_away_and_the_hub_is_killed(private):
    address = free_address()
    away = Broker(address, PORT, {"orders"})
    route_to_queue(private, away)
    device = private.with_device("pump")
    send(private, device, [b"one", b"two"])
    wait_for_health(private, "unhealthy")
    private.kill()
    private.start()
    send(private, device, [b"three"])

    broker = away.start()
    try:
        broker.wait_for(3, within=60)
        assert broker.bodies() == [b"one", b"two", b"three"]
    finally:
        broker.stop()
