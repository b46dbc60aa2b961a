"""SUBSCRIBE and UNSUBSCRIBE: what is granted, what closes, what is remembered."""

import struct
from collections.abc import Callable

import pytest

from support import mqtt_twin
from support.hub import Hub
from support.identity import Identity
from support.raw_mqtt import SUBACK, UNSUBACK, RawMqtt, subscribe_packet, unsubscribe_packet
from support.waiting import eventually

FOR_EVERYBODY = [
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
    "$iothub/methods/POST/#",
    "$iothub/methods/POST/reboot/#",
]
FOR_DEVICES = ["devices/{d}/messages/devicebound/#"]
FOR_MODULES = [
    "devices/{d}/modules/{m}/inputs/#",
    "devices/{d}/modules/{m}/#",
    "devices/{d}/modules/{m}/messages/devicebound/#",
]


def filled(topic_filter: str, identity: Identity) -> str:
    return topic_filter.format(d=identity.device_id, m=identity.module_id)


@pytest.mark.parametrize("topic_filter", FOR_EVERYBODY)
def test_filters_of_the_hub_are_granted(hub: Hub, identity: Identity, topic_filter: str) -> None:
    with hub.mqtt_session(identity) as session:
        assert session.subscribe(topic_filter, qos=1) == [1]


@pytest.mark.parametrize("topic_filter", FOR_DEVICES)
def test_filters_of_a_device_are_granted(hub: Hub, topic_filter: str) -> None:
    device = hub.with_device()

    with hub.mqtt_session(device) as session:
        assert session.subscribe(filled(topic_filter, device), qos=1) == [1]


@pytest.mark.parametrize("topic_filter", FOR_MODULES)
def test_filters_of_a_module_are_granted(hub: Hub, topic_filter: str) -> None:
    module = hub.with_module()

    with hub.mqtt_session(module) as session:
        assert session.subscribe(filled(topic_filter, module), qos=1) == [1]


@pytest.mark.parametrize("asked, granted", [(0, 0), (1, 1), (2, 1)])
def test_qos_2_is_granted_as_1(hub: Hub, identity: Identity, asked: int, granted: int) -> None:
    with hub.mqtt_session(identity) as session:
        assert session.subscribe(mqtt_twin.RESPONSES, qos=asked) == [granted]


