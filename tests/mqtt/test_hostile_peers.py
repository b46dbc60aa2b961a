"""Slow, silent and senseless peers on the MQTT port: they end, and others go on."""

import os
import time

import pytest

from support import mqtt_twin
from support.hostile import all_end_within, ends_within, flood, tcp, tls
from support.hub import Hub
from support.mqtt_refusal import connect_options
from support.raw_mqtt import CONNACK, SUBACK, connect_packet, packet, publish_packet, subscribe_packet

# Edge allows a minute for the first packet; more would be no limit.
HANDSHAKE_LIMIT = 65


@pytest.mark.slow
def test_peers_that_never_finish_connect_are_cut(hub: Hub) -> None:
    connect = connect_packet(**connect_options(hub.with_device()))
    silent_tcp = tcp(hub.host, hub.mqtts_port)
    half_hello = tcp(hub.host, hub.mqtts_port)
    half_hello.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    silent_tls = tls(hub.tls, hub.host, hub.mqtts_port)
    half_connect = tls(hub.tls, hub.host, hub.mqtts_port)
    half_connect.sendall(connect[:-1])

    ended = all_end_within([silent_tcp, half_hello, silent_tls, half_connect], HANDSHAKE_LIMIT)

    assert ended == [True] * 4


@pytest.mark.slow
def test_trickle_does_not_stretch_the_connect_deadline(hub: Hub) -> None:
    connect = connect_packet(**connect_options(hub.with_device()))
    peer = tls(hub.tls, hub.host, hub.mqtts_port)
    deadline = time.monotonic() + HANDSHAKE_LIMIT

    cut = False
    for byte in connect[:-1]:
        try:
            peer.sendall(bytes([byte]))
        except OSError:
            cut = True
        if cut or ends_within(peer, 1.0):
            cut = True
            break

    assert cut
    assert time.monotonic() < deadline


def test_bytes_one_by_one_are_fine(hub: Hub) -> None:
    device = hub.with_device()
    whole = (
        connect_packet(**connect_options(device))
        + subscribe_packet(1, (mqtt_twin.RESPONSES, 0))
        + publish_packet("$iothub/twin/GET/?$rid=slow")
    )

    with hub.mqtt() as connection:
        for byte in whole:
            connection.send(bytes([byte]))

        assert connection.expect(CONNACK).body[1] == 0
        connection.expect(SUBACK)
        assert mqtt_twin.parse_answer(mqtt_twin.receive_publish(connection)).rid == "slow"


def test_half_a_packet_waits_for_its_other_half(hub: Hub) -> None:
    with hub.mqtt_session(hub.with_device()) as session:
        session.subscribe(mqtt_twin.RESPONSES, qos=0)
        whole = publish_packet("$iothub/twin/GET/?$rid=halves")

        session.send(whole[:9])
        session.expect_silence(0.3)
        session.send(whole[9:])

        assert mqtt_twin.parse_answer(mqtt_twin.receive_publish(session)).rid == "halves"


def test_connection_lost_in_the_middle_of_a_packet_reports_nothing(hub: Hub) -> None:
    device = hub.with_device()
    topic = "$iothub/twin/PATCH/properties/reported/?$rid=1"
    with hub.mqtt_session(device) as session:
        session.send(publish_packet(topic, b'{"whole":true}', qos=1))
        session.receive()
        session.send(publish_packet(topic, b'{"half":true}', qos=1)[:-3])

    with hub.mqtt_session(device):
        reported = device.twin()["properties"]["reported"]
        assert "half" not in reported
        assert reported["whole"] is True


def test_thousands_of_garbage_connections_hurt_nobody(hub: Hub) -> None:
    garbage = [
        b"", b"\0" * 100, os.urandom(500), b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + os.urandom(300), connect_packet("x", "y", "z"),
    ]  # fmt: skip
    with hub.mqtt_session(hub.with_device()) as bystander:
        bystander.subscribe(mqtt_twin.RESPONSES, qos=0)

        flood(hub.host, hub.mqtts_port, garbage, connections=3000)

        bystander.ping()
        assert mqtt_twin.get(bystander).status == 200
        with hub.mqtt_session(hub.with_device()) as newcomer:
            newcomer.ping()


def test_hundreds_of_silent_connections_leave_room_for_others(hub: Hub) -> None:
    idle = [tcp(hub.host, hub.mqtts_port) for _ in range(500)]
    try:
        with hub.mqtt_session(hub.with_device()) as newcomer:
            newcomer.ping()
    finally:
        for peer in idle:
            peer.close()


def test_reader_that_never_reads_stalls_only_itself(hub: Hub) -> None:
    device, other = hub.with_device(), hub.with_device()
    device.patch_desired({f"k{n}": "x" * 4000 for n in range(7)})
    request = publish_packet("$iothub/twin/GET/?$rid=1")
    with hub.mqtt_session(device) as deaf, hub.mqtt_session(other) as bystander:
        deaf.subscribe(mqtt_twin.RESPONSES, qos=0)
        # Answers of 28 KB each, 2,000 times, into a socket that nobody reads.
        # When the hub stops reading in turn, writing here stalls: that is its right.
        deaf._set_timeout(2)
        try:
            for _ in range(40):
                deaf._write(request * 50)
        except (TimeoutError, OSError):
            pass

        bystander.ping()
        bystander.subscribe(mqtt_twin.RESPONSES, qos=0)
        assert mqtt_twin.get(bystander).status == 200
        device.patch_desired({"still": "writable"})


def test_storm_of_pings_and_bad_reports_hurts_nobody(hub: Hub) -> None:
    storm = packet(12, 0, b"") * 200 + b"".join(
        publish_packet("$iothub/twin/PATCH/properties/reported/?$rid=1", b"[" * 1000) for _ in range(200)
    )
    with hub.mqtt_session(hub.with_device()) as rude, hub.mqtt_session(hub.with_device()) as bystander:
        rude.subscribe(mqtt_twin.RESPONSES, qos=0)
        rude.send(storm)

        bystander.ping()
        # Every one of them is answered, the last one too.
        for _ in range(400):
            rude.receive()
        rude.ping()
