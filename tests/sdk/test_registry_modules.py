"""Module identities through every method of `IoTHubRegistryManager`."""

import base64

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


@pytest.fixture
def device_id(hub):
    return hub.with_device("host").device_id


def test_created_module_has_the_given_keys_and_every_default(registry, device_id):
    module = registry.create_module_with_sas(device_id, "m", "somebody", KEY_1, KEY_2)

    assert (module.device_id, module.module_id) == (device_id, "m")
    assert module.managed_by == "somebody"
    assert module.authentication.type == "sas"
    assert module.authentication.symmetric_key.primary_key == KEY_1
    assert module.authentication.symmetric_key.secondary_key == KEY_2
    assert module.connection_state == "Disconnected"
    assert module.connection_state_updated_time.year == 1
    assert module.last_activity_time.year == 1
    assert module.cloud_to_device_message_count == 0
    assert module.generation_id.isdecimal()
    assert base64.b64decode(module.etag).isdigit()
    assert registry.get_module(device_id, "m").as_dict() == module.as_dict()


def test_missing_keys_are_made_by_the_hub(registry, device_id):
    module = registry.create_module_with_sas(device_id, "m", None, "", "")

    keys = module.authentication.symmetric_key
    assert len(base64.b64decode(keys.primary_key)) == 32
    assert module.managed_by is None


def test_x509_module_keeps_its_thumbprints(registry, device_id):
    registry.create_module_with_x509(device_id, "m", None, THUMB_1, THUMB_2)

    authentication = registry.get_module(device_id, "m").authentication
    assert authentication.type == "selfSigned"
    assert authentication.x509_thumbprint.primary_thumbprint == THUMB_1
    assert authentication.x509_thumbprint.secondary_thumbprint == THUMB_2


def test_certificate_authority_module_has_no_secret(registry, device_id):
    registry.create_module_with_certificate_authority(device_id, "m", None)

    authentication = registry.get_module(device_id, "m").authentication
    assert authentication.type == "certificateAuthority"
    assert authentication.symmetric_key.primary_key is None


def test_creating_an_existing_module_is_a_conflict_and_changes_nothing(registry, device_id):
    before = registry.create_module_with_sas(device_id, "m", None, KEY_1, KEY_2)

    with refused(409, "ModuleAlreadyExistsOnDevice"):
        registry.create_module_with_sas(device_id, "m", None, KEY_3, KEY_3)

    assert registry.get_module(device_id, "m").as_dict() == before.as_dict()


def test_creating_a_module_on_a_missing_device_is_not_found(registry):
    with refused(404, "DeviceNotFound"):
        registry.create_module_with_sas(unique("nobody"), "m", None, KEY_1, KEY_2)


def test_update_with_the_current_etag_replaces_keys_and_manager(registry, device_id):
    before = registry.create_module_with_sas(device_id, "m", "one", KEY_1, KEY_2)

    after = registry.update_module_with_sas(device_id, "m", "two", before.etag, KEY_3, KEY_1)

    assert after.authentication.symmetric_key.primary_key == KEY_3
    assert after.managed_by == "two"
    assert after.etag != before.etag
    assert after.generation_id == before.generation_id


def test_update_with_a_stale_etag_is_refused_and_changes_nothing(registry, device_id):
    stale = registry.create_module_with_sas(device_id, "m", None, KEY_1, KEY_2).etag
    before = registry.update_module_with_sas(device_id, "m", None, stale, KEY_1, KEY_2)

    with refused(412, "PreconditionFailed"):
        registry.update_module_with_sas(device_id, "m", None, stale, KEY_3, KEY_3)

    assert registry.get_module(device_id, "m").as_dict() == before.as_dict()


def test_authentication_can_change_to_x509_and_to_a_certificate_authority(registry, device_id):
    registry.create_module_with_sas(device_id, "m", None, KEY_1, KEY_2)

    x509 = registry.update_module_with_x509(device_id, "m", None, None, THUMB_1, THUMB_2)
    authority = registry.update_module_with_certificate_authority(device_id, "m", None, x509.etag)

    assert x509.authentication.type == "selfSigned"
    assert authority.authentication.type == "certificateAuthority"


def test_updating_a_missing_module_is_not_found(registry, device_id):
    with refused(404, "ModuleNotFound"):
        registry.update_module_with_sas(device_id, "nobody", None, None, KEY_1, KEY_2)


def test_list_holds_exactly_the_modules_of_the_device(registry, device_id):
    other = registry.create_device_with_sas(unique("other"), "", "", "enabled").device_id
    registry.create_module_with_sas(other, "elsewhere", None, "", "")
    for name in ("a", "B", "b"):
        registry.create_module_with_sas(device_id, name, None, "", "")

    listed = [module.module_id for module in registry.get_modules(device_id)]

    assert sorted(listed) == ["B", "a", "b"]


def test_deleted_module_is_gone_with_its_twin_and_the_device_stays(registry, device_id):
    module = registry.create_module_with_sas(device_id, "m", None, "", "")

    registry.delete_module(device_id, "m", module.etag)

    with refused(404, "ModuleNotFound"):
        registry.get_module(device_id, "m")
    with refused(404):
        registry.get_module_twin(device_id, "m")
    assert registry.get_device(device_id).device_id == device_id


def test_delete_with_a_stale_etag_is_refused(registry, device_id):
    stale = registry.create_module_with_sas(device_id, "m", None, KEY_1, KEY_2).etag
    registry.update_module_with_sas(device_id, "m", None, stale, KEY_1, KEY_2)

    with refused(412, "PreconditionFailed"):
        registry.delete_module(device_id, "m", stale)

    assert registry.get_module(device_id, "m").module_id == "m"


def test_the_twentieth_module_is_the_last_and_system_modules_do_not_count(registry):
    edge = registry.create_device_with_sas(unique("edge"), "", "", "enabled", iot_edge=True).device_id
    for number in range(20):
        registry.create_module_with_sas(edge, f"m{number}", None, "", "")

    with refused(413, "TooManyModulesOnDevice"):
        registry.create_module_with_sas(edge, "m20", None, "", "")

    assert len(registry.get_modules(edge)) == 22
