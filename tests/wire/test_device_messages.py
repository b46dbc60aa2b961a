"""Telemetry over HTTPS: single messages, batches, and what is refused whole."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from support.events import Event, telemetry_of
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import send_telemetry
from support.raw_http import Reply

LIMIT = 256 * 1024
BATCH = {"Content-Type": "application/vnd.microsoft.iothub.json"}


@pytest.fixture
def device(hub: Hub) -> Identity:
    return hub.with_device("https")


def post(device: Identity, body: bytes = b"x", headers: dict[str, str] | None = None, **options: Any) -> Reply:
    """Sends one message, or a batch, with the device's own token unless told otherwise."""
    options.setdefault("token", device.sas())
    return device.hub.http("POST", f"{device.path}/messages/events", body=body, headers=headers, **options)


def post_batch(device: Identity, items: Any) -> Reply:
    return post(device, json.dumps(items).encode(), BATCH)


def item(body: bytes | str, **properties: str) -> dict[str, Any]:
    """An entry of a batch, as Node and Java write it."""
    raw = body.encode() if isinstance(body, str) else body
    return {"body": base64.b64encode(raw).decode(), "base64Encoded": True, "properties": properties}


def first_event(hub: Hub, device: Identity) -> Event:
    return telemetry_of(hub, device, 1)[0]


def assert_nothing_was_stored(device: Identity) -> None:
    """What is sent now is the first."""
    post(device, b"first of all").expect(204)
    assert first_event(device.hub, device).payload == b"first of all"


def test_message_with_every_header(hub: Hub, device: Identity) -> None:
    headers = {
        "Content-Type": "application/octet-stream",
        "iothub-to": f"/devices/{device.device_id}/messages/events",
        "iothub-app-Temperature": "21 °C".encode().decode("latin-1"),
        "iothub-app-level": "high",
        "iothub-messageid": "m-1",
        "iothub-correlationid": "c-1",
        "iothub-userid": "someone",
        "iothub-contenttype": "application/json",
        "iothub-contentencoding": "utf-8",
        "iothub-messageschema": "schema-7",
        "iothub-interface-id": "urn:x:1",
        "dt-subject": "thermostat1",
        "iothub-creation-time-utc": "2030-01-02T03:04:05.678Z",
        "iothub-expiry": "2031-01-02T03:04:05.678Z",
    }

    reply = post(device, b'{"on": true}', headers)

    assert reply.expect(204).body == b""
    event = first_event(hub, device)
    assert event.payload == b'{"on": true}' and event.document["body"] == {"on": True}
    system = event.system
    assert system["message-id"] == "m-1"
    assert system["correlation-id"] == "c-1"
    assert system["user-id"] == "someone"
    assert system["content-type"] == "application/json"
    assert system["content-encoding"] == "utf-8"
    assert system["iothub-message-schema"] == "schema-7"
    assert system["absolute-expiry-time"].startswith("2031-01-02T03:04:05.678")
    assert system["iothub-creation-time-utc"].startswith("2030-01-02T03:04:05.678")
    # The header repeats the path; the message is for nobody in particular.
    assert "to" not in system
    assert event.annotations["dt-subject"] == "thermostat1"
    assert event.annotations["iothub-interface-id"] == "urn:x:1"
    lowered = {name.lower(): value for name, value in event.properties.items()}
    assert lowered["level"] == "high" and "temperature" in lowered and len(lowered) == 2


def test_stamps_are_those_of_mqtt(hub: Hub, device: Identity) -> None:
    post(device).expect(204)

    event = first_event(hub, device)
    notes = event.annotations
    assert event.source == notes["iothub-message-source"] == "Telemetry"
    assert notes["iothub-connection-device-id"] == event.device_id == device.device_id
    assert notes["iothub-connection-auth-generation-id"] == device.document["generationId"]
    assert (event.auth_method["scope"], event.auth_method["type"]) == ("device", "sas")
    assert "content-type" not in event.system
    assert event.properties == {}


