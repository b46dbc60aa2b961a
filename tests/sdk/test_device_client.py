"""`azure-iot-device`, synchronous: devices and modules, MQTT and MQTT over WebSocket."""

import queue
import threading

import pytest
from azure.iot.device.exceptions import ClientError, CredentialError

from support.waiting import eventually

pytestmark = pytest.mark.timeout(60)


def patches_of(client) -> "queue.Queue[dict]":
    """Subscribes to desired patches; they arrive in the queue."""
    received: queue.Queue[dict] = queue.Queue()
    client.on_twin_desired_properties_patch_received = received.put
    return received


def test_connected_client_sees_its_twin(identity, make_client, websockets):
    identity.patch_desired({"interval": 5, "nested": {"a": [1, "x"]}})
    client = make_client(identity, websockets=websockets)

    client.connect()
    twin = client.get_twin()

    assert client.connected
    assert twin["desired"] == {"interval": 5, "nested": {"a": [1, "x"]}, "$version": 2}
    assert twin["reported"] == {"$version": 1}


def test_reported_properties_arrive_at_the_back_end(identity, make_client, websockets):
    client = make_client(identity, websockets=websockets)
    client.connect()

    client.patch_twin_reported_properties({"state": {"temperature": 21.5, "gone": 1}})
    client.patch_twin_reported_properties({"state": {"gone": None}, "text": "über"})

    reported = identity.twin()["properties"]["reported"]
    assert reported["state"] == {"temperature": 21.5}
    assert reported["text"] == "über"
    assert reported["$version"] == 3
    assert client.get_twin()["reported"] == {"state": {"temperature": 21.5}, "text": "über", "$version": 3}


def test_desired_change_reaches_the_connected_client(identity, make_client, websockets):
    client = make_client(identity, websockets=websockets)
    client.connect()
    patches = patches_of(client)

    identity.patch_desired({"interval": 7})
    identity.patch_desired({"interval": None, "other": {"deep": True}})

    assert patches.get(timeout=10) == {"interval": 7, "$version": 2}
    assert patches.get(timeout=10) == {"interval": None, "other": {"deep": True}, "$version": 3}


def test_replaced_desired_properties_arrive_whole(identity, hub, make_client):
    identity.patch_desired({"old": 1})
    client = make_client(identity)
    client.connect()
    patches = patches_of(client)

    hub.http("PUT", identity.twin_path, json={"properties": {"desired": {"new": 2}}}).expect(200)

    patch = patches.get(timeout=10)
    assert patch["new"] == 2
    assert patch["$version"] == 3


def test_tag_change_sends_nothing_to_the_client(identity, make_client):
    client = make_client(identity)
    client.connect()
    patches = patches_of(client)

    identity.patch_twin({"tags": {"floor": 1}})
    identity.patch_desired({"mark": 1})

    # The first patch is the one that came later.
    assert patches.get(timeout=10) == {"mark": 1, "$version": 2}


def test_subscriptions_are_kept_over_a_reconnect(identity, make_client, websockets):
    # This SDK never subscribes again. Without the option it would also read the
    # twin by itself, and the test could not tell which of the two delivered.
    client = make_client(identity, websockets=websockets, ensure_desired_properties=False)
    client.connect()
    patches = patches_of(client)
    client.get_twin()

    client.disconnect()
    client.connect()

    assert client.get_twin()["desired"]["$version"] == 1
    identity.patch_desired({"after": "reconnect"})
    assert patches.get(timeout=10) == {"after": "reconnect", "$version": 2}


def test_change_while_away_is_seen_after_the_reconnect(identity, make_client):
    client = make_client(identity)
    client.connect()
    # The SDK reads the twin after a reconnect, but leaves it to this call to
    # subscribe to the answers.
    client.get_twin()
    patches = patches_of(client)
    identity.patch_desired({"interval": 1})
    assert patches.get(timeout=10)["interval"] == 1

    client.disconnect()
    identity.patch_desired({"interval": 2})
    client.connect()

    patch = patches.get(timeout=15)
    assert patch["interval"] == 2
    assert patch["$version"] == 3


