"""MQTT 3.1.1, statement by statement: each MUST that binds a server has a test or a reason.

The last test of this file fails when one has neither.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from support import cloud_to_device as c2d
from support import mqtt_twin
from support.events import telemetry_of
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import (
    devicebound_filter, events_topic, path_of, receive_devicebound, send_telemetry,
)  # fmt: skip
from support.mqtt_refusal import assert_turned_away, connect_options
from support.mqtt_statements import DIFFERS, ELSEWHERE, NOT_THE_SERVERS, STATEMENTS
from support.raw_mqtt import (
    CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, SUBSCRIBE, UNSUBACK,
    UNSUBSCRIBE, connect_packet, packet, publish_packet, subscribe_packet, text,
    unsubscribe_packet,
)  # fmt: skip

T = TypeVar("T", bound=Callable)
TESTED: set[str] = set()
PUBREC, PUBREL, PUBCOMP = 5, 6, 7
CHANGES, RESPONSES = mqtt_twin.CHANGES, mqtt_twin.RESPONSES


def states(*numbers: str) -> Callable[[T], T]:
    """Says which statements a test checks."""
    TESTED.update(numbers)
    return lambda test: test


@pytest.fixture
def device(hub: Hub) -> Identity:
    return hub.with_device("conforms")


def closes(hub: Hub, device: Identity, raw: bytes) -> None:
    """The packet ends a session that was good until then."""
    with hub.mqtt_session(device) as session:
        session.send(raw)
        session.expect_closed()


# 1.5.3: strings.


@states("1.5.3-1", "3.3.2-1", "3.1.3-4", "3.1.3-10", "3.1.3-11", "3.8.3-1", "3.10.3-1")
@pytest.mark.parametrize("broken", [b"\xc3\x28", b"\xed\xa0\x80", b"\xff"], ids=["bad", "surrogate", "ff"])
def test_strings_that_are_not_utf_8_close(hub: Hub, device: Identity, broken: bytes) -> None:
    prefix = events_topic(device).encode()
    closes(hub, device, publish_packet(prefix + broken))
    closes(hub, device, packet(SUBSCRIBE, 2, b"\0\1" + text(b"$iothub/" + broken) + b"\0"))
    closes(hub, device, packet(UNSUBSCRIBE, 2, b"\0\1" + text(broken)))
    head = text("MQTT") + b"\x04\xc4\0\x3c"
    good = text(device.client_id), text("t"), text("m"), text("u"), text("p")
    for place in (0, 1, 3):
        fields = list(good)
        fields[place] = text(broken)
        with hub.mqtt() as connection:
            connection.send(packet(CONNECT, 0, head + b"".join(fields)))
            assert_turned_away(connection)


@states("1.5.3-2", "4.7.3-2")
def test_strings_with_nul_close(hub: Hub, device: Identity) -> None:
    closes(hub, device, publish_packet(events_topic(device, "a=\0")))
    closes(hub, device, subscribe_packet(1, ("$iothub/twin/res/#\0", 0)))


@states("1.5.3-3", "4.7.3-4", "3.10.4-1")
def test_byte_order_mark_and_letter_case_are_part_of_a_string(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, bag="\ufeffkey=\ufeffvalue")
        assert telemetry_of(hub, device, 1)[0].properties == {"\ufeffkey": "\ufeffvalue"}
        # Another filter, letter by letter: the subscription stays.
        session.subscribe(RESPONSES, qos=0)
        session.send(unsubscribe_packet(3, "$iothub/twin/RES/#"))
        session.expect(UNSUBACK)
        assert mqtt_twin.get(session).status == 200


# 2.2, 2.3: headers and packet identifiers.


@states("2.2.2-1", "2.2.2-2", "3.6.1-1", "3.8.1-1", "3.10.1-1", "3.14.1-1")
@pytest.mark.parametrize(
    "kind, flags, body",
    [
        (PUBACK, 1, b"\0\1"), (SUBSCRIBE, 0, b"\0\1" + text(RESPONSES) + b"\0"),
        (SUBSCRIBE, 3, b"\0\1" + text(RESPONSES) + b"\0"), (UNSUBSCRIBE, 0, b"\0\1" + text(RESPONSES)),
        (PINGREQ, 4, b""), (DISCONNECT, 8, b""), (PUBREL, 0, b"\0\1"), (PUBREC, 2, b"\0\1"),
    ],
)  # fmt: skip
def test_wrong_header_flags_close(hub: Hub, device: Identity, kind: int, flags: int, body: bytes) -> None:
    closes(hub, device, packet(kind, flags, body))


@states("2.3.1-1")
def test_packet_identifier_zero_closes(hub: Hub, device: Identity) -> None:
    closes(hub, device, publish_packet(events_topic(device), qos=1, packet_id=0))
    closes(hub, device, subscribe_packet(0, (RESPONSES, 0)))
    closes(hub, device, unsubscribe_packet(0, RESPONSES))


@states("2.3.1-4", "4.3.2-1")
def test_the_hubs_packet_identifiers_are_unused_and_not_zero(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        session.subscribe(CHANGES)
        for number in range(10):
            c2d.send(device)
            device.patch_desired({"n": number})

        got = [session.expect(PUBLISH) for _ in range(20)]

        ids = [message.packet_id for message in got]
        assert len(set(ids)) == 20 and 0 not in ids
        assert all(message.qos == 1 and not message.dup for message in got)
        for packet_id in ids:
            session.puback(packet_id)
        session.ping()


@states("2.3.1-5", "3.3.1-2", "4.3.1-1")
def test_qos_0_has_no_packet_identifier_and_no_dup(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(CHANGES, qos=0)
        device.patch_desired({"a": 1})

        got = session.expect(PUBLISH)

        assert (got.qos, got.dup) == (0, False)
        assert got.payload.startswith(b"{")
        # From a client the payload begins right behind the topic, too.
        session.publish(events_topic(device), b"\0\7body", qos=0)
        assert telemetry_of(hub, device, 1)[0].payload == b"\0\7body"


@states("2.3.1-6", "2.3.1-7", "3.8.4-1", "3.8.4-2", "3.10.4-4", "3.3.4-1")
@pytest.mark.parametrize("packet_id", [1, 255, 256, 65535])
def test_acknowledgements_carry_the_identifier(hub: Hub, device: Identity, packet_id: int) -> None:
    with hub.mqtt_session(device) as session:
        session.send(publish_packet(events_topic(device), qos=1, packet_id=packet_id))
        session.send(subscribe_packet(packet_id, (RESPONSES, 0)))
        session.send(unsubscribe_packet(packet_id, RESPONSES))

        got = {answer.kind: answer for answer in (session.receive() for _ in range(3))}

        assert {kind: answer.packet_id for kind, answer in got.items()} == {
            PUBACK: packet_id, SUBACK: packet_id, UNSUBACK: packet_id,
        }  # fmt: skip


# 3.1, 3.2: CONNECT and CONNACK.


@states("3.1.0-2", "4.8.0-1")
def test_second_connect_closes(hub: Hub, device: Identity) -> None:
    closes(hub, device, connect_packet(**connect_options(device)))


@states("3.1.2-1")
@pytest.mark.parametrize("name", ["MQTTX", "mqtt", ""])
def test_another_protocol_name_is_turned_away(hub: Hub, device: Identity, name: str) -> None:
    with hub.mqtt() as connection:
        connection.send(connect_packet(**connect_options(device, protocol=name)))
        assert_turned_away(connection)


@states("3.1.2-2", "3.2.2-4", "3.2.2-5")
@pytest.mark.parametrize("level", [0, 3, 5, 255])
def test_another_protocol_level_is_code_1_and_closes(hub: Hub, device: Identity, level: int) -> None:
    with hub.mqtt() as connection:
        assert connection.connect(**connect_options(device, level=level)) == (1, False)
        connection.expect_closed()


def connect_with_flags(device: Identity, flags: int, *fields: str | bytes) -> bytes:
    """CONNECT with any flags and payload."""
    return packet(CONNECT, 0, text("MQTT") + bytes([4, flags]) + b"\0\x3c" + b"".join(map(text, fields)))


@states(
    "3.1.2-3", "3.1.2-9", "3.1.2-11", "3.1.2-13", "3.1.2-14", "3.1.2-15", "3.1.2-18", "3.1.2-19", "3.1.2-20",
    "3.1.2-21", "3.1.2-22", "3.1.3-1", "3.1.3-3", "3.1.4-1",
)  # fmt: skip
@pytest.mark.parametrize(
    "flags, without",
    [
        (0xC1, ""), (0xC8, ""), (0xD0, ""), (0xE0, ""), (0xDC, ""), (0x44, ""), (0x40, ""),
        (0xC0, "password"), (0xC4, "will"), (0x00, "surplus"), (0x80, "surplus"),
    ],
    ids=[
        "reserved flag", "will QoS 1 without will", "will QoS 2 without will", "will retain without will",
        "will QoS 3", "password but no user, will", "password but no user", "password missing",
        "will missing", "user name without its flag", "password without its flag",
    ],
)  # fmt: skip
def test_connect_that_contradicts_itself_is_turned_away(
    hub: Hub, device: Identity, flags: int, without: str
) -> None:
    options = connect_options(device)
    fields: list[str | bytes] = [device.client_id]
    if flags & 0x04 and without != "will":
        fields += [events_topic(device), b"gone"]
    fields += [options["username"]]
    if without != "password":
        fields += [options["password"]]
    before = device.get()["connectionState"]

    with hub.mqtt() as connection:
        connection.send(connect_with_flags(device, flags, *fields))
        assert_turned_away(connection)

    assert device.get()["connectionState"] == before == "Disconnected"


@states("3.1.2-4", "3.2.2-2", "3.2.2-3", "4.1.0-1", "4.1.0-2", "3.1.3-2")
def test_kept_session_is_resumed(hub: Hub, device: Identity) -> None:
    first = hub.mqtt()
    assert first.connect(**connect_options(device)) == (0, False)
    first.subscribe(RESPONSES, qos=0)
    first.close()

    with hub.mqtt() as second:
        assert second.connect(**connect_options(device)) == (0, True)
        assert mqtt_twin.get(second).status == 200


@states("3.1.2-5", "4.5.0-1")
def test_messages_for_a_kept_session_wait(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
    c2d.send(device, b"1")
    c2d.send(device, b"2")

    with hub.mqtt_session(device) as session:
        assert [receive_devicebound(session, device).payload for _ in range(2)] == [b"1", b"2"]


@states("3.1.2-6", "3.2.2-1", "3.1.4-3")
def test_clean_session_discards_what_was_and_leaves_nothing(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(RESPONSES, qos=0)
    for clean in (True, False):
        with hub.mqtt() as connection:
            assert connection.connect(**connect_options(device, clean_session=clean)) == (0, False)
            connection.publish("$iothub/twin/GET/?$rid=1")
            connection.ping()
            connection.subscribe(CHANGES)
            if not clean:
                connection.send(unsubscribe_packet(1, CHANGES))
                connection.expect(UNSUBACK)


@states("3.1.2-8", "3.1.2-16")
def test_will_is_published_when_the_connection_is_lost(hub: Hub, device: Identity) -> None:
    will = (events_topic(device, "why=lost"), b"my last will", 1, False)
    hub.mqtt_session(device, will=will).close()

    (event,) = telemetry_of(hub, device, 1)

    assert event.payload == b"my last will"
    assert event.properties == {"why": "lost", "iothub-MessageType": "Will"}


@states("3.1.2-10", "3.14.4-3")
def test_disconnect_drops_the_will(hub: Hub, device: Identity) -> None:
    will = (events_topic(device), b"my last will", 1, False)
    with hub.mqtt_session(device, will=will) as session:
        session.disconnect()
    # It is forgotten for good, not kept for the next connection.
    hub.mqtt_session(device).close()
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"first of all")

    assert telemetry_of(hub, device, 1)[0].payload == b"first of all"


@states("3.1.2-12")
def test_without_a_will_nothing_is_published(hub: Hub, device: Identity) -> None:
    hub.mqtt_session(device, will=(events_topic(device), b"will of the first", 0, False)).disconnect()
    hub.mqtt_session(device).close()
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"first of all")

    assert telemetry_of(hub, device, 1)[0].payload == b"first of all"


@states("3.1.2-24")
def test_silence_of_one_and_a_half_keep_alives_closes(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device, keep_alive=1) as session:
        session.expect_closed(timeout=5)


@states("3.1.3-5")
@pytest.mark.parametrize("client_id", ["a", "abcdefghijklm0123456789", "ABCXYZ09"])
def test_plain_client_ids_are_allowed(hub: Hub, client_id: str) -> None:
    # The hub is shared: the id is taken away again.
    device = hub.with_device(client_id, exact_id=True)
    try:
        hub.mqtt_session(device).disconnect()
    finally:
        device.delete()


@states("3.1.3-6", "3.1.3-8")
@pytest.mark.parametrize("clean_session", [False, True])
def test_empty_client_id_is_turned_away(hub: Hub, device: Identity, clean_session: bool) -> None:
    with hub.mqtt() as connection:
        connection.send(
            connect_packet(**connect_options(device, client_id="", clean_session=clean_session))
        )
        assert_turned_away(connection)


@states("3.1.4-2")
def test_second_connection_of_a_client_ends_the_first(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as first, hub.mqtt_session(device) as second:
        first.expect_closed()
        second.ping()


@states("3.1.4-4", "3.2.0-1")
def test_connack_comes_first(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
    c2d.send(device)

    with hub.mqtt() as connection:
        connection.send(connect_packet(**connect_options(device)) + packet(PINGREQ, 0, b""))
        assert connection.receive().kind == CONNACK


@states("3.1.4-5")
def test_nothing_behind_a_refused_connect_is_done(hub: Hub, device: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(
            connect_packet(**connect_options(device, password="wrong"))
            + publish_packet(events_topic(device), b"sneaky", qos=1)
        )
        assert connection.expect(CONNACK).body == b"\0\5"
        connection.expect_closed()
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"honest")

    assert telemetry_of(hub, device, 1)[0].payload == b"honest"


# 3.3: PUBLISH.


@states("3.3.1-1", "4.4.0-1", "4.6.0-6", "4.6.0-5")
def test_unacknowledged_messages_come_again_with_dup_in_order(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        for number in range(5):
            c2d.send(device, b"%d" % number)
        first = [receive_devicebound(session, device, acknowledge=False) for _ in range(5)]

    with hub.mqtt_session(device) as session:
        again = [receive_devicebound(session, device) for _ in range(5)]

        assert [got.payload for got in first] == [got.payload for got in again] == [b"0", b"1", b"2", b"3", b"4"]
        assert [got.packet.packet_id for got in first] == [got.packet.packet_id for got in again]
        assert [got.packet.dup for got in again] == [True] * 5
        session.ping()


@states("3.3.1-4")
def test_qos_3_closes(hub: Hub, device: Identity) -> None:
    closes(hub, device, packet(PUBLISH, 6, text(events_topic(device)) + b"\0\1"))


@states("3.3.1-9", "3.3.2-3")
def test_what_the_hub_sends_is_not_retained_and_matches_the_filter(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device), CHANGES, RESPONSES)
        c2d.send(device)
        device.patch_desired({"a": 1})
        session.publish("$iothub/twin/GET/?$rid=1")

        got = [session.expect(PUBLISH) for _ in range(3)]

        assert not any(message.retain for message in got)
        prefixes = (f"{path_of(device)}/messages/devicebound/", CHANGES[:-1], RESPONSES[:-1])
        for prefix in prefixes:
            assert sum(message.topic.startswith(prefix) for message in got) == 1


@states("3.3.1-10", "3.3.1-11", "3.3.1-12")
def test_retained_messages_are_taken_and_none_comes_back(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        for body in (b"state", b""):
            send_telemetry(session, device, body, retain=True)
        session.subscribe(RESPONSES, CHANGES, devicebound_filter(device))
        session.ping()

    events = telemetry_of(hub, device, 2)
    assert [event.payload for event in events] == [b"state", b""]
    assert [event.properties for event in events] == [{"mqtt-retain": "true"}] * 2


@states("3.3.2-2", "4.7.1-1")
@pytest.mark.parametrize("bag", ["#", "+", "a=+/b", "a=#"])
def test_wildcards_in_a_topic_close(hub: Hub, device: Identity, bag: str) -> None:
    closes(hub, device, publish_packet(events_topic(device, bag), qos=1))


@states("3.3.5-1")
def test_overlapping_filters_deliver_at_the_higher_qos(hub: Hub) -> None:
    module = hub.with_module("conforms")
    with hub.mqtt_session(module) as session:
        session.send(subscribe_packet(1, (f"{path_of(module)}/#", 0), (devicebound_filter(module), 1)))
        session.expect(SUBACK)
        c2d.send(module)

        assert receive_devicebound(session, module).packet.qos == 1


@states("3.3.5-2")
@pytest.mark.parametrize("qos", [0, 1])
def test_forbidden_topics_close(hub: Hub, device: Identity, qos: int) -> None:
    closes(hub, device, publish_packet("some/where", qos=qos))


# 3.8 to 3.10: SUBSCRIBE and UNSUBSCRIBE.


@states("3.8.3-2")
@pytest.mark.parametrize("topic_filter", ["#", "+/x", "devices/+/messages/devicebound/#", "$iothub/+/res/#"])
def test_filters_beyond_the_hubs_own_are_rejected_by_closing(
    hub: Hub, device: Identity, topic_filter: str
) -> None:
    closes(hub, device, subscribe_packet(1, (topic_filter, 0)))


@states("3.8.3-3", "3.10.3-2")
def test_lists_without_filters_close(hub: Hub, device: Identity) -> None:
    closes(hub, device, subscribe_packet(1))
    closes(hub, device, unsubscribe_packet(1))


@states("3.8.3-4")
@pytest.mark.parametrize("qos", [3, 4, 0x80, 0xFF])
def test_reserved_bits_of_a_subscription_close(hub: Hub, device: Identity, qos: int) -> None:
    closes(hub, device, subscribe_packet(1, (RESPONSES, qos)))


@states("3.8.4-3")
def test_subscribing_again_replaces_the_qos(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        for qos in (0, 1, 0):
            session.subscribe(CHANGES, qos=qos)
            device.patch_desired({"qos": qos})
            got = session.expect(PUBLISH)
            assert got.qos == qos
            if qos:
                session.puback(got.packet_id)
        session.ping()


@states("3.8.4-4", "3.8.4-5", "3.8.4-6", "3.9.3-1", "3.9.3-2")
def test_suback_answers_each_filter_in_order(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.send(
            subscribe_packet(5, (RESPONSES, 2), (CHANGES, 0), ("$iothub/methods/POST/#", 1), (CHANGES, 1))
        )

        suback = session.expect(SUBACK)
        assert suback.body == struct.pack("!H", 5) + bytes([1, 0, 1, 1])
        # As if sent one after the other: the last one for the same filter counts.
        device.patch_desired({"a": 1})
        got = session.expect(PUBLISH)
        assert got.qos == 1
        session.puback(got.packet_id)
        # Asked for 2, granted 1.
        session.publish("$iothub/twin/GET/?$rid=1")
        assert mqtt_twin.receive_publish(session).qos == 1


@states("3.10.4-2")
def test_after_unsubscribing_nothing_new_comes(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(CHANGES, devicebound_filter(device))
        session.send(unsubscribe_packet(7, CHANGES, devicebound_filter(device)))
        session.expect(UNSUBACK)

        device.patch_desired({"a": 1})
        c2d.send(device)

        session.ping()
        session.expect_silence(0.3)


@states("3.10.4-3")
def test_delivery_that_has_begun_is_completed_after_unsubscribing(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        c2d.send(device)
        begun = receive_devicebound(session, device, acknowledge=False)
        session.send(unsubscribe_packet(7, devicebound_filter(device)))
        session.expect(UNSUBACK)

        session.puback(begun.packet.packet_id)

        session.ping()
    assert c2d.waiting(device) == 0


@states("3.10.4-5", "3.10.4-6")
def test_unsuback_comes_also_when_nothing_was_subscribed(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.send(unsubscribe_packet(8, RESPONSES, CHANGES, "some/thing", "devices/+/x"))

        got = session.expect(UNSUBACK)
        assert (got.packet_id, got.flags, len(got.body)) == (8, 0, 2)


# 3.12, 3.14, 4: the rest.


@states("3.12.4-1")
def test_pingreq_is_answered(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.send(packet(PINGREQ, 0, b""))

        got = session.expect(PINGRESP)
        assert (got.flags, got.body) == (0, b"")


@states("3.14.4-1")
def test_disconnect_ends_the_connection(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        # What stands behind it is not looked at.
        session.send(packet(DISCONNECT, 0, b"") + publish_packet(events_topic(device), b"late", qos=1))
        session.expect_closed()
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"in time")

    assert telemetry_of(hub, device, 1)[0].payload == b"in time"


@states("4.3.2-2")
def test_packet_identifier_is_free_again_after_its_puback(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        for number in range(3):
            session.send(publish_packet(events_topic(device), b"%d" % number, qos=1, packet_id=9))
            assert session.expect(PUBACK).packet_id == 9

    assert [event.payload for event in telemetry_of(hub, device, 3)] == [b"0", b"1", b"2"]


@states("4.6.0-2")
def test_pubacks_come_in_the_order_of_the_publishes(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        session.subscribe(RESPONSES, qos=0)
        order = [7, 3, 65535, 1, 2, 500]
        for number, packet_id in enumerate(order):
            # Two kinds, of which one takes longer than the other.
            topic = events_topic(device) if number % 2 else "$iothub/twin/PATCH/properties/reported/?$rid=1"
            session.send(publish_packet(topic, b"{}", qos=1, packet_id=packet_id))

        got = [session.receive() for _ in range(9)]

        assert [packet.packet_id for packet in got if packet.kind == PUBACK] == order


@states("4.7.1-2", "4.7.1-3")
@pytest.mark.parametrize("topic_filter", ["$iothub/twin/res/#/x", "$iothub/twin/res#", "$iothub/twin+/res"])
def test_misplaced_wildcards_close(hub: Hub, device: Identity, topic_filter: str) -> None:
    closes(hub, device, subscribe_packet(1, (topic_filter, 0)))


@states("4.7.3-1")
def test_empty_topics_and_filters_close(hub: Hub, device: Identity) -> None:
    closes(hub, device, publish_packet("", qos=1))
    closes(hub, device, subscribe_packet(1, ("", 0)))


@states("4.7.3-3")
def test_topic_of_65535_bytes_is_taken(hub: Hub, device: Identity) -> None:
    topic = events_topic(device, "long=")
    value = "x" * (65535 - len(topic))
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, bag="long=" + value)

    assert telemetry_of(hub, device, 1)[0].properties == {"long": value}


@states("6.0.0-2")
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_of_a_websocket_may_cut_packets_anywhere(hub: Hub, device: Identity, size: int) -> None:
    with hub.mqtt_session(device, websocket=True) as session:
        raw = b"".join(
            publish_packet(events_topic(device), b"%d" % number, qos=1, packet_id=number + 1)
            for number in range(4)
        )
        for start in range(0, len(raw), size):
            session.send(raw[start : start + size])

        assert [session.expect(PUBACK).packet_id for _ in range(4)] == [1, 2, 3, 4]


@states("4.3.3-1", "4.3.3-2")
@pytest.mark.parametrize("kind, flags", [(PUBREC, 0), (PUBREL, 2), (PUBCOMP, 0)])
def test_nothing_of_qos_2_is_spoken(hub: Hub, device: Identity, kind: int, flags: int) -> None:
    closes(hub, device, publish_packet(events_topic(device), qos=2))
    # Answers to what was never sent are passed over or close; the hub says nothing.
    with hub.mqtt_session(device) as session:
        session.send(packet(kind, flags, b"\0\1") + packet(PINGREQ, 0, b""))
        try:
            assert session.receive().kind == PINGRESP
        except Exception as closed:
            assert type(closed).__name__ == "ConnectionClosed"


def test_every_statement_has_a_test_or_a_reason() -> None:
    accounted = [TESTED, ELSEWHERE.keys(), DIFFERS.keys(), NOT_THE_SERVERS]

    assert STATEMENTS == set().union(*accounted)
    assert sum(map(len, accounted)) == len(STATEMENTS), "some statement is accounted for twice"
    for file in ELSEWHERE.values():
        assert (Path(__file__).parent / file).exists(), file
