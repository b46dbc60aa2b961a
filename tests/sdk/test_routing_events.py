"""Routes decide what `azure-eventhub` readers of the built-in endpoint see, whatever a device speaks."""

import pytest
from azure.mgmt.iothub.models import (
    EnrichmentProperties,
    FallbackRouteProperties,
    IotHubProperties,
    RouteProperties,
    RoutingProperties,
)

from sdk.test_management import GROUP, client_for
from support.amqp_peer import ACCEPTED, Peer, message
from support.event_hub import Reading, body_of, consumer, properties_of
from support.hub import HUB_NAME, Hub
from support.loopback import free_address
from support.mqtt_messages import send_telemetry

pytestmark = pytest.mark.timeout(60)

LAST = "last"


@pytest.fixture(scope="module")
def routed_hub(tmp_path_factory):
    """Routes are the hub's; the tests of this file set their own on one hub."""
    hub = Hub(free_address(), tmp_path_factory.mktemp("routed") / "data")
    yield hub.start()
    hub.stop()


@pytest.fixture
def routing(routed_hub):
    """Sets routing as `azure-mgmt-iothub` does, and takes it back."""
    resources = client_for(routed_hub).iot_hub_resource

    def set_routing(*routes, fallback=True, enrichments=()):
        fallback_route = FallbackRouteProperties(
            source="DeviceMessages", endpoint_names=["events"], condition="true", is_enabled=fallback
        )
        wanted = RoutingProperties(
            routes=list(routes), fallback_route=fallback_route, enrichments=list(enrichments)
        )
        hub = resources.get(GROUP, HUB_NAME)
        hub.properties = IotHubProperties(routing=wanted)
        resources.begin_create_or_update(GROUP, HUB_NAME, hub, if_match=hub.etag).result()

    yield set_routing
    set_routing()


def route(name, condition="true", endpoint="events", enabled=True):
    return RouteProperties(
        name=name, source="DeviceMessages", condition=condition, endpoint_names=[endpoint], is_enabled=enabled
    )


def over_mqtt(device, levels):
    with device.hub.mqtt_session(device) as session:
        for level in levels:
            send_telemetry(session, device, level.encode(), f"level={level}")


def over_amqp(device, levels):
    with Peer.of_device(device) as peer:
        sender = peer.sender(f"/devices/{device.device_id}/messages/events")
        for level in levels:
            assert peer.deliver(sender, message(level.encode(), {"level": level})) == ACCEPTED


def over_https(device, levels):
    for level in levels:
        device.hub.http(
            "POST", f"{device.path}/messages/events",
            token=device.sas(), body=level.encode(), headers={"iothub-app-level": level},
        ).expect(204)  # fmt: skip


@pytest.fixture(params=[over_mqtt, over_amqp, over_https], ids=["mqtt", "amqp", "https"])
def send(request):
    """Sends a message for each level, which is its body and a property of it."""
    return request.param


@pytest.fixture
def device(routed_hub):
    return routed_hub.with_device("routed")


def read(device, last=LAST):
    """The bodies of a device's telemetry up to the last one, in order."""
    with Reading(consumer(device.hub), starting_position="-1") as reading:
        return [body_of(event).decode() for event in reading.until(device, last.encode())]


def test_without_routes_everything_goes_to_events(device, send):
    send(device, ["low", "high", LAST])

    assert read(device) == ["low", "high", LAST]


def test_the_fallback_takes_what_no_route_takes(device, routing, send):
    routing(route("hot", "level = 'high'"))

    send(device, ["low", "high", LAST])

    assert read(device) == ["low", "high", LAST]


def test_without_the_fallback_only_routes_count(device, routing, send):
    routing(route("hot", "level = 'high'"), route("end", f"level = '{LAST}'"), fallback=False)

    send(device, ["low", "high", "lower", LAST])

    assert read(device) == ["high", LAST]


def test_a_message_that_two_routes_take_is_delivered_once(device, routing, send):
    routing(route("hot", "level = 'high'"), route("all"), fallback=False)

    send(device, ["high", "low", LAST])

    assert read(device) == ["high", "low", LAST]


def test_a_disabled_route_takes_nothing(device, routing, send):
    routing(route("all", enabled=False), route("end", f"level = '{LAST}'"), fallback=False)

    send(device, ["high", "low", LAST])

    assert read(device) == [LAST]


def test_conditions_read_bodies_and_twins(routed_hub, device, routing):
    device.patch_twin({"tags": {"site": "oslo"}})
    hot = route("hot", "$body.t > 30 AND $twin.tags.site = 'oslo'")
    routing(hot, route("end", f"level = '{LAST}'"), fallback=False)
    json = "%24.ct=application%2Fjson&%24.ce=utf-8"

    with routed_hub.mqtt_session(device) as session:
        send_telemetry(session, device, b'{"t": 31}', json)
        send_telemetry(session, device, b'{"t": 29}', json)
        send_telemetry(session, device, b'{"t": 32}')
        send_telemetry(session, device, LAST.encode(), f"level={LAST}")

    assert read(device) == ['{"t": 31}', LAST]


def test_routes_count_for_the_next_message_of_who_is_connected(routed_hub, device, routing):
    with routed_hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"before")
        routing(route("end", f"level = '{LAST}'"), fallback=False)
        send_telemetry(session, device, b"between")
        routing()
        send_telemetry(session, device, LAST.encode())

    assert read(device) == ["before", LAST]


def test_enrichments_are_on_what_readers_read(routed_hub, device, routing, send):
    device.patch_twin({"tags": {"site": "oslo", "rack": {"row": 7}}})
    values = {
        "text": "a text", "hub": "$iothubname", "site": "$twin.tags.site", "row": "$twin.tags.rack.row",
        "absent": "$twin.tags.none", "level": "not the device's",
    }  # fmt: skip
    routing(enrichments=[
        EnrichmentProperties(key=key, value=value, endpoint_names=["events"]) for key, value in values.items()
    ])  # fmt: skip

    send(device, [LAST])

    with Reading(consumer(routed_hub), starting_position="-1") as reading:
        (event,) = reading.of(device, 1)
    assert properties_of(event) == {
        "text": "a text", "hub": HUB_NAME, "site": "oslo", "row": "7",
        "absent": "$twin.tags.none", "level": LAST,
    }  # fmt: skip


def test_routes_outlive_a_crash(hub_factory):
    hub = hub_factory().start()
    hub.cli("route", "create", "-n", "end", "-t", "DeviceMessages", "--en", "events", "-c", f"level = '{LAST}'")
    hub.cli("route", "fallback", "set", "--enabled", "false")
    device = hub.with_device("routed")

    hub.kill()
    hub.start()
    over_mqtt(device, ["low", LAST])

    assert read(device) == [LAST]
