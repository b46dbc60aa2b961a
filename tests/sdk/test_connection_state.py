"""`connectionState`, `connectionStateUpdatedTime` and `lastActivityTime` tell the truth."""

from datetime import datetime, timedelta, timezone

import pytest

from support.waiting import eventually

NEVER = "0001-01-01T00:00:00"


def moment(text: str) -> datetime:
    """Parses the hub's dates, which have up to seven fraction digits."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}").replace(tzinfo=timezone.utc)


def is_recent(text: str) -> bool:
    return abs(datetime.now(timezone.utc) - moment(text)) < timedelta(minutes=1)


def test_an_identity_that_never_connected_says_so(identity):
    document = identity.get()

    assert document["connectionState"] == "Disconnected"
    assert document["connectionStateUpdatedTime"].startswith(NEVER)
    assert document["lastActivityTime"].startswith(NEVER)
    assert identity.twin()["connectionState"] == "Disconnected"
    assert identity.twin()["lastActivityTime"].startswith(NEVER)


@pytest.mark.parametrize("websocket", [False, True], ids=["mqtt", "websocket"])
def test_connected_shows_in_identity_and_twin(hub, identity, websocket):
    with hub.mqtt_session(identity, websocket=websocket):
        document = identity.get()
        twin = identity.twin()

    assert document["connectionState"] == "Connected"
    assert is_recent(document["connectionStateUpdatedTime"])
    assert is_recent(document["lastActivityTime"])
    assert twin["connectionState"] == "Connected"
    assert is_recent(twin["lastActivityTime"])


def test_connected_shows_in_lists(hub_factory):
    # A list has the first thousand devices: on the shared hub that may be others.
    hub = hub_factory().start()
    device = hub.with_device("connected", exact_id=True)
    module = device.with_module("connected")
    for _ in range(2):
        hub.with_device("silent").with_module("silent")
    device.with_module("silent")

    with hub.mqtt_session(device), hub.mqtt_session(module):
        devices = hub.http("GET", "/devices").expect(200).json()
        modules = hub.http("GET", "/devices/connected/modules").expect(200).json()

    assert [item["deviceId"] for item in devices if item["connectionState"] == "Connected"] == [device.device_id]
    assert [item["moduleId"] for item in modules if item["connectionState"] == "Connected"] == [module.module_id]
    assert (len(devices), len(modules)) == (3, 2)


@pytest.mark.parametrize("goodbye", ["disconnect", "close"])
def test_disconnected_shows_when_the_client_left(hub, identity, goodbye):
    session = hub.mqtt_session(identity)
    during = identity.get()

    getattr(session, goodbye)()

    eventually(lambda: identity.get()["connectionState"] == "Disconnected", what="Disconnected")
    after = identity.get()
    assert moment(after["connectionStateUpdatedTime"]) > moment(during["connectionStateUpdatedTime"])
    assert identity.twin()["connectionState"] == "Disconnected"


def test_connecting_moves_neither_etag_nor_version(hub, identity):
    before, twin_before = identity.get(), identity.twin()

    hub.mqtt_session(identity).close()
    eventually(lambda: identity.get()["connectionState"] == "Disconnected", what="Disconnected")

    assert identity.get()["etag"] == before["etag"]
    assert identity.twin()["etag"] == twin_before["etag"]
    assert identity.twin()["version"] == twin_before["version"]


def test_activity_moves_the_time_of_last_activity(hub, identity):
    with hub.mqtt_session(identity) as session:
        session.subscribe("$iothub/twin/res/#")
        before = moment(identity.get()["lastActivityTime"])

        session.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", b'{"a":1}')
        session.receive()

        assert moment(identity.get()["lastActivityTime"]) > before


def test_a_taken_over_identity_stays_connected(hub, identity):
    first = hub.mqtt_session(identity)
    with hub.mqtt_session(identity) as second:
        first.expect_closed()
        second.ping()

        assert identity.get()["connectionState"] == "Connected"


def test_module_and_device_states_are_apart(hub):
    device = hub.with_device("host")
    module = device.with_module("m")

    with hub.mqtt_session(module):
        assert module.get()["connectionState"] == "Connected"
        assert device.get()["connectionState"] == "Disconnected"


def test_after_a_restart_everybody_is_disconnected_and_times_are_kept(hub_factory):
    hub = hub_factory().start()
    device = hub.with_device("restarted")
    hub.mqtt_session(device)
    before = device.get()

    hub.terminate()
    hub.start()

    after = device.get()
    assert after["connectionState"] == "Disconnected"
    assert moment(after["lastActivityTime"]) >= moment(before["lastActivityTime"]) - timedelta(seconds=10)