def test_headers_in_any_case(hub: Hub, device: Identity) -> None:
    """Node writes them in mixed case."""
    headers = {
        "IoTHub-MessageId": "m", "IOTHUB-CORRELATIONID": "c", "IoTHub-App-Name": "v",
        "IoTHub-ContentType": "text/plain",
    }  # fmt: skip

    post(device, b"x", headers).expect(204)

    event = first_event(hub, device)
    assert (event.system["message-id"], event.system["correlation-id"]) == ("m", "c")
    assert event.system["content-type"] == "text/plain"
    assert {name.lower(): value for name, value in event.properties.items()} == {"name": "v"}


def test_https_and_mqtt_go_to_the_same_partition_in_order(hub: Hub, device: Identity) -> None:
    with hub.mqtt_session(device) as session:
        for number in range(6):
            if number % 2:
                post(device, b"%d" % number).expect(204)
            else:
                send_telemetry(session, device, b"%d" % number)

    events = telemetry_of(hub, device, 6)
    assert [event.payload for event in events] == [b"%d" % number for number in range(6)]
    assert len({event.partition for event in events}) == 1


def test_empty_message_is_a_message(hub: Hub, device: Identity) -> None:
    post(device, b"").expect(204)

    assert first_event(hub, device).payload == b""


def test_acknowledged_message_can_be_read_at_once(hub: Hub, device: Identity) -> None:
    for number in range(5):
        post(device, b"%d" % number).expect(204)
        assert telemetry_of(hub, device, number + 1, timeout=2)[number].payload == b"%d" % number


# Batches.


def test_batch_is_as_many_messages_in_order(hub: Hub, device: Identity) -> None:
    items = [
        item("zero", **{"iothub-app-n": "0", "iothub-messageid": "m0", "iothub-contenttype": "text/plain"}),
        item(b"\x00\xff"),
        {"body": base64.b64encode(b"by default it is base64").decode()},
        {"body": '{"plain":"text"}', "base64Encoded": False, "properties": {"iothub-app-C": "yes"}},
        {"body": "", "base64Encoded": True},
    ]

    assert post_batch(device, items).expect(204).body == b""

    events = telemetry_of(hub, device, 5)
    assert [event.payload for event in events] == [
        b"zero", b"\x00\xff", b"by default it is base64", b'{"plain":"text"}', b"",
    ]  # fmt: skip
    assert events[0].properties == {"n": "0"}
    assert (events[0].system["message-id"], events[0].system["content-type"]) == ("m0", "text/plain")
    assert events[3].properties == {"C": "yes"}
    assert [events[i].properties for i in (1, 2, 4)] == [{}, {}, {}]


def test_content_type_of_a_batch_may_have_parameters(hub: Hub, device: Identity) -> None:
    headers = {"content-type": "application/vnd.microsoft.iothub.json; charset=utf-8"}

    post(device, json.dumps([item("a"), item("b")]).encode(), headers).expect(204)

    assert [event.payload for event in telemetry_of(hub, device, 2)] == [b"a", b"b"]


def test_batch_of_500_is_taken(hub: Hub, device: Identity) -> None:
    post_batch(device, [item(str(n)) for n in range(500)]).expect(204)

    assert [event.payload for event in telemetry_of(hub, device, 500)] == [b"%d" % n for n in range(500)]


BROKEN_BATCHES = {
    "not JSON": b'[{"body": ',
    "an object": b'{"body": "eA=="}',
    "a string": b'"eA=="',
    "null": b"null",
    "empty request": b"",
    "last item is a string": json.dumps([item("good"), "bad"]).encode(),
    "last item has no body": json.dumps([item("good"), {"base64Encoded": True}]).encode(),
    "last body is a number": json.dumps([item("good"), {"body": 7}]).encode(),
    "last body is not base64": json.dumps([item("good"), {"body": "*"}]).encode(),
    "flag is a string": json.dumps([item("good"), {"body": "eA==", "base64Encoded": "yes"}]).encode(),
    "properties are a list": json.dumps([item("good"), {"body": "eA==", "properties": []}]).encode(),
    "a property is an object": json.dumps(
        [item("good"), {"body": "eA==", "properties": {"iothub-app-a": {}}}]
    ).encode(),
    "not UTF-8": b'[{"body": "\xff"}]',
    "something behind it": json.dumps([item("good")]).encode() + b"x",
    "nested a thousand times": b"[" * 1000 + b"]" * 1000,
}


