"""The commands that are clients of a running hub: answers, forms, exit codes."""

import json
import re
import subprocess

import pytest

from support import sas
from support.hub import binary, unique

DONE, FAILED, USAGE, NOT_FOUND, UNAUTHORISED, CONFLICT, NO_HUB = range(7)


def ask(hub, *arguments):
    """Runs a command that prints JSON, and returns what it printed."""
    return json.loads(hub.cli(*arguments).stdout)


def exit_code(hub, *arguments):
    """Runs a command that must fail with one readable line and print no answer."""
    done = hub.cli(*arguments, check=False)
    assert done.returncode != DONE
    assert done.stdout == ""
    assert done.stderr.startswith(("error: ", "Usage: ")), done.stderr
    assert "panicked" not in done.stderr
    return done.returncode


def test_device_goes_through_its_whole_life(hub):
    device_id = unique("cli")

    created = ask(hub, "device-identity", "create", "-d", device_id)
    updated = ask(hub, "device-identity", "update", "-d", device_id, "--status", "disabled", "--status-reason", "rest")
    shown = ask(hub, "device-identity", "show", "--device-id", device_id)
    listed = ask(hub, "device-identity", "list")
    deleted = hub.cli("device-identity", "delete", "-d", device_id)

    assert created["deviceId"] == device_id and created["status"] == "enabled"
    assert updated["status"] == "disabled" and updated["statusReason"] == "rest"
    # An update through the command line keeps the keys.
    assert updated["authentication"] == created["authentication"]
    assert shown == updated
    assert device_id in [device["deviceId"] for device in listed]
    assert deleted.stdout == ""
    assert exit_code(hub, "device-identity", "show", "-d", device_id) == NOT_FOUND


def test_module_goes_through_its_whole_life(hub):
    device = hub.with_device("cli")
    ids = ("-d", device.device_id, "-m", "m")

    created = ask(hub, "module-identity", "create", *ids)
    updated = ask(hub, "module-identity", "update", *ids, "--set", "managedBy=plant")
    shown = ask(hub, "module-identity", "show", *ids)
    listed = ask(hub, "module-identity", "list", "-d", device.device_id)
    hub.cli("module-identity", "delete", *ids)

    assert created["moduleId"] == "m"
    assert updated["managedBy"] == "plant"
    assert updated["authentication"] == created["authentication"]
    assert shown == updated
    assert [module["moduleId"] for module in listed] == ["m"]
    assert exit_code(hub, "module-identity", "show", *ids) == NOT_FOUND


@pytest.mark.parametrize("kind", ["device", "module"])
def test_twin_is_shown_updated_and_replaced(hub, kind, tmp_path):
    identity = hub.with_device("cli") if kind == "device" else hub.with_module("cli")
    command = f"{kind}-twin"
    ids = ["-d", identity.device_id] + (["-m", identity.module_id] if identity.module_id else [])
    replacement = tmp_path / "twin.json"
    replacement.write_text('{"tags": {"new": true}, "properties": {"desired": {"b": 2}}}')

    updated = ask(hub, command, "update", *ids, "--desired", '{"a": 1}', "--tags", '{"t": "x"}')
    stale = updated["etag"]
    removed = ask(hub, command, "update", *ids, "--desired", '{"a": null}', "--etag", stale)
    refused = exit_code(hub, command, "update", *ids, "--desired", '{"a": 2}', "--etag", stale)
    replaced = ask(hub, command, "replace", *ids, "--json", f"@{replacement}")

    assert updated["properties"]["desired"]["a"] == 1 and updated["tags"] == {"t": "x"}
    assert "a" not in removed["properties"]["desired"]
    assert refused == CONFLICT
    assert replaced["tags"] == {"new": True} and replaced["properties"]["desired"]["b"] == 2
    assert ask(hub, command, "show", *ids) == replaced


def test_connection_strings_work_for_policies_devices_and_modules(hub):
    module = hub.with_module("cli")
    device_key = hub.http("GET", f"/devices/{module.device_id}").json()["authentication"]["symmetricKey"]

    of_policy = hub.cli("connection-string", "--policy", "service").stdout
    of_device = hub.cli("connection-string", "-d", module.device_id, "--secondary").stdout
    of_module = hub.cli("connection-string", "-d", module.device_id, "-m", "module").stdout

    assert sas.parse_connection_string(of_policy)["SharedAccessKeyName"] == "service"
    assert sas.parse_connection_string(of_device) == {
        "HostName": hub.host,
        "DeviceId": module.device_id,
        "SharedAccessKey": device_key["secondaryKey"],
    }
    assert of_module.strip() == module.connection_string
    as_json = json.loads(hub.cli("connection-string", "-d", module.device_id, "-m", "module", "-o", "json").stdout)
    assert list(as_json.values()) == [module.connection_string]


def test_generated_tokens_open_the_hub(hub):
    device = hub.with_device("cli")

    of_policy = hub.cli("generate-sas-token", "--policy", "registryRead").stdout.strip()
    of_device = hub.cli("generate-sas-token", "-d", device.device_id).stdout.strip()

    assert hub.http("GET", device.path, token=of_policy).status == 200
    assert hub.http("GET", f"{device.path}/modules", token=of_device).status == 200


