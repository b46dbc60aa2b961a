"""The built-in endpoint with `azure-eventhub`: where readers start, and what they read."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from azure.iot.device import Message

from support import amqp_peer
from support.amqp_peer import Peer
from support.event_hub import (
    Reading, annotation, body_of, consumer, is_telemetry_of, properties_of, publish,
)  # fmt: skip
from support.events import EARLIEST, EventStream, telemetry_of
from support.hub import HUB_NAME, PARTITIONS, Hub
from support.loopback import free_address

pytestmark = pytest.mark.timeout(60)

KILOBYTE = 1024
ODD_PROPERTIES = {
    "plain": "value",
    "empty": "",
    "separators": "a=b&c=d/e?f#g",
    "unicode": "Füße 測量 🌡",
    "name with = & / ? % +": "odd name",
}


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


# Questions about the event hub.


def test_event_hub_is_described(hub, amqp_websockets):
    with consumer(hub, websockets=amqp_websockets) as client:
        described = client.get_eventhub_properties()
        ids = client.get_partition_ids()

    assert described["eventhub_name"] == HUB_NAME
    assert described["partition_ids"] == ids == [str(number) for number in range(PARTITIONS)]
    assert timedelta(0) <= datetime.now(timezone.utc) - described["created_at"] < timedelta(days=1)


def test_partition_is_described(hub, amqp_websockets):
    last = publish(hub.with_device("describe"), [b"one", b"two"])[-1]

    with consumer(hub, websockets=amqp_websockets) as client:
        partition = client.get_partition_properties(str(last.partition))

    assert (partition["eventhub_name"], partition["id"]) == (HUB_NAME, str(last.partition))
    assert partition["is_empty"] is False
    assert partition["beginning_sequence_number"] == 0
    assert partition["last_enqueued_sequence_number"] == last.sequence_number
    assert partition["last_enqueued_offset"] == last.document["offset"]
    assert abs(datetime.now(timezone.utc) - partition["last_enqueued_time_utc"]) < timedelta(minutes=1)


def test_empty_partition_is_described_as_empty(hub_factory):
    hub = hub_factory().start()

    with consumer(hub) as client:
        partition = client.get_partition_properties("1")

    assert partition["is_empty"] is True
    assert (partition["beginning_sequence_number"], partition["last_enqueued_sequence_number"]) == (0, -1)
    assert partition["last_enqueued_offset"] == "-1"
    assert partition["last_enqueued_time_utc"] == datetime(1, 1, 1, tzinfo=timezone.utc)


# Where to start.


@pytest.fixture(scope="module")
def small_hub(tmp_path_factory):
    """A hub with few events, for readers that begin at the beginning."""
    small = Hub(free_address(), tmp_path_factory.mktemp("small") / "data")
    yield small.start()
    small.stop()


@pytest.fixture
def device(hub):
    return hub.with_device("reads")


@pytest.fixture
def sent(device):
    """Ten events that stand in their partition with nothing between them."""
    return publish(device, [b"%d" % number for number in range(10)])


@pytest.fixture
def sent_to_small(small_hub):
    """The same on the hub with few events."""
    return publish(small_hub.with_device("reads"), [b"%d" % number for number in range(10)])


def read(hub, sent, **options):
    """What a reader gets of these events, up to the last one."""
    with Reading(consumer(hub), partition_id=str(sent[0].partition), **options) as reading:
        events = [reading.next()[1]]
        while events[-1].sequence_number < sent[-1].sequence_number:
            events.append(reading.next()[1])
    return events


def numbers(events):
    return [event.sequence_number for event in events]


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("by", ["offset", "sequence number"])
def test_reading_starts_after_or_at_an_event(hub, sent, by, inclusive):
    start = sent[3].document["offset"] if by == "offset" else sent[3].sequence_number

    events = read(hub, sent, starting_position=start, starting_position_inclusive=inclusive)

    expected = sent[3:] if inclusive else sent[4:]
    assert numbers(events) == numbers(expected)
    assert [event.offset for event in events] == [event.document["offset"] for event in expected]
    assert [body_of(event) for event in events] == [event.payload for event in expected]


@pytest.mark.parametrize("inclusive", [False, True])
def test_reading_starts_after_or_at_a_time(hub, sent, inclusive):
    everything = read(hub, sent, starting_position=sent[0].sequence_number, starting_position_inclusive=True)
    start = everything[4].enqueued_time

    events = read(hub, sent, starting_position=start, starting_position_inclusive=inclusive)

    times = [milliseconds(event.enqueued_time) for event in everything]
    assert times == sorted(times)
    first = next(n for n, time in enumerate(times) if time > times[4] or (inclusive and time == times[4]))
    assert numbers(events) == numbers(everything[first:])


def test_time_before_all_events_is_the_beginning(small_hub, sent_to_small):
    events = read(small_hub, sent_to_small, starting_position=datetime(2000, 1, 1, tzinfo=timezone.utc))

    assert numbers(events) == list(range(sent_to_small[-1].sequence_number + 1))


def test_offset_between_events_starts_at_the_next_one(hub, sent):
    before, after = (int(event.document["offset"]) for event in sent[3:5])
    assert after - before > 1, "offsets leave no room; then this test has no case"

    events = read(hub, sent, starting_position=str(before + 1), starting_position_inclusive=True)

    assert numbers(events) == numbers(sent[4:])


def test_minus_one_is_the_beginning(small_hub, sent_to_small):
    events = read(small_hub, sent_to_small, starting_position="-1")

    assert numbers(events) == list(range(sent_to_small[-1].sequence_number + 1))


def test_latest_is_what_comes_after_the_link(hub, device, amqp_websockets):
    old = publish(device, [b"old"])[0]
    client = consumer(hub, websockets=amqp_websockets)
    with Reading(client, partition_id=str(old.partition), starting_position="@latest") as reading:
        count = 0
        # Whether the link is there, only an event tells.
        while reading.events.empty():
            assert reading.errors.empty(), reading.errors.get()
            publish(device, [b"new %d" % count])
            count += 1
        publish(device, [b"end"])

        seen = [body_of(event) for event in reading.until(device, b"end")]

    assert seen[-1] == b"end" and seen[:-1] == [b"new %d" % n for n in range(count - len(seen) + 1, count)]


def test_reader_gets_what_is_sent_while_it_reads(hub, device, amqp_websockets):
    first = publish(device, [b"0"])[0]
    client = consumer(hub, websockets=amqp_websockets)
    with Reading(client, partition_id=str(first.partition), starting_position=first.document["offset"]) as reading:
        for number in range(1, 6):
            publish(device, [b"%d" % number])

            assert body_of(reading.take(1)[0]) == b"%d" % number


def test_all_partitions_at_once_are_read_in_order(small_hub):
    devices = [small_hub.with_device("spread") for _ in range(12)]
    for device in devices:
        publish(device, [b"%d" % number for number in range(5)])
    partitions = {telemetry_of(small_hub, device, 1)[0].partition for device in devices}

    with Reading(consumer(small_hub), starting_position="-1") as reading:
        seen = {device.device_id: [] for device in devices}
        while any(len(bodies) < 5 for bodies in seen.values()):
            event = reading.next()[1]
            if annotation(event, "iothub-connection-device-id") in seen:
                seen[annotation(event, "iothub-connection-device-id")].append(body_of(event))

    assert len(partitions) > 1
    assert all(bodies == [b"%d" % number for number in range(5)] for bodies in seen.values())


def test_reader_and_event_stream_agree_on_every_event(small_hub, sent_to_small):
    partition = sent_to_small[0].partition
    events = read(small_hub, sent_to_small, starting_position="-1")

    with EventStream(small_hub, since=EARLIEST, partition=partition) as stream:
        shown = stream.take(len(events))

    assert [(e.sequence_number, e.offset, annotation(e, "iothub-message-source"), body_of(e)) for e in events] == [
        (e.sequence_number, e.document["offset"], e.source, e.payload) for e in shown
    ]


# What is in an event.


def send_full_message_over_mqtt(identity, make_client):
    client = make_client(identity, product_info="dtmi:com:example:Pump;1")
    sent = Message(b'{"temperature": 21.5}', message_id="m-1", content_type="application/json")
    sent.content_encoding = "utf-8"
    sent.correlation_id = "c/1 =?&"
    sent.user_id = "someone"
    sent.expiry_time_utc = "2031-05-06T07:08:09Z"
    sent.custom_properties.update(ODD_PROPERTIES)
    client.send_message(sent)


def send_full_message_over_amqp(identity, _make_client):
    with Peer.of_device(identity) as peer:
        sender = peer.sender(
            f"/devices/{identity.client_id.replace('/', '/modules/')}/messages/events",
            properties={"com.microsoft:model-id": "dtmi:com:example:Pump;1"},
        )
        sent = amqp_peer.message(
            b'{"temperature": 21.5}', ODD_PROPERTIES,
            id="m-1", content_type="application/json", content_encoding="utf-8", correlation_id="c/1 =?&",
            user_id=b"someone", expiry_time=datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc).timestamp(),
        )  # fmt: skip
        assert peer.deliver(sender, sent) == amqp_peer.ACCEPTED


@pytest.mark.parametrize("send", [send_full_message_over_mqtt, send_full_message_over_amqp])
def test_event_has_all_that_was_sent_and_the_hubs_stamps(hub, identity, make_client, send):
    before = datetime.now(timezone.utc)
    send(identity, make_client)
    shown = telemetry_of(hub, identity, 1)[0]

    (event,) = read(hub, [shown], starting_position=shown.sequence_number, starting_position_inclusive=True)

    notes = event.system_properties
    assert body_of(event) == b'{"temperature": 21.5}'
    assert event.body_as_json() == {"temperature": 21.5}
    assert properties_of(event) == ODD_PROPERTIES
    assert event.content_type == "application/json"
    assert annotation(event, "message-id") == "m-1"
    assert annotation(event, "correlation-id") == "c/1 =?&"
    assert annotation(event, "user-id") == "someone"
    assert annotation(event, "content-type") == "application/json"
    assert annotation(event, "content-encoding") == "utf-8"
    assert notes[b"absolute-expiry-time"] == milliseconds(datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc))
    assert annotation(event, "dt-dataschema") == "dtmi:com:example:Pump;1"
    check_stamps(event, identity, before)
    assert (event.sequence_number, event.offset) == (shown.sequence_number, shown.document["offset"])


def check_stamps(event, identity, before):
    assert annotation(event, "iothub-message-source") == "Telemetry"
    assert is_telemetry_of(event, identity)
    assert annotation(event, "iothub-connection-auth-generation-id") == identity.document["generationId"]
    method = json.loads(annotation(event, "iothub-connection-auth-method"))
    assert (method["scope"], method["type"], method["issuer"]) == (
        "device" if identity.module_id is None else "module", "sas", "iothub",
    )  # fmt: skip
    taken = event.system_properties[b"iothub-enqueuedtime"]
    assert milliseconds(before) - 1 <= taken <= milliseconds(event.enqueued_time) <= milliseconds(datetime.now(timezone.utc))
    assert event.system_properties[b"x-opt-enqueued-time"] == milliseconds(event.enqueued_time)
    assert event.system_properties[b"x-opt-sequence-number"] == event.sequence_number
    assert annotation(event, "x-opt-offset") == event.offset


def test_bare_event_has_no_properties(hub, identity):
    before = datetime.now(timezone.utc)
    sent = publish(identity, [b"nothing but text"])

    (event,) = read(hub, sent, starting_position=sent[0].sequence_number, starting_position_inclusive=True)

    assert body_of(event) == b"nothing but text"
    assert properties_of(event) == {}
    check_stamps(event, identity, before)
    assert event.message_id is None and event.content_type is None
    assert b"dt-dataschema" not in event.system_properties


def test_event_of_an_output_says_which(hub, make_client):
    module = hub.with_module("sends")
    make_client(module).send_message_to_output("alarm", "fire")
    shown = telemetry_of(hub, module, 1)

    (event,) = read(hub, shown, starting_position=shown[0].sequence_number, starting_position_inclusive=True)

    assert properties_of(event).get("iothub-outputname") == "fire" or annotation(event, "iothub-outputname") == "fire"


def test_bodies_of_any_size(hub, device, amqp_websockets):
    pattern = bytes(n * 7 % 251 for n in range(1000)) * 300
    bodies = [pattern[:size] for size in (0, 1, 200, 64 * KILOBYTE, 255 * KILOBYTE)]
    sent = publish(device, bodies)
    client = consumer(hub, websockets=amqp_websockets)

    start = {"starting_position": sent[0].sequence_number, "starting_position_inclusive": True}
    with Reading(client, partition_id=str(sent[0].partition), **start) as reading:
        assert [body_of(event) for event in reading.take(len(bodies))] == bodies


def test_last_enqueued_event_is_told_with_each_event(hub, sent):
    contexts = []
    start = {"starting_position": sent[0].sequence_number, "starting_position_inclusive": True}
    reading = Reading(
        consumer(hub), partition_id=str(sent[0].partition), track_last_enqueued_event_properties=True, **start
    )
    reading.on_event = lambda context, _event: contexts.append(context.last_enqueued_event_properties)
    with reading:
        reading.take(len(sent))

    for last in contexts:
        assert last["sequence_number"] == sent[-1].sequence_number
        assert last["offset"] == sent[-1].document["offset"]
        assert abs(datetime.now(timezone.utc) - last["enqueued_time"]) < timedelta(minutes=1)
        assert last["enqueued_time"] <= last["retrieval_time"] <= datetime.now(timezone.utc)


def test_nothing_about_the_last_event_unless_asked(hub, sent):
    contexts = []
    reading = Reading(consumer(hub), partition_id=str(sent[0].partition), starting_position="-1")
    reading.on_event = lambda context, _event: contexts.append(context.last_enqueued_event_properties)
    with reading:
        reading.take(1)

    assert set(contexts) == {None}


def test_the_other_transport_of_the_sdk_reads_the_same(hub, sent):
    """`uamqp` is Microsoft's older implementation, in C."""
    client = consumer(hub, uamqp_transport=True)
    start = {"starting_position": sent[0].sequence_number, "starting_position_inclusive": True}

    with Reading(client, partition_id=str(sent[0].partition), **start) as reading:
        events = reading.take(len(sent))

    assert numbers(events) == numbers(sent)
    assert [event.offset for event in events] == [event.document["offset"] for event in sent]
    assert [body_of(event) for event in events] == [event.payload for event in sent]
