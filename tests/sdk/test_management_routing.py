"""Routing through `azure-mgmt-iothub`: set, seen, and tried on messages."""

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.iothub.models import (
    EnrichmentProperties,
    RouteProperties,
    RoutingEndpoints,
    RoutingEventHubProperties,
    RoutingMessage,
    RoutingServiceBusQueueEndpointProperties,
    RoutingServiceBusTopicEndpointProperties,
    RoutingStorageContainerProperties,
    RoutingTwin,
    RoutingTwinProperties,
)

# pytest would take these for tests.
from azure.mgmt.iothub.models import TestAllRoutesInput as AllRoutesTrial
from azure.mgmt.iothub.models import TestRouteInput as RouteTrial

from sdk.test_management import GROUP, client_for
from support.hub import HUB_NAME

JSON = {"contentType": "application/json", "contentEncoding": "utf-8"}
HOT = RoutingMessage(body='{"temperature": 31}', app_properties={"level": "high"}, system_properties=JSON)


@pytest.fixture(scope="module")
def resources(hub):
    return client_for(hub).iot_hub_resource


@pytest.fixture(scope="module")
def name(resources):
    """The name of the one hub."""
    return next(iter(resources.list_by_subscription())).name


@pytest.fixture
def tried(resources, name):
    """Tries a condition on a message."""

    def result(condition, message=HOT, twin=None):
        route = RouteProperties(
            name="hot", source="DeviceMessages", condition=condition, endpoint_names=["events"], is_enabled=True
        )
        trial = RouteTrial(message=message, route=route, twin=twin)
        return resources.test_route(name, GROUP, trial)

    return result


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("level = 'high'", "true"),
        ("$body.temperature > 30 AND level = 'high'", "true"),
        ("$body.temperature > 40", "false"),
        ("nowhere = 'x'", "undefined"),
        ("$contentType = 'application/json'", "true"),
        ("true", "true"),
        ("", "true"),
        (None, "true"),
    ],
)
def test_a_condition_is_tried_on_a_message(tried, condition, result):
    assert tried(condition).result == result


def test_a_condition_is_tried_on_a_twin(tried):
    twin = RoutingTwin(tags={"site": "oslo"}, properties=RoutingTwinProperties(desired={"n": 1}, reported={"n": 2}))

    met = tried("$twin.tags.site = 'oslo' AND $twin.properties.reported.n > $twin.properties.desired.n", twin=twin)

    assert met.result == "true"


@pytest.mark.parametrize(
    "message",
    [
        RoutingMessage(body="{", system_properties=JSON),
        RoutingMessage(body='{"temperature": 31}'),
        None,
    ],
)
def test_a_body_that_cannot_be_read_matches_nothing(tried, message):
    assert tried("$body.temperature > 30", message=message).result == "undefined"


def test_a_condition_that_makes_no_sense_is_refused_with_its_place(tried):
    answer = tried("level = 'high' AND\n3 + 'a' = 4")

    (error,) = answer.details.compilation_errors
    assert error.severity == "error"
    assert error.location.start.line == 2
    assert error.message


# Routing set and seen.

BUS = "Endpoint=sb://bus.example/;SharedAccessKeyName=root;SharedAccessKey={};EntityPath=orders"
STORE = "DefaultEndpointsProtocol=https;AccountName=store;AccountKey={}"
KEY = "c2VjcmV0"


@pytest.fixture
def own(hub_factory):
    """Routing is the hub's, so each test has a hub."""
    return client_for(hub_factory().start()).iot_hub_resource


@pytest.fixture
def write(own):
    """Changes the hub's routing as read, and writes it back."""

    def change(changed):
        hub = own.get(GROUP, HUB_NAME)
        changed(hub.properties.routing)
        return own.begin_create_or_update(GROUP, HUB_NAME, hub, if_match=hub.etag).result().properties.routing

    return change


def endpoints():
    return RoutingEndpoints(
        service_bus_queues=[
            RoutingServiceBusQueueEndpointProperties(name="queue", connection_string=BUS.format(KEY))
        ],
        service_bus_topics=[
            RoutingServiceBusTopicEndpointProperties(name="topic", connection_string=BUS.format(KEY))
        ],
        event_hubs=[RoutingEventHubProperties(name="archive", connection_string=BUS.format(KEY))],
        storage_containers=[
            RoutingStorageContainerProperties(
                name="lake",
                connection_string=STORE.format(KEY),
                container_name="events",
                batch_frequency_in_seconds=60,
                max_chunk_size_in_bytes=10_485_760,
                encoding="JSON",
            )
        ],
    )


