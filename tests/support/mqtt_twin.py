"""The twin topics over raw MQTT: requests, answers, changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from support.raw_mqtt import PUBACK, PUBLISH, Packet, RawMqtt

RESPONSES = "$iothub/twin/res/#"
CHANGES = "$iothub/twin/PATCH/properties/desired/#"


@dataclass(frozen=True)
class TwinAnswer:
    """An answer on `$iothub/twin/res/{status}/?$rid={rid}[&$version=N]`."""

    status: int
    rid: str
    version: int | None
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def parse_answer(packet: Packet) -> TwinAnswer:
    """Reads the answer's topic as strictly as the C and Java SDKs do."""
    prefix = "$iothub/twin/res/"
    assert packet.topic.startswith(prefix), packet.topic
    status, query = packet.topic.removeprefix(prefix).split("/", 1)
    assert len(status) == 3 and status.isdigit(), f"status {status!r} has not three digits"
    assert query.startswith("?$rid="), f"$rid does not come first: {packet.topic}"
    rid, _, version = query.removeprefix("?$rid=").partition("&$version=")
    return TwinAnswer(int(status), rid, int(version) if version else None, packet.payload)


def receive_publish(session: RawMqtt, timeout: float | None = None) -> Packet:
    """The next PUBLISH, acknowledged if it asks for that; skips PUBACKs of our own."""
    got = session.receive(timeout)
    while got.kind == PUBACK:
        got = session.receive(timeout)
    assert got.kind == PUBLISH, f"expected a PUBLISH, got {got}"
    assert not got.retain
    if got.qos:
        assert got.packet_id != 0
        session.puback(got.packet_id)
    return got


def get(session: RawMqtt, rid: str = "1", body: bytes = b"", *, qos: int = 0) -> TwinAnswer:
    """Asks for the twin and returns the answer; `RESPONSES` must be subscribed."""
    session.publish(f"$iothub/twin/GET/?$rid={rid}", body, qos=qos)
    return parse_answer(receive_publish(session))


def report(
    session: RawMqtt, patch: Any, rid: str = "1", *, version: int | None = None, qos: int = 0
) -> TwinAnswer:
    """Patches the reported properties (bytes are sent as they are) and returns the answer."""
    topic = f"$iothub/twin/PATCH/properties/reported/?$rid={rid}"
    if version is not None:
        topic += f"&$version={version}"
    body = patch if isinstance(patch, bytes) else json.dumps(patch).encode()
    session.publish(topic, body, qos=qos)
    return parse_answer(receive_publish(session))


def receive_change(session: RawMqtt, timeout: float | None = None) -> tuple[int, dict[str, Any]]:
    """The next desired change: the version in its topic, and its body."""
    packet = receive_publish(session, timeout)
    prefix = "$iothub/twin/PATCH/properties/desired/?$version="
    assert packet.topic.startswith(prefix), packet.topic
    return int(packet.topic.removeprefix(prefix)), json.loads(packet.payload)
