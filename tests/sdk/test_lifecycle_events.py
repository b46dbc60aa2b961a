"""What the hub tells of identities and twins that change, read with `azure-eventhub`.

Changes are made with `azure-iot-hub` and `azure-iot-device`.
"""

import json
import re

import pytest
from azure.iot.hub.models import Twin, TwinProperties
from azure.mgmt.iothub.models import FallbackRouteProperties, RouteProperties, RoutingEndpoints, RoutingProperties

from sdk.test_management import GROUP, client_for
from support.event_hub import Reading, annotation, body_of, consumer, is_telemetry_of, properties_of, publish
from support.hub import HUB_NAME, Hub, unique
from support.loopback import free_address
from support.routes import route, set_routes

pytestmark = pytest.mark.timeout(60)

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
UNWRITTEN = {"$metadata": {"$lastUpdated": "0001-01-01T00:00:00Z"}, "$version": 1}


class Told:
    """Reads all that a hub tells, and gives out what is about a device."""

    def __init__(self, hub: Hub):
        self.reading = Reading(consumer(hub), starting_position="-1")
        self.passed_over = []

    def of(self, device_id, count, module_id=None):
        """The next so many events about a device or module that no device has sent."""
        found = []
        while len(found) < count:
            event = next((e for e in self.passed_over if is_about(e, device_id, module_id)), None)
            if event is not None:
                self.passed_over.remove(event)
            else:
                event = self.reading.next()[1]
            if is_about(event, device_id, module_id):
                found.append(event)
            else:
                self.passed_over.append(event)
        return found

    def nothing_else_of(self, hub: Hub, device_id):
        """Whether nothing more comes about a device, as a message sent now shows."""
        mark = hub.with_device("mark")
        publish(mark, [b"mark"])
        while not is_telemetry_of(event := self.reading.next()[1], mark):
            self.passed_over.append(event)
        return not any(annotation(e, "iothub-connection-device-id") == device_id for e in self.passed_over)


def is_about(event, device_id, module_id):
    return (
        annotation(event, "iothub-message-source") != "Telemetry"
        and annotation(event, "iothub-connection-device-id") == device_id
        and annotation(event, "iothub-connection-module-id") == module_id
    )


def document(event):
    return json.loads(body_of(event))


@pytest.fixture(scope="module")
def telling(tmp_path_factory):
    """A hub whose routes lead what it tells of identities and twins to the built-in endpoint."""
    hub = Hub(free_address(), tmp_path_factory.mktemp("telling") / "data").start()
    hubs = client_for(hub).iot_hub_resource
    description = next(iter(hubs.list_by_subscription()))
    sources = ["DeviceLifecycleEvents", "TwinChangeEvents", "DigitalTwinChangeEvents"]
    description.properties.routing = RoutingProperties(
        endpoints=RoutingEndpoints(),
        routes=[
            RouteProperties(name=source, source=source, condition="true", endpoint_names=["events"], is_enabled=True)
            for source in sources
        ],
        fallback_route=FallbackRouteProperties(source="DeviceMessages", endpoint_names=["events"], is_enabled=True),
    )
    hubs.begin_create_or_update(GROUP, description.name, description).result()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def told(telling):
    told = Told(telling)
    with told.reading:
        yield told


@pytest.fixture
def manager(telling):
    return telling.registry_manager()


def create(manager, device_id):
    manager.create_device_with_sas(device_id, KEY, KEY, "enabled")
    return device_id


def test_a_device_is_told_of_when_it_is_created_and_deleted(told, manager):
    device = create(manager, unique("pump"))
    manager.delete_device(device)

    created, deleted = told.of(device, 2)

    for event, operation in [(created, "createDeviceIdentity"), (deleted, "deleteDeviceIdentity")]:
        properties = properties_of(event)
        assert STAMP.fullmatch(properties.pop("operationTimestamp"))
        assert properties == {
            "hubName": HUB_NAME,
            "deviceId": device,
            "iothub-message-schema": "deviceLifecycleNotification",
            "opType": operation,
        }
        assert event.content_type == "application/json"
        assert annotation(event, "iothub-message-source") == "deviceLifecycleEvents"
        assert annotation(event, "iothub-connection-auth-method") is None
        assert annotation(event, "iothub-enqueuedtime") is not None
        assert annotation(event, "content-encoding") == "utf-8"
        assert annotation(event, "user-id") == HUB_NAME
        assert document(event) == {
            "deviceId": device, "etag": "AAAAAAAAAAE=", "version": 1,
            "properties": {"desired": UNWRITTEN, "reported": UNWRITTEN},
        }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{10,}", event.correlation_id)
    assert created.correlation_id != deleted.correlation_id


