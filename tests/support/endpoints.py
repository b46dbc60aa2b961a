"""Custom endpoints of a hub, each with a route of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from support.hub import ARM_VERSION, Hub
from support.identity import Identity

_HUBS = "/subscriptions/any/providers/Microsoft.Devices/IotHubs"


def route_to(hub: Hub, *, source: str = "DeviceMessages", **endpoints: dict[str, Any]) -> None:
    """Sets endpoints, as `kind={name: members}`, and routes of everything to each of them."""
    headers = {"Authorization": f"Bearer {hub.operator_token}"}
    as_operator: dict[str, Any] = {"headers": headers, "token": None, "api_version": ARM_VERSION}
    (found,) = hub.http("GET", _HUBS, **as_operator).expect(200).json()["value"]
    found["properties"]["routing"] = {
        "endpoints": {
            kind: [{"name": name, **members} for name, members in named.items()] for kind, named in endpoints.items()
        },
        "routes": [
            {"name": name, "source": source, "condition": "true", "endpointNames": [name], "isEnabled": True}
            for named in endpoints.values()
            for name in named
        ],
    }
    hub.http("PUT", found["id"], json=found, **as_operator).expect(200)


def health_of(hub: Hub, name: str) -> dict[str, Any]:
    """How an endpoint is."""
    headers = {"Authorization": f"Bearer {hub.operator_token}"}
    as_operator: dict[str, Any] = {"headers": headers, "token": None, "api_version": ARM_VERSION}
    (found,) = hub.http("GET", _HUBS, **as_operator).expect(200).json()["value"]
    listed = hub.http("GET", f"{found['id']}/routingEndpointsHealth", **as_operator).expect(200).json()["value"]
    return next(endpoint for endpoint in listed if endpoint["endpointName"] == name)


def send(identity: Identity, body: bytes, **headers: str) -> None:
    """Telemetry over HTTPS; headers are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/devices/{quote(identity.device_id, safe='')}/messages/events"
    identity.hub.http("POST", path, token=identity.sas(), body=body, headers=named).expect(204)
