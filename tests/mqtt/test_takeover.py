"""One connection per identity: the newest one that was let in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import mqtt_twin
from support.hub import Hub
from support.identity import Identity
from support.mqtt_refusal import connect_options, refusal_code
from support.raw_mqtt import ConnectionClosed, RawMqtt, connect_packet
from support.waiting import eventually


@pytest.mark.parametrize("second_over", ["tls", "websocket"])
@pytest.mark.parametrize("first_over", ["tls", "websocket"])
def test_new_connection_closes_the_old_one(
    hub: Hub, identity: Identity, first_over: str, second_over: str
) -> None:
    with hub.mqtt_session(identity, websocket=first_over == "websocket") as first:
        first.subscribe(mqtt_twin.RESPONSES)

        with hub.mqtt_session(identity, websocket=second_over == "websocket") as second:
            first.expect_closed()

            assert mqtt_twin.get(second).status == 200
            assert identity.get()["connectionState"] == "Connected"


def test_clean_session_takes_over_without_the_old_subscriptions(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as first:
        first.subscribe(mqtt_twin.RESPONSES)

        with hub.mqtt_session(identity, clean_session=True) as second:
            first.expect_closed()

            second.publish("$iothub/twin/GET/?$rid=1")
            second.ping()


def test_refused_connection_takes_nothing_over(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as first:
        assert refusal_code(hub, identity, password=identity.sas(ttl=-60)) == 5

        first.ping()


def test_half_a_connect_takes_nothing_over(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as first, hub.mqtt() as second:
        second.send(connect_packet(**connect_options(identity))[:-5])

        first.expect_silence()
        first.ping()


def test_device_and_modules_do_not_displace_each_other(hub: Hub) -> None:
    device = hub.with_device()
    one, two = device.with_module("one"), device.with_module("two")

    with hub.mqtt_session(device) as a, hub.mqtt_session(one) as b, hub.mqtt_session(two) as c:
        for session in (a, b, c):
            session.ping()


def test_of_many_at_once_exactly_one_stays(hub: Hub, identity: Identity) -> None:
    def arrive(_: int) -> RawMqtt | None:
        connection = hub.mqtt()
        try:
            connection.connect(**connect_options(identity))
        except ConnectionClosed:
            # Displaced before the CONNACK came.
            return None
        return connection

    with ThreadPoolExecutor(16) as pool:
        arrived = [connection for connection in pool.map(arrive, range(48)) if connection]

    eventually(lambda: sum(map(is_open, arrived)) == 1, what="a single survivor")
    assert identity.get()["connectionState"] == "Connected"
    for connection in arrived:
        connection.close()


def is_open(connection: RawMqtt) -> bool:
    try:
        connection.ping()
    except ConnectionClosed:
        return False
    return True
