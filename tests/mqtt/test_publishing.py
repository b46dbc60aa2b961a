"""PUBLISH: which topics a device may use, and what each forbidden one costs."""

import pytest

from support import mqtt_twin
from support.hub import Hub
from support.identity import Identity
from support.raw_mqtt import PUBACK

FORBIDDEN = [
    "home/kitchen",
    "devices/{d}",
    "devices/{d}/messages/devicebound/",
    "devices/someone-else/messages/events/",
    "devices/{d}/modules/ghost/messages/events/",
    "$iothub/twin/res/200/?$rid=1",
    "$iothub/twin/PATCH/properties/desired/?$rid=1",
    "$iothub/methods/POST/reboot/?$rid=1",
    "$SYS/broker/uptime",
]


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("topic", FORBIDDEN)
def test_forbidden_topic_closes_without_puback(
    hub: Hub, identity: Identity, topic: str, qos: int
) -> None:
    with hub.mqtt_session(identity) as session:
        session.publish(topic.format(d=identity.device_id), b"{}", qos=qos)

        session.expect_closed()


def test_qos_2_closes(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.publish("$iothub/twin/GET/?$rid=1", qos=2)

        session.expect_closed()


def test_pubacks_come_in_publish_order(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        sent = [session.publish(f"$iothub/twin/GET/?$rid={n}", qos=1) for n in range(50)]

        # Nobody subscribed to the answers, so PUBACKs are all that comes.
        got = [session.expect(PUBACK) for _ in sent]

        assert [puback.packet_id for puback in got] == sent
        assert all(len(puback.body) == 2 and puback.flags == 0 for puback in got)


def test_retained_and_repeated_requests_are_taken_like_others(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(mqtt_twin.RESPONSES, qos=0)

        session.publish("$iothub/twin/GET/?$rid=r", retain=True)
        assert mqtt_twin.parse_answer(mqtt_twin.receive_publish(session)).rid == "r"
        session.publish("$iothub/twin/GET/?$rid=d", qos=1, dup=True)
        assert mqtt_twin.parse_answer(mqtt_twin.receive_publish(session)).rid == "d"


def test_answer_to_a_method_nobody_called_is_dropped(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        sent = session.publish("$iothub/methods/res/200/?$rid=4711", b"{}", qos=1)

        assert session.expect(PUBACK).packet_id == sent
        session.ping()
