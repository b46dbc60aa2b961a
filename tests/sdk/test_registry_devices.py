"""Device identities through every method of `IoTHubRegistryManager`."""

import base64
from datetime import datetime, timedelta, timezone

import pytest

from support.hub import unique
from support.sdk import refused

KEY_1 = base64.b64encode(b"primary-key-of-32-bytes-for-test").decode()
KEY_2 = base64.b64encode(b"secondary-key-of-32-bytes-4-test").decode()
KEY_3 = base64.b64encode(b"another-key-of-32-bytes-for-test").decode()
THUMB_1 = "A" * 40
THUMB_2 = "B" * 40


@pytest.fixture(scope="module")
def registry(hub):
    return hub.registry_manager()


def is_recent(moment: datetime) -> bool:
    return abs(datetime.now(timezone.utc) - moment) < timedelta(minutes=1)


def test_created_device_has_the_given_keys_and_every_default(registry):
    device_id = unique("pump")

    device = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")

    assert device.device_id == device_id
    assert device.authentication.type == "sas"
    assert device.authentication.symmetric_key.primary_key == KEY_1
    assert device.authentication.symmetric_key.secondary_key == KEY_2
    assert device.status == "enabled"
    assert device.status_reason is None
    assert device.connection_state == "Disconnected"
    assert device.cloud_to_device_message_count == 0
    assert device.capabilities.iot_edge is False
    assert device.device_scope is None and device.parent_scopes is None
    assert device.connection_state_updated_time.year == 1
    assert device.last_activity_time.year == 1
    assert device.generation_id.isdecimal() and len(device.generation_id) == 18
    assert base64.b64decode(device.etag).isdigit()


def test_created_device_is_what_get_returns(registry):
    device_id = unique("pump")

    created = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "disabled", status_reason="new")

    assert registry.get_device(device_id).as_dict() == created.as_dict()
    assert created.status == "disabled" and created.status_reason == "new"


@pytest.mark.parametrize("empty", ["", None])
def test_missing_keys_are_made_by_the_hub(registry, empty):
    device = registry.create_device_with_sas(unique("pump"), empty, empty, "enabled")

    keys = device.authentication.symmetric_key
    assert len(base64.b64decode(keys.primary_key)) == 32
    assert len(base64.b64decode(keys.secondary_key)) == 32
    assert keys.primary_key != keys.secondary_key


def test_x509_device_keeps_its_thumbprints(registry):
    device_id = unique("x509")

    registry.create_device_with_x509(device_id, THUMB_1, THUMB_2, "enabled")

    authentication = registry.get_device(device_id).authentication
    assert authentication.type == "selfSigned"
    assert authentication.x509_thumbprint.primary_thumbprint == THUMB_1
    assert authentication.x509_thumbprint.secondary_thumbprint == THUMB_2
    assert authentication.symmetric_key.primary_key is None


def test_certificate_authority_device_has_neither_key_nor_thumbprint(registry):
    device_id = unique("ca")

    registry.create_device_with_certificate_authority(device_id, "enabled")

    authentication = registry.get_device(device_id).authentication
    assert authentication.type == "certificateAuthority"
    assert authentication.symmetric_key.primary_key is None
    assert authentication.x509_thumbprint.primary_thumbprint is None


def test_creating_an_existing_device_is_a_conflict_and_changes_nothing(registry):
    device_id = unique("pump")
    before = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")

    with refused(409, "DeviceAlreadyExists"):
        registry.create_device_with_sas(device_id, KEY_3, KEY_3, "disabled")

    assert registry.get_device(device_id).as_dict() == before.as_dict()


def test_update_with_the_current_etag_replaces_keys_and_status(registry):
    device_id = unique("pump")
    before = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")

    after = registry.update_device_with_sas(
        device_id, before.etag, KEY_2, KEY_3, "disabled", status_reason="maintenance"
    )

    assert after.authentication.symmetric_key.primary_key == KEY_2
    assert after.authentication.symmetric_key.secondary_key == KEY_3
    assert after.status == "disabled" and after.status_reason == "maintenance"
    assert is_recent(after.status_updated_time)
    assert after.etag != before.etag
    assert after.generation_id == before.generation_id
    assert registry.get_device(device_id).as_dict() == after.as_dict()


def test_update_with_a_stale_etag_is_refused_and_changes_nothing(registry):
    device_id = unique("pump")
    stale = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled").etag
    before = registry.update_device_with_sas(device_id, stale, KEY_1, KEY_2, "enabled")

    with refused(412, "PreconditionFailed"):
        registry.update_device_with_sas(device_id, stale, KEY_3, KEY_3, "disabled")

    assert registry.get_device(device_id).as_dict() == before.as_dict()


