"""`kill -9` in the middle of a backup and of a restore: nothing half looks whole, nothing acknowledged is missing."""

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.crash_messages import CrashPublisher
from support.crash_writer import CrashWriter
from support.events import EARLIEST, EventStream
from support.hub import Hub, _clean_environment, binary
from support.raw_http import Reply
from support.waiting import eventually

ROUNDS = 8


def command(*words: str) -> list[str]:
    return [str(binary()), *words]


def start(*words: str) -> subprocess.Popen:
    return subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_clean_environment()
    )


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=60, env=_clean_environment()
    )


def with_ballast(hub: Hub, megabytes: int) -> None:
    """Enough in the state that a copy takes a while."""
    filling = "x" * 4000
    desired = {f"p{n}": filling for n in range(7)}
    for _ in range(megabytes * 1_000_000 // 30_000):
        hub.with_device("ballast").patch_desired(desired)


def wait_for(path: Path) -> None:
    """Returns as soon as it is there: a backup may take no longer than a pause of `eventually`."""
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"


def time_of_a_backup(hub: Hub, folder: Path) -> float:
    """From the moment when its folder is there until it is whole, in seconds."""
    backup = start("backup", str(folder), "--data-dir", str(hub.data_dir))
    wait_for(folder)
    began = time.monotonic()
    wait_for(folder / "backup.json")
    took = time.monotonic() - began
    backup.communicate(timeout=30)
    assert backup.returncode == 0
    return took


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hub_that_dies_in_a_backup_leaves_none(hub_factory: Callable[..., Hub], tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory().start()
    with_ballast(hub, 12)
    whole = 0
    takes = time_of_a_backup(hub, tmp_path / "first")
    print(f"a backup takes {takes:.3f} s")

    for number in range(ROUNDS):
        folder = tmp_path / f"backup-{number}"
        backup = start("backup", str(folder), "--data-dir", str(hub.data_dir))
        wait_for(folder)
        time.sleep(chance.uniform(0.0, takes))
        hub.kill()
        backup.communicate(timeout=30)
        target = tmp_path / f"restored-{number}"

        restored = run("restore", str(folder), "--data-dir", str(target))

        if (folder / "backup.json").exists():
            whole += 1
            assert restored.returncode == 0, restored.stderr
        else:
            assert backup.returncode != 0
            assert restored.returncode == 1
            assert "no complete backup" in restored.stderr
            assert not target.exists()
        hub.start()
        again = hub.cli("backup", str(folder), check=False)
        assert again.returncode == 1 and "is not empty" in again.stderr
    print(f"{whole} of {ROUNDS} backups were done before the kill")
    hub.cli("backup", str(tmp_path / "at-last"))
    assert whole < ROUNDS


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_restore_that_dies_leaves_no_data_folder_and_the_next_one_works(
    hub_factory: Callable[..., Hub], tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory().start()
    with_ballast(hub, 6)
    hub.cli("backup", str(tmp_path / "backup"))
    hub.terminate()
    copy = hub_factory()
    cut = 0

    for _ in range(ROUNDS):
        restoring = start("restore", str(tmp_path / "backup"), "--data-dir", str(copy.data_dir))
        time.sleep(chance.uniform(0.0, 0.05))
        restoring.kill()
        restoring.communicate(timeout=30)
        if copy.data_dir.exists():
            # It was done, so it is whole.
            copy.start()
            copy.kill()
            copy.remove_data()
        else:
            cut += 1
    done = run("restore", str(tmp_path / "backup"), "--data-dir", str(copy.data_dir))
    assert done.returncode == 0, done.stderr
    left = [path.name for path in copy.data_dir.parent.iterdir() if path.name.endswith(".restoring")]
    copy.start()

    print(f"{cut} restores were cut off")
    assert cut > 0
    assert left == []
    assert len(copy.http("GET", "/devices?top=1000").expect(200).json()) == 200


@pytest.mark.timeout(120)
def test_backup_that_is_cancelled_or_stopped_with_the_hub_leaves_nothing(
    hub_factory: Callable[..., Hub], tmp_path: Path
) -> None:
    hub = hub_factory().start()
    with_ballast(hub, 3)
    cancelled = 0

    for number in range(6):
        folder = tmp_path / f"backup-{number}"
        ask(hub, "POST", folder).expect(202)
        ask(hub, "DELETE").expect(200)
        ended = eventually(lambda: (now := ask(hub, "GET").json())["state"] != "running" and now)
        cancelled += ended["state"] == "cancelled"
        assert (folder / "backup.json").exists() == (ended["state"] == "completed")
        assert folder.exists() == (ended["state"] == "completed")
    ask(hub, "POST", tmp_path / "last").expect(202)
    assert hub.terminate() == 0

    assert cancelled > 0
    assert not (tmp_path / "last").exists() or (tmp_path / "last" / "backup.json").exists()


def ask(hub: Hub, method: str, folder: Path | None = None) -> Reply:
    headers = {"Authorization": f"Bearer {hub.operator_token}"}
    body = None if folder is None else {"folder": str(folder)}
    return hub.http(method, "/twinhub/v1/backup", token=None, api_version=None, json=body, headers=headers)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_acknowledged_before_a_backup_is_in_it(
    hub_factory: Callable[..., Hub], tmp_path: Path
) -> None:
    hub = hub_factory().start()
    publishers = [CrashPublisher(hub.with_device("sender")) for _ in range(3)]
    writers = [CrashWriter(hub, f"writer{n}", n) for n in range(3)]
    for thread in (*publishers, *writers):
        thread.start()
    eventually(
        lambda: all(p.acknowledged > 50 or p.failure for p in publishers)
        and all(w.writes > 5 or w.failure for w in writers),
        within=30, what="load",
    )  # fmt: skip
    # Made by nobody else, and never deleted.
    devices_before = {hub.with_device("before").device_id for _ in range(5)}
    acknowledged = {p.identity.device_id: p.acknowledged for p in publishers}

    made = json.loads(hub.cli("backup", str(tmp_path / "backup")).stdout)
    devices_after = {hub.with_device("after").device_id for _ in range(5)}
    hub.kill()
    for thread in (*publishers, *writers):
        thread.join()
    copy = hub_factory()
    assert run("restore", made["folder"], "--data-dir", str(copy.data_dir)).returncode == 0
    copy.start()

    present = {device["deviceId"] for device in copy.http("GET", "/devices?top=1000").expect(200).json()}
    assert devices_before <= present
    assert not devices_after & present
    for publisher in publishers:
        device = publisher.identity.device_id
        publisher.identity.hub = copy
        with EventStream(copy, publisher.identity, since=EARLIEST, max=acknowledged[device]) as events:
            bodies = [int(event.payload) for event in events.take(acknowledged[device])]
        assert bodies == list(range(acknowledged[device]))
