"""Clients that go away in the middle: what they began is done wholly or not at all."""

import base64
import json
import random
import time

from support.hostile import tls

VERSION = "api-version=2023-06-30"


def request(hub, path: str, body: dict, method: str = "PUT") -> bytes:
    """A management call as bytes."""
    content = json.dumps(body).encode()
    head = (
        f"{method} /subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/{path}?{VERSION} HTTP/1.1\r\n"
        f"Host: {hub.host}\r\nAuthorization: Bearer {hub.operator_token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content


def answer(hub, message: bytes) -> tuple[int, dict]:
    """Status and body of a call that is waited for."""
    with tls(hub.tls, hub.host, hub.https_port) as stream:
        stream.sendall(message)
        reply = b""
        while chunk := stream.recv(65536):
            reply += chunk
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body or b"{}")


def test_policies_stay_as_stored_when_their_changer_vanishes(hub_factory):
    hub = hub_factory().start()
    chance = random.Random(11)
    _, listed = answer(hub, request(hub, "localhost/listkeys", {}, "POST"))
    policies = listed["value"]
    service = next(policy for policy in policies if policy["keyName"] == "service")

    for _ in range(60):
        service["primaryKey"] = base64.b64encode(chance.randbytes(32)).decode()
        change = request(hub, "localhost", {"properties": {"authorizationPolicies": policies}})
        stream = tls(hub.tls, hub.host, hub.https_port)
        stream.sendall(change)
        time.sleep(chance.uniform(0, 0.0015))
        stream.close()

        # The next change finds the hub as it is stored, and is told what it wrote.
        service["primaryKey"] = base64.b64encode(chance.randbytes(32)).decode()
        status, body = answer(hub, request(hub, "localhost", {"properties": {"authorizationPolicies": policies}}))
        assert status == 200, body
        _, listed = answer(hub, request(hub, "localhost/IotHubKeys/service/listkeys", {}, "POST"))
        assert listed["primaryKey"] == service["primaryKey"]


def test_device_created_anew_has_no_past_though_the_deleter_vanished(hub_factory):
    hub = hub_factory().start()
    chance = random.Random(12)
    made_anew = 0
    for _ in range(30):
        device = hub.with_device()
        hub.mqtt_session(device).close()
        path = f"/devices/{device.device_id}"
        stream = tls(hub.tls, hub.host, hub.https_port)
        stream.sendall(
            f"DELETE {path}?api-version=2021-04-12 HTTP/1.1\r\nHost: {hub.host}\r\nIf-Match: *\r\n"
            f"Authorization: {hub.sas('iothubowner')}\r\n\r\n".encode()
        )
        time.sleep(chance.uniform(0, 0.0015))
        stream.close()

        # It may never have arrived: then the device is there, past and all.
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            reply = hub.http("PUT", path, json={"deviceId": device.device_id})
            if reply.status == 200:
                made_anew += 1
                assert reply.json()["lastActivityTime"].startswith("0001-01-01")
                break
    assert made_anew > 0
