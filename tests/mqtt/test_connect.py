"""CONNECT: who is let in, and how the others are told."""

import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from support import mqtt_twin, sas
from support.hub import Hub
from support.identity import Identity
from support.mqtt_refusal import assert_turned_away, connect_options, refusal_code
from support.raw_mqtt import (
    CONNACK, PINGREQ, PINGRESP, PUBLISH, SUBACK, connect_packet, packet, publish_packet,
    subscribe_packet,
)  # fmt: skip

USERNAMES = {
    "python": "/?api-version=2019-10-01&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0%28x%29",
    "python with a model": "/?api-version=2020-09-30&DeviceClientType=py%2F2&model-id=dtmi%3Aa%3Ab%3B1",
    "node": "/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20)",
    "node with a raw model": "/?api-version=2021-04-12&model-id=dtmi:a:b;1&DeviceClientType=n%2F1",
    "c": "/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.14.0%20(native%3b%20Linux)",
    "net": "/?api-version=2020-09-30&DeviceClientType=.NET%2F1.42.3%20%28%3B%20X64%29&auth-chain=",
    "java": "/?api-version=2020-09-30&model-id=dtmi%3Aa%3Ab%3B1&DeviceClientType=java%2F2.5.0",
    "old form without question mark": "/api-version=2016-11-14&DeviceClientType=old%2F1",
    "old .NET with a slash": "/api-version=2016-11-14/DeviceClientType=Microsoft.Azure.Devices.Client%2F1.5",
    "unknown names": "/?api-version=2021-04-12&shoe-size=44&flag",
    "question marks in a value": "/?api-version=2021-04-12&DeviceClientType=what?really?",
    "unknown version": "/?api-version=soon",
}


@pytest.mark.parametrize("tail", USERNAMES.values(), ids=USERNAMES.keys())
def test_username_of_every_client_is_understood(hub: Hub, identity: Identity, tail: str) -> None:
    username = f"{hub.host}/{identity.client_id}{tail}"

    assert refusal_code(hub, identity, username=username) == 0


def test_ids_are_not_decoded(hub: Hub) -> None:
    device = hub.with_device("a%41:b")

    assert refusal_code(hub, device) == 0


MALFORMED_USERNAMES = {
    "empty": "",
    "only a host": "{host}",
    "no properties": "{host}/{id}",
    "no api-version": "{host}/{id}/?DeviceClientType=x",
    "properties are empty": "{host}/{id}/",
    "no host": "{id}/?api-version=2021-04-12",
    "another device": "{host}/{id}x/?api-version=2021-04-12",
    "another module": "{host}/{id}/ghost/?api-version=2021-04-12",
    "too many segments": "{host}/{id}/a/b/c/?api-version=2021-04-12",
    "empty device": "{host}//?api-version=2021-04-12",
    "other letter case": "{host}/{ID}/?api-version=2021-04-12",
}


@pytest.mark.parametrize("form", MALFORMED_USERNAMES.values(), ids=MALFORMED_USERNAMES.keys())
def test_malformed_or_foreign_username_is_code_5(hub: Hub, form: str) -> None:
    device = hub.with_device()
    username = form.format(host=hub.host, id=device.device_id, ID=device.device_id.upper())

    assert refusal_code(hub, device, username=username) == 5