def test_suback_has_one_code_per_filter_in_order(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.send(
            subscribe_packet(
                513,
                ("$iothub/twin/res/#", 0),
                ("$iothub/methods/POST/#", 1),
                ("$iothub/twin/PATCH/properties/desired/#", 0),
                ("$iothub/methods/POST/a/#", 2),
                ("$iothub/methods/POST/b/#", 0),
            )
        )

        suback = session.expect(SUBACK)
        assert suback.flags == 0
        assert suback.body == struct.pack("!H", 513) + bytes([0, 1, 0, 1, 0])


def test_unsuback_is_exactly_the_packet_id(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(mqtt_twin.RESPONSES)

        # Also for a filter that was never subscribed.
        for topic_filter in (mqtt_twin.RESPONSES, mqtt_twin.CHANGES):
            session.send(unsubscribe_packet(9, topic_filter))

            unsuback = session.expect(UNSUBACK)
            assert (unsuback.flags, unsuback.body) == (0, struct.pack("!H", 9))


FORBIDDEN = [
    "#",
    "+/#",
    "$iothub/#",
    "$iothub/twin/#",
    "$iothub/+/res/#",
    "$iothub/twin/GET/#",
    "$iothub/twin/res",
    "$iothub/methods/res/#",
    "$SYS/#",
    "devices/#",
    "devices/+/messages/devicebound/#",
    "devices/{d}/messages/events/#",
    "devices/{d}/#",
    "devices/someone-else/messages/devicebound/#",
    "devices/{d}/modules/ghost/inputs/#",
    "/devices/{d}/messages/devicebound/#",
    "home/kitchen",
]


@pytest.mark.parametrize("topic_filter", FORBIDDEN)
def test_forbidden_filter_closes_without_suback(
    hub: Hub, identity: Identity, topic_filter: str
) -> None:
    with hub.mqtt_session(identity) as session:
        session.send(subscribe_packet(1, (filled(topic_filter, identity), 1)))

        session.expect_closed()


def test_device_and_module_may_not_listen_to_each_other(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()

    with hub.mqtt_session(device) as session:
        session.send(subscribe_packet(1, (filled("devices/{d}/modules/{m}/inputs/#", module), 1)))
        session.expect_closed()
    with hub.mqtt_session(module) as session:
        session.send(subscribe_packet(1, (filled("devices/{d}/messages/devicebound/#", device), 1)))
        session.expect_closed()


def test_one_forbidden_filter_among_good_ones_closes_and_stores_nothing(
    hub: Hub, identity: Identity
) -> None:
    with hub.mqtt_session(identity) as session:
        session.send(subscribe_packet(1, (mqtt_twin.RESPONSES, 1), ("#", 0)))
        session.expect_closed()

    with hub.mqtt_session(identity) as session:
        session.publish("$iothub/twin/GET/?$rid=1")
        session.ping()


# What survives a connection.


def reconnect(hub: Hub, identity: Identity, **options: bool) -> tuple[RawMqtt, bool]:
    """Connects again and returns the session and the session-present bit."""
    connection = hub.mqtt()
    code, present = connection.connect(
        client_id=identity.client_id,
        username=f"{hub.host}/{identity.client_id}/?api-version=2021-04-12",
        password=identity.sas(),
        **options,
    )
    assert code == 0
    return connection, present


ENDS: dict[str, Callable[[RawMqtt], None]] = {
    "DISCONNECT": RawMqtt.disconnect,
    "a lost connection": RawMqtt.close,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_subscriptions_outlive_the_connection(
    hub: Hub, identity: Identity, end: Callable[[RawMqtt], None]
) -> None:
    session, present = reconnect(hub, identity)
    assert not present
    session.subscribe(mqtt_twin.RESPONSES, mqtt_twin.CHANGES)
    end(session)

    session, present = reconnect(hub, identity)

    with session:
        assert present
        assert mqtt_twin.get(session).status == 200
        identity.patch_desired({"mode": "fast"})
        assert mqtt_twin.receive_change(session) == (2, {"mode": "fast", "$version": 2})


def test_stored_subscription_keeps_its_qos(hub: Hub, identity: Identity) -> None:
    session, _ = reconnect(hub, identity)
    session.subscribe(mqtt_twin.RESPONSES, qos=0)
    session.close()

    session, _ = reconnect(hub, identity)

    with session:
        session.publish("$iothub/twin/GET/?$rid=1")
        assert mqtt_twin.receive_publish(session).qos == 0


def test_unsubscribed_filter_is_forgotten(hub: Hub, identity: Identity) -> None:
    session, _ = reconnect(hub, identity)
    session.subscribe(mqtt_twin.RESPONSES, mqtt_twin.CHANGES)
    session.send(unsubscribe_packet(2, mqtt_twin.CHANGES))
    session.expect(UNSUBACK)
    session.close()

    session, _ = reconnect(hub, identity)

    with session:
        identity.patch_desired({"mode": "fast"})
        # Would the change be pushed, it would come before this answer.
        assert mqtt_twin.get(session).json()["desired"]["mode"] == "fast"


def test_clean_session_starts_without_and_leaves_nothing(hub: Hub, identity: Identity) -> None:
    session, _ = reconnect(hub, identity)
    session.subscribe(mqtt_twin.RESPONSES)
    session.close()

    session, present = reconnect(hub, identity, clean_session=True)
    assert not present
    session.publish("$iothub/twin/GET/?$rid=1")
    session.ping()
    session.subscribe(mqtt_twin.RESPONSES)
    assert mqtt_twin.get(session).status == 200
    session.disconnect()

    session, present = reconnect(hub, identity)
    with session:
        assert not present
        session.publish("$iothub/twin/GET/?$rid=1")
        session.ping()


def test_subscriptions_die_with_the_identity(hub: Hub) -> None:
    device = hub.with_device()
    session, _ = reconnect(hub, device)
    session.subscribe(mqtt_twin.RESPONSES)
    session.close()

    device.delete()
    again = hub.with_device(device.device_id, exact_id=True)

    session, present = reconnect(hub, again)
    with session:
        assert not present


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
def test_subscriptions_outlive_the_hub(hub_factory: Callable[..., Hub], crash: bool) -> None:
    hub = hub_factory().start()
    identities = [hub.with_device(), hub.with_module()]
    for identity in identities:
        session, _ = reconnect(hub, identity)
        session.subscribe(mqtt_twin.RESPONSES, mqtt_twin.CHANGES)

    hub.kill() if crash else hub.terminate()
    hub.start()

    for identity in identities:
        session, present = reconnect(hub, identity)
        with session:
            assert present
            assert mqtt_twin.get(session).status == 200
            identity.patch_desired({"after": "restart"})
            assert mqtt_twin.receive_change(session)[1]["after"] == "restart"


def test_a_subscription_counts_from_its_suback(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        for number in range(20):
            session.send(unsubscribe_packet(1, mqtt_twin.CHANGES))
            session.expect(UNSUBACK)
            session.subscribe(mqtt_twin.CHANGES)

            identity.patch_desired({"number": number})

            assert mqtt_twin.receive_change(session)[1]["number"] == number


def test_idle_session_hears_of_a_change_made_while_it_was_away_by_get(hub: Hub) -> None:
    device = hub.with_device()
    session, _ = reconnect(hub, device)
    session.subscribe(mqtt_twin.RESPONSES, mqtt_twin.CHANGES)
    session.close()
    eventually(lambda: device.get()["connectionState"] == "Disconnected", what="disconnection")

    device.patch_desired({"while": "away"})

    session, _ = reconnect(hub, device)
    with session:
        assert mqtt_twin.get(session).json()["desired"] == {"while": "away", "$version": 2}
