"""Each endpoint demands its documented right, of every default policy and identity."""

from pathlib import Path

import pytest
import yaml

from support.wire import Scene, substitute

POLICIES = ["iothubowner", "service", "device", "registryRead", "registryReadWrite"]
ENDPOINTS = yaml.safe_load((Path(__file__).parent / "rights" / "rights.yaml").read_text())


def send(scene, endpoint, **auth):
    endpoint = substitute(endpoint, scene.names)
    method, path = endpoint["request"]
    headers = {"If-Match": endpoint["if_match"]} if "if_match" in endpoint else {}
    return scene.hub.http(
        method, path, json=endpoint.get("json"), headers=headers, api_version="2024-03-31", **auth
    )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint["name"])
def test_policy_opens_what_its_rights_say_and_nothing_else(hub, endpoint, policy):
    scene = Scene(hub, {})
    before = scene.snapshot()

    reply = send(scene, endpoint, policy=policy)

    if policy in endpoint["policies"]:
        # Who is let in may find nobody.
        assert reply.status in endpoint.get("status", (200, 204)), str(reply)
    else:
        assert (reply.status, reply.error_code) == (401, "IotHubUnauthorizedAccess"), str(reply)
        assert scene.snapshot() == before


@pytest.mark.parametrize("who", ["device", "module"])
@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in ENDPOINTS if "module" not in endpoint["name"] or "twin" in endpoint["name"]],
    ids=lambda endpoint: endpoint["name"],
)
def test_identity_keys_open_no_service_endpoint(hub, endpoint, who):
    scene = Scene(hub, {})
    before = scene.snapshot()

    reply = send(scene, endpoint, token=getattr(scene, who).sas())

    assert reply.status == 401, str(reply)
    assert scene.snapshot() == before


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint["name"])
def test_without_credentials_nothing_opens(hub, endpoint):
    scene = Scene(hub, {})
    before = scene.snapshot()

    reply = send(scene, endpoint, token=None)

    assert reply.status == 401, str(reply)
    assert reply.error_code is not None
    assert scene.snapshot() == before


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_need_no_credentials(hub, path):
    assert hub.http("GET", path, token=None, api_version=None).status == 200