def test_missing_username_is_turned_away(hub: Hub, identity: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(connect_packet(identity.client_id))

        assert_turned_away(connection)


@pytest.mark.parametrize("client_id", ["{id}x", "{ID}", "{id}/", "x", "{id}/ghost"])
def test_client_id_that_is_not_the_identity_is_code_5(
    hub: Hub, identity: Identity, client_id: str
) -> None:
    wrong = client_id.format(id=identity.client_id, ID=identity.client_id.upper())

    assert refusal_code(hub, identity, client_id=wrong) == 5


def hand_made_token(identity: Identity, raw_resource: str, order: str, **members: str) -> str:
    """A token over `sr` exactly as given, its fields in the given order."""
    expiry = str(int(time.time()) + 600)
    fields = {
        "sr": raw_resource,
        "se": expiry,
        "sig": quote(sas.signature(identity.primary_key, raw_resource, expiry), safe=""),
    } | members
    return "SharedAccessSignature " + "&".join(f"{name}={fields[name]}" for name in order.split())


GOOD_TOKENS: dict[str, Callable[[Identity, str], str]] = {
    "slashes left raw": lambda i, sr: hand_made_token(i, sr, "sr sig se"),
    "upper-case hex": lambda i, sr: hand_made_token(i, quote(sr, safe=""), "sr sig se"),
    "lower-case hex": lambda i, sr: hand_made_token(i, sr.replace("/", "%2f"), "sr sig se"),
    "empty skn": lambda i, sr: hand_made_token(i, sr, "sr sig se skn", skn=""),
    "expiry first": lambda i, sr: hand_made_token(i, sr, "se sig sr"),
    "secondary key": lambda i, _: i.sas(key=i.secondary_key),
    "a policy that may connect, whole hub": lambda i, _: i.hub.sas("device"),
    "the owner": lambda i, _: i.hub.sas("iothubowner"),
    "a policy, this identity only": lambda i, sr: i.hub.sas("device", resource=sr),
}


@pytest.mark.parametrize("make", GOOD_TOKENS.values(), ids=GOOD_TOKENS.keys())
def test_token_in_every_spelling_is_accepted(
    hub: Hub, identity: Identity, make: Callable[[Identity, str], str]
) -> None:
    assert refusal_code(hub, identity, password=make(identity, resource_of(identity))) == 0


BAD_TOKENS: dict[str, Callable[[Identity], str]] = {
    "expired": lambda i: i.sas(ttl=-60),
    "signature tampered": lambda i: i.sas().replace("sig=", "sig=A"),
    "expiry moved": lambda i: i.sas() + "0",
    "resource spelled anew after signing": lambda i: i.sas().replace("%2Fdevices", "%2fdevices"),
    "another identity's key": lambda i: i.sas(key=i.hub.with_device().primary_key),
    "another identity's token": lambda i: i.hub.with_device().sas(),
    "the resource's prefix, but not by segment": lambda i: sas.token(i.primary_key, resource_of(i)[:-1]),
    "another hub": lambda i: sas.token(i.primary_key, resource_of(i).replace(i.hub.host, "other.example")),
    "a policy that may not connect": lambda i: i.hub.sas("service"),
    "a policy, but for another device": lambda i: i.hub.sas("device", resource=f"{i.hub.host}/devices/else"),
    "a policy that is not there": lambda i: i.hub.sas("ghost", key=i.primary_key),
    "expiry is no number": lambda i: i.sas(expiry="tomorrow"),
    "expiry is beyond every clock": lambda i: i.sas(expiry="9" * 40),
    "no expiry": lambda i: i.sas().partition("&se=")[0],
    "no signature": lambda i: "SharedAccessSignature sr=" + quote(resource_of(i), safe="") + "&se=9999999999",
    "another scheme": lambda i: i.sas().replace("SharedAccessSignature", "Bearer"),
    "the bare key": lambda i: i.primary_key,
    "empty": lambda i: "",
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_token_that_proves_nothing_is_code_5(
    hub: Hub, identity: Identity, make: Callable[[Identity], str]
) -> None:
    assert refusal_code(hub, identity, password=make(identity)) == 5


def test_password_that_is_not_text_is_code_5(hub: Hub, identity: Identity) -> None:
    assert refusal_code(hub, identity, password=b"\xff\xfe\x00\x80") == 5


def test_absent_password_is_code_5(hub: Hub, identity: Identity) -> None:
    assert refusal_code(hub, identity, password=None) == 5


def test_unknown_device_is_code_5(hub: Hub) -> None:
    device = hub.with_device()
    device.delete()

    assert refusal_code(hub, device) == 5
    # A policy may speak for every device, but not for one that is not there.
    assert refusal_code(hub, device, password=hub.sas("device")) == 5


def test_unknown_module_is_code_5(hub: Hub) -> None:
    module = hub.with_module()
    module.delete()

    assert refusal_code(hub, module) == 5


def test_disabled_device_is_code_5_and_code_0_when_enabled_again(hub: Hub) -> None:
    device = hub.with_device()

    device.put(status="disabled")
    assert refusal_code(hub, device) == 5

    device.put(status="enabled")
    assert refusal_code(hub, device) == 0


def test_module_of_a_disabled_device_is_code_5(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()

    device.put(status="disabled")

    assert refusal_code(hub, module) == 5


def test_a_modules_key_does_not_open_its_device(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()

    assert refusal_code(hub, device, password=device.sas(key=module.primary_key)) == 5
    assert refusal_code(hub, device, password=module.sas()) == 5


@pytest.mark.parametrize("protocol, level", [("MQIsdp", 3), ("MQTT", 3), ("MQTT", 5), ("MQTT", 0)])
def test_another_protocol_level_is_code_1(
    hub: Hub, identity: Identity, protocol: str, level: int
) -> None:
    assert refusal_code(hub, identity, protocol=protocol, level=level) == 1


def test_connack_is_exactly_four_bytes(hub: Hub, identity: Identity) -> None:
    for password, code in ((identity.sas(), 0), ("", 5)):
        with hub.mqtt() as connection:
            connection.send(connect_packet(**connect_options(identity, password=password)))

            answer = b""
            while len(answer) < 4:
                answer += connection._read()

            assert answer == bytes([0x20, 2, 0, code])


FIRST_PACKETS = {
    "PUBLISH": publish_packet("$iothub/twin/GET/?$rid=1"),
    "SUBSCRIBE": subscribe_packet(1, (mqtt_twin.RESPONSES, 0)),
    "PINGREQ": packet(PINGREQ, 0, b""),
    "DISCONNECT": packet(14, 0, b""),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(64),
}


@pytest.mark.parametrize("first", FIRST_PACKETS.values(), ids=FIRST_PACKETS.keys())
def test_first_packet_other_than_connect_closes(hub: Hub, first: bytes) -> None:
    with hub.mqtt() as connection:
        connection.send(first)

        connection.expect_closed()


def test_second_connect_closes(hub: Hub, identity: Identity) -> None:
    with hub.mqtt_session(identity) as session:
        session.send(connect_packet(**connect_options(identity)))

        session.expect_closed()


def test_packets_sent_before_connack_are_handled_after_it(hub: Hub, identity: Identity) -> None:
    with hub.mqtt() as connection:
        connection.send(
            connect_packet(**connect_options(identity))
            + subscribe_packet(1, (mqtt_twin.RESPONSES, 0))
            + publish_packet("$iothub/twin/GET/?$rid=early")
            + packet(PINGREQ, 0, b"")
        )

        assert connection.expect(CONNACK).body[1] == 0
        connection.expect(SUBACK)
        answers = {answer.kind: answer for answer in (connection.receive(), connection.receive())}
        assert mqtt_twin.parse_answer(answers[PUBLISH]).rid == "early"
        assert PINGRESP in answers


def test_packets_behind_a_refused_connect_do_nothing(hub: Hub, identity: Identity) -> None:
    before = identity.twin()["properties"]["reported"]

    with hub.mqtt() as connection:
        connection.send(
            connect_packet(**connect_options(identity, password=""))
            + publish_packet("$iothub/twin/PATCH/properties/reported/?$rid=1", b'{"sneaky":true}')
        )
        assert connection.expect(CONNACK).body[1] == 5
        connection.expect_closed()

    assert identity.twin()["properties"]["reported"] == before


def test_announced_model_shows_in_the_twin(hub: Hub, identity: Identity) -> None:
    tail = "/?api-version=2021-04-12&model-id=dtmi:com:example:Pump;2&DeviceClientType=n%2F1"

    with hub.mqtt_session(identity, username=f"{hub.host}/{identity.client_id}{tail}"):
        assert identity.twin()["modelId"] == "dtmi:com:example:Pump;2"


def resource_of(identity: Identity) -> str:
    """The identity's `sr`, not encoded."""
    module = "" if identity.module_id is None else f"/modules/{identity.module_id}"
    return f"{identity.hub.host}/devices/{identity.device_id}{module}"