@pytest.mark.parametrize("body", BROKEN_BATCHES.values(), ids=BROKEN_BATCHES.keys())
def test_malformed_batch_is_refused_whole(device: Identity, body: bytes) -> None:
    reply = post(device, body, BATCH)

    assert reply.status == 400, str(reply)
    assert reply.error_code is not None
    assert_nothing_was_stored(device)


def test_batch_of_501_is_refused_whole(device: Identity) -> None:
    reply = post_batch(device, [item(str(n)) for n in range(501)])

    assert 400 <= reply.status < 500, str(reply)
    assert_nothing_was_stored(device)


# Sizes.


def test_message_of_256_kb_is_taken_and_a_larger_one_refused(hub: Hub, device: Identity) -> None:
    too_large = post(device, bytes(LIMIT + 1))
    assert too_large.status == 413 and too_large.error_code == "MessageTooLarge"

    post(device, bytes(LIMIT)).expect(204)

    assert len(first_event(hub, device).payload) == LIMIT


def test_properties_count_for_the_size(hub: Hub, device: Identity) -> None:
    headers = {"iothub-app-name": "v" * 996}

    reply = post(device, bytes(LIMIT - 999), headers)
    assert reply.status == 413 and reply.error_code == "MessageTooLarge"
    post(device, bytes(LIMIT - 1000), headers).expect(204)

    assert len(first_event(hub, device).payload) == LIMIT - 1000


def test_batch_over_256_kb_is_refused_whole(device: Identity) -> None:
    quarter = bytes(60 * 1024)

    reply = post_batch(device, [item("small"), *[item(quarter)] * 5])

    assert reply.status == 413 and reply.error_code == "MessageTooLarge"
    assert_nothing_was_stored(device)


# Who may.


def test_policy_that_may_connect_devices_sends_for_one(hub: Hub, device: Identity) -> None:
    post(device, b"x", token=hub.sas("device")).expect(204)

    assert first_event(hub, device).auth_method["scope"] == "hub"


@pytest.mark.parametrize(
    "token",
    ["none", "expired", "another device", "a policy without the right", "garbage"],
)
def test_without_the_right_nothing_is_stored(hub: Hub, device: Identity, token: str) -> None:
    value = {
        "none": None,
        "expired": device.sas(ttl=-60),
        "another device": hub.with_device("stranger").sas(),
        "a policy without the right": hub.sas("service"),
        "garbage": "SharedAccessSignature nonsense",
    }[token]

    assert post(device, b"sneaky", token=value).status == 401
    assert_nothing_was_stored(device)


def test_disabled_device_is_refused(hub: Hub, device: Identity) -> None:
    device.put(status="disabled")
    assert post(device).status == 401

    device.put(status="enabled")
    assert_nothing_was_stored(device)


def test_unknown_device_is_refused(hub: Hub) -> None:
    ghost = hub.with_device("ghost")
    ghost.delete()

    assert post(ghost).status == 401
    assert post(ghost, token=hub.sas("device")).status in (401, 404)


def test_modules_do_not_send_over_https(hub: Hub) -> None:
    module = hub.with_module()

    assert post(module).status == 404


def test_id_is_decoded_once(hub: Hub) -> None:
    device = hub.with_device("a%41:@b")

    reply = hub.http(
        "POST", f"/devices/{quote(device.device_id, safe='')}/messages/events", token=device.sas(), body=b"x"
    )

    reply.expect(204)
    assert first_event(hub, device).device_id == device.device_id
