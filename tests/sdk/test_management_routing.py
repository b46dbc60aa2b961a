"""Trying conditions of routes through `azure-mgmt-iothub`."""

import pytest
from azure.mgmt.iothub.models import (
    RouteProperties,
    RoutingMessage,
    RoutingTwin,
    RoutingTwinProperties,
)
from azure.mgmt.iothub.models import TestRouteInput as RouteTrial  # pytest would take it for a test

from sdk.test_management import GROUP, client_for

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
