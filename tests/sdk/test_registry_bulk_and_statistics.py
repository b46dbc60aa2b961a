"""Bulk registry operations and statistics through `IoTHubRegistryManager`."""

import base64

import pytest
from azure.iot.hub.models import (
    AuthenticationMechanism,
    DeviceCapabilities,
    ExportImportDevice,
    PropertyContainer,
    SymmetricKey,
)

from support.hub import unique
from support.sdk import refused

KEY = base64.b64encode(b"primary-key-of-32-bytes-for-test").decode()


@pytest.fixture(scope="module")
def registry(hub):
    return hub.registry_manager()


def entry(device_id, mode, **members):
    members.setdefault("status", "enabled")
    members.setdefault(
        "authentication",
        AuthenticationMechanism(type="sas", symmetric_key=SymmetricKey(primary_key=KEY, secondary_key=KEY)),
    )
    return ExportImportDevice(id=device_id, import_mode=mode, **members)


def test_bulk_creates_devices_with_their_first_twin(registry):
    ids = [unique("bulk") for _ in range(3)]

    result = registry.bulk_create_or_update_devices(
        [
            entry(
                device_id, "create", status_reason="imported",
                capabilities=DeviceCapabilities(iot_edge=False),
                tags={"floor": 2}, properties=PropertyContainer(desired={"interval": 5}),
            )
            for device_id in ids
        ]
    )  # fmt: skip

    assert result.is_successful is True and not result.errors
    for device_id in ids:
        assert registry.get_device(device_id).status_reason == "imported"
        assert registry.get_device(device_id).authentication.symmetric_key.primary_key == KEY
        twin = registry.get_twin(device_id)
        assert twin.tags == {"floor": 2}
        assert twin.properties.desired["interval"] == 5


def test_bulk_failure_names_the_device_and_keeps_what_worked(registry):
    existing, fresh = unique("bulk"), unique("bulk")
    registry.create_device_with_sas(existing, "", "", "enabled")

    result = registry.bulk_create_or_update_devices([entry(existing, "create"), entry(fresh, "create")])

    assert result.is_successful is False
    assert [error.device_id for error in result.errors] == [existing]
    assert result.errors[0].error_code == "DeviceAlreadyExists"
    assert registry.get_device(fresh).device_id == fresh


def test_bulk_mixes_create_update_and_delete(registry):
    created, updated, deleted = unique("c"), unique("u"), unique("d")
    for device_id in (updated, deleted):
        registry.create_device_with_sas(device_id, "", "", "enabled")

    result = registry.bulk_create_or_update_devices(
        [entry(created, "create"), entry(updated, "update", status="disabled"), entry(deleted, "delete")]
    )

    assert result.is_successful is True
    assert registry.get_device(created).status == "enabled"
    assert registry.get_device(updated).status == "disabled"
    with refused(404, "DeviceNotFound"):
        registry.get_device(deleted)


def test_registry_statistics_count_by_status(hub_factory):
    hub = hub_factory().start()
    registry = hub.registry_manager()
    hub.with_device("a").with_module("not-counted")
    hub.with_device("b", status="disabled")
    hub.with_device("c")

    statistics = registry.get_device_registry_statistics()

    assert statistics.total_device_count == 3
    assert statistics.enabled_device_count == 2
    assert statistics.disabled_device_count == 1


def test_service_statistics_count_connected_devices(hub_factory):
    hub = hub_factory().start()
    registry = hub.registry_manager()
    assert registry.get_service_statistics().connected_device_count == 0

    with hub.mqtt_session(hub.with_device("on-line")):
        connected = registry.get_service_statistics().connected_device_count

    assert connected == 1
