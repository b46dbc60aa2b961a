"""Telemetry over raw MQTT: property bags as clients write them, limits, order, wills."""

import time
from datetime import datetime, timezone
from urllib.parse import quote

import pytest

from support.events import EARLIEST, Event, EventStream, telemetry_of
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import events_topic, send_telemetry
from support.mqtt_refusal import assert_turned_away, connect_options
from support.raw_mqtt import PUBACK, PUBLISH, connect_packet, packet, publish_packet, text
from support.waiting import eventually

LIMIT = 256 * 1024


def sent_with(hub: Hub, identity: Identity, bag: str) -> Event:
    """What readers see of a message with this bag."""
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"x", bag)
    return telemetry_of(hub, identity, 1)[0]


# The bag.

BAGS: dict[str, tuple[str, dict[str, str | None]]] = {
    "empty": ("", {}),
    "a lone slash more": ("/", {}),
    "a lone question mark": ("?", {}),
    "one pair": ("a=b", {"a": "b"}),
    "trailing slash of .NET": ("a=b/", {"a": "b"}),
    "leading question mark": ("?a=b&c=d", {"a": "b", "c": "d"}),
    "both": ("?a=b/", {"a": "b"}),
    "raw slashes of C": ("path=/a/b/c&x=1", {"path": "/a/b/c", "x": "1"}),
    "only one trailing slash goes": ("path=/a//", {"path": "/a/"}),
    "no equals sign": ("bare&a=b", {"bare": None, "a": "b"}),
    "empty value": ("a=&b=1", {"a": "", "b": "1"}),
    "equals signs in the value": ("a=b=c==", {"a": "b=c=="}),
    "encoded plus": ("a=1%2B1&b%2bc=d", {"a": "1+1", "b+c": "d"}),
    "encoded": ("na%20me=%C3%BC%26%3D%2F", {"na me": "ü&=/"}),
    "lower-case hex": ("a=%c3%bc", {"a": "ü"}),
    "raw beyond ASCII": ("a=ü", {"a": "ü"}),
    "a question mark inside": ("a=?b&?c=d", {"a": "?b", "?c": "d"}),
    "sixty pairs": ("&".join(f"k{n}=v{n}" for n in range(60)), {f"k{n}": f"v{n}" for n in range(60)}),
}


@pytest.mark.parametrize("bag, expected", BAGS.values(), ids=BAGS.keys())
def test_application_properties_are_read_from_the_bag(
    hub: Hub, identity: Identity, bag: str, expected: dict[str, str | None]
) -> None:
    assert sent_with(hub, identity, bag).properties == expected


