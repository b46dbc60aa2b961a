"""The AMQP codec against `azure-eventhub`: the example server and its client, side by side."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CLIENT = REPOSITORY / "crates/amqp-engine/examples/eventhub_probe.py"
SERVER = "cargo run -q -p twinhub-amqp-engine --example eventhub_probe -- --port 0 --seconds 300"

# A new machine compiles the example first.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def port() -> Iterator[int]:
    """The port of an example server that runs as long as the test."""
    with subprocess.Popen(SERVER.split(), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        try:
            first_line = server.stdout.readline()
            assert first_line, f"the example ended with {server.wait()} before it listened"
            yield int(first_line)
        finally:
            # cargo has become the example: this is its process.
            server.terminate()


def test_azure_eventhub_reads_what_the_codec_writes(port: int):
    client = subprocess.run(
        [sys.executable, str(CLIENT), "--port", str(port)],
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert client.returncode == 0, client.stdout + client.stderr
