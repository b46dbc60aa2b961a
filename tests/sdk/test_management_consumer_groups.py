"""The resource provider's REST through `azure-mgmt-iothub`: consumer groups and the built-in endpoint."""

import email.utils

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.iothub.models import EventHubConsumerGroupBodyDescription, EventHubConsumerGroupName

from sdk.test_management import GROUP, client_for
from support.hub import HUB_NAME, PARTITIONS

ENDPOINT = "events"


@pytest.fixture
def private_hub(hub_factory):
    """Groups are the hub's, so each test has a hub."""
    return hub_factory().start()


@pytest.fixture
def resources(private_hub):
    return client_for(private_hub).iot_hub_resource


def names(resources):
    return [group.name for group in resources.list_event_hub_consumer_groups(GROUP, HUB_NAME, ENDPOINT)]


def create(resources, name):
    body = EventHubConsumerGroupBodyDescription(properties=EventHubConsumerGroupName(name=name))
    return resources.create_event_hub_consumer_group(GROUP, HUB_NAME, ENDPOINT, name, body)


def test_the_hub_names_its_endpoint(private_hub, resources):
    events = resources.get(GROUP, HUB_NAME).properties.event_hub_endpoints["events"]

    assert events.path == HUB_NAME
    assert events.endpoint == f"sb://{private_hub.host}/"
    assert events.partition_count == PARTITIONS
    assert events.partition_ids == [str(partition) for partition in range(PARTITIONS)]
    assert events.retention_time_in_days == 1


def test_a_hub_is_written_back_with_its_endpoint_and_not_with_another(resources):
    description = resources.get(GROUP, HUB_NAME)

    resources.begin_create_or_update(GROUP, HUB_NAME, description, if_match=description.etag).result()
    description.properties.event_hub_endpoints["events"].retention_time_in_days = 7
    with pytest.raises(HttpResponseError) as refused:
        resources.begin_create_or_update(GROUP, HUB_NAME, description, if_match=description.etag).result()

    assert refused.value.status_code == 400
    assert "twinhub.toml" in str(refused.value)


def test_a_group_is_made_read_listed_and_deleted(resources):
    made = create(resources, "Dashboards")

    got = resources.get_event_hub_consumer_group(GROUP, HUB_NAME, ENDPOINT, "dashboards")
    listed = names(resources)
    resources.delete_event_hub_consumer_group(GROUP, HUB_NAME, ENDPOINT, "DASHBOARDS")

    assert made.name == "Dashboards" and made.etag
    assert made.type == "Microsoft.Devices/IotHubs/EventHubEndpoints/ConsumerGroups"
    assert made.id.endswith(f"/IotHubs/{HUB_NAME}/eventHubEndpoints/events/ConsumerGroups/Dashboards")
    assert email.utils.parsedate_to_datetime(made.properties["created"])
    assert got.as_dict() == made.as_dict()
    assert listed == ["$Default", "Dashboards"]
    assert names(resources) == ["$Default"]


def test_making_a_group_again_leaves_it_as_it_is(resources):
    first = create(resources, "dashboards")

    again = create(resources, "Dashboards")

    assert again.as_dict() == first.as_dict()
    assert names(resources) == ["$Default", "dashboards"]


def test_the_default_group_is_always_there(resources):
    default = resources.get_event_hub_consumer_group(GROUP, HUB_NAME, ENDPOINT, "$Default")

    with pytest.raises(HttpResponseError) as refused:
        resources.delete_event_hub_consumer_group(GROUP, HUB_NAME, ENDPOINT, "$Default")

    assert default.name == "$Default"
    assert refused.value.status_code == 400
    assert create(resources, "$Default").name == "$Default"
    assert names(resources) == ["$Default"]


@pytest.mark.parametrize("call", ["get", "delete"])
def test_a_group_that_is_not_there_is_not_found(resources, call):
    ask = getattr(resources, f"{call}_event_hub_consumer_group")

    with pytest.raises(ResourceNotFoundError):
        ask(GROUP, HUB_NAME, ENDPOINT, "nobody")


def test_only_the_built_in_endpoint_has_groups(resources):
    with pytest.raises(ResourceNotFoundError):
        list(resources.list_event_hub_consumer_groups(GROUP, HUB_NAME, "elsewhere"))


@pytest.mark.parametrize("name", ["-", "a b", "$Other", "x" * 51])
def test_names_are_those_of_event_hubs(resources, name):
    with pytest.raises(HttpResponseError) as refused:
        create(resources, name)

    assert refused.value.status_code == 400
    assert names(resources) == ["$Default"]
