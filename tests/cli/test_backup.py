"""The commands backup and restore, the call behind them, and what a stored backup of an earlier release gives."""

import json
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from support import cloud_to_device as c2d
from support import mqtt_twin
from support.events import EARLIEST, EventStream
from support.hub import REPOSITORY, Hub, _clean_environment, binary
from support.mqtt_messages import devicebound_filter, receive_devicebound, send_telemetry
from support.waiting import eventually
from support.webhook import Webhook, route_to

FAILED, USAGE, UNAUTHORISED, NO_HUB = 1, 2, 4, 6
SAMPLE = REPOSITORY / "tests" / "data" / "backup-0.1"
NEWEST_SAMPLE = REPOSITORY / "tests" / "data" / "backup-format-4"
PATH = "/twinhub/v1/backup"


@pytest.fixture
def private_hub(hub_factory):
    return hub_factory().start()


def restore(backup: Path, data_dir: Path) -> subprocess.CompletedProcess:
    command = [str(binary()), "restore", str(backup), "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=_clean_environment())


def restored(hub_factory, backup: Path, *, host: str | None = None) -> Hub:
    """A hub that runs on what a backup gives."""
    hub = hub_factory()
    if host:
        hub.host = host
    done = restore(backup, hub.data_dir)
    assert done.returncode == 0, done.stderr
    return hub.start()


def call(hub: Hub, method: str, folder: str | None = None, **options):
    options.setdefault("headers", {"Authorization": f"Bearer {hub.operator_token}"})
    body = None if folder is None else {"folder": folder}
    return hub.http(method, PATH, token=None, api_version=None, json=body, **options)


@pytest.fixture
def webhook():
    hook = Webhook()
    yield hook
    hook.go_away()


def test_restored_hub_delivers_what_waited_for_its_endpoint(private_hub, hub_factory, webhook, tmp_path):
    hub, device = private_hub, private_hub.with_device("pump")
    route_to(hub, webhook)
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"delivered")
        eventually(lambda: webhook.telemetry(device.device_id) == [b"delivered"], what="delivery")
        # How far it is delivered is saved every second.
        progress = next(hub.data_dir.glob("log/*.endpoints/*/progress"))
        eventually(lambda: any(progress.read_bytes()[16:]), what="progress")
        webhook.refusal = 503
        send_telemetry(session, device, b"waits")

    hub.cli("backup", str(tmp_path / "backup"))
    hub.terminate()
    webhook.refusal = None
    manifest = json.loads((tmp_path / "backup" / "backup.json").read_text())
    copy = restored(hub_factory, tmp_path / "backup", host=hub.host)

    names = [file["path"] for file in manifest["files"] if ".endpoints/" in file["path"]]
    assert {Path(name).suffix for name in names} >= {".log", ""}, names
    eventually(lambda: b"waits" in webhook.telemetry(device.device_id), within=30, what="delivery")
    assert webhook.telemetry(device.device_id) == [b"delivered", b"waits"]
    assert copy.process.poll() is None


def test_restored_hub_is_the_one_that_was_backed_up(private_hub, hub_factory, tmp_path):
    hub = private_hub
    device, module = hub.with_device("pump"), hub.with_module("pump")
    device.patch_twin({"tags": {"site": "north"}, "properties": {"desired": {"interval": 5}}})
    with hub.mqtt_session(device) as session:
        session.subscribe(mqtt_twin.RESPONSES)
        mqtt_twin.report(session, {"firmware": "1.2.3"})
        for number in range(5):
            send_telemetry(session, device, f"event {number}".encode())
    c2d.send(device, b"wait for me")
    hub.cli("policy", "create", "-n", "dashboard", "--rights", "RegistryRead")
    hub.cli("consumer-group", "create", "-n", "Dashboards")
    seen = lambda h: (
        [h.http("GET", path).expect(200).json() for path in (device.path, module.path, device.twin_path)],
        h.cli("policy", "list").stdout,
        h.cli("consumer-group", "list").stdout,
        h.ca_file.read_bytes(),
        h.operator_token,
    )  # fmt: skip
    before = seen(hub)

    made = json.loads(hub.cli("backup", str(tmp_path / "backup")).stdout)
    device.patch_twin({"tags": {"site": "south"}})
    late = hub.with_device("late")
    hub.terminate()
    copy = restored(hub_factory, tmp_path / "backup", host=hub.host)

    assert made["folder"] == str(tmp_path / "backup")
    assert seen(copy) == before
    copy.http("GET", late.path).expect(404)
    device.hub = copy
    with EventStream(copy, device, since=EARLIEST) as events:
        assert [event.payload for event in events.take(5)] == [b"event %d" % n for n in range(5)]
    # The device knows the hub by its authority, and the hub the device by its key.
    with copy.mqtt_session(device) as session:
        session.subscribe(devicebound_filter(device))
        assert receive_devicebound(session, device).payload == b"wait for me"
        send_telemetry(session, device, b"event 5")