def test_a_module_is_told_of_when_it_is_created_updated_and_deleted_with_its_device(told, manager):
    device = create(manager, unique("pump"))
    manager.create_module_with_sas(device, "sensor", "", KEY, KEY)
    module = manager.get_module(device, "sensor")
    manager.update_module_with_sas(device, "sensor", "me", module.etag, KEY, KEY)
    manager.delete_device(device)

    events = told.of(device, 3, "sensor")

    operations = [properties_of(event)["opType"] for event in events]
    assert operations == ["createDeviceIdentity", "updateDeviceIdentity", "deleteDeviceIdentity"]
    for event in events:
        assert properties_of(event)["moduleId"] == "sensor"
        assert (document(event)["deviceId"], document(event)["moduleId"]) == (device, "sensor")


def test_devices_created_and_deleted_in_bulk_are_told_of(told, telling):
    ids = [unique("bulk") for _ in range(3)]
    for mode in ["create", "delete"]:
        telling.http("POST", "/devices", json=[{"id": id, "importMode": mode} for id in ids]).expect(200)

    for device in ids:
        operations = [properties_of(event)["opType"] for event in told.of(device, 2)]
        assert operations == ["createDeviceIdentity", "deleteDeviceIdentity"]


def test_an_update_of_a_device_is_no_news(told, telling, manager):
    device = create(manager, unique("pump"))
    told.of(device, 1)

    found = manager.get_device(device)
    manager.update_device_with_sas(device, found.etag, KEY, KEY, "disabled")

    assert told.nothing_else_of(telling, device)


def test_a_patch_of_the_back_end_is_told_with_what_changed(told, manager):
    device = create(manager, unique("pump"))
    manager.update_twin(device, Twin(tags={"hall": 1, "old": 1}, properties=TwinProperties(desired={"rate": 1, "gone": 2})))
    manager.update_twin(device, Twin(tags={"hall": 3, "old": None}, properties=TwinProperties(desired={"rate": 40, "gone": None})))

    _created, _first, event = told.of(device, 3)

    properties = properties_of(event)
    assert properties["iothub-message-schema"] == "twinChangeNotification"
    assert properties["opType"] == "updateTwin"
    assert annotation(event, "iothub-message-source") == "twinChangeEvents"
    changed = document(event)
    stamp = changed["properties"]["desired"]["$metadata"]["$lastUpdated"]
    assert STAMP.fullmatch(stamp)
    assert changed == {
        "version": 3,
        "tags": {"hall": 3, "old": None},
        "properties": {
            "desired": {
                "rate": 40,
                "gone": None,
                "$metadata": {
                    "$lastUpdated": stamp, "$lastUpdatedVersion": 3,
                    "rate": {"$lastUpdated": stamp, "$lastUpdatedVersion": 3},
                },
                "$version": 3,
            }
        },
    }  # fmt: skip


def test_a_replacement_is_told_with_the_whole_twin(told, manager):
    device = create(manager, unique("pump"))
    manager.create_module_with_sas(device, "sensor", "", KEY, KEY)
    manager.replace_module_twin(device, "sensor", Twin(tags={"hall": 3}, properties=TwinProperties(desired={"rate": 40})))

    event = told.of(device, 2, "sensor")[-1]

    assert properties_of(event)["opType"] == "replaceTwin"
    whole = document(event)
    assert (whole["deviceId"], whole["moduleId"], whole["version"]) == (device, "sensor", 2)
    assert whole["etag"] == "AAAAAAAAAAI="
    assert whole["tags"] == {"hall": 3}
    assert whole["properties"]["desired"]["rate"] == 40
    assert whole["properties"]["reported"]["$version"] == 1


@pytest.mark.parametrize("of_module", [False, True])
def test_what_a_device_reports_is_told(told, telling, of_module):
    identity = telling.with_module("pump") if of_module else telling.with_device("pump")
    client = telling.device_client(identity)
    client.patch_twin_reported_properties({"rate": 39, "motor": {"rpm": 900}})
    client.shutdown()

    event = told.of(identity.device_id, 2, identity.module_id)[-1]

    assert properties_of(event)["opType"] == "updateTwin"
    changed = document(event)
    assert changed["version"] == 1
    reported = changed["properties"].pop("reported")
    assert changed["properties"] == {}
    assert (reported["rate"], reported["motor"], reported["$version"]) == (39, {"rpm": 900}, 2)
    stamps = [reported["$metadata"], reported["$metadata"]["motor"], reported["$metadata"]["motor"]["rpm"]]
    assert all(STAMP.fullmatch(stamp["$lastUpdated"]) and "$lastUpdatedVersion" not in stamp for stamp in stamps)


