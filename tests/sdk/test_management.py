"""The resource provider's REST through `azure-mgmt-iothub`: the hub and its policies."""

import base64
import time

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.iothub import IotHubClient
from azure.mgmt.iothub.models import SharedAccessSignatureAuthorizationRule

from support import sas

GROUP = "any-resource-group"
DEFAULT_RIGHTS = {
    "iothubowner": "RegistryWrite, ServiceConnect, DeviceConnect",
    "service": "ServiceConnect",
    "device": "DeviceConnect",
    "registryRead": "RegistryRead",
    "registryReadWrite": "RegistryWrite",
}


class StaticBearer:
    """A credential that always has the same token."""

    def __init__(self, token: str):
        self._token = token

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)


def client_for(hub, token: str | None = None) -> IotHubClient:
    address = f"https://{hub.host}"
    return IotHubClient(
        StaticBearer(token or hub.operator_token),
        "any-subscription",
        base_url=address,
        credential_scopes=[f"{address}/.default"],
        connection_verify=str(hub.ca_file),
        polling_interval=0,
    )


@pytest.fixture
def private_hub(hub_factory):
    """Policies are the hub's, so each test has a hub."""
    return hub_factory().start()


@pytest.fixture
def resources(private_hub):
    return client_for(private_hub).iot_hub_resource


@pytest.fixture
def name(resources):
    """The name of the one hub."""
    return next(iter(resources.list_by_subscription())).name


def rules(resources, name):
    return {rule.key_name: rule for rule in resources.list_keys(GROUP, name)}


def write_rules(resources, name, changed):
    """What `az iot hub policy` does: read the hub, and write it back with all the rules."""
    description = resources.get(GROUP, name)
    description.properties.authorization_policies = list(changed)
    return resources.begin_create_or_update(GROUP, name, description, if_match=description.etag).result()


def may_read_registry(hub, policy, key):
    token = sas.token(key, hub.host, policy=policy)
    return hub.http("GET", "/devices?top=1", token=token).status == 200


def test_the_hub_describes_itself(private_hub, resources, name):
    description = resources.get(GROUP, name)

    assert description.name == name
    assert description.type == "Microsoft.Devices/IotHubs"
    assert description.id.endswith(f"/resourceGroups/{GROUP}/providers/Microsoft.Devices/IotHubs/{name}")
    assert description.etag
    assert description.sku.name and description.sku.tier and description.sku.capacity >= 1
    assert description.properties.host_name == private_hub.host
    assert description.properties.state == "Active"
    assert description.properties.provisioning_state == "Succeeded"


def test_both_lists_hold_the_hub(resources, name):
    assert [hub.name for hub in resources.list_by_subscription()] == [name]
    assert [hub.name for hub in resources.list_by_resource_group(GROUP)] == [name]


def test_description_never_holds_keys(resources, name):
    for rule in resources.get(GROUP, name).properties.authorization_policies or []:
        assert rule.primary_key is None and rule.secondary_key is None


def test_the_five_default_policies_have_their_rights(resources, name):
    found = rules(resources, name)

    assert {key: rule.rights for key, rule in found.items()} == DEFAULT_RIGHTS
    for rule in found.values():
        assert len(base64.b64decode(rule.primary_key)) == 32
        assert rule.primary_key != rule.secondary_key


def test_one_policy_can_be_read_by_name(private_hub, resources, name):
    rule = resources.get_keys_for_key_name(GROUP, name, "registryRead")

    assert rule.key_name == "registryRead"
    assert rule.primary_key == private_hub.policy_key("registryRead")


def test_unknown_policy_and_unknown_hub_are_not_found(resources, name):
    with pytest.raises(ResourceNotFoundError):
        resources.get_keys_for_key_name(GROUP, name, "nobody")
    with pytest.raises(ResourceNotFoundError):
        resources.get(GROUP, "no-such-hub")


