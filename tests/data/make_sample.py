"""Makes the stored sample of this release's format: a backup of a small hub.

    TWINHUB_BIN=target/debug/twinhub python tests/data/make_sample.py tests/data/backup-format-4

Once a release is out its sample is frozen: later builds read it, nobody makes
it anew. Keys in it open nothing but the sample.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import cloud_to_device as c2d  # noqa: E402
from support import mqtt_twin  # noqa: E402
from support.hub import Hub  # noqa: E402
from support.identity import Identity  # noqa: E402
from support.loopback import free_address  # noqa: E402
from support.mqtt_messages import bag, send_telemetry  # noqa: E402


def fill(hub: Hub) -> None:
    """A little of everything that a hub keeps."""
    pump = hub.with_device("pump-7", exact_id=True)
    module = pump.with_module("controller")
    hub.with_device("old-9", exact_id=True, status="disabled", statusReason="sold")
    gateway = hub.with_device("gateway", exact_id=True, capabilities={"iotEdge": True})
    child = {"deviceScope": gateway.get()["deviceScope"]}
    hub.with_device("leaf", exact_id=True, **child)
    thumbprints = {"primaryThumbprint": "A" * 40, "secondaryThumbprint": None}
    hub.with_device(
        "cert-1", exact_id=True, authentication={"type": "selfSigned", "x509Thumbprint": thumbprints}
    )
    pump.patch_twin({"tags": {"site": "north", "row": 4}, "properties": {"desired": {"interval": 5}}})
    module.patch_twin({"properties": {"desired": {"mode": "eco", "limits": {"max": 21.5}}}})
    with hub.mqtt_session(pump) as session:
        session.subscribe(mqtt_twin.RESPONSES)
        mqtt_twin.report(session, {"firmware": "1.2.3"})
        for number in range(3):
            send_telemetry(session, pump, f'{{"n":{number}}}'.encode(), bag(number=str(number)))
    c2d.send(pump, b"first", {"color": "blue"}, message_id="m-1", ack="full", expiry=c2d.in_seconds(86_400))
    c2d.send(pump, b"second", message_id="m-2", expiry=c2d.in_seconds(86_400))
    hub.cli("policy", "create", "--name", "dashboard", "--rights", "RegistryRead", "ServiceConnect")
    hub.cli("consumer-group", "create", "--name", "Dashboards")
    route(hub, pump)
    export(hub)


def route(hub: Hub, device: Identity) -> None:
    """Nobody listens where the endpoint is, so what goes there waits."""
    servers = f"nats://{free_address()}:4222"
    hub.cli("message-endpoint", "create", "nats", "--endpoint-name", "bus", "--servers", servers, "--subject", "plant")
    hub.cli("message-enrichment", "create", "--key", "site", "--value", "$twin.tags.site", "--endpoints", "bus")
    to_bus = ("--source-type", "DeviceMessages", "--endpoint-name", "bus", "--condition", "$body.n > 2")
    hub.cli("route", "create", "--route-name", "late", *to_bus)
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b'{"n":3}', "$.ct=application%2Fjson&$.ce=utf-8")


def export(hub: Hub) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hub.cli("device-identity", "export", "--folder", folder, "--include-keys")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the sample goes; missing or empty")
    folder = parser.parse_args().folder.absolute()
    with tempfile.TemporaryDirectory() as work:
        hub = Hub(free_address(), Path(work) / "hub").start()
        try:
            fill(hub)
            print(hub.cli("backup", str(folder)).stdout)
        finally:
            hub.stop()


if __name__ == "__main__":
    main()