def test_backup_is_for_its_owner_alone_and_says_what_it_holds(private_hub, tmp_path):
    folder = tmp_path / "backup"
    folder.mkdir(mode=0o755)

    private_hub.cli("backup", str(folder))

    manifest = json.loads((folder / "backup.json").read_text())
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {file["path"] for file in manifest["files"]} | {"backup.json"}
    assert {"state/state.db", "tls/ca-key.pem", "operator-token", "format"} <= files
    assert manifest["hub"] == "localhost"
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_writes_go_on_while_a_backup_is_made(private_hub, tmp_path):
    device = private_hub.with_device()
    stop, slowest, failures = threading.Event(), [0.0], []

    def write() -> None:
        import time

        number = 0
        try:
            while not stop.is_set():
                begun = time.monotonic()
                device.patch_desired({"n": number})
                slowest[0] = max(slowest[0], time.monotonic() - begun)
                number += 1
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(5):
        private_hub.cli("backup", str(tmp_path / f"backup-{number}"))
    stop.set()
    writer.join(timeout=20)

    assert not failures
    assert slowest[0] < 3.0


@pytest.mark.parametrize(
    "given, word",
    [
        ("full", "is not empty"),
        ("inside", "in the data folder"),
        ("file", "could not use"),
    ],
)
def test_folder_that_will_not_do_is_refused_and_left_alone(hub, tmp_path, given, word):
    folder = tmp_path / "backup"
    if given == "full":
        folder.mkdir()
        (folder / "mine").write_text("kept")
    elif given == "file":
        folder.write_text("kept")
    else:
        folder = hub.data_dir / "backup"

    refused = hub.cli("backup", str(folder), check=False)

    assert refused.returncode == FAILED
    assert word in refused.stderr
    assert refused.stdout == ""
    if given == "full":
        assert [path.name for path in folder.iterdir()] == ["mine"]
    if given == "inside":
        assert not folder.exists()


def test_backup_without_a_running_hub_is_told_apart(tmp_path):
    command = [str(binary()), "backup", str(tmp_path / "b"), "--data-dir", str(tmp_path / "hub")]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_clean_environment())

    assert refused.returncode == NO_HUB
    assert "twinhub serve" in refused.stderr


def test_call_needs_the_operator_token(hub, tmp_path):
    folder = str(tmp_path / "backup")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": hub.sas()}):
        for method in ("POST", "GET", "DELETE"):
            refused = call(hub, method, folder if method == "POST" else None, headers=headers)
            assert refused.status == 401, (method, headers)
    assert not Path(folder).exists()


def test_call_refuses_what_it_can_not_read(hub):
    assert call(hub, "POST", "backups/1").status == 400
    assert call(hub, "PUT", "/x").status == 405
    bearer = {"Authorization": f"Bearer {hub.operator_token}"}
    for body in (b"", b"[]", b"{", b'{"folder":1}', b'{"folder":"/x","more":1}', b"{}"):
        refused = hub.http("POST", PATH, token=None, api_version=None, body=body, headers=bearer)
        assert refused.status == 400, body


