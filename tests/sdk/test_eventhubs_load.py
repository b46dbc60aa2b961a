"""Readers with `azure-eventhub` that are slow, idle, cut off, or very fast."""

import threading
import time

import pytest

from support.cuttable_proxy import CuttableProxy
from support.event_hub import Reading, body_of, consumer, publish
from support.mqtt_messages import events_topic
from support.raw_mqtt import PUBACK, publish_packet
from support.waiting import eventually

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def device(hub):
    return hub.with_device("load")


def flood(identity, bodies):
    """Sends fast over MQTT, at QoS 1, a hundred at a time."""
    with identity.hub.mqtt_session(identity) as session:
        for start in range(0, len(bodies), 100):
            window = bodies[start : start + 100]
            session.send(
                b"".join(
                    publish_packet(events_topic(identity), body, qos=1, packet_id=n + 1)
                    for n, body in enumerate(window)
                )
            )
            for _ in window:
                session.expect(PUBACK)


def start_at(event):
    return {
        "partition_id": str(event.partition), "starting_position": event.sequence_number,
        "starting_position_inclusive": True,
    }  # fmt: skip


@pytest.mark.parametrize("prefetch", [1, 7, 300, 5000])
def test_everything_comes_in_order_whatever_the_prefetch(hub, device, prefetch):
    first = publish(device, [b"begin"])[0]
    count = 30 if prefetch == 1 else 1000
    flood(device, [b"%d" % number for number in range(count)])

    with Reading(consumer(hub), prefetch=prefetch, **start_at(first)) as reading:
        bodies = [body_of(event) for event in reading.until(device, b"%d" % (count - 1))]

    assert bodies == [b"begin"] + [b"%d" % number for number in range(count)]


def test_many_large_events_come_in_order(hub, device):
    first = publish(device, [b"begin"])[0]
    bodies = [b"%03d" % number + bytes([number]) * 200_000 for number in range(60)]
    flood(device, bodies)

    with Reading(consumer(hub), **start_at(first)) as reading:
        events = reading.take(61)

    assert [body_of(event) for event in events] == [b"begin", *bodies]


def test_reader_that_stops_delays_nobody_and_goes_on_where_it_was(hub, device):
    """What it does not take fills the credit it gave, and nothing of the hub."""
    first = publish(device, [b"begin"])[0]
    go_on = threading.Event()
    slow = Reading(consumer(hub), prefetch=20, **start_at(first))
    slow.on_event = lambda _context, _event: go_on.wait(60)

    with slow, Reading(consumer(hub), **start_at(first)) as quick:
        bodies = [b"%04d" % number + bytes(10_000) for number in range(500)]
        flood(device, bodies)
        assert [body_of(event) for event in quick.take(501)] == [b"begin", *bodies]
        assert slow.events.empty()

        go_on.set()
        assert [body_of(event) for event in slow.take(501)] == [b"begin", *bodies]


def test_reader_that_was_cut_off_resumes_without_loss_or_repetition(hub_factory):
    with CuttableProxy() as proxy:
        hub = hub_factory("--hostname", proxy.host).start()
        proxy.towards(hub.host)
        device = hub.with_device("cut")
        first = publish(device, [b"begin"])[0]
        through = hub.event_hub_connection_string().replace(hub.host, proxy.host)
        client = consumer(hub, through, retry_total=10, retry_backoff_factor=0.05, retry_mode="fixed")
        # After an inclusive start the SDK resumes with the event that it got last.
        start = {"partition_id": str(first.partition), "starting_position": first.document["offset"]}
        bodies = []
        with Reading(client, **start) as reading:
            for cut in range(3):
                flood(device, [b"%d:%d" % (cut, number) for number in range(100)])
                proxy.cut()
                publish(device, [b"%d:end" % cut])
                bodies += [body_of(event) for event in reading.until(device, b"%d:end" % cut)]

    expected = []
    for cut in range(3):
        expected += [b"%d:%d" % (cut, number) for number in range(100)] + [b"%d:end" % cut]
    assert bodies == expected


def test_idle_reader_stays_connected(hub, device):
    """Longer than the shortest time after which this reader takes a silent hub for dead."""
    first = publish(device, [b"begin"])[0]
    with Reading(consumer(hub, idle_timeout=3), **start_at(first)) as reading:
        assert body_of(reading.take(1)[0]) == b"begin"
        idle_until = time.monotonic() + 7
        eventually(lambda: time.monotonic() > idle_until or not reading.errors.empty(), within=20)
        assert reading.errors.empty(), reading.errors.get()

        publish(device, [b"still there"])

        assert body_of(reading.take(1)[0]) == b"still there"
        assert reading.errors.empty() and reading.closed.empty()