def test_slash_before_the_bag_may_be_missing(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        topic = events_topic(identity).rstrip("/")
        sent = session.publish(topic, b"x", qos=1)
        assert session.expect(PUBACK).packet_id == sent

    assert telemetry_of(hub, identity, 1)[0].properties == {}


SYSTEM = {
    "mid": ("message-id", "m 1"),
    "cid": ("correlation-id", "c/1"),
    "uid": ("user-id", "someone"),
    "to": ("to", "/somewhere"),
    "ct": ("content-type", "application/json"),
    "ce": ("content-encoding", "utf-8"),
    "on": ("iothub-outputname", "out"),
    "schema": ("iothub-message-schema", "schema-7"),
}
ANNOTATIONS = {
    "sub": ("dt-subject", "thermostat1"),
    "ifid": ("iothub-interface-id", "urn:x:1"),
    "diagid": ("Diagnostic-Id", "0123456789abcdef"),
    "diagctx": ("Correlation-Context", "creationtimeutc=1506054516.100"),
}


@pytest.mark.parametrize("dollar", ["$", "%24"])
def test_system_properties_are_read_from_the_bag(hub: Hub, identity: Identity, dollar: str) -> None:
    known = SYSTEM | ANNOTATIONS
    bag = "&".join(f"{dollar}.{key}={quote(value, safe='')}" for key, (_, value) in known.items())

    event = sent_with(hub, identity, f"user=first&{bag}&other=last")

    assert event.properties == {"user": "first", "other": "last"}
    shown = event.system | event.annotations
    assert {name: shown.get(name) for name, _ in known.values()} == dict(known.values())
    assert set(dict(SYSTEM.values())) <= event.system.keys()


def test_times_of_the_sender_are_kept(hub: Hub, identity: Identity) -> None:
    event = sent_with(
        hub, identity, "%24.exp=2031-01-02T03%3A04%3A05.678Z&%24.ctime=2030-01-02T03%3A04%3A05.678Z"
    )

    assert event.system["absolute-expiry-time"].startswith("2031-01-02T03:04:05.678")
    assert event.system["iothub-creation-time-utc"].startswith("2030-01-02T03:04:05.678")


def test_client_can_not_say_who_sent(hub: Hub, identity: Identity) -> None:
    event = sent_with(hub, identity, "%24.cdid=someone-else&%24.cmid=ghost&a=1")

    assert (event.device_id, event.module_id) == (identity.device_id, identity.module_id)
    assert event.annotations["iothub-connection-device-id"] == identity.device_id
    assert event.annotations.get("iothub-connection-module-id") == identity.module_id
    assert event.properties.get("a") == "1"
    assert "someone-else" not in str(event)


def test_unknown_system_properties_and_repeated_names_are_no_error(hub: Hub, identity: Identity) -> None:
    event = sent_with(hub, identity, "%24.what=ever&a=1&a=2&&b=3")

    assert event.properties["a"] in ("1", "2") and event.properties["b"] == "3"


def test_percent_signs_that_encode_nothing_are_no_error(hub: Hub, identity: Identity) -> None:
    assert sent_with(hub, identity, "a=100%&b=%zz&c=%4").properties == {"a": "100%", "b": "%zz", "c": "%4"}


def test_clients_properties_are_not_mistaken_for_the_hubs(hub: Hub, identity: Identity) -> None:
    """Names of annotations in the bag change nothing that the hub stamps."""
    event = sent_with(
        hub, identity, "iothub-connection-device-id=evil&iothub-enqueuedtime=2001-01-01&iothub-message-source=evil"
    )

    assert event.annotations["iothub-connection-device-id"] == identity.device_id
    assert event.annotations["iothub-message-source"] == "Telemetry"
    assert not event.annotations["iothub-enqueuedtime"].startswith("2001")


def test_bytes_of_any_kind_come_back(hub: Hub, identity: Identity) -> None:
    body = bytes(range(256)) * 4
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, body)

    (event,) = telemetry_of(hub, identity, 1)
    assert event.payload == body
    assert "body" not in event.document


def test_enqueued_time_is_now(hub: Hub, identity: Identity) -> None:
    before = datetime.now(timezone.utc)
    event = sent_with(hub, identity, "")
    stamp = event.document["enqueuedTime"]

    assert abs((datetime.fromisoformat(stamp[:26] + "+00:00") - before).total_seconds()) < 5
    assert len(stamp.partition(".")[2]) in (4, 8), "three or seven digits"


# Flags.


def test_retain_becomes_a_property(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"1", "a=b", retain=True)
        send_telemetry(session, identity, b"2", "a=b")

    events = telemetry_of(hub, identity, 2)
    assert events[0].properties == {"a": "b", "mqtt-retain": "true"}
    assert events[1].properties == {"a": "b"}


def test_repeated_message_is_taken(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"again", dup=True)

    assert telemetry_of(hub, identity, 1)[0].payload == b"again"


