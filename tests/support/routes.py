"""Routes of a hub, set through the resource provider as `azure-mgmt-iothub` sets them."""

from __future__ import annotations

from typing import Any

from support.hub import ARM_VERSION, Hub

_HUBS = "/subscriptions/any/providers/Microsoft.Devices/IotHubs"


def set_routes(
    hub: Hub, *routes: dict[str, Any], fallback: bool = True, endpoints: dict[str, Any] | None = None
) -> None:
    """Sets these routes and no others, and custom endpoints; they are in force when this returns."""
    headers = {"Authorization": f"Bearer {hub.operator_token}"}
    as_operator: dict[str, Any] = {"headers": headers, "token": None, "api_version": ARM_VERSION}
    (found,) = hub.http("GET", _HUBS, **as_operator).expect(200).json()["value"]
    found["properties"]["routing"] = {
        "endpoints": endpoints or {},
        "routes": list(routes),
        "fallbackRoute": {
            "name": "$fallback", "source": "DeviceMessages", "condition": "true",
            "endpointNames": ["events"], "isEnabled": fallback,
        },
    }  # fmt: skip
    hub.http("PUT", found["id"], json=found, **as_operator).expect(200)


def route(source: str, condition: str = "true", endpoint: str = "events") -> dict[str, Any]:
    """A route of events of a source, named after it."""
    return {
        "name": source.lower(), "source": source, "condition": condition,
        "endpointNames": [endpoint], "isEnabled": True,
    }  # fmt: skip