def test_renewed_token_keeps_the_client_working(identity, make_client):
    """The SDK renews two minutes before the end: after three seconds of these 123."""
    client = make_client(identity, sastoken_ttl=123, ensure_desired_properties=False)
    states = []
    changed = threading.Event()

    def note_state():
        states.append(client.connected)
        if False in states and states[-1]:
            changed.set()

    client.on_connection_state_change = note_state
    client.connect()
    patches = patches_of(client)

    assert changed.wait(20), f"no reconnect for the new token: {states}"

    identity.patch_desired({"after": "renewal"})
    assert patches.get(timeout=10) == {"after": "renewal", "$version": 2}
    assert client.get_twin()["desired"]["after"] == "renewal"


def test_second_connection_takes_over(identity, make_client, websockets):
    first = make_client(identity, connection_retry=False, websockets=websockets)
    first.connect()

    second = make_client(identity)
    second.connect()

    eventually(lambda: not first.connected, what="end of the first connection")
    assert second.get_twin()["desired"]["$version"] == 1
    assert identity.get()["connectionState"] == "Connected"


def test_device_and_its_module_are_connected_side_by_side(hub, make_client):
    device = hub.with_device("both")
    module = device.with_module("m")
    clients = [make_client(device), make_client(module)]

    for client in clients:
        client.connect()

    assert all(client.get_twin() and client.connected for client in clients)


@pytest.mark.parametrize("kind", ["disable", "delete", "roll keys"])
def test_withdrawn_identity_is_cut_off_and_kept_out(hub, make_client, kind):
    device = hub.with_device("withdrawn")
    client = make_client(device, connection_retry=False)
    client.connect()

    if kind == "disable":
        device.put(status="disabled")
    elif kind == "delete":
        device.delete()
    else:
        device.put(authentication={"type": "sas", "symmetricKey": {"primaryKey": "", "secondaryKey": ""}})

    eventually(lambda: not client.connected, within=5, what="end of the connection")
    with pytest.raises(CredentialError):
        client.connect()


@pytest.mark.parametrize("kind", ["delete module", "delete device", "disable device", "roll keys"])
def test_withdrawn_module_is_cut_off_and_kept_out(hub, make_client, kind):
    device = hub.with_device("host")
    module = device.with_module("m")
    client = make_client(module, connection_retry=False)
    client.connect()

    if kind == "delete module":
        module.delete()
    elif kind == "delete device":
        device.delete()
    elif kind == "disable device":
        device.put(status="disabled")
    else:
        module.put(authentication={"type": "sas", "symmetricKey": {"primaryKey": "", "secondaryKey": ""}})

    eventually(lambda: not client.connected, within=5, what="end of the connection")
    with pytest.raises(CredentialError):
        client.connect()


def test_rolling_the_other_key_leaves_the_connection_alone(hub, make_client):
    device = hub.with_device("rolled")
    client = make_client(device, connection_retry=False)
    client.connect()

    other = hub.with_device("donor").primary_key
    keys = {"primaryKey": device.primary_key, "secondaryKey": other}
    device.put(authentication={"type": "sas", "symmetricKey": keys})

    assert client.get_twin()["desired"]["$version"] == 1
    assert client.connected


def test_enabled_again_the_device_gets_in(hub, make_client):
    device = hub.with_device("pardoned", status="disabled")
    client = make_client(device)
    with pytest.raises(CredentialError):
        client.connect()

    device.put(status="enabled")

    client.connect()
    assert client.connected


def test_wrong_key_is_refused(hub, make_client):
    device, stranger = hub.with_device("mine"), hub.with_device("other")
    device.document["authentication"]["symmetricKey"]["primaryKey"] = stranger.primary_key

    with pytest.raises(CredentialError):
        make_client(device).connect()


def test_ids_are_case_sensitive(hub, make_client):
    device = hub.with_device("MyFirstDevice")
    device.device_id = device.device_id.replace("MyFirst", "myFirst")

    with pytest.raises(CredentialError):
        make_client(device).connect()


def test_refused_reported_properties_raise_and_change_nothing(identity, make_client):
    client = make_client(identity)
    client.connect()
    client.patch_twin_reported_properties({"kept": 1})
    before = identity.twin()["properties"]["reported"]

    too_deep = {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": {"l": 1}}}}}}}}}}}}
    with pytest.raises(ClientError) as refused:
        client.patch_twin_reported_properties(too_deep)
    assert "status 400" in str(refused.value.__cause__)

    assert identity.twin()["properties"]["reported"] == before
    assert client.connected
