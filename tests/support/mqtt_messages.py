"""Telemetry and cloud-to-device messages over raw MQTT: topics, bags, packets."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from support.identity import Identity
from support.raw_mqtt import PUBACK, PUBLISH, Packet, RawMqtt


def path_of(identity: Identity) -> str:
    """`devices/{d}` or `devices/{d}/modules/{m}`, as it stands in topics: not encoded."""
    module = "" if identity.module_id is None else f"/modules/{identity.module_id}"
    return f"devices/{identity.device_id}{module}"


def events_topic(identity: Identity, bag: str = "") -> str:
    """Where telemetry is published, with the bag as it is given."""
    return f"{path_of(identity)}/messages/events/{bag}"


def devicebound_filter(identity: Identity) -> str:
    """What is subscribed to get cloud-to-device messages."""
    return f"{path_of(identity)}/messages/devicebound/#"


def bag(**properties: str) -> str:
    """A property bag in which everything is encoded."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in properties.items())


def send_telemetry(
    session: RawMqtt, identity: Identity, payload: bytes = b"{}", bag: str = "", **flags: bool
) -> None:
    """Publishes at QoS 1 and waits for the PUBACK, which must be the next packet."""
    sent = session.publish(events_topic(identity, bag), payload, qos=1, **flags)
    assert session.expect(PUBACK).packet_id == sent


@dataclass(frozen=True)
class DeviceBound:
    """A cloud-to-device message as it came."""

    packet: Packet
    system: dict[str, str | None]
    application: dict[str, str | None]

    @property
    def payload(self) -> bytes:
        return self.packet.payload

    @property
    def message_id(self) -> str | None:
        return self.system.get("$.mid")


def parse_devicebound(packet: Packet, identity: Identity) -> DeviceBound:
    """Reads a message's topic as strictly as the pickiest SDKs do together."""
    prefix = f"{path_of(identity)}/messages/devicebound/"
    assert packet.topic.startswith(prefix), packet.topic
    raw = packet.topic.removeprefix(prefix)
    assert "/" not in raw, f"more topic segments break .NET and C: {raw}"
    assert not raw.startswith("?") and " " not in raw and "+" not in raw and "#" not in raw, raw
    assert "$" not in raw, f"`$` is not written %24: {raw}"
    system: dict[str, str | None] = {}
    application: dict[str, str | None] = {}
    for pair in raw.split("&"):
        assert pair.count("=") <= 1, f"a raw = breaks Python and .NET: {raw}"
        key, equals, value = pair.partition("=")
        into = application
        if key.startswith("%24.") or key == "iothub-ack":
            assert not application, f"system properties do not come first: {raw}"
            into = system
        assert unquote(key) not in into, f"{key} comes twice: {raw}"
        into[unquote(key)] = unquote(value) if equals else None
    assert system.get("$.to"), f"there is always a $.to: {raw}"
    return DeviceBound(packet, system, application)


def receive_devicebound(
    session: RawMqtt, identity: Identity, *, acknowledge: bool = True, timeout: float | None = None
) -> DeviceBound:
    """The next message; acknowledged unless told otherwise."""
    packet = session.expect(PUBLISH, timeout)
    assert not packet.retain
    if packet.qos:
        assert packet.qos == 1 and packet.packet_id != 0
        if acknowledge:
            session.puback(packet.packet_id)
    return parse_devicebound(packet, identity)
