"""What the back end is told about who is connected."""

from collections.abc import Callable

import pytest

from support.hub import Hub
from support.identity import Identity
from support.mqtt_refusal import refusal_code
from support.raw_mqtt import RawMqtt
from support.waiting import eventually

NEVER = "0001-01-01T00:00:00"


def state(identity: Identity) -> str:
    return identity.get()["connectionState"]


def test_new_identity_was_never_connected(identity: Identity) -> None:
    document = identity.get()

    assert document["connectionState"] == "Disconnected"
    assert document["connectionStateUpdatedTime"].startswith(NEVER)
    assert document["lastActivityTime"].startswith(NEVER)


def test_connected_shows_in_identity_list_and_twin(hub: Hub, identity: Identity) -> None:
    before = identity.get()

    with hub.mqtt_session(identity):
        document = identity.get()

        assert document["connectionState"] == "Connected"
        assert document["connectionStateUpdatedTime"] > before["connectionStateUpdatedTime"]
        assert document["lastActivityTime"] > before["lastActivityTime"]
        assert document["etag"] == before["etag"], "a connection is no identity write"
        assert identity.twin()["connectionState"] == "Connected"


ENDS: dict[str, Callable[[RawMqtt], None]] = {
    "DISCONNECT": RawMqtt.disconnect,
    "a lost connection": RawMqtt.close,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
def test_end_shows_as_disconnected(
    hub: Hub, identity: Identity, end: Callable[[RawMqtt], None], websocket: bool
) -> None:
    session = hub.mqtt_session(identity, websocket=websocket)
    connected_at = identity.get()["connectionStateUpdatedTime"]

    end(session)

    eventually(lambda: state(identity) == "Disconnected", what="disconnection")
    assert identity.get()["connectionStateUpdatedTime"] > connected_at
    assert identity.twin()["connectionState"] == "Disconnected"


def test_activity_moves_with_twin_traffic(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        first = identity.get()["lastActivityTime"]

        session.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", b'{"n":1}', qos=1)
        session.receive()

        assert identity.get()["lastActivityTime"] > first


def test_refused_connection_leaves_no_trace(hub: Hub, identity: Identity) -> None:
    assert refusal_code(hub, identity, password="") == 5

    document = identity.get()
    assert document["connectionState"] == "Disconnected"
    assert document["lastActivityTime"].startswith(NEVER)


def test_connected_devices_are_counted(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()

    def count() -> int:
        return hub.http("GET", "/statistics/service").expect(200).json()["connectedDeviceCount"]

    devices = [hub.with_device() for _ in range(3)]

    sessions = [hub.mqtt_session(device) for device in devices]

    assert count() == 3
    for session in sessions:
        session.disconnect()
    eventually(lambda: count() == 0, what="everybody gone")
