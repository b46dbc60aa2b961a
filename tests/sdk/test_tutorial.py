"""The tutorial page does what it says, also for somebody who runs it again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.hub import REPOSITORY, Hub, binary
from support.tutorial import blocks, extract

PAGE = REPOSITORY / "docs" / "tutorial.md"


def run_tutorial(hub: Hub, folder: Path) -> str:
    """Runs the page's commands in `folder` as its reader would; returns what they printed."""
    script = extract(PAGE, folder)
    # The page says `twinhub`, whatever the binary under test is called.
    (folder / "twinhub").symlink_to(binary().resolve())
    environment = {
        "PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TWINHUB_DATA_DIR": str(hub.data_dir),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", str(script)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{module_log(folder)}"
    return done.stdout


def module_log(folder: Path) -> str:
    log = folder / "module.log"
    return log.read_text() if log.exists() else "(no module.log)"


def test_the_tutorial_runs_as_written_and_again_with_existing_identities(hub_factory, tmp_path):
    hub = hub_factory().start()

    first = run_tutorial(hub, tmp_path / "first")
    second = run_tutorial(hub, tmp_path / "second")

    for printed, interval in ((first, 122), (second, 123)):
        assert "back end: module is Connected" in printed
        assert f"back end: reported {interval}" in printed
        assert re.search(rf"module: desired properties changed: .*'telemetryInterval': {interval}", printed)
        assert "module: reported the change" in printed
    keys = re.compile(r"(device|module) <.*> has primary key .*")
    assert keys.findall(first) and [m[0] for m in keys.finditer(first)] == [m[0] for m in keys.finditer(second)]


def test_ids_that_differ_in_case_are_other_identities(hub):
    module = hub.with_module("myFirstDevice", "myFirstModule")

    other = hub.http("GET", module.path.replace("myFirstModule", "MyFirstModule"))

    assert other.status == 404


def test_the_page_installs_the_versions_that_are_tested():
    pinned = set((REPOSITORY / "tests" / "requirements.txt").read_text().split())

    installed = re.findall(r"\S+==\S+", "".join(code for _, label, code in blocks(PAGE) if label == "by-hand"))

    assert len(installed) == 3
    assert set(installed) <= pinned


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_start_command_does_the_main_job(hub_factory, tmp_path):
    """`./start --once`, with the binary already built, on an address of its own."""
    place = hub_factory()
    if "TWINHUB_BIN" not in os.environ:
        pytest.skip("./start builds the release binary; ./test has done that before it comes here")

    done = subprocess.run(
        [str(REPOSITORY / "start"), "--once", "--listen", place.host, "--hostname", place.host],
        env={**os.environ, "TWINHUB_DATA_DIR": str(tmp_path / "data")},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150,
    )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "back end: reported 122" in done.stdout