def test_qos_0_is_stored_without_an_answer(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        for number in range(20):
            session.publish(events_topic(identity), b"%d" % number)
        session.ping()

    assert [event.payload for event in telemetry_of(hub, identity, 20)] == [b"%d" % n for n in range(20)]


def test_qos_2_closes_and_stores_nothing(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.publish(events_topic(identity), b"twice", qos=2)
        session.expect_closed()
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"once")

    assert telemetry_of(hub, identity, 1)[0].payload == b"once"


# Order.


@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
def test_window_of_publishes_is_acknowledged_and_stored_in_order(
    hub: Hub, identity: Identity, websocket: bool
) -> None:
    count = 2000
    with hub.mqtt_session(identity, websocket=websocket) as session:
        for start in range(0, count, 100):
            session.send(
                b"".join(
                    publish_packet(events_topic(identity), b"%d" % n, qos=1, packet_id=n % 65535 + 1)
                    for n in range(start, start + 100)
                )
            )
        acknowledged = [session.expect(PUBACK).packet_id for _ in range(count)]

    assert acknowledged == [n % 65535 + 1 for n in range(count)]
    events = telemetry_of(hub, identity, count)
    assert [event.payload for event in events] == [b"%d" % n for n in range(count)]
    assert len({event.partition for event in events}) == 1


def test_qos_0_and_1_keep_their_common_order(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        for number in range(60):
            session.publish(events_topic(identity), b"%d" % number, qos=number % 3 and 1)
        for _ in range(40):
            session.expect(PUBACK)

    assert [event.payload for event in telemetry_of(hub, identity, 60)] == [b"%d" % n for n in range(60)]


def test_sequence_numbers_have_no_gaps(hub: Hub) -> None:
    devices = [hub.with_device("gapless") for _ in range(8)]
    sessions = [hub.mqtt_session(device) for device in devices]
    with EventStream(hub) as stream:
        for round_ in range(25):
            for session, device in zip(sessions, devices, strict=True):
                session.publish(events_topic(device), b"%d" % round_, qos=1)
        events = stream.take(200)
    for session in sessions:
        session.close()

    by_partition: dict[int, list[int]] = {}
    for event in events:
        by_partition.setdefault(event.partition, []).append(event.sequence_number)
    for numbers in by_partition.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_what_is_published_right_before_disconnect_is_stored(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        raw = b"".join(publish_packet(events_topic(identity), b"%d" % n) for n in range(30))
        session.send(raw + packet(14, 0, b""))
        session.expect_closed()

    assert [event.payload for event in telemetry_of(hub, identity, 30)] == [b"%d" % n for n in range(30)]


# Limits.


def properties_of_size(size: int) -> str:
    """A bag whose names and values count so many bytes."""
    return f"%24.mid={'m' * 10}&k={'v' * (size - 11)}"


@pytest.mark.parametrize("in_properties", [0, 1000])
def test_message_of_exactly_256_kb_is_taken(hub: Hub, identity: Identity, in_properties: int) -> None:
    bag = properties_of_size(in_properties) if in_properties else ""
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, bytes(LIMIT - in_properties), bag)

    assert len(telemetry_of(hub, identity, 1)[0].payload) == LIMIT - in_properties


@pytest.mark.parametrize("in_properties", [0, 1000])
@pytest.mark.parametrize("qos", [0, 1])
def test_larger_message_closes_and_is_not_stored(
    hub: Hub, identity: Identity, qos: int, in_properties: int
) -> None:
    bag = properties_of_size(in_properties) if in_properties else ""
    with hub.mqtt_session(identity) as session:
        session.publish(events_topic(identity, bag), bytes(LIMIT - in_properties + 1), qos=qos)
        session.expect_closed()
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"small")

    assert telemetry_of(hub, identity, 1)[0].payload == b"small"


FORBIDDEN = [
    "devices/someone-else/messages/events/",
    "devices/{d}/modules/ghost/messages/events/",
    "devices/{d}/messages/Events/",
    "devices/{D}/messages/events/",
    "Devices/{d}/messages/events/",
    "/devices/{d}/messages/events/",
    "devices/{d}/messages/eventsx/",
    "devices/{d}/messages/",
    "devices/{d}/messages/devicebound/a=b",
    "devices/{d}/modules/{m}/inputs/in/",
    "devices/{d}/modules/{m}/outputs/out/",
]


@pytest.mark.parametrize("topic", FORBIDDEN)
def test_topic_beside_the_own_one_closes(hub: Hub, identity: Identity, topic: str) -> None:
    filled = topic.format(d=identity.device_id, D=identity.device_id.upper(), m=identity.module_id or "m")
    with hub.mqtt_session(identity) as session:
        session.publish(filled, b"x", qos=1)
        session.expect_closed()


def test_device_and_module_may_not_send_for_each_other(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()
    for one, other in ((device, module), (module, device)):
        with hub.mqtt_session(one) as session:
            session.publish(events_topic(other), b"x", qos=1)
            session.expect_closed()


# Wills.


def will_of(identity: Identity, bag: str = "a=b", body: bytes = b"farewell", qos: int = 1, retain: bool = False):
    return (events_topic(identity, bag), body, qos, retain)


def first_of_all(hub: Hub, identity: Identity) -> Event:
    """The identity's first message, after one that would be overtaken by nothing sent before it."""
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"first of all")
    return telemetry_of(hub, identity, 1)[0]


@pytest.mark.parametrize("websocket", [False, True], ids=["tls", "websocket"])
def test_will_fires_when_the_connection_is_cut(hub: Hub, identity: Identity, websocket: bool) -> None:
    bag = "%24.ct=application%2Fjson&%24.ce=utf-8&%24.mid=w&why=gone"
    hub.mqtt_session(identity, websocket=websocket, will=will_of(identity, bag, b'{"on":false}')).close()

    (event,) = telemetry_of(hub, identity, 1)

    assert event.document["body"] == {"on": False}
    assert event.system["message-id"] == "w"
    assert event.properties == {"why": "gone", "iothub-MessageType": "Will"}
    assert event.source == "Telemetry"
    assert event.annotations["iothub-connection-auth-generation-id"] == identity.document["generationId"]


def test_will_fires_on_a_keep_alive_breach(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, keep_alive=1, will=will_of(identity)) as session:
        session.expect_closed(timeout=6)

        assert telemetry_of(hub, identity, 1)[0].payload == b"farewell"


def test_will_fires_on_a_takeover_before_the_new_connection_speaks(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, will=will_of(identity)) as first:
        with hub.mqtt_session(identity) as second:
            first.expect_closed()
            send_telemetry(second, identity, b"new")

    assert {event.payload for event in telemetry_of(hub, identity, 2)} == {b"farewell", b"new"}


def test_will_fires_on_a_protocol_violation(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, will=will_of(identity)) as session:
        session.publish("not/allowed", qos=1)
        session.expect_closed()

    assert telemetry_of(hub, identity, 1)[0].payload == b"farewell"


def test_will_fires_when_the_token_expires(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, password=identity.sas(ttl=2), will=will_of(identity)) as session:
        session.expect_closed(timeout=8)

    assert telemetry_of(hub, identity, 1)[0].payload == b"farewell"


def test_will_with_retain_has_the_property(hub: Hub, identity: Identity) -> None:
    hub.mqtt_session(identity, will=will_of(identity, retain=True, qos=0)).close()

    (event,) = telemetry_of(hub, identity, 1)
    assert event.properties == {"a": "b", "iothub-MessageType": "Will", "mqtt-retain": "true"}


def test_will_does_not_fire_after_disconnect(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, will=will_of(identity)) as session:
        session.disconnect()

    assert first_of_all(hub, identity).payload == b"first of all"


def test_will_of_a_refused_connect_does_not_fire(hub: Hub, identity: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(connect_packet(**connect_options(identity, password="wrong", will=will_of(identity))))
        assert_turned_away(connection)

    assert first_of_all(hub, identity).payload == b"first of all"


def test_will_comes_behind_what_was_published_before(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, will=will_of(identity)) as session:
        for number in range(20):
            session.publish(events_topic(identity), b"%d" % number, qos=1)
        for _ in range(20):
            session.expect(PUBACK)

    bodies = [event.payload for event in telemetry_of(hub, identity, 21)]
    assert bodies == [b"%d" % number for number in range(20)] + [b"farewell"]


@pytest.mark.parametrize(
    "topic",
    [
        "devices/someone-else/messages/events/", "$iothub/twin/GET/?$rid=1", "will",
        "devices/{d}/modules/x/messages/events/",
    ],
)  # fmt: skip
def test_will_with_a_forbidden_topic_is_turned_away(hub: Hub, identity: Identity, topic: str) -> None:
    will = (topic.format(d=identity.device_id), b"farewell", 1, False)
    with hub.mqtt() as connection:
        connection.send(connect_packet(**connect_options(identity, will=will)))
        assert_turned_away(connection)


def test_will_that_is_too_large_does_no_harm(hub: Hub, identity: Identity) -> None:
    """A string of CONNECT holds 65,535 bytes, so this is the largest will."""
    largest = bytes(65535)
    with hub.mqtt() as connection:
        connection.send(connect_packet(**connect_options(identity, will=will_of(identity, "", largest))))
        answer = connection.receive()
        assert answer.body[1] == 0
    assert telemetry_of(hub, identity, 1)[0].payload == largest


# Presence.


def test_sending_moves_the_last_activity(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        before = identity.get()["lastActivityTime"]
        time.sleep(0.01)
        send_telemetry(session, identity)

        eventually(lambda: identity.get()["lastActivityTime"] > before, what="activity")


def test_message_may_be_read_once_it_is_acknowledged(hub: Hub, identity: Identity) -> None:
    """No reader has to wait for more messages to come."""
    with hub.mqtt_session(identity) as session, EventStream(hub, identity, since=EARLIEST) as stream:
        for number in range(5):
            send_telemetry(session, identity, b"%d" % number)

            assert stream.next(timeout=2).payload == b"%d" % number


def test_topic_cut_off_in_the_packet_closes(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        whole = text(events_topic(identity))
        session.send(packet(PUBLISH, 2, whole[:-3]))
        session.expect_closed()
