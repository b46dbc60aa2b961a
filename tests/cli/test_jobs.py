"""The commands of `job`, and what Ctrl-C does to an import that somebody waits for."""

import json
import signal
import socket
import subprocess
import threading
import time

import pytest

from support.hub import binary
from support.waiting import eventually

NOT_FOUND = 3


@pytest.fixture
def private_hub(hub_factory):
    return hub_factory().start()


@pytest.fixture
def silence():
    """The address of a container that takes connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    held = []

    def accept():
        try:
            while True:
                held.append(listener.accept())
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{port}/account/container?sp=rwd&sig=c2VjcmV0"
    listener.close()
    for connection, _ in held:
        connection.close()


def jobs(hub, *options):
    return json.loads(hub.cli("job", "list", *options).stdout)


@pytest.fixture
def start_import(private_hub, tmp_path):
    """Starts an import that takes its time, and gives its process and its job."""
    started = []

    def start():
        lines = (json.dumps({"id": f"d-{n}", "status": "enabled"}) for n in range(100_000))
        (tmp_path / "devices.txt").write_text("\n".join(lines))
        folders = ["--folder", str(tmp_path), "--data-dir", str(private_hub.data_dir)]
        process = subprocess.Popen(
            [str(binary()), "device-identity", "import", *folders],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        running = eventually(lambda: jobs(private_hub, "--job-status", "running"), within=20, what="the job")
        return process, running[0]["jobId"]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_jobs_are_listed_and_shown_without_addresses(private_hub, tmp_path):
    private_hub.cli("device-identity", "export", "--folder", str(tmp_path))
    (tmp_path / "devices.txt").write_text("{}\n")
    private_hub.cli("device-identity", "import", "--folder", str(tmp_path))

    listed = jobs(private_hub)

    assert [(job["type"], job["status"]) for job in listed] == [("export", "completed"), ("import", "completed")]
    assert str(tmp_path) not in json.dumps(listed)
    shown = json.loads(private_hub.cli("job", "show", "--job-id", listed[0]["jobId"]).stdout)
    assert shown == listed[0]
    assert jobs(private_hub, "--job-type", "import") == listed[1:]
    assert jobs(private_hub, "--top", "1") == listed[1:]
    table = private_hub.cli("job", "list", "-o", "table").stdout
    assert listed[0]["jobId"] in table


def test_a_job_that_is_not_there_is_not_found(private_hub):
    for command in ("show", "cancel"):
        done = private_hub.cli("job", command, "--job-id", "none", check=False)

        assert done.returncode == NOT_FOUND
        assert "twinhub job list" in done.stderr


def test_a_job_is_cancelled_from_elsewhere_and_who_waits_is_told(private_hub, start_import):
    waiting, job = start_import()

    cancelled = json.loads(private_hub.cli("job", "cancel", "--job-id", job).stdout)

    assert cancelled["status"] == "cancelled"
    assert waiting.wait(timeout=20) == 1
    assert "it was cancelled" in waiting.stderr.read()


def test_ctrl_c_cancels_the_job_and_says_so(private_hub, start_import):
    waiting, job = start_import()

    waiting.send_signal(signal.SIGINT)

    assert waiting.wait(timeout=20) == 1
    told = waiting.stderr.read()
    assert f"job {job} is being cancelled" in told
    assert "what it had done until then stays" in told
    assert [job["status"] for job in jobs(private_hub)] == ["cancelled"]


def test_a_container_that_says_nothing_is_refused_within_twenty_seconds(private_hub, silence):
    began = time.monotonic()

    done = private_hub.cli("device-identity", "export", "--blob-container-uri", silence, check=False)

    assert done.returncode == 1
    assert time.monotonic() - began < 20
    assert "did not answer, in time" in done.stderr
    assert "c2VjcmV0" not in done.stderr
    assert jobs(private_hub) == []
