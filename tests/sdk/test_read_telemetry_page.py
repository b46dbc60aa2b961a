"""The page about reading telemetry: its snippets run as they stand there."""

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support.hub import REPOSITORY, Hub, binary
from support.tutorial import blocks, extract
from support.waiting import eventually

PAGE = REPOSITORY / "docs" / "read-telemetry.md"
NODE_MODULES = REPOSITORY / "tests" / "node" / "node_modules"
DEVICES, MESSAGES = 3, 4


@pytest.fixture
def hub(hub_factory) -> Hub:
    """Its events are all there is to read, so each test has a hub."""
    return hub_factory().start()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the reader of the page has saved its files."""
    extract(PAGE, tmp_path / "page")
    return tmp_path / "page"


def environment(hub: Hub) -> dict[str, str]:
    """A shell in which `eval "$(twinhub env)"` was run."""
    words = shlex.split(hub.cli("env").stdout)
    return {**os.environ, **dict(word.split("=", 1) for word in words if "=" in word)}


def simulate(hub: Hub) -> None:
    hub.cli("simulate", "-n", str(DEVICES), "--messages", str(MESSAGES), "--interval", "0.01")


@contextmanager
def running(hub: Hub, folder: Path, *command: str):
    """A program of the page; gives the lines that it has printed so far."""
    out = folder / "printed"
    with out.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(hub) | {"NODE_PATH": str(NODE_MODULES), "PYTHONUNBUFFERED": "1"},
            stdout=file, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        yield lambda: out.read_text().splitlines()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def numbers_of(lines: list[str], device: str) -> list[int]:
    """The numbers in the bodies of a device's messages, in the order in which they were printed."""
    mine = [line.split(" ", 2)[2] for line in lines if line.startswith(f"{device} ")]
    return [json.loads(body)["number"] for body in mine]


def has_kept_its_places(folder: Path, lines: list[str]) -> bool:
    """Whether the reader would go on behind what it has printed."""
    last = {partition: offset for partition, _number, offset in (line.split() for line in lines)}
    file = folder / "places.json"
    return file.exists() and json.loads(file.read_text()) == last


def has_kept_its_state(folder: Path) -> bool:
    """Whether Bytewax would go on behind what it has dealt with."""
    with closing(sqlite3.connect(folder / "part-0.sqlite3", timeout=10)) as state:
        (frontier,) = state.execute("SELECT max(worker_frontier) FROM fronts").fetchone()
        (snapshot,) = state.execute("SELECT max(snap_epoch) FROM snaps WHERE state_key LIKE 'sim-%'").fetchone()
    return None not in (frontier, snapshot) and frontier > snapshot


@pytest.mark.parametrize(
    "command", [(sys.executable, "read_telemetry.py"), ("node", "read-telemetry.js")], ids=["python", "node"]
)
def test_readers_see_what_was_sent_before_and_what_comes(hub, folder, command):
    simulate(hub)

    with running(hub, folder, *command) as lines:
        eventually(lambda: len(lines()) >= DEVICES * MESSAGES, within=30)
        simulate(hub)
        eventually(lambda: len(lines()) >= 2 * DEVICES * MESSAGES, within=30)

    for number in range(1, DEVICES + 1):
        seen = numbers_of(lines(), f"sim-{number}")
        assert len(seen) == 2 * MESSAGES
        assert seen[:MESSAGES] == sorted(seen[:MESSAGES]) and seen[MESSAGES:] == sorted(seen[MESSAGES:])
    assert len(lines()) == 2 * DEVICES * MESSAGES


def test_the_reader_that_keeps_its_places_goes_on_behind_them(hub, folder):
    simulate(hub)
    command = (sys.executable, "keep_places.py")

    with running(hub, folder, *command) as lines:
        eventually(lambda: len(lines()) >= DEVICES * MESSAGES, within=30)
        eventually(lambda: has_kept_its_places(folder, lines()))
    before = lines()
    simulate(hub)
    with running(hub, folder, *command) as lines:
        eventually(lambda: len(lines()) >= DEVICES * MESSAGES, within=30)
    after = lines()

    assert len(before) == len(after) == DEVICES * MESSAGES
    assert not set(before) & set(after)


def test_the_dataflow_goes_on_with_its_state(hub, folder):
    simulate(hub)
    (folder / "state").mkdir()
    subprocess.run([sys.executable, "-m", "bytewax.recovery", "state", "1"], cwd=folder, check=True, timeout=60)
    command = (sys.executable, "-m", "bytewax.run", "-r", "state", "-s", "1", "-b", "0", "mean_temperature:flow")

    with running(hub, folder, *command) as lines:
        eventually(lambda: len(lines()) >= DEVICES * MESSAGES, within=30)
        eventually(lambda: has_kept_its_state(folder / "state"), within=30)
    simulate(hub)
    with running(hub, folder, *command) as lines:
        eventually(lambda: f"sim-1 {2 * MESSAGES} messages" in "\n".join(lines()), within=30)

    means = [line for line in lines() if re.fullmatch(r"sim-\d \d+ messages, mean \d+\.\d\d", line)]
    assert len(means) == len(lines()) > 0
    # It did not begin anew.
    assert not [line for line in means if " 1 messages" in line]


def test_the_consumer_groups_of_the_page_are_made(hub, folder):
    (folder / "twinhub").symlink_to(binary().resolve())
    path = f"{folder}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "tutorial.sh"], cwd=folder, capture_output=True, text=True, timeout=60,
        env=os.environ | {"PATH": path, "TWINHUB_DATA_DIR": str(hub.data_dir)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "dashboards" in done.stdout and "$Default" in done.stdout


def test_the_page_installs_the_versions_that_are_tested():
    text = PAGE.read_text()
    pinned = (REPOSITORY / "tests" / "requirements.txt").read_text().split()
    installed = json.loads((NODE_MODULES / "@azure" / "event-hubs" / "package.json").read_text())["version"]

    assert set(re.findall(r"azure-eventhub==\S+\b", text)) <= set(pinned)
    assert re.findall(r"@azure/event-hubs@([\d.]+\d)", text) == [installed]


def test_every_snippet_of_the_page_is_run():
    named = {label for language, label, _ in blocks(PAGE) if language != "sh" and label is not None}

    assert named == {"read_telemetry.py", "keep_places.py", "read-telemetry.js", "mean_temperature.py"}
