"""Shared access signatures over HTTPS: what is taken, what is refused."""

import time
from urllib.parse import quote

import pytest

from support import sas

# The reference leaves open which of the family a refused token gets.
UNAUTHORIZED = {"IotHubUnauthorizedAccess", "IotHubUnauthorized", "GenericUnauthorized"}
POLICY = "registryRead"


def signed(hub, raw_resource, *, expiry=None, key=None, policy=POLICY, order="sr sig se skn", names=str):
    """A token whose `sr` stands exactly as given, with its fields in this order."""
    expiry = expiry or str(int(time.time()) + 600)
    fields = {
        "sr": raw_resource,
        "sig": quote(sas.signature(key or hub.policy_key(POLICY), raw_resource, expiry), safe=""),
        "se": expiry,
        "skn": policy,
    }
    return "SharedAccessSignature " + "&".join(
        f"{names(name)}={fields[name]}" for name in order.split() if fields[name] is not None
    )


@pytest.fixture(scope="module")
def device(hub):
    return hub.with_device("token")


def get(hub, device, token):
    return hub.http("GET", device.path, token=token)


TAKEN = {
    "the_whole_hub": lambda hub, device: signed(hub, hub.host),
    "host_in_other_case": lambda hub, device: signed(hub, hub.host.upper()),
    "encoded_with_upper_case_hex": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices"),
    "encoded_with_lower_case_hex": lambda hub, device: signed(hub, f"{hub.host}%2fdevices"),
    "slashes_left_raw": lambda hub, device: signed(hub, f"{hub.host}/devices"),
    "just_this_device": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices%2F{device.device_id}"),
    "fields_in_another_order": lambda hub, device: signed(hub, hub.host, order="skn se sig sr"),
    "field_names_in_other_case": lambda hub, device: signed(hub, hub.host, names=str.upper),
    "no_end_in_sight": lambda hub, device: signed(hub, hub.host, expiry="4102444800"),
    "signature_with_a_raw_slash": lambda hub, device: signed(hub, hub.host).replace("%2F", "/"),
}