def everything(routing):
    routing.endpoints = endpoints()
    routing.routes = [
        RouteProperties(
            name="hot", source="DeviceMessages", condition="level = 'high'", endpoint_names=["lake"], is_enabled=True
        ),
        RouteProperties(
            name="changes", source="TwinChangeEvents", condition="true", endpoint_names=["events"], is_enabled=True
        ),
        RouteProperties(
            name="idle", source="DeviceMessages", condition="true", endpoint_names=["queue"], is_enabled=False
        ),
    ]
    routing.fallback_route.is_enabled = False
    routing.enrichments = [EnrichmentProperties(key="site", value="$twin.tags.site", endpoint_names=["events"])]


def test_a_new_hub_has_the_fallback_route_alone(own):
    routing = own.get(GROUP, HUB_NAME).properties.routing

    assert (routing.routes, routing.enrichments) == ([], [])
    assert routing.fallback_route.as_dict() == {
        "name": "$fallback",
        "source": "DeviceMessages",
        "condition": "true",
        "endpoint_names": ["events"],
        "is_enabled": True,
    }


def test_what_is_written_is_read_with_keys_masked(write):
    routing = write(everything)

    assert [route.name for route in routing.routes] == ["hot", "changes", "idle"]
    assert routing.routes[0].endpoint_names == ["lake"]
    assert routing.fallback_route.is_enabled is False
    assert routing.enrichments[0].value == "$twin.tags.site"
    (queue,), (lake,) = routing.endpoints.service_bus_queues, routing.endpoints.storage_containers
    assert queue.connection_string == BUS.format("****")
    assert lake.connection_string == STORE.format("****")
    assert (lake.encoding, lake.batch_frequency_in_seconds) == ("JSON", 60)
    assert routing.endpoints.cosmos_db_sql_containers == []


def test_what_was_read_is_written_back_and_changed_in_parts(own, write):
    write(everything)
    before = own.get(GROUP, HUB_NAME)

    same = own.begin_create_or_update(GROUP, HUB_NAME, before, if_match=before.etag).result()

    assert same.etag == before.etag
    ids = {endpoint.name: endpoint.id for endpoint in before.properties.routing.endpoints.event_hubs}
    routing = write(lambda routing: routing.routes.pop())
    assert [route.name for route in routing.routes] == ["hot", "changes"]
    assert {endpoint.name: endpoint.id for endpoint in routing.endpoints.event_hubs} == ids


def test_a_stale_hub_is_not_written(own, write):
    stale = own.get(GROUP, HUB_NAME)
    write(everything)
    stale.properties.routing.routes = []

    with pytest.raises(HttpResponseError) as refused:
        own.begin_create_or_update(GROUP, HUB_NAME, stale, if_match=stale.etag).result()

    assert refused.value.status_code == 412
    assert len(own.get(GROUP, HUB_NAME).properties.routing.routes) == 3


def spoil_name(routing):
    routing.routes[0].name = "a b"


def spoil_source(routing):
    routing.routes[0].source = "Invalid"


def spoil_endpoint(routing):
    routing.endpoints.storage_containers = []


def spoil_condition(routing):
    routing.routes[0].condition = "level == 'high'"


def spoil_count(routing):
    routing.enrichments = [
        EnrichmentProperties(key=f"k{number}", value="v", endpoint_names=["events"]) for number in range(11)
    ]


def spoil_identity(routing):
    routing.endpoints.event_hubs[0].authentication_type = "identityBased"


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        (spoil_name, 400, "ArgumentInvalid"),
        (spoil_source, 400, "InvalidSourceOnRoute"),
        (spoil_endpoint, 400, "ArgumentInvalid"),
        (spoil_condition, 400, "ArgumentInvalid"),
        (spoil_count, 403, "IotHubQuotaExceeded"),
        (spoil_identity, 501, "FeatureNotSupported"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(own, write, spoil, status, code):
    write(everything)
    before = own.get(GROUP, HUB_NAME)

    with pytest.raises(HttpResponseError) as refused:
        write(spoil)

    assert (refused.value.status_code, refused.value.error.code) == (status, code)
    assert own.get(GROUP, HUB_NAME).as_dict() == before.as_dict()


@pytest.mark.parametrize(
    ("source", "names"), [("DeviceMessages", ["hot"]), ("TwinChangeEvents", ["changes"]), (None, ["hot", "changes"])]
)
def test_all_routes_are_tried_on_a_message(own, write, source, names):
    write(everything)

    answer = own.test_all_routes(HUB_NAME, GROUP, AllRoutesTrial(routing_source=source, message=HOT))

    assert [route.properties.name for route in answer.routes] == names
    assert answer.routes[0].properties.is_enabled is True


def test_endpoints_tell_how_they_are(own, write):
    routing = write(everything)

    found = {endpoint.endpoint_id: endpoint for endpoint in own.get_endpoint_health(GROUP, HUB_NAME)}

    (lake,) = routing.endpoints.storage_containers
    assert len(found) == 4
    # Nothing was sent to it yet.
    assert found[lake.id].health_status == "unknown"
    assert found[lake.id].last_send_attempt_time is None
