"""`GET /twinhub/v1/events`: filters, positions, and who may read."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from support.events import EARLIEST, PATH, EventStream, StreamEnded, telemetry_of
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import send_telemetry


@pytest.fixture
def device(hub: Hub) -> Identity:
    return hub.with_device("stream")


def send(device: Identity, *bodies: bytes, bag: str = "") -> None:
    with device.hub.mqtt_session(device) as session:
        for body in bodies:
            send_telemetry(session, device, body, bag)


def test_live_stream_shows_what_comes_after_it_was_ready(hub: Hub, device: Identity) -> None:
    send(device, b"before")

    with EventStream(hub, device) as stream:
        send(device, b"1", b"2")

        assert [event.payload for event in stream.take(2)] == [b"1", b"2"]


def test_earliest_begins_with_the_oldest(hub: Hub, device: Identity) -> None:
    send(device, b"old", b"older than the stream")

    with EventStream(hub, device, since=EARLIEST) as stream:
        send(device, b"new")

        assert [event.payload for event in stream.take(3)] == [b"old", b"older than the stream", b"new"]


def test_time_is_a_place_to_begin(hub: Hub, device: Identity) -> None:
    send(device, b"before")
    time.sleep(0.02)
    now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    time.sleep(0.02)
    send(device, b"after")

    with EventStream(hub, device, since=now) as stream:
        assert stream.next().payload == b"after"


def test_time_before_everything_is_the_beginning(hub: Hub, device: Identity) -> None:
    send(device, b"first")
    long_ago = (datetime.now(timezone.utc) - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")

    with EventStream(hub, device, since=long_ago) as stream:
        assert stream.next().payload == b"first"


def test_module_filter_and_device_filter(hub: Hub, device: Identity) -> None:
    one, two = device.with_module("one"), device.with_module("two")
    for identity in (one, device, two, one):
        send(identity, identity.client_id.encode())

    with EventStream(hub, one, since=EARLIEST) as stream:
        assert [event.module_id for event in stream.take(2)] == ["one", "one"]
    with EventStream(hub, device, since=EARLIEST, source="Telemetry") as stream:
        assert [event.module_id for event in stream.take(4)] == ["one", None, "two", "one"]


def test_content_filter_looks_into_the_body(hub: Hub, device: Identity) -> None:
    send(device, b"a cat", b"a dog", b"another cat")

    with EventStream(hub, device, since=EARLIEST, content="cat") as stream:
        assert [event.payload for event in stream.take(2)] == [b"a cat", b"another cat"]


def test_partition_filter(hub: Hub, device: Identity) -> None:
    send(device, b"here")
    (event,) = telemetry_of(hub, device, 1)
    other = (event.partition + 1) % 4

    with EventStream(hub, device, since=EARLIEST, partition=event.partition) as stream:
        assert stream.next().payload == b"here"
    with EventStream(hub, device, since=EARLIEST, partition=other) as stream, pytest.raises(TimeoutError):
        stream.next(timeout=0.5)


def test_max_ends_the_stream(hub: Hub, device: Identity) -> None:
    send(device, b"1", b"2", b"3")

    with EventStream(hub, device, since=EARLIEST, source="Telemetry", max=2) as stream:
        assert [event.payload for event in stream.rest()] == [b"1", b"2"]
        with pytest.raises(StreamEnded):
            stream.next()


def test_last_event_id_resumes_behind_it(hub: Hub, device: Identity) -> None:
    send(device, *(b"%d" % number for number in range(6)))
    with EventStream(hub, device, since=EARLIEST, source="Telemetry") as stream:
        assert [event.payload for event in stream.take(3)] == [b"0", b"1", b"2"]
        seen = stream.last_event_id
    assert seen

    with EventStream(hub, device, source="Telemetry", last_event_id=seen) as stream:
        assert [event.payload for event in stream.take(3)] == [b"3", b"4", b"5"]


def test_many_readers_each_see_everything(hub: Hub, device: Identity) -> None:
    def read(_: int) -> list[bytes]:
        with EventStream(hub, device, since=EARLIEST, source="Telemetry") as stream:
            return [event.payload for event in stream.take(100)]

    with ThreadPoolExecutor(10) as pool:
        reading = [pool.submit(read, n) for n in range(10)]
        send(device, *(b"%d" % number for number in range(100)))
        results = [future.result(timeout=30) for future in reading]

    assert all(result == [b"%d" % number for number in range(100)] for result in results)


@pytest.mark.parametrize(
    "content_type, encoding, body, shown",
    [
        ("application/json", "utf-8", b'{"a": [1, "x"]}', {"a": [1, "x"]}),
        ("application/JSON", "UTF-8", b"7", 7),
        ("application/json", "utf-8", b"{broken", "{broken"),
        ("text/plain", "utf-8", b'{"a": 1}', '{"a": 1}'),
        (None, None, "grün".encode(), "grün"),
        (None, None, b"\xff\xfe", None),
        (None, None, b"two\nlines\r\nand \\ \"more\"\x00", 'two\nlines\r\nand \\ "more"\x00'),
    ],
)
def test_body_is_shown_as_what_it_is(hub: Hub, device: Identity, content_type, encoding, body, shown) -> None:
    bag = f"%24.ct={content_type.replace('/', '%2F')}&%24.ce={encoding}" if content_type else ""

    send(device, body, bag=bag)

    (event,) = telemetry_of(hub, device, 1)
    assert event.payload == body
    assert event.document.get("body") == shown
    assert ("body" in event.document) == (shown is not None)


def test_document_has_the_members_that_readers_rely_on(hub: Hub, device: Identity) -> None:
    send(device, b"x", bag="a=1&bare")

    (event,) = telemetry_of(hub, device, 1)
    assert event.kind == "telemetry"
    document = event.document
    assert document["properties"] == {"a": "1", "bare": None}
    assert isinstance(document["offset"], str) and isinstance(document["sequenceNumber"], int)
    assert "moduleId" not in document
    assert document["annotations"]["iothub-enqueuedtime"] == document["enqueuedTime"]


@pytest.mark.parametrize("policy", ["device", "registryRead", "registryReadWrite"])
def test_reading_needs_service_connect(hub: Hub, policy: str) -> None:
    assert hub.http("GET", f"{PATH}?since=earliest&max=1", policy=policy).status == 401


def test_reading_needs_a_token(hub: Hub, device: Identity) -> None:
    assert hub.http("GET", PATH, token=None).status == 401
    assert hub.http("GET", PATH, token=device.sas()).status == 401


@pytest.mark.parametrize(
    "query", ["since=yesterday", "partition=99", "partition=x", "max=x", "source=Gossip", "deviceId="]
)
def test_nonsense_is_refused(hub: Hub, query: str) -> None:
    reply = hub.http("GET", f"{PATH}?{query}", timeout=5)

    assert 400 <= reply.status < 500, str(reply)
    json.loads(reply.body)


def test_unknown_consumer_group_is_not_found(hub: Hub, device: Identity) -> None:
    assert hub.http("GET", f"{PATH}?consumerGroup=nobody", timeout=5).status == 404
    send(device, b"x")
    with EventStream(hub, device, since=EARLIEST, consumerGroup="$Default") as stream:
        assert stream.next().payload == b"x"


def test_reader_that_goes_away_does_no_harm(hub: Hub, device: Identity) -> None:
    for _ in range(20):
        EventStream(hub, device, since=EARLIEST).close()

    send(device, b"still here")
    assert telemetry_of(hub, device, 1)[0].payload == b"still here"


def test_connections_are_told_while_a_route_is_about_them(hub_factory) -> None:
    hub = hub_factory().start()
    hub.cli("route", "create", "-n", "connections", "-t", "DeviceConnectionStateEvents", "--en", "events")
    device = hub.with_device("told")
    module = device.with_module("m")

    with EventStream(hub, source="deviceConnectionStateEvents") as stream:
        send(device, b"x")
        events = stream.take(2)
        send(module, b"x")
        events += stream.take(2)

    assert [event.kind for event in events] == ["connectionState"] * 4
    assert [event.properties["opType"] for event in events] == ["deviceConnected", "deviceDisconnected"] * 2
    assert [event.properties.get("moduleId") for event in events] == [None, None, "m", "m"]
    for event in events:
        assert event.properties["deviceId"] == event.device_id == device.device_id
        assert event.properties["iothub-message-schema"] == "deviceConnectionStateNotification"
        assert event.properties["hubName"] and event.properties["operationTimestamp"].endswith("Z")
        assert event.system["content-type"] == "application/json"
        assert event.system["content-encoding"] == "utf-8"
        assert event.system["correlation-id"]
    numbers = [event.document["body"]["sequenceNumber"] for event in events]
    assert numbers == sorted(set(numbers)) and all(len(number) == 64 for number in numbers)


def test_connections_are_not_told_unless_a_route_is_about_them(hub: Hub, device: Identity) -> None:
    for body in (b"1", b"2"):
        send(device, body)

    with EventStream(hub, device, since=EARLIEST) as stream:
        assert [event.payload for event in stream.take(2)] == [b"1", b"2"]


def test_stream_ends_with_the_hub(hub_factory) -> None:
    hub = hub_factory().start()
    with EventStream(hub) as stream:
        begun = time.monotonic()
        hub.terminate()

        with pytest.raises((StreamEnded, OSError)):
            stream.next(timeout=12)
        assert time.monotonic() - begun < 11


def test_events_outlive_a_restart(hub_factory) -> None:
    hub = hub_factory().start()
    device = hub.with_device("kept")
    send(device, b"1", b"2")
    before = telemetry_of(hub, device, 2)

    hub.terminate()
    hub.start()
    send(device, b"3")

    after = telemetry_of(hub, device, 3)
    assert [event.document for event in after[:2]] == [event.document for event in before]
    assert after[2].sequence_number > after[1].sequence_number
