"""How a hub says no over MQTT: by a CONNACK code, or by closing without a word."""

from typing import Any

from support.hub import API_VERSION, Hub
from support.identity import Identity
from support.raw_mqtt import CONNACK, ConnectionClosed, RawMqtt


def connect_options(identity: Identity, **changes: Any) -> dict[str, Any]:
    """What an SDK would send in CONNECT, with some of it changed."""
    return {
        "client_id": identity.client_id,
        "username": f"{identity.hub.host}/{identity.client_id}/?api-version={API_VERSION}",
        "password": identity.sas(),
    } | changes


def refusal_code(hub: Hub, identity: Identity, **changes: Any) -> int:
    """Connects, and returns the code of the CONNACK after which the hub must close."""
    with hub.mqtt() as connection:
        code, session_present = connection.connect(**connect_options(identity, **changes))
        if code != 0:
            assert not session_present, "a refusal says that a session is present"
            connection.expect_closed()
        return code


def assert_turned_away(connection: RawMqtt) -> None:
    """The hub closes, after a CONNACK that says no or without any."""
    try:
        answer = connection.receive()
    except ConnectionClosed:
        return
    assert answer.kind == CONNACK and answer.body[1] != 0, f"the hub went along: {answer}"
    connection.expect_closed()
