"""Queries over twins through `IoTHubRegistryManager.query_iot_hub`."""

import pytest
from azure.iot.hub.models import QuerySpecification, Twin, TwinProperties

from support.hub import unique
from support.sdk import refused


class Fleet:
    """Devices of one test, told from all others by a tag."""

    def __init__(self, hub):
        self.hub = hub
        self.registry = hub.registry_manager()
        self.name = unique("fleet")
        self.devices = []

    def add(self, hall, **desired):
        identity = self.hub.with_device("q")
        twin = Twin(
            tags={"fleet": self.name, "hall": hall},
            properties=TwinProperties(desired=desired),
        )
        self.registry.update_twin(identity.device_id, twin)
        self.devices.append(identity)
        return identity

    def query(self, select="*", source="devices", where="true", group="", **paging):
        text = f"SELECT {select} FROM {source} WHERE tags.fleet = '{self.name}' AND {where}{group}"
        return self.registry.query_iot_hub(QuerySpecification(query=text), **paging)

    def ids(self, **query):
        return [twin.device_id for twin in self.query(**query).items]


@pytest.fixture
def fleet(hub):
    return Fleet(hub)


def test_a_query_finds_the_twins_that_fulfil_its_condition(fleet):
    low, high = fleet.add(3), fleet.add(4, interval=5)

    assert fleet.ids(where="tags.hall >= 4") == [high.device_id]
    assert fleet.ids(where="properties.desired.interval = 5") == [high.device_id]
    assert fleet.ids(where="NOT IS_DEFINED(properties.desired.interval)") == [low.device_id]
    assert fleet.ids(where="tags.hall = '3'") == []


def test_a_twin_in_the_answer_is_the_one_that_is_read(fleet):
    identity = fleet.add(3, interval=5, nested={"a": [1, "two"]})

    [found] = fleet.query().items
    read = fleet.registry.get_twin(identity.device_id)

    assert found.as_dict() == read.as_dict()
    assert found.tags == {"fleet": fleet.name, "hall": 3}


def test_what_was_just_written_is_in_the_answer(fleet):
    identity = fleet.add(0)

    for hall in range(1, 30):
        fleet.registry.update_twin(identity.device_id, Twin(tags={"hall": hall}))
        assert fleet.ids(where=f"tags.hall = {hall}") == [identity.device_id]


def test_pages_are_as_large_as_asked_for_and_end(fleet):
    made = sorted(fleet.add(hall).device_id for hall in range(5))

    seen, sizes, token = [], [], None
    while True:
        page = fleet.query(continuation_token=token, max_item_count=2)
        seen += [twin.device_id for twin in page.items]
        sizes.append(len(page.items))
        token = page.continuation_token
        if token is None:
            break

    assert seen == made
    assert sizes == [2, 2, 1]


def test_figures_come_under_their_names(fleet):
    for hall in (3, 3, 4):
        fleet.add(hall)

    groups = fleet.query(select="tags.hall, COUNT() AS n", group=" GROUP BY tags.hall")

    # The SDK takes every row for a twin and keeps the rest apart.
    found = sorted((row.additional_properties for row in groups.items), key=lambda row: row["hall"])
    assert found == [{"hall": 3, "n": 2}, {"hall": 4, "n": 1}]


def test_modules_are_found_apart_from_devices(hub, fleet):
    module = hub.with_module("q", "cam")
    twin = Twin(tags={"fleet": fleet.name})
    fleet.registry.update_module_twin(module.device_id, module.module_id, twin)

    assert fleet.query().items == []
    [found] = fleet.query(source="devices.modules", where="moduleId = 'cam'").items
    assert (found.device_id, found.module_id) == (module.device_id, "cam")


def test_who_is_connected_is_found(hub, fleet):
    identity, other = fleet.add(1), fleet.add(2)
    client = hub.device_client(identity)
    client.connect()
    try:
        assert fleet.ids(where="connectionState = 'Connected'") == [identity.device_id]
        assert fleet.ids(where="connectionState != 'Connected'") == [other.device_id]
    finally:
        client.shutdown()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT",
        "SELECT * FROM twins",
        "SELECT * FROM devices WHERE tags.group = 'x'",
        "SELECT * FROM devices WHERE tags.a IN ('x')",
        "SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'x')",
        "SELECT deviceId FROM devices.jobs",
        "SELECT * FROM devices WHERE tags.a = '" + "x" * 8_192 + "'",
    ],
)
def test_what_is_no_query_is_refused(fleet, query):
    with refused(400, "ArgumentInvalid"):
        fleet.registry.query_iot_hub(QuerySpecification(query=query))


def test_a_token_of_another_query_is_refused(fleet):
    for hall in range(3):
        fleet.add(hall)
    token = fleet.query(max_item_count=1).continuation_token

    with refused(400, "ArgumentInvalid"):
        fleet.query(where="false", continuation_token=token)


def test_queries_over_jobs_are_refused_by_name(fleet):
    with refused(501, "FeatureNotSupported"):
        fleet.registry.query_iot_hub(QuerySpecification(query="SELECT * FROM devices.jobs"))