def test_policies_are_listed_created_renewed_and_deleted(hub_factory):
    hub = hub_factory().start()

    created = ask(hub, "policy", "create", "--name", "reader", "--rights", "RegistryRead,ServiceConnect")
    renewed = ask(hub, "policy", "renew-key", "--name", "reader", "--key", "primary")
    names = [policy["keyName"] for policy in ask(hub, "policy", "list")]
    hub.cli("policy", "delete", "--name", "reader")

    assert created["rights"] == "RegistryRead, ServiceConnect"
    assert renewed["secondaryKey"] == created["secondaryKey"]
    assert renewed["primaryKey"] != created["primaryKey"]
    old = sas.token(created["primaryKey"], hub.host, policy="reader")
    assert hub.http("GET", "/devices", token=old).status == 401
    assert "reader" in names and len(names) == 6
    assert exit_code(hub, "policy", "show", "--name", "reader") == NOT_FOUND


def test_statistics_are_counted(hub_factory):
    hub = hub_factory().start()
    hub.with_device("a")
    hub.with_device("b", status="disabled")

    counted = ask(hub, "device-identity", "statistics")

    assert (counted["totalDeviceCount"], counted["disabledDeviceCount"]) == (2, 1)


def test_keys_are_renewed(hub):
    device = hub.with_device("cli")

    hub.cli("device-identity", "renew-key", "-d", device.device_id, "--key-type", "primary")

    keys = device.get()["authentication"]["symmetricKey"]
    assert keys["primaryKey"] != device.primary_key
    assert keys["secondaryKey"] == device.secondary_key


def test_table_shows_a_line_per_identity(hub):
    device = hub.with_device("cli")
    device.with_module("one")
    device.with_module("two")

    lines = hub.cli("module-identity", "list", "-d", device.device_id, "-o", "table").stdout.splitlines()

    assert len(lines) >= 3
    assert any("one" in line for line in lines) and any("two" in line for line in lines)


def test_login_reaches_the_hub_without_its_folder(hub, tmp_path):
    device = hub.with_device("cli")

    done = subprocess.run(
        [str(binary()), "device-identity", "show", "-d", device.device_id, "--login", hub.connection_string()],
        env={"HOME": str(tmp_path), "TWINHUB_CA_FILE": str(hub.ca_file)},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert done.returncode == DONE, done.stderr
    assert json.loads(done.stdout)["deviceId"] == device.device_id


def test_exit_codes_tell_what_happened(hub):
    device = hub.with_device("cli")
    reader = ("--login", hub.connection_string("registryRead"))

    assert exit_code(hub, "device-identity", "create", "-d", device.device_id) == CONFLICT
    assert exit_code(hub, "device-identity", "show", "-d", unique("nobody")) == NOT_FOUND
    assert exit_code(hub, "device-identity", "create", "-d", "a;b") == FAILED
    assert exit_code(hub, "device-twin", "update", "-d", device.device_id, "--desired", "{no json") == USAGE
    done = hub.cli("device-identity", "create", "-d", unique("cli"), *reader, check=False)
    assert done.returncode in (UNAUTHORISED, FAILED), done.stderr


@pytest.mark.parametrize("command", ["env", "connection-string", "device-identity list", "policy list"])
def test_without_a_hub_clients_say_so_and_start_none(tmp_path, command):
    done = subprocess.run(
        [str(binary()), *command.split(), "--data-dir", str(tmp_path / "nothing")],
        env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert done.returncode == NO_HUB, done.stderr
    assert done.stdout == ""
    assert "serve" in done.stderr


def test_after_the_hub_stopped_env_says_so(hub_factory):
    hub = hub_factory().start()
    assert hub.cli("env").stdout

    hub.terminate()

    assert exit_code(hub, "env") == NO_HUB


def test_env_prints_nothing_but_quoted_exports(hub):
    lines = hub.cli("env").stdout.splitlines()

    names = [re.fullmatch(r"export ([A-Z_]+)='[^']*'", line)[1] for line in lines]
    assert sorted(names) == [
        "EVENTHUB_CONNECTION_STRING", "IOTHUB_CONNECTION_STRING", "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "TWINHUB_CA_FILE",
    ]  # fmt: skip


def test_env_bundle_holds_the_systems_roots_and_ours(hub):
    bundle = re.search(r"SSL_CERT_FILE='([^']*)'", hub.cli("env").stdout)[1]

    text = open(bundle).read()

    assert hub.ca_file.read_text().strip() in text
    assert text.count("BEGIN CERTIFICATE") >= 1


def commands() -> list[list[str]]:
    """All commands and subcommands, as the help texts list them."""

    def listed(*path: str) -> list[str]:
        text = subprocess.run([str(binary()), *path, "--help"], capture_output=True, text=True).stdout
        section = re.search(r"^Commands:\n((?:  .*\n|\n)+)", text, re.M)
        found = re.findall(r"^  ([a-z][a-z-]*) ", section[1], re.M) if section else []
        return [name for name in found if name != "help"]

    top = listed()
    return [[name] for name in top] + [[name, sub] for name in top for sub in listed(name)]


def test_every_command_has_help_with_examples():
    everything = commands()

    assert {"serve", "env", "connection-string", "policy", "device-identity", "module-identity",
            "device-twin", "module-twin", "generate-sas-token"} <= {path[0] for path in everything}  # fmt: skip
    for path in everything:
        text = subprocess.run([str(binary()), *path, "--help"], capture_output=True, text=True).stdout
        assert "Examples:" in text, path


@pytest.mark.parametrize("arguments", [["frobnicate"], ["serve", "--colour"], ["device-identity", "show"], []])
def test_wrong_usage_is_exit_code_two(arguments):
    done = subprocess.run([str(binary()), *arguments], capture_output=True, text=True, timeout=10)

    assert done.returncode == USAGE
    assert "Usage" in done.stderr or "Usage" in done.stdout