def test_created_policy_works_with_both_keys_and_no_more_than_its_right(private_hub, resources, name):
    new = SharedAccessSignatureAuthorizationRule(key_name="auditor", rights="RegistryRead")

    write_rules(resources, name, [*rules(resources, name).values(), new])

    rule = resources.get_keys_for_key_name(GROUP, name, "auditor")
    assert rule.rights == "RegistryRead"
    assert may_read_registry(private_hub, "auditor", rule.primary_key)
    assert may_read_registry(private_hub, "auditor", rule.secondary_key)
    token = sas.token(rule.primary_key, private_hub.host, policy="auditor")
    assert private_hub.http("PUT", "/devices/x", token=token, json={"deviceId": "x"}).status == 401
    assert {key: r.rights for key, r in rules(resources, name).items()} == {**DEFAULT_RIGHTS, "auditor": "RegistryRead"}


def test_rolling_one_key_keeps_the_other(private_hub, resources, name):
    found = rules(resources, name)
    before = found["registryRead"]
    old_primary, secondary = before.primary_key, before.secondary_key
    before.primary_key = base64.b64encode(b"n" * 32).decode()

    write_rules(resources, name, found.values())

    assert not may_read_registry(private_hub, "registryRead", old_primary)
    assert may_read_registry(private_hub, "registryRead", secondary)
    assert may_read_registry(private_hub, "registryRead", before.primary_key)


def test_deleted_policy_is_refused_at_once(private_hub, resources, name):
    found = rules(resources, name)
    key = found.pop("registryRead").primary_key
    assert may_read_registry(private_hub, "registryRead", key)

    write_rules(resources, name, found.values())

    assert not may_read_registry(private_hub, "registryRead", key)
    with pytest.raises(ResourceNotFoundError):
        resources.get_keys_for_key_name(GROUP, name, "registryRead")


def test_stale_etag_is_refused_and_changes_nothing(resources, name):
    stale = resources.get(GROUP, name)
    found = rules(resources, name)
    write_rules(
        resources, name,
        [*found.values(), SharedAccessSignatureAuthorizationRule(key_name="first", rights="RegistryRead")],
    )  # fmt: skip

    stale.properties.authorization_policies = list(found.values())
    with pytest.raises(HttpResponseError) as refused:
        resources.begin_create_or_update(GROUP, name, stale, if_match=stale.etag).result()

    assert refused.value.status_code == 412
    assert "first" in rules(resources, name)


def test_rolling_a_policy_key_cuts_off_the_session_that_used_it(private_hub, resources, name):
    device = private_hub.with_device("via-policy")
    found = rules(resources, name)
    token = sas.token(
        found["device"].primary_key, f"{private_hub.host}/devices/{device.device_id}", policy="device"
    )
    session = private_hub.mqtt_session(device, password=token)
    session.ping()

    found["device"].primary_key = base64.b64encode(b"n" * 32).decode()
    write_rules(resources, name, found.values())

    session.expect_closed(timeout=5)


@pytest.mark.parametrize("token", ["wrong", "a" * 64])
def test_wrong_operator_token_is_unauthorized(private_hub, token):
    with pytest.raises(ClientAuthenticationError):
        list(client_for(private_hub, token).iot_hub_resource.list_by_subscription())


def test_a_policy_token_does_not_open_the_management_api(private_hub, name):
    path = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/{name}/listkeys"

    reply = private_hub.http("POST", path, policy="iothubowner", api_version="2023-06-30")

    assert reply.status == 401


def test_the_operator_token_does_not_open_the_data_plane(private_hub):
    reply = private_hub.http("GET", "/devices", token=f"Bearer {private_hub.operator_token}")

    assert reply.status == 401


def test_the_operator_token_file_is_readable_by_its_owner_alone(private_hub):
    mode = (private_hub.data_dir / "operator-token").stat().st_mode & 0o777

    assert mode == 0o600
