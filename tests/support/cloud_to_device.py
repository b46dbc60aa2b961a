"""Cloud-to-device messages over REST: the back end's side, and the device's over HTTPS."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from support.hub import Hub
from support.identity import Identity
from support.raw_http import Reply
from support.waiting import eventually


ODD_PROPERTIES = {
    "plain": "value",
    "spaces": "two  words",
    "separators": "a=b&c=d/e?f#g",
    "percent": "100%25",
    "plus": "1+1",
    "dollar": "$.mid",
}


def in_seconds(seconds: float) -> str:
    """An absolute time for `expiry`."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def post(
    target: Identity, body: bytes = b"hello", properties: dict[str, str] | None = None, **system: str
) -> Reply:
    """Asks the hub to queue a message; `message_id`, `correlation_id`, `ack`, ... are headers of it."""
    headers = {f"iothub-{name.replace('_', '')}": value for name, value in system.items()}
    headers |= {f"iothub-app-{name}": value for name, value in (properties or {}).items()}
    return target.hub.http("POST", f"{target.path}/messages/deviceBound", policy="service", body=body, headers=headers)


def send(target: Identity, body: bytes = b"hello", properties: dict[str, str] | None = None, **system: str) -> None:
    """Queues a message."""
    post(target, body, properties, **system).expect(204)


def purge(device: Identity) -> dict[str, Any]:
    """Empties the queue and returns what the hub says about that."""
    return device.hub.http("DELETE", f"{device.path}/commands").expect(200).json()


def waiting(device: Identity) -> int:
    """How many messages the registry counts for the device."""
    return device.get()["cloudToDeviceMessageCount"]


class HttpsReceiver:
    """A device that polls for messages and settles them."""

    def __init__(self, device: Identity):
        self.device = device
        self._path = f"{device.path}/messages/deviceBound"
        self._token = device.sas()

    def poll(self, **headers: str) -> Reply:
        """One request for a message."""
        return self._send("GET", self._path, headers)

    def receive(self, **headers: str) -> tuple[Reply, str]:
        """A message that must be there, and its lock token."""
        reply = self.poll(**headers).expect(200)
        token = reply.header("ETag")
        assert token and token[0] == token[-1] == '"', f"ETag {token} is not quoted"
        return reply, token.strip('"')

    def assert_empty(self) -> None:
        """Nothing can be received now."""
        assert self.poll().expect(204).body == b""

    def complete(self, token: str) -> Reply:
        return self._send("DELETE", f"{self._path}/{quote(token, safe='')}")

    def reject(self, token: str) -> Reply:
        return self._send("DELETE", f"{self._path}/{quote(token, safe='')}?reject=")

    def abandon(self, token: str) -> Reply:
        return self._send("POST", f"{self._path}/{quote(token, safe='')}/abandon")

    def _send(self, method: str, path: str, headers: dict[str, str] | None = None) -> Reply:
        return self.device.hub.http(method, path, token=self._token, headers=headers)


def receive_feedback(hub: Hub) -> tuple[list[dict[str, Any]], str] | None:
    """A batch of feedback records and its lock token, if one is ready."""
    reply = hub.http("GET", "/messages/serviceBound/feedback", policy="service")
    if reply.status == 204:
        return None
    reply.expect(200)
    assert reply.header("Content-Type").startswith("application/vnd.microsoft.iothub.feedback.json")
    return json.loads(reply.body), (reply.header("ETag") or "").strip('"')


def collect_feedback(hub: Hub, count: int, *, within: float = 30.0) -> list[dict[str, Any]]:
    """Receives and completes batches until `count` records have come."""
    records: list[dict[str, Any]] = []

    def enough() -> bool:
        if batch := receive_feedback(hub):
            records.extend(batch[0])
            hub.http("DELETE", f"/messages/serviceBound/feedback/{batch[1]}", policy="service").expect(204)
        return len(records) >= count

    eventually(enough, within=within, what=f"{count} feedback records")
    return records