REFUSED = {
    "no_scheme": lambda hub, device: signed(hub, hub.host).split(" ")[1],
    "scheme_in_other_case": lambda hub, device: signed(hub, hub.host).replace("SharedAccess", "sharedaccess"),
    "another_scheme": lambda hub, device: "Basic dXNlcjpwYXNz",
    "a_bearer_token_of_nobody": lambda hub, device: "Bearer abc",
    "only_the_scheme": lambda hub, device: "SharedAccessSignature ",
    "rubbish": lambda hub, device: "SharedAccessSignature rubbish",
    "no_resource": lambda hub, device: signed(hub, hub.host, order="sig se skn"),
    "no_signature": lambda hub, device: signed(hub, hub.host, order="sr se skn"),
    "no_expiry": lambda hub, device: signed(hub, hub.host, order="sr sig skn"),
    "expired_a_second_ago": lambda hub, device: signed(hub, hub.host, expiry=str(int(time.time()) - 1)),
    "expired_long_ago": lambda hub, device: signed(hub, hub.host, expiry="1"),
    "negative_expiry": lambda hub, device: signed(hub, hub.host, expiry="-1"),
    "expiry_in_words": lambda hub, device: signed(hub, hub.host, expiry="tomorrow"),
    "expiry_with_a_fraction": lambda hub, device: signed(hub, hub.host, expiry="4102444800.5"),
    "later_expiry_than_signed": lambda hub, device: signed(hub, hub.host, expiry="4102444800").replace(
        "se=4102444800", "se=4102444801"
    ),
    "resource_encoded_again": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices").replace("%2Fdevices", "%2fdevices"),
    "signature_that_is_no_base64": lambda hub, device: f"SharedAccessSignature sr={hub.host}&sig=!!&se=4102444800&skn={POLICY}",
    "empty_signature": lambda hub, device: f"SharedAccessSignature sr={hub.host}&sig=&se=4102444800&skn={POLICY}",
    "signature_cut_short": lambda hub, device: signed(hub, hub.host, order="sr se skn sig")[:-8],
    "the_key_of_another_policy": lambda hub, device: signed(hub, hub.host, key=hub.policy_key("service")),
    "unknown_policy": lambda hub, device: signed(hub, hub.host, policy="nobody"),
    "no_policy_for_the_whole_hub": lambda hub, device: signed(hub, hub.host, policy=None),
    "empty_policy_for_the_whole_hub": lambda hub, device: signed(hub, hub.host, policy=""),
    "another_hub": lambda hub, device: signed(hub, "other.azure-devices.net"),
    "a_hub_with_a_longer_name": lambda hub, device: signed(hub, f"{hub.host}0"),
    "another_device": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices%2Fother"),
    "half_of_the_devices_name": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices%2F{device.device_id[:-1]}"),
    "device_in_other_case": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices%2F{device.device_id.upper()}"),
    "half_a_segment": lambda hub, device: signed(hub, f"{hub.host}%2Fdev"),
    "another_collection": lambda hub, device: signed(hub, f"{hub.host}%2Ftwins"),
    "more_than_the_path": lambda hub, device: signed(hub, f"{hub.host}%2Fdevices%2F{device.device_id}%2Fmodules"),
    "resource_that_is_not_utf8": lambda hub, device: signed(hub, f"{hub.host}%2F%FF"),
    "empty_resource": lambda hub, device: signed(hub, ""),
}


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN.keys())
def test_token_is_taken(hub, device, make):
    reply = get(hub, device, make(hub, device))

    assert reply.status == 200, str(reply)


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_token_is_refused(hub, device, make):
    reply = get(hub, device, make(hub, device))

    assert reply.status == 401, str(reply)
    assert reply.error_code in UNAUTHORIZED, str(reply)
    assert device.primary_key.encode() not in reply.body


def test_secondary_key_of_a_policy_is_as_good(hub, device):
    printed = hub.cli("connection-string", "--policy", POLICY, "--secondary").stdout
    secondary = sas.parse_connection_string(printed)["SharedAccessKey"]
    assert secondary != hub.policy_key(POLICY)

    assert get(hub, device, signed(hub, hub.host, key=secondary)).status == 200


def test_token_of_64_kib_is_refused(hub, device):
    reply = get(hub, device, "SharedAccessSignature sr=" + "a" * 65536)

    assert reply.status in (400, 401, 431), str(reply)


def test_token_ends_when_it_says(hub, device):
    token = signed(hub, hub.host, expiry=str(int(time.time()) + 2))
    assert get(hub, device, token).status == 200

    deadline = time.monotonic() + 5
    while get(hub, device, token).status == 200:
        assert time.monotonic() < deadline, "the token is still taken after its end"
        time.sleep(0.1)


def test_identity_token_may_name_the_device_as_its_key(hub):
    """The C client over HTTP sends `skn=<device id>` with the device's key."""
    device = hub.with_device("c-client")
    resource = f"{hub.host}%2Fdevices%2F{device.device_id}"

    for policy in (device.device_id, "", None):
        token = signed(hub, resource, key=device.primary_key, policy=policy)
        assert hub.http("GET", f"{device.path}/modules", token=token).status == 200, policy


def test_identity_key_that_was_rolled_is_refused(hub):
    device = hub.with_device("rolled")
    token = device.sas()
    assert hub.http("GET", f"{device.path}/modules", token=token).status == 200

    device.put(authentication={"type": "sas", "symmetricKey": {"primaryKey": "", "secondaryKey": ""}})

    assert hub.http("GET", f"{device.path}/modules", token=token).status == 401


def test_disabled_devices_key_is_refused(hub):
    device = hub.with_device("disabled")
    token = device.sas()

    device.put(status="disabled")

    assert hub.http("GET", f"{device.path}/modules", token=token).status == 401