def test_latest_backup_is_told_of_until_the_hub_stops(private_hub, tmp_path):
    hub = private_hub
    none = call(hub, "GET")
    begun = call(hub, "POST", str(tmp_path / "backup"))
    ended = eventually(lambda: (now := call(hub, "GET").json())["state"] != "running" and now, within=20)

    assert none.status == 404
    assert begun.status == 202
    assert ended["state"] == "completed"
    assert ended["folder"] == str(tmp_path / "backup")
    assert ended["bytesWritten"] > 0
    assert ended["moment"].endswith("Z")


def test_restore_fills_an_empty_folder_only(hub, tmp_path):
    for folder in (hub.data_dir, tmp_path / "full"):
        folder.mkdir(exist_ok=True)
        (folder / "mine").write_text("kept")

        refused = restore(SAMPLE, folder)

        assert refused.returncode == FAILED
        assert "is not empty" in refused.stderr
        assert (folder / "mine").read_text() == "kept"
    (hub.data_dir / "mine").unlink()
    assert hub.is_ready()


@pytest.mark.parametrize(
    "damage, word",
    [
        (lambda b: (b / "backup.json").unlink(), "no complete backup"),
        (lambda b: (b / "backup.json").write_text("{"), "not what a backup writes"),
        (lambda b: (b / "state" / "state.db").unlink(), "state.db is missing"),
        (lambda b: flip(b / "state" / "state.db"), "state.db is damaged"),
        (lambda b: flip(next((b / "log").rglob("*.log"))), ".log is damaged"),
        (lambda b: newer(b, "format"), "99.0.0"),
        (lambda b: newer(b, "stateFormat"), "99.0.0"),
    ],
)
def test_backup_that_is_not_whole_restores_nothing(tmp_path, damage, word):
    backup = shutil.copytree(SAMPLE, tmp_path / "backup")
    damage(backup)

    refused = restore(backup, tmp_path / "hub")

    assert refused.returncode == FAILED
    assert word in refused.stderr
    assert "panicked" not in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup"]


def flip(path: Path) -> None:
    """One bit in the middle is another."""
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)


def newer(backup: Path, member: str) -> None:
    manifest = json.loads((backup / "backup.json").read_text())
    manifest |= {member: 1000, "madeBy": "99.0.0"}
    (backup / "backup.json").write_text(json.dumps(manifest))


def test_data_folder_of_a_newer_format_is_refused(hub_factory):
    hub = hub_factory().start()
    hub.terminate()
    (hub.data_dir / "format").write_text("2\n")

    process = hub.start_without_waiting()

    assert process.wait(timeout=10) != 0
    assert "has format 2, and this build reads format 1" in hub.log_tail()


@pytest.mark.parametrize("sample", [SAMPLE, NEWEST_SAMPLE], ids=lambda sample: sample.name)
def test_stored_sample_of_an_earlier_release_runs(hub_factory, sample):
    hub = restored(hub_factory, sample)

    devices = {device["deviceId"]: device for device in hub.http("GET", "/devices").expect(200).json()}
    twin = hub.http("GET", "/twins/pump-7").expect(200).json()
    module = hub.http("GET", "/twins/pump-7/modules/controller").expect(200).json()
    policies = {policy["keyName"] for policy in json.loads(hub.cli("policy", "list").stdout)}
    groups = {group["name"] for group in json.loads(hub.cli("consumer-group", "list").stdout)}

    assert devices.keys() == {"pump-7", "old-9", "gateway", "leaf", "cert-1"}
    assert devices["old-9"]["status"] == "disabled"
    assert devices["leaf"]["deviceScope"] == devices["gateway"]["deviceScope"]
    assert twin["tags"] == {"site": "north", "row": 4}
    assert twin["properties"]["desired"]["interval"] == 5
    assert twin["properties"]["reported"]["firmware"] == "1.2.3"
    assert module["properties"]["desired"]["limits"] == {"max": 21.5}
    assert "dashboard" in policies
    assert groups == {"$Default", "Dashboards"}
