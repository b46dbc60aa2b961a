"""Device and module twins through every method of `IoTHubRegistryManager`."""

import pytest
from azure.iot.hub.models import Twin, TwinProperties

from support.hub import unique
from support.sdk import refused


class DeviceTwin:
    """The SDK's calls for one device twin, under names that module twins share."""

    def __init__(self, hub):
        self.registry = hub.registry_manager()
        self.identity = hub.with_device("twin")

    def get(self):
        return self.registry.get_twin(self.identity.device_id)

    def update(self, twin, etag=None):
        return self.registry.update_twin(self.identity.device_id, twin, etag)

    def replace(self, twin, etag=None):
        return self.registry.replace_twin(self.identity.device_id, twin, etag)


class ModuleTwin(DeviceTwin):
    """The same for a module twin."""

    def __init__(self, hub):
        super().__init__(hub)
        self.identity = self.identity.with_module("m")

    @property
    def _ids(self):
        return self.identity.device_id, self.identity.module_id

    def get(self):
        return self.registry.get_module_twin(*self._ids)

    def update(self, twin, etag=None):
        return self.registry.update_module_twin(*self._ids, twin, etag)

    def replace(self, twin, etag=None):
        return self.registry.replace_module_twin(*self._ids, twin, etag)


@pytest.fixture(params=[DeviceTwin, ModuleTwin], ids=["device", "module"])
def twin(request, hub):
    return request.param(hub)


def desired(**properties):
    return Twin(properties=TwinProperties(desired=properties))


def plain(section):
    """A section without `$version` and `$metadata`."""
    return {name: value for name, value in section.items() if not name.startswith("$")}


def test_new_twin_is_empty_and_at_version_one(twin):
    fresh = twin.get()

    assert fresh.device_id == twin.identity.device_id
    assert fresh.module_id == twin.identity.module_id
    assert fresh.etag == "AAAAAAAAAAE="
    assert plain(fresh.properties.desired) == {} and plain(fresh.properties.reported) == {}
    assert fresh.properties.desired["$version"] == 1
    assert fresh.properties.reported["$version"] == 1
    assert "$lastUpdated" in fresh.properties.desired["$metadata"]
    assert not fresh.tags
    assert fresh.connection_state == "Disconnected"
    assert fresh.authentication_type == "sas"
    assert fresh.device_etag == twin.identity.get()["etag"]


def test_update_merges_desired_and_tags_and_moves_versions(twin):
    twin.update(Twin(tags={"floor": 3, "room": "b"}, properties=TwinProperties(desired={"a": {"b": 1, "c": 2}})))
    before = twin.get()

    after = twin.update(Twin(tags={"room": "c"}, properties=TwinProperties(desired={"a": {"c": 5}, "d": [1, 2]})))

    assert after.tags == {"floor": 3, "room": "c"}
    assert plain(after.properties.desired) == {"a": {"b": 1, "c": 5}, "d": [1, 2]}
    assert after.properties.desired["$version"] == before.properties.desired["$version"] + 1
    assert after.version > before.version
    assert after.etag != before.etag
    assert twin.get().as_dict() == after.as_dict()


def test_metadata_tells_when_and_with_which_version_each_leaf_changed(twin):
    twin.update(desired(a={"b": 1, "c": 2}))
    after = twin.update(desired(a={"c": 3}))

    a = after.properties.desired["$metadata"]["a"]
    assert a["c"]["$lastUpdated"] > a["b"]["$lastUpdated"]
    assert a["b"]["$lastUpdatedVersion"] == 2
    assert a["c"]["$lastUpdatedVersion"] == 3


def test_null_removes_and_the_last_child_leaves_an_empty_object(twin):
    twin.update(Twin(tags={"gone": 1, "kept": 2}, properties=TwinProperties(desired={"a": {"b": 1}, "x": 1})))

    # The SDK drops nulls from models, so the patch is plain JSON.
    after = twin.update({"tags": {"gone": None}, "properties": {"desired": {"a": {"b": None}, "x": None}}})

    assert after.tags == {"kept": 2}
    assert plain(after.properties.desired) == {"a": {}}


def test_replace_replaces_tags_and_desired_whole(twin):
    twin.update(Twin(tags={"old": 1}, properties=TwinProperties(desired={"old": {"deep": 1}})))
    before = twin.get()

    after = twin.replace(Twin(tags={"new": 2}, properties=TwinProperties(desired={"new": True})))

    assert after.tags == {"new": 2}
    assert plain(after.properties.desired) == {"new": True}
    assert after.properties.desired["$version"] == before.properties.desired["$version"] + 1
    assert plain(after.properties.reported) == {}


def test_update_with_the_current_etag_is_taken(twin):
    etag = twin.get().etag

    after = twin.update(desired(a=1), etag)

    assert after.properties.desired["a"] == 1


@pytest.mark.parametrize("call", ["update", "replace"])
def test_write_with_a_stale_etag_is_refused_and_changes_nothing(twin, call):
    stale = twin.get().etag
    before = twin.update(desired(a=1))

    with refused(412, "PreconditionFailed"):
        getattr(twin, call)(desired(a=2), stale)

    assert twin.get().as_dict() == before.as_dict()


def test_the_whole_twin_as_read_can_be_written_back(twin):
    twin.update(Twin(tags={"t": 1}, properties=TwinProperties(desired={"a": {"b": "c"}})))
    read = twin.get()

    written = twin.update(read, read.etag)

    assert plain(written.properties.desired) == {"a": {"b": "c"}}
    assert written.tags == {"t": 1}


def test_values_of_every_json_type_come_back_as_sent(twin):
    values = {
        "text": "héllo ✓ \u0001 \"quoted\"",
        "empty": "",
        "integer": 4503599627370495,
        "negative": -4503599627370496,
        "fraction": 3.25,
        "small": 1e-7,
        "yes": True,
        "no": False,
        "list": [1, "two", 3.5, True, {"four": [5]}, []],
        "object": {},
    }

    twin.update(desired(**values))

    assert plain(twin.get().properties.desired) == values


def test_missing_twins_are_not_found(hub):
    registry = hub.registry_manager()
    device = hub.with_device("lonely")

    with refused(404, "DeviceNotFound"):
        registry.get_twin(unique("nobody"))
    with refused(404, "DeviceNotFound"):
        registry.update_twin(unique("nobody"), desired(a=1))
    # The hub says "device not found" for a module twin, too.
    with refused(404, "DeviceNotFound"):
        registry.get_module_twin(device.device_id, "nobody")


def test_device_twin_mirrors_status_and_capabilities(hub):
    registry = hub.registry_manager()
    device = hub.with_device("mirror", status="disabled", statusReason="broken")

    twin = registry.get_twin(device.device_id)

    assert twin.status == "disabled"
    assert twin.status_reason == "broken"
    assert twin.capabilities.iot_edge is False