def test_update_without_an_etag_is_unconditional(registry):
    device_id = unique("pump")
    registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")

    after = registry.update_device_with_sas(device_id, None, KEY_3, KEY_2, "enabled")

    assert after.authentication.symmetric_key.primary_key == KEY_3


def test_updating_a_missing_device_is_not_found(registry):
    with refused(404, "DeviceNotFound"):
        registry.update_device_with_sas(unique("nobody"), None, KEY_1, KEY_2, "enabled")


def test_authentication_can_change_to_x509_and_to_a_certificate_authority(registry):
    device_id = unique("pump")
    registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")

    x509 = registry.update_device_with_x509(device_id, None, THUMB_1, THUMB_2, "enabled")
    authority = registry.update_device_with_certificate_authority(device_id, x509.etag, "enabled")

    assert x509.authentication.type == "selfSigned"
    assert x509.authentication.symmetric_key.primary_key is None
    assert authority.authentication.type == "certificateAuthority"
    assert authority.authentication.x509_thumbprint.primary_thumbprint is None


def test_deleted_device_is_gone_with_its_twin_and_modules(registry):
    device_id = unique("pump")
    device = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")
    registry.create_module_with_sas(device_id, "m", None, KEY_1, KEY_2)

    registry.delete_device(device_id, device.etag)

    with refused(404, "DeviceNotFound"):
        registry.get_device(device_id)
    with refused(404, "DeviceNotFound"):
        registry.get_twin(device_id)
    with refused(404):
        registry.get_module(device_id, "m")


def test_delete_with_a_stale_etag_is_refused(registry):
    device_id = unique("pump")
    stale = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled").etag
    registry.update_device_with_sas(device_id, stale, KEY_1, KEY_2, "enabled")

    with refused(412, "PreconditionFailed"):
        registry.delete_device(device_id, stale)

    assert registry.get_device(device_id).device_id == device_id


def test_a_device_created_again_is_another_generation_with_a_fresh_twin(registry):
    device_id = unique("pump")
    first = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")
    registry.update_twin(device_id, {"tags": {"floor": 3}})
    registry.delete_device(device_id)

    second = registry.create_device_with_sas(device_id, KEY_1, KEY_2, "enabled")

    assert int(second.generation_id) > int(first.generation_id)
    assert not registry.get_twin(device_id).tags


def test_list_holds_created_devices_and_honours_its_limit(hub_factory):
    # A list has the first thousand devices: on the shared hub that may be others.
    registry = hub_factory().start().registry_manager()
    created = {registry.create_device_with_sas(unique("listed"), "", "", "enabled").device_id for _ in range(3)}

    everything = {device.device_id for device in registry.get_devices(1000)}
    two = registry.get_devices(2)

    assert created == everything
    assert len(two) == 2


def test_edge_device_gets_its_scope_and_system_modules(registry):
    device_id = unique("edge")

    edge = registry.create_device_with_sas(device_id, "", "", "enabled", iot_edge=True)

    assert edge.capabilities.iot_edge is True
    assert edge.device_scope == f"ms-azure-iot-edge://{device_id}-{edge.generation_id}"
    modules = {module.module_id: module for module in registry.get_modules(device_id)}
    assert set(modules) == {"$edgeAgent", "$edgeHub"}
    assert modules["$edgeHub"].managed_by.lower() == "iotedge"


def test_leaf_device_under_an_edge_device_mirrors_the_scope(registry):
    edge = registry.create_device_with_sas(unique("edge"), "", "", "enabled", iot_edge=True)

    leaf = registry.create_device_with_sas(
        unique("leaf"), "", "", "enabled", device_scope=edge.device_scope
    )

    assert leaf.device_scope == edge.device_scope
    assert leaf.parent_scopes == [edge.device_scope]


def test_edge_device_names_its_parent_in_parent_scopes(registry):
    parent = registry.create_device_with_sas(unique("parent"), "", "", "enabled", iot_edge=True)

    child = registry.create_device_with_sas(
        unique("child"), "", "", "enabled", iot_edge=True, parent_scopes=parent.device_scope
    )

    assert child.parent_scopes == [parent.device_scope]
    assert child.device_scope != parent.device_scope


@pytest.mark.parametrize("device_id", ["a%b", "q?x=1", "(a,b)*'c'@d=e!", "a_b-c:d.e", "$odd"])
def test_ids_with_unusual_characters_survive_the_whole_way(registry, device_id):
    device_id = unique(device_id)

    registry.create_device_with_sas(device_id, "", "", "enabled")

    assert registry.get_device(device_id).device_id == device_id
    assert registry.get_twin(device_id).device_id == device_id
    registry.delete_device(device_id)
    with refused(404):
        registry.get_device(device_id)
