"""A hub under test: the built binary, its folder, and the ways into it."""

from __future__ import annotations

import contextlib
import json as jsonlib
import os
import shutil
import signal
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from support import raw_http, sas
from support.identity import Identity
from support.raw_mqtt import RawMqtt

API_VERSION = "2021-04-12"
ARM_VERSION = "2023-06-30"
_HUBS = "/subscriptions/any/providers/Microsoft.Devices/IotHubs"
REPOSITORY = Path(__file__).resolve().parents[2]

# `[hub] name`, which is the name of the built-in endpoint's event hub, too.
HUB_NAME = "localhost"
PARTITIONS = 4


class HubDidNotStart(RuntimeError):
    """`twinhub serve` exited or was not ready in time; the message holds its output."""


def binary() -> Path:
    """The binary under test: `TWINHUB_BIN`, else what cargo built last for release or dev."""
    if named := os.environ.get("TWINHUB_BIN"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    for profile in ("release", "debug"):
        if (candidate := target / profile / "twinhub").exists():
            return candidate
    raise FileNotFoundError(f"no twinhub under {target}; run `cargo build --release` or ./test")


class Hub:
    """A hub on an address of its own, with the default ports.

    The folder outlives the process: `kill`, then `start`, is a crash and a
    recovery. `host` is both the address and the host name in the certificate
    and in every connection string.
    """

    def __init__(self, host: str, data_dir: Path, options: list[str] | None = None):
        self.host = host
        self.data_dir = data_dir
        self.https_port = 443
        self.mqtts_port = 8883
        self.amqps_port = 5671
        self.options = options or []
        # Set it for a hub that shows a certificate of the operator's own.
        self.ca_file = data_dir / "tls" / "ca.pem"
        self.log_file = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._policy_keys: dict[str, str] = {}

    # The process.

    def start(self, *, ready_within: float = 20.0) -> Hub:
        """Starts the hub and waits until `/readyz` says yes."""
        self.start_without_waiting()
        deadline = time.monotonic() + ready_within
        while not self.is_ready():
            if self.process.poll() is not None:
                raise HubDidNotStart(f"exit code {self.process.returncode}\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise HubDidNotStart(f"not ready within {ready_within} s\n{self.log_tail()}")
            time.sleep(0.02)
        return self

    def start_without_waiting(self) -> subprocess.Popen[bytes]:
        """Starts the process; whether it gets anywhere is for the test to see."""
        command = [
            str(binary()), "serve",
            "--data-dir", str(self.data_dir),
            "--listen", self.host,
            "--hostname", self.host,
            *self.options,
        ]  # fmt: skip
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_clean_environment()
            )
        return self.process

    def is_ready(self) -> bool:
        """Whether `/readyz` answers 200 over a connection that our CA vouches for."""
        try:
            return self.http("GET", "/readyz", token=None, api_version=None, timeout=2).status == 200
        except (OSError, ssl.SSLError):
            return False

    def terminate(self, *, within: float = 15.0) -> int:
        """Sends SIGTERM and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=within)

    def kill(self) -> None:
        """`kill -9`: nothing is flushed, nobody is told."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Ends the hub at the end of a test, politely first."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            self.terminate()
        except subprocess.TimeoutExpired:
            self.kill()

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of what the hub wrote."""
        if not self.log_file.exists():
            return "(no output)"
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a `twinhub` command against this hub's folder."""
        done = subprocess.run(
            [str(binary()), *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True, text=True, timeout=60, env=_clean_environment(),
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"twinhub {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return done

    # Trust and secrets.

    @property
    def tls(self) -> ssl.SSLContext:
        """A context that trusts this hub's CA and nothing else, and checks the host name."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    @property
    def operator_token(self) -> str:
        """The management API's bearer token."""
        return (self.data_dir / "operator-token").read_text().strip()

    def connection_string(self, policy: str = "iothubowner") -> str:
        """What `twinhub connection-string` prints for the policy."""
        return f"HostName={self.host};SharedAccessKeyName={policy};SharedAccessKey={self.policy_key(policy)}"

    def event_hub_connection_string(self, policy: str = "service", entity: str = HUB_NAME) -> str:
        """What readers of the built-in endpoint are given."""
        return (
            f"Endpoint=sb://{self.host}/;SharedAccessKeyName={policy}"
            f";SharedAccessKey={self.policy_key(policy)};EntityPath={entity}"
        )

    def policy_key(self, policy: str = "iothubowner") -> str:
        """The policy's primary key; asked for once, because keys of default policies stay."""
        if policy not in self._policy_keys:
            printed = self.cli("connection-string", "--policy", policy).stdout
            self._policy_keys[policy] = sas.parse_connection_string(printed)["SharedAccessKey"]
        return self._policy_keys[policy]

    def sas(self, policy: str = "iothubowner", *, resource: str | None = None, **options: Any) -> str:
        """A token for a policy, for the whole hub unless `resource` says less."""
        key = options.pop("key", None) or self.policy_key(policy)
        return sas.token(key, resource or self.host, policy=policy, **options)

    # Doors.

    def http(
        self,
        method: str,
        path: str,
        *,
        policy: str = "iothubowner",
        token: str | None = "",
        json: Any = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        api_version: str | None = API_VERSION,
        timeout: float = 30.0,
    ) -> raw_http.Reply:
        """One HTTPS request. `token=None` sends no credentials; `api_version=None` none of that."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", token or self.sas(policy))
        if json is not None:
            body = jsonlib.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json; charset=utf-8")
        if api_version is not None:
            path += ("&" if "?" in path else "?") + f"api-version={api_version}"
        return raw_http.send(
            self.host, self.https_port, self.tls, method, path, list(sent.items()), body, timeout
        )

    def mqtt(self, *, websocket: bool = False, timeout: float = 10.0) -> RawMqtt:
        """A TLS connection on which nothing has been said yet."""
        if websocket:
            return RawMqtt.over_websocket(self.host, self.https_port, self.ca_file, timeout)
        return RawMqtt.over_tls(self.host, self.mqtts_port, self.tls, timeout)

    def mqtt_session(self, identity: Identity, **options: Any) -> RawMqtt:
        """A raw connection that has been accepted as `identity`.

        Takes what `RawMqtt.connect` takes, and `websocket`.
        """
        connection = self.mqtt(websocket=options.pop("websocket", False))
        options.setdefault("client_id", identity.client_id)
        options.setdefault("username", f"{self.host}/{identity.client_id}/?api-version={API_VERSION}")
        options.setdefault("password", identity.sas())
        code, _session_present = connection.connect(**options)
        assert code == 0, f"CONNACK {code} for {identity.client_id}"
        return connection

    def registry_manager(self, policy: str = "iothubowner"):
        """Microsoft's service client, trusting this hub's CA."""
        from azure.iot.hub import IoTHubRegistryManager

        manager = IoTHubRegistryManager.from_connection_string(self.connection_string(policy))
        manager.protocol.config.connection.verify = str(self.ca_file)
        return manager

    @contextlib.contextmanager
    def consumer_group(self) -> Iterator[str]:
        """A consumer group that goes with the test; made through the resource provider's REST."""
        name = unique("group")
        headers = {"Authorization": f"Bearer {self.operator_token}"}
        as_operator: dict[str, Any] = {"headers": headers, "token": None, "api_version": ARM_VERSION}
        (found,) = self.http("GET", _HUBS, **as_operator).expect(200).json()["value"]
        path = f"{found['id']}/eventHubEndpoints/events/ConsumerGroups/{name}"
        self.http("PUT", path, json={"properties": {"name": name}}, **as_operator).expect(200)
        try:
            yield name
        finally:
            self.http("DELETE", path, **as_operator).expect(200)

    def device_client(self, identity: Identity, *, aio: bool = False, **options: Any):
        """Microsoft's device or module client for the identity, not yet connected."""
        import azure.iot.device
        import azure.iot.device.aio

        package = azure.iot.device.aio if aio else azure.iot.device
        client = package.IoTHubDeviceClient if identity.module_id is None else package.IoTHubModuleClient
        options.setdefault("server_verification_cert", self.ca_file.read_text())
        return client.create_from_connection_string(identity.connection_string, **options)

    # Builders.

    def with_device(self, name: str = "device", *, exact_id: bool = False, **fields: Any) -> Identity:
        """Registers a device called `name-<unique>` (or exactly `name`) with the given members."""
        device_id = name if exact_id else unique(name)
        path = f"/devices/{quote(device_id, safe='')}"
        document = self.http("PUT", path, json={"deviceId": device_id, **fields}).expect(200).json()
        return Identity(self, device_id, None, document)

    def with_module(self, device: str = "device", module: str = "module", **fields: Any) -> Identity:
        """Registers a new device and a module on it, and returns the module."""
        return self.with_device(device).with_module(module, **fields)

    def remove_data(self) -> None:
        """Deletes the folder; the hub must have stopped."""
        shutil.rmtree(self.data_dir, ignore_errors=True)


def unique(name: str) -> str:
    """An id that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def _clean_environment() -> dict[str, str]:
    """The environment without settings that would reach into the hub."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TWINHUB_", "IOTHUB_"))}