def test_properties_of_a_model_are_told_as_a_json_patch(told, telling, manager):
    device = telling.with_device("pump")
    # The SDK takes a product name of this form for a model.
    client = telling.device_client(device, product_info="dtmi:plant:Pump;1")
    client.connect()
    manager.update_twin(
        device.device_id, Twin(properties=TwinProperties(desired={"motor": {"__t": "c", "speed": 9}}))
    )
    answer = {"value": 9, "ac": 200, "ad": "done", "av": 2}
    client.patch_twin_reported_properties({"motor": {"__t": "c", "speed": answer}})
    client.shutdown()

    events = [e for e in told.of(device.device_id, 5) if e.content_type == "application/json-patch+json"]

    desired, reported = [document(event) for event in events]
    assert desired == [
        {"op": "add", "path": "/motor/$metadata/speed", "value": {"desiredValue": 9, "desiredVersion": 2}}
    ]
    (stamp,) = [step.pop("value") for step in reported if step["path"].endswith("lastUpdateTime")]
    assert STAMP.fullmatch(stamp)
    assert reported == [
        {"op": "add", "path": "/motor/$metadata/speed/ackCode", "value": 200},
        {"op": "add", "path": "/motor/$metadata/speed/ackDescription", "value": "done"},
        {"op": "add", "path": "/motor/$metadata/speed/ackVersion", "value": 2},
        {"op": "add", "path": "/motor/$metadata/speed/lastUpdateTime"},
        {"op": "add", "path": "/motor/speed", "value": 9},
    ]
    assert {annotation(event, "iothub-message-source") for event in events} == {"digitalTwinChangeEvents"}


def test_telemetry_goes_on_beside_what_the_hub_tells(told, telling):
    device = telling.with_device("pump")
    # It may come before or after what is published at once; `told` has no place for that.
    (created,) = told.of(device.device_id, 1)

    publish(device, [b"one"])

    while not is_telemetry_of(event := told.reading.next()[1], device):
        told.passed_over.append(event)
    assert body_of(event) == b"one"
    assert properties_of(created)["opType"] == "createDeviceIdentity"


def test_nothing_is_told_without_a_route(hub_factory):
    hub = hub_factory().start()
    device = hub.with_device("pump")
    device.patch_desired({"rate": 1})
    device.delete()

    told = Told(hub)
    with told.reading:
        assert told.nothing_else_of(hub, device.device_id)


def test_a_route_tells_of_what_comes_after_it_and_while_it_is_there(hub_factory):
    hub = hub_factory().start()
    before, between, after = (unique(name) for name in ("before", "between", "after"))
    hub.with_device(before, exact_id=True)
    set_routes(hub, route("DeviceLifecycleEvents"))
    hub.with_device(between, exact_id=True)
    set_routes(hub)
    hub.with_device(after, exact_id=True)

    told = Told(hub)
    with told.reading:
        told.of(between, 1)
        for device in (before, between, after):
            assert told.nothing_else_of(hub, device)


def test_a_condition_chooses_what_is_told(hub_factory):
    hub = hub_factory().start()
    set_routes(hub, route("TwinChangeEvents", "IS_DEFINED($body.properties.reported.alarm)"))
    quiet, loud = hub.with_device("quiet"), hub.with_device("loud")
    for identity, patch in [(quiet, {"rate": 1}), (loud, {"rate": 1}), (loud, {"alarm": True})]:
        client = hub.device_client(identity)
        client.patch_twin_reported_properties(patch)
        client.shutdown()

    told = Told(hub)
    with told.reading:
        (event,) = told.of(loud.device_id, 1)
        assert document(event)["properties"]["reported"]["alarm"] is True
        assert told.nothing_else_of(hub, loud.device_id)
        assert told.nothing_else_of(hub, quiet.device_id)


def test_names_of_operations_on_modules_can_be_those_of_2022(hub_factory):
    hub = hub_factory()
    hub.data_dir.mkdir(parents=True)
    settings = '[hub]\nmodule_event_names = "as-modules"\nmodule_update_events = false\n'
    (hub.data_dir / "twinhub.toml").write_text(settings)
    hub.start()
    set_routes(hub, route("DeviceLifecycleEvents"), route("DeviceConnectionStateEvents"))
    module = hub.with_module("pump")
    publish(module, [b"active"])
    told = Told(hub)
    with told.reading:
        created, *connection = told.of(module.device_id, 3, module.module_id)
        module.put()
        module.delete()
        events = [created, *told.of(module.device_id, 1, module.module_id)]

    assert [properties_of(e)["opType"] for e in connection] == ["moduleConnected", "moduleDisconnected"]

    names = [(properties_of(e)["opType"], properties_of(e)["iothub-message-schema"]) for e in events]
    assert names == [
        ("createModuleIdentity", "moduleLifecycleNotification"),
        ("deleteModuleIdentity", "moduleLifecycleNotification"),
    ]


def test_what_is_told_survives_a_stop(hub_factory):
    hub = hub_factory().start()
    set_routes(hub, route("DeviceLifecycleEvents"))
    device = hub.with_device("pump")
    hub.terminate()
    hub.start()
    device.delete()

    told = Told(hub)
    with told.reading:
        operations = [properties_of(event)["opType"] for event in told.of(device.device_id, 2)]

    assert operations == ["createDeviceIdentity", "deleteDeviceIdentity"]
