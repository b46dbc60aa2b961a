"""Silence: heartbeats of the hub, peers that stay silent, connections that end."""

import time

import pytest
from proton import uint

from support import cloud_to_device as c2d
from support.amqp_peer import ACCEPTED, Peer, devicebound_of, events_of, message
from support.raw_amqp import AMQP_HEADER, CLOSE, HEARTBEAT, OPEN, RawAmqp
from support.waiting import eventually


def test_open_says_what_the_hub_can_do(hub):
    with RawAmqp.to(hub) as peer:
        assert peer.sasl() == 0
        opened = peer.open()

    assert opened["container-id"]
    assert 512 <= opened["max-frame-size"] <= 1024 * 1024
    assert opened["channel-max"] >= 255
    assert 5_000 <= opened["idle-time-out"] <= 300_000


def test_hub_sends_heartbeats_within_the_time_out_of_the_client(hub):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.open(idle_time_out=uint(2000))
        peer.put(0x11, next_outgoing_id=uint(0), incoming_window=uint(1), outgoing_window=uint(1))
        peer.expect(0x11)
        began = time.monotonic()

        with pytest.raises(TimeoutError):
            peer.receive(4)

        assert 2 <= peer.heartbeats <= 20
        assert time.monotonic() - began >= 4


def test_proton_with_a_short_time_out_stays_connected(device, websocket, keep):
    """It ends the connection itself when the hub is silent for too long."""
    peer = keep(Peer.of_device(device, idle_timeout=1.0, websocket=websocket))
    receiver = peer.receiver(devicebound_of(device))
    until = time.monotonic() + 3
    peer.until(lambda: time.monotonic() > until, what="three seconds")

    c2d.send(device, b"still there")

    assert peer.receive(receiver).body == b"still there"


def test_client_that_asks_for_no_heartbeats_gets_none(hub):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.open()

        with pytest.raises(TimeoutError):
            peer.receive(2)

        assert peer.heartbeats == 0


def test_senseless_time_out_is_refused_or_survived(hub):
    with RawAmqp.to(hub) as peer:
        peer.sasl()
        peer.send(AMQP_HEADER)
        peer.header()
        peer.put(OPEN, container_id="hasty", idle_time_out=uint(1))

        peer.until(CLOSE) if peer.receive().code != OPEN else None

    with Peer.to(hub):
        pass


def test_heartbeats_of_the_client_are_no_trouble(hub, device):
    with RawAmqp.to(hub) as peer:
        peer.start()
        peer.send(HEARTBEAT * 1000)

        assert peer.put_token(device.sas(), "x") == 200


def test_connection_that_ends_without_a_word_frees_the_device(identity, websocket):
    peer = Peer.of_device(identity, websocket=websocket)
    peer.sender(events_of(identity))
    assert identity.get()["connectionState"] == "Connected"

    peer.drop()

    eventually(lambda: identity.get()["connectionState"] == "Disconnected", what="disconnected")


def test_stopping_hub_says_so(hub_factory):
    hub = hub_factory().start()
    device = hub.with_device("last")
    with Peer.of_device(device) as peer:
        assert peer.deliver(peer.sender(events_of(device)), message()) == ACCEPTED
        hub.process.terminate()

        error = peer.expect_close(within=15)

        assert error is not None and error.name == "amqp:connection:forced"
    assert hub.process.wait(timeout=15) == 0
