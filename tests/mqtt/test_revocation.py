"""A live connection ends with the right it was opened with."""

import base64
import os
import re
import time
from collections.abc import Callable

import pytest

from support.hub import Hub
from support.identity import Identity
from support.mqtt_refusal import connect_options, refusal_code
from support.raw_mqtt import CONNACK, ConnectionClosed, RawMqtt, connect_packet


def expect_cut_at_once(session: RawMqtt) -> None:
    session.expect_closed(timeout=3)


TOKENS: dict[str, Callable[[Identity], str]] = {
    "own key": lambda i: i.sas(ttl=3),
    "policy": lambda i: i.hub.sas("device", ttl=3),
}


@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS.keys())
def test_connection_ends_when_its_token_expires(
    hub: Hub, identity: Identity, make: Callable[[Identity], str], websocket: bool
) -> None:
    token = make(identity)
    expiry = int(re.search(r"se=(\d+)", token).group(1))

    with hub.mqtt_session(identity, password=token, websocket=websocket) as session:
        session.ping()
        session.expect_closed(timeout=10)

    assert expiry - 0.1 <= time.time() < expiry + 2
    assert refusal_code(hub, identity, password=token) == 5


def test_traffic_does_not_prolong_a_token(hub: Hub, identity: Identity) -> None:
    token = identity.sas(ttl=3)
    expiry = int(re.search(r"se=(\d+)", token).group(1))

    with hub.mqtt_session(identity, password=token) as session, pytest.raises(ConnectionClosed):
        while time.time() < expiry + 3:
            session.ping()


def test_disabling_a_device_cuts_it_and_its_modules(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()
    with hub.mqtt_session(device) as of_device, hub.mqtt_session(module) as of_module:
        device.put(status="disabled")

        expect_cut_at_once(of_device)
        expect_cut_at_once(of_module)
    assert refusal_code(hub, device) == 5


def test_deleting_a_device_cuts_it_and_its_modules(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()
    with hub.mqtt_session(device) as of_device, hub.mqtt_session(module) as of_module:
        device.delete()

        expect_cut_at_once(of_device)
        expect_cut_at_once(of_module)


def test_deleting_a_module_cuts_it_alone(hub: Hub) -> None:
    device = hub.with_device()
    module, other = device.with_module("one"), device.with_module("two")
    with (
        hub.mqtt_session(device) as of_device,
        hub.mqtt_session(module) as of_module,
        hub.mqtt_session(other) as of_other,
    ):
        module.delete()

        expect_cut_at_once(of_module)
        of_device.ping()
        of_other.ping()


def test_bulk_deletion_cuts_too(hub: Hub) -> None:
    device = hub.with_device()
    with hub.mqtt_session(device) as session:
        hub.http("POST", "/devices", json=[{"id": device.device_id, "importMode": "delete"}]).expect(200)

        expect_cut_at_once(session)


def keys(primary: str, secondary: str) -> dict:
    symmetric = {"primaryKey": primary, "secondaryKey": secondary}
    return {"type": "sas", "symmetricKey": symmetric}


def fresh_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
def test_removing_the_key_that_signed_cuts(hub: Hub, identity: Identity, websocket: bool) -> None:
    old = identity.sas()
    with hub.mqtt_session(identity, websocket=websocket) as session:
        identity.put(authentication=keys(fresh_key(), identity.secondary_key))

        expect_cut_at_once(session)
    assert refusal_code(hub, identity, password=old) == 5
    assert refusal_code(hub, identity, password=identity.sas()) == 0


def test_removing_the_other_key_does_not_cut(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        identity.put(authentication=keys(identity.primary_key, fresh_key()))

        session.expect_silence()
        session.ping()


def test_swapping_the_keys_does_not_cut(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        identity.put(authentication=keys(identity.secondary_key, identity.primary_key))

        session.expect_silence()
        session.ping()


def test_new_keys_do_not_cut_who_came_with_a_policy(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, password=hub.sas("device")) as session:
        identity.put(authentication=keys(fresh_key(), fresh_key()))

        session.expect_silence()
        session.ping()


def test_change_to_certificates_cuts_who_came_with_a_token(hub: Hub, identity: Identity) -> None:
    thumbprints = {"primaryThumbprint": "A" * 40, "secondaryThumbprint": None}
    with hub.mqtt_session(identity) as session:
        identity.put(authentication={"type": "selfSigned", "x509Thumbprint": thumbprints})

        expect_cut_at_once(session)


def test_other_changes_do_not_cut(hub: Hub) -> None:
    device = hub.with_device()
    with hub.mqtt_session(device) as session:
        device.put(statusReason="painted green")
        device.patch_desired({"n": 1})

        session.expect_silence()
        session.ping()


def test_refused_deletion_does_not_cut(hub: Hub) -> None:
    device = hub.with_device()
    with hub.mqtt_session(device) as session:
        stale = hub.http("DELETE", device.path, headers={"If-Match": '"c3RhbGU="'})
        assert stale.status == 412

        session.expect_silence()
        session.ping()


def test_device_made_again_does_not_let_the_old_token_in(hub: Hub) -> None:
    device = hub.with_device()
    old = device.sas()
    device.delete()
    again = hub.with_device(device.device_id, exact_id=True)

    assert refusal_code(hub, again, password=old) == 5


def test_session_opened_in_the_middle_of_a_deletion_does_not_survive_it(hub: Hub) -> None:
    # Whoever authenticates just before the deletion commits must not stay behind it.
    for _ in range(10):
        device = hub.with_device()
        connections = [hub.mqtt() for _ in range(4)]
        for connection in connections[:2]:
            connection.send(connect_of(device))
        device.delete()
        for connection in connections[2:]:
            connection.send(connect_of(device))

        for connection in connections:
            expect_gone(connection)


def connect_of(device: Identity) -> bytes:
    return connect_packet(**connect_options(device))


def expect_gone(connection: RawMqtt) -> None:
    """Whatever was answered before, the connection ends soon."""
    try:
        connection.expect(CONNACK, timeout=5)
    except ConnectionClosed:
        return
    connection.expect_closed(timeout=5)
