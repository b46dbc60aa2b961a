"""Keep-alive: one and a half intervals of silence, and a PINGRESP for each PINGREQ only."""

import time

import pytest

from support.hub import Hub
from support.identity import Identity


def test_silence_of_one_and_a_half_intervals_closes(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, keep_alive=2) as session:
        begun = time.monotonic()

        session.expect_closed(timeout=8)

        assert 2.5 < time.monotonic() - begun < 6


def test_any_packet_resets_the_limit(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity, keep_alive=2) as session:
        for _ in range(2):
            session.expect_silence(1.8)
            session.ping()
            session.expect_silence(1.8)
            session.publish("$iothub/twin/GET/?$rid=1")

        session.ping()


@pytest.mark.parametrize("keep_alive", [0, 65535])
def test_no_limit_asked_for_is_not_an_instant_one(hub: Hub, keep_alive: int) -> None:
    with hub.mqtt_session(hub.with_device(), keep_alive=keep_alive) as session:
        session.expect_silence(3)

        session.ping()


def test_pingresp_comes_once_per_pingreq(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        for _ in range(20):
            session.ping()

        session.expect_silence()


def test_keep_alive_breach_shows_as_disconnected(hub: Hub) -> None:
    device = hub.with_device()

    with hub.mqtt_session(device, keep_alive=1) as session:
        assert device.get()["connectionState"] == "Connected"
        session.expect_closed(timeout=8)

        assert device.get()["connectionState"] == "Disconnected"
